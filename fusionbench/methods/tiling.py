"""Images larger than memory: fused tile by tile, blended where tiles overlap."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from fusionbench.methods.method import Method
from fusionbench.types import Batch, Color


def fuse_tiled(method: Method, batch: Batch, *, tile: int = 512, overlap: int = 64) -> Color:
    """Fuse images larger than memory in overlapping tiles, blended linearly.

    In an overlap, the outer quarter at either end belongs to one tile alone and the half between is blended. A method
    that looks at most `overlap // 4` pixels far therefore gives the same pixels as on the whole image. Methods that
    look at the whole image (a min-max stretch, a histogram) give other values per tile.

    Args:
        method: what fuses the tiles.
        batch: the pairs.
        tile: side of a tile in pixels.
        overlap: what neighbouring tiles share, in pixels.

    Raises:
        ValueError: tiles that cannot cover an image.
    """
    if tile < 1 or not 0 <= overlap <= tile // 2:
        raise ValueError(f"tiles of {tile} pixels cannot overlap by {overlap}; the overlap is at most half a tile")
    height, width = batch["ir"].shape[-2:]
    rows, columns = _starts(height, tile, overlap), _starts(width, tile, overlap)
    if len(rows) == len(columns) == 1:
        return method.fuse(batch)
    seen = {key: value for key, value in batch.items() if not key.endswith("_clean")}
    total = torch.zeros_like(batch["vi"])
    weights = torch.zeros_like(batch["vi"][:1, :1])
    for top in rows:
        down = _profile(top, tile, height, overlap).to(total)
        for left in columns:
            across = _profile(left, tile, width, overlap).to(total)
            window = (..., slice(top, top + tile), slice(left, left + tile))
            weight = down[:, None] * across[None, :]
            part = {**seen, "ir": batch["ir"][window].contiguous(), "vi": batch["vi"][window].contiguous()}
            total[window] += weight * method.fuse(cast("Batch", part))
            weights[window] += weight
    return total / weights


def _starts(size: int, tile: int, overlap: int) -> list[int]:
    if size <= tile:
        return [0]
    return [*range(0, size - tile, tile - overlap), size - tile]


def _profile(start: int, tile: int, size: int, overlap: int) -> Tensor:
    """A tile's weight along one side: 1, falling to 0 towards those ends that meet another tile."""
    length = min(tile, size)
    margin = overlap // 4
    ramp = max(overlap - 2 * margin, 0)
    place = torch.arange(length, dtype=torch.float32) - margin + 0.5
    rise = (place / ramp).clamp(0, 1) if ramp else torch.ones(length)
    profile = torch.ones(length)
    if start > 0:
        profile = profile * rise
    if start + length < size:
        profile = profile * rise.flip(0)
    return profile
