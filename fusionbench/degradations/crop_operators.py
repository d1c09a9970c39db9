"""Operators for a crop or tile of a degraded image.

Two degradations depend on where the image begins: the patches of a low resolution have an origin, and a blur over black
surroundings darkens the outermost lines. Training crops come with their place; in tiles, both are visible.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fusionbench.degradations.operators import Blur, Border, Borders, Composition, Operator, Pixelate
from fusionbench.types import CropPlace, Gray

REPEATED = 1e-6
"""Largest difference between neighbours that count as one repeated value."""

LIT = 0.98
"""Fraction of its brightness above which a line counts as not darkened by black beyond the edge."""


class CropInfo(NamedTuple):
    """How a crop was cut.

    Attributes:
        origin: row and column at which a low-resolution patch starts.
        continues: whether the image continued beyond the crop's edge: ((top, bottom), (left, right)).
    """

    origin: tuple[int, int] = (0, 0)
    continues: tuple[tuple[bool, bool], tuple[bool, bool]] = ((False, False), (False, False))


def crop_info(image: Gray, operator: Operator) -> CropInfo:
    """How an image (1, H, W) was cut from the one that the operator degraded.

    Args:
        operator: the operator of the whole image.
    """
    factors = operator.factors if isinstance(operator, Composition) else (operator,)
    origin = (0, 0)
    # Only the operator that acted last is directly visible.
    if isinstance(factors[0], Pixelate):
        scale = factors[0].scale
        origin = (_patch_start(image, -2, scale), _patch_start(image, -1, scale))
    if not any(isinstance(factor, Blur) and _darkens(factor) for factor in factors):
        return CropInfo(origin)
    lit = operator.apply(torch.ones_like(image))
    (top, bottom), (left, right) = (_open_ends(image, lit, dim) for dim in (-2, -1))
    return CropInfo(origin, ((top, bottom), (left, right)))


def placed_crop_info(place: CropPlace, height: int, width: int, operator: Operator) -> CropInfo:
    """How a crop of known place was cut; looks at no pixel, so that a device need not be waited for.

    Args:
        place: of the crop.
        height: of the crop.
        width: of the crop.
        operator: the operator of the whole image.
    """
    factors = operator.factors if isinstance(operator, Composition) else (operator,)
    right = place.left + width
    origin = (0, 0)
    if isinstance(factors[0], Pixelate):
        scale = factors[0].scale
        origin = (-place.top % scale, (right if place.flipped else -place.left) % scale)
    if not any(isinstance(factor, Blur) and _darkens(factor) for factor in factors):
        return CropInfo(origin)
    sides = (place.left > 0, right < place.size[1])
    return CropInfo(
        origin,
        ((place.top > 0, place.top + height < place.size[0]), (sides[1], sides[0]) if place.flipped else sides),
    )


def crop_operator(operator: Operator, frame: CropInfo) -> Operator:
    """The operator for a crop that was cut this way."""
    if isinstance(operator, Composition):
        return Composition([crop_operator(factor, frame) for factor in operator.factors])
    if isinstance(operator, Pixelate):
        return Pixelate(operator.scale, frame.origin)
    if isinstance(operator, Blur) and _darkens(operator):
        return operator.with_borders(_borders(operator.borders, frame))
    return operator


def _borders(borders: Borders, frame: CropInfo) -> Borders:
    (top, bottom), (left, right) = (
        tuple(_border(border, went_on) for border, went_on in zip(*ends, strict=True))
        for ends in zip(borders, frame.continues, strict=True)
    )
    return (top, bottom), (left, right)


def _border(border: Border, went_on: bool) -> Border:
    # The surroundings are unknown; a reflection is closer to them than black.
    return "mirror" if went_on else border


def _darkens(blur: Blur) -> bool:
    return any(border == "zero" for ends in blur.borders for border in ends)


def _patch_start(image: Tensor, dim: int, scale: int) -> int:
    """The first line that starts a patch of repeated lines; 0 if lines are not repeated."""
    steps = image.diff(dim=dim).abs().transpose(dim, -1).flatten(0, -2).amax(0) if image.shape[dim] > 1 else image[:0]
    places = torch.arange(1, len(steps) + 1, device=image.device)
    for start in range(scale):
        if bool((steps[places % scale != start] <= REPEATED).all()):
            return start
    return 0


def _open_ends(image: Tensor, lit: Tensor, dim: int) -> tuple[bool, bool]:
    """Whether the lines near each end are too bright for black beyond it."""
    lines, light = (each.transpose(dim, -1).flatten(0, -2).mean(0) for each in (image, lit))
    light = light / light.amax()
    return _open_end(lines, light), _open_end(lines.flip(0), light.flip(0))


def _open_end(lines: Tensor, light: Tensor) -> bool:
    # Compared with the nearest line that black beyond the edge would not darken; farther ones differ for other reasons.
    depth = int((light < LIT).to(torch.int).cumprod(0).sum())
    if depth == len(lines):
        return False
    inner, outer = lines[depth], lines[:depth]
    return bool((outer - inner).abs().sum() < (outer - inner * light[:depth]).abs().sum())
