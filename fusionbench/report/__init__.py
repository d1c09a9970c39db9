"""Reports of a finished run: tables, figures, an HTML page, Weights and Biases."""
