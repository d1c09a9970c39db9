"""Definitions of metrics as pure functions on float tensors, (B, C, H, W) in and (B,) out."""
