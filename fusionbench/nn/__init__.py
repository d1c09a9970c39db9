"""Differentiable blocks and losses that more than one method needs."""
