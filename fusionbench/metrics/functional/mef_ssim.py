"""Structural similarity to several sources at once: from multi-exposure fusion."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from fusionbench.metrics.functional.filters import Map, Window, local_covariance, local_variance, weighted_mean
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.metrics.functional.moments import PEAK, mean
from fusionbench.metrics.functional.ssim import GAUSSIAN, SCALE_WEIGHTS
from fusionbench.types import Gray, Scores

SIDE = 11
SUM = Window((1.0,) * SIDE)
CONSTANT = (0.03 * PEAK) ** 2
EPSILON = torch.finfo(torch.float64).eps


class Blend(NamedTuple):
    """The ideal patch at each position, as weights of the sources' mean-free patches."""

    ir: Map
    vi: Map


@metric_on_levels
def exposure_similarity(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """MEF-SSIM: similarity to the ideal blend of the sources' patches, product over three scales.

    Several toolboxes report it under the name MS-SSIM. Undefined where the similarity on a scale is negative.

    Source:
        Ma, Zeng and Wang, IEEE TIP 24 (2015).
    """
    weights = [weight / sum(SCALE_WEIGHTS[:3]) for weight in SCALE_WEIGHTS[:3]]
    product = one_scale_similarity(fused, ir, vi) ** weights[0]
    for weight in weights[1:]:
        fused, ir, vi = (halved(x) for x in (fused, ir, vi))
        product = product * one_scale_similarity(fused, ir, vi) ** weight
    return product


def halved(x: Gray) -> Map:
    height, width = x.shape[-2:]
    return F.avg_pool2d(F.pad(x, (0, width % 2, 0, height % 2), mode="replicate"), 2)


def one_scale_similarity(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """MEF-SSIM on one scale."""
    blend = _ideal(ir, vi)
    moments = (local_variance(ir, GAUSSIAN), local_variance(vi, GAUSSIAN), local_covariance(ir, vi, GAUSSIAN))
    spread = _energy(blend, *moments) + local_variance(fused, GAUSSIAN)
    common = blend.ir * local_covariance(ir, fused, GAUSSIAN) + blend.vi * local_covariance(vi, fused, GAUSSIAN)
    return mean((2 * common + CONSTANT) / (spread + CONSTANT))


def _energy(blend: Blend, ir: Map, vi: Map, both: Map) -> Map:
    """Second moment of the blended patch, given those of the sources."""
    return blend.ir.square() * ir + blend.vi.square() * vi + 2 * blend.ir * blend.vi * both


def _ideal(ir: Gray, vi: Gray) -> Blend:
    """The stronger patch dominates, the more the more similar both are; the result has its strength."""
    of_ir, of_vi, both = (_patch_product(x, y) for x, y in ((ir, ir), (vi, vi), (ir, vi)))
    strengths = [_root(of_ir), _root(of_vi)]
    agreement = (_root(of_ir + of_vi + 2 * both) + EPSILON) / (strengths[0] + strengths[1] + EPSILON)
    # The power is limited to 10, which the tangent exceeds long before it becomes infinite.
    power = torch.tan(math.pi / 2 * agreement.clamp(max=0.99)).clamp(max=10)
    strengths = [strength + 0.001 for strength in strengths]
    weights = [(strength / SIDE) ** power + EPSILON for strength in strengths]
    directed = Blend(*(w / (weights[0] + weights[1]) / s for w, s in zip(weights, strengths, strict=True)))
    length = _root(_energy(directed, of_ir, of_vi, both))
    scale = torch.where(length > 0, torch.maximum(*strengths) / length, 0.0)
    return Blend(directed.ir * scale, directed.vi * scale)


@cached
def _patch_product(x: Gray, y: Gray) -> Map:
    """Inner product of mean-free patches; the sums themselves are exact."""
    return torch.addcmul(weighted_mean(x * y, SUM), _patch_sum(x), _patch_sum(y), value=-1 / SIDE**2)


@cached
def _patch_sum(x: Gray) -> Map:
    return weighted_mean(x, SUM)


def _root(x: Map) -> Map:
    return x.clamp(min=0).sqrt()
