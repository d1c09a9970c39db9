"""Images for tests of scores, made from a seed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor


def texture(seed: int, height: int, width: int, channels: int = 1) -> Tensor:
    """Smooth structures with fine grain on them, as 8-bit levels in [0, 1]; (1, C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, channels, 8, 8, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    grain = torch.rand(1, channels, height, width, generator=generator)
    return (smooth * 0.8 + grain * 0.2).clamp(0, 1).mul(255).round() / 255


@pytest.fixture(scope="session")
def textured() -> Tensor:
    return texture(0, 168, 176)


@pytest.fixture(scope="session")
def triple() -> tuple[Tensor, Tensor, Tensor]:
    """(fused, ir, vi) of odd size, large enough for every score; the visible image has colours."""
    ir, vi = texture(1, 171, 165), texture(2, 171, 165, channels=3)
    return ((ir + vi) / 2).mul(255).round() / 255, ir, vi
