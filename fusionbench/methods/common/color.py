"""Luma and chroma: how methods that fuse one channel produce colour images.

BT.601 weights, full range, computed in float; chroma is centred on zero. `rgb(luma(vi), chroma(vi))` gives `vi` back.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from fusionbench.types import Batch, Color, Gray

Chroma = Float[Tensor, "*b 2 h w"]

# ITU-R BT.601: the weights of red and blue; green has the remainder.
RED, BLUE = 0.299, 0.114
GREEN = 1 - RED - BLUE


def luma(image: Color) -> Gray:
    """The weighted sum of red, green and blue, in the image's unit.

    Example:
        >>> luma(torch.ones(3, 1, 1))
        tensor([[[1.]]])
    """
    r, g, b = image.unbind(-3)
    return (RED * r + GREEN * g + BLUE * b).unsqueeze(-3)


def chroma(image: Color) -> Chroma:
    """The two colour differences (blue, red), in [-0.5, 0.5] for images in [0, 1]."""
    r, _, b = image.unbind(-3)
    y = luma(image).squeeze(-3)
    return torch.stack([(b - y) / (2 - 2 * BLUE), (r - y) / (2 - 2 * RED)], dim=-3)


def rgb(y: Gray, colour: Chroma) -> Color:
    """The colour image with this luma and chroma, clamped to [0, 1]."""
    cb, cr = (difference.unsqueeze(-3) for difference in colour.unbind(-3))
    r = y + (2 - 2 * RED) * cr
    b = y + (2 - 2 * BLUE) * cb
    g = (y - RED * r - BLUE * b) / GREEN
    return torch.cat([r, g, b], dim=-3).clamp(0, 1)


def fuse_luma(batch: Batch, fusion: Callable[[Gray, Gray], Gray]) -> Color:
    """Fused infrared and visible luma with the visible image's chroma.

    Args:
        batch: the pairs.
        fusion: of infrared and visible luma.
    """
    return rgb(fusion(batch["ir"], luma(batch["vi"])), chroma(batch["vi"]))


def minmax_normalize(image: Tensor, dim: tuple[int, ...] = (-3, -2, -1)) -> Tensor:
    """Each image of a batch stretched to [0, 1] by its minimum and maximum; a constant image becomes zero.

    Args:
        dim: dimensions that are stretched together; (-2, -1) for each channel by itself.
    """
    low = image.amin(dim=dim, keepdim=True)
    span = image.amax(dim=dim, keepdim=True) - low
    return torch.where(span > 0, (image - low) / span.clamp_min(torch.finfo(image.dtype).tiny), 0.0)
