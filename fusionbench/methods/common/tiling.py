"""Images larger than memory: fused tile by tile, blended where tiles overlap."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from fusionbench.methods.method import Method
from fusionbench.types import Batch, Color

# Tiles start at multiples of this if their size allows it: pyramids, wavelets and strided networks then subsample the
# same pixels in a tile as in the whole image.
_GRID = 32


def fuse_tiled(method: Method, batch: Batch, *, tile: int = 512, overlap: int = 64) -> Color:
    """Fuse images larger than memory in overlapping tiles, blended linearly.

    In an overlap, the outer quarter at either end belongs to one tile alone and the half in between is blended. A
    method with a receptive radius of at most `overlap // 4` pixels therefore gives the same pixels as on the whole
    image. Methods with global statistics (a min-max stretch, a histogram) give different values per tile.

    Args:
        method: the method that fuses the tiles.
        batch: the pairs.
        tile: side of a tile in pixels.
        overlap: least overlap of neighbouring tiles in pixels.

    Raises:
        ValueError: the overlap is too large for the tiles.
    """
    if tile < 1 or not 0 <= overlap <= tile // 2:
        raise ValueError(f"tiles of {tile} pixels cannot overlap by {overlap}; the overlap is at most half a tile")
    height, width = batch["ir"].shape[-2:]
    if max(height, width) <= tile:
        return method.fuse(batch)
    stride = (tile - overlap) // _GRID * _GRID or tile - overlap
    seen = {key: value for key, value in batch.items() if not key.endswith("_clean")}
    total = torch.zeros_like(batch["vi"])
    weights = torch.zeros_like(batch["vi"][:1, :1])
    for top in _starts(height, tile, stride):
        down = _profile(top, height, tile, stride).to(total)
        for left in _starts(width, tile, stride):
            window = (..., slice(top, top + tile), slice(left, left + tile))
            part = {**seen, "ir": batch["ir"][window].contiguous(), "vi": batch["vi"][window].contiguous()}
            weight = down[:, None] * _profile(left, width, tile, stride).to(total)
            total[window] += weight * method.fuse(cast("Batch", part))
            weights[window] += weight
    return total / weights


def _starts(size: int, tile: int, stride: int) -> range:
    """Where tiles start along a side; the last may be shorter than the others."""
    return range(0, max(size - (tile - stride), 1), stride)


def _profile(start: int, size: int, tile: int, stride: int) -> Tensor:
    """A tile's weight along one side: 1, falling to 0 towards those ends that meet another tile."""
    length = min(tile, size - start)
    overlap = tile - stride
    margin = overlap // 4
    place = torch.arange(length, dtype=torch.float32) + 0.5 - margin
    rise = (place / (overlap - 2 * margin)).clamp(0, 1) if overlap else torch.ones(length)
    profile = torch.ones(length)
    if start > 0:
        profile = profile * rise
    if start + length < size:
        profile = profile * rise.flip(0)
    return profile
