"""What is made of a finished run: tables, figures, a page, Weights and Biases."""
