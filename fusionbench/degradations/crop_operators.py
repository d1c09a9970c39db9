"""Operators for a part of a degraded image: a crop or a tile, of which nobody says where it was cut.

Two degradations show where an image begins. Patches of a low resolution start somewhere, and a blur that takes what is
beyond the border for black darkens the outermost lines. Both can be seen in the part itself.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fusionbench.degradations.operators import Blur, Border, Borders, Composition, Operator, Pixelate
from fusionbench.types import Gray

REPEATED = 1e-6
"""Largest difference between neighbours that count as repetitions of one value."""

LIT = 0.98
"""Share of its light at which a line counts as not darkened by black beyond the edge."""


class CropInfo(NamedTuple):
    """How a part was cut.

    Attributes:
        origin: row and column at which a low-resolution patch starts.
        continues: whether the image went on beyond the part's edge: ((top, bottom), (left, right)).
    """

    origin: tuple[int, int] = (0, 0)
    continues: tuple[tuple[bool, bool], tuple[bool, bool]] = ((False, False), (False, False))


def crop_info(image: Gray, operator: Operator) -> CropInfo:
    """How a degraded image (1, H, W) was cut from what the operator degraded.

    Args:
        operator: that of the whole image.
    """
    factors = operator.factors if isinstance(operator, Composition) else (operator,)
    origin = (0, 0)
    # Only what acted last can be seen without what followed.
    if isinstance(factors[0], Pixelate):
        scale = factors[0].scale
        origin = (_patch_start(image, -2, scale), _patch_start(image, -1, scale))
    if not any(isinstance(factor, Blur) and _darkens(factor) for factor in factors):
        return CropInfo(origin)
    lit = operator.apply(torch.ones_like(image))
    (top, bottom), (left, right) = (_open_ends(image, lit, dim) for dim in (-2, -1))
    return CropInfo(origin, ((top, bottom), (left, right)))


def crop_operator(operator: Operator, frame: CropInfo) -> Operator:
    """The operator for a part that was cut so."""
    if isinstance(operator, Composition):
        return Composition([crop_operator(factor, frame) for factor in operator.factors])
    if isinstance(operator, Pixelate):
        return Pixelate(operator.scale, frame.origin)
    if isinstance(operator, Blur) and _darkens(operator):
        return Blur(operator.kernel, operator.gamma, _borders(operator.borders, frame))
    return operator


def _borders(borders: Borders, frame: CropInfo) -> Borders:
    (top, bottom), (left, right) = (
        tuple(_border(border, went_on) for border, went_on in zip(*ends, strict=True))
        for ends in zip(borders, frame.continues, strict=True)
    )
    return (top, bottom), (left, right)


def _border(border: Border, went_on: bool) -> Border:
    # What was beyond is not known; its mirror image is nearer to it than black.
    return "mirror" if went_on else border


def _darkens(blur: Blur) -> bool:
    return any(border == "zero" for ends in blur.borders for border in ends)


def _patch_start(image: Tensor, dim: int, scale: int) -> int:
    """The first line at which neighbouring lines differ while all others are repeated; 0 where none are."""
    steps = image.diff(dim=dim).abs().transpose(dim, -1).flatten(0, -2).amax(0) if image.shape[dim] > 1 else image[:0]
    places = torch.arange(1, len(steps) + 1, device=image.device)
    for start in range(scale):
        if bool((steps[places % scale != start] <= REPEATED).all()):
            return start
    return 0


def _open_ends(image: Tensor, lit: Tensor, dim: int) -> tuple[bool, bool]:
    """Whether lines near each end are too bright for black beyond it."""
    lines, light = (each.transpose(dim, -1).flatten(0, -2).mean(0) for each in (image, lit))
    light = light / light.amax()
    return _open_end(lines, light), _open_end(lines.flip(0), light.flip(0))


def _open_end(lines: Tensor, light: Tensor) -> bool:
    # The nearest line that black beyond the edge would not darken; farther ones differ for reasons of their own.
    depth = int((light < LIT).to(torch.int).cumprod(0).sum())
    if depth == len(lines):
        return False
    inner, outer = lines[depth], lines[:depth]
    return bool((outer - inner).abs().sum() < (outer - inner * light[:depth]).abs().sum())
