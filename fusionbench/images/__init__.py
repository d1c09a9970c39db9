"""Image files, bytes and tensors: what data, methods, scores and reports read and write images with."""
