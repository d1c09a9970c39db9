"""Weights of methods and metrics: listing, downloading, importing; exporting trained methods with a model card."""
