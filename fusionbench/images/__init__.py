"""Image files, bytes and tensors: how data, methods, metrics and reports read and write images."""
