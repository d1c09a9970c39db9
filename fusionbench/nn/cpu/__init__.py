"""The same layers computed faster on a CPU, for inference."""
