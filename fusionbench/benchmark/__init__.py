"""Benchmarks: what to run, running it, and its results on disk."""
