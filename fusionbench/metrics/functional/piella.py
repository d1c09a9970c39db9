"""Structural similarity to the locally more salient source: Piella, Yang and Cvejic.

Where a window is flat, these metrics divide variances that are zero, and round-off would decide. So a variance too
small to come from 8-bit levels counts as zero, and 0/0 as one half.
"""

from __future__ import annotations

import torch

from fusionbench.metrics.functional.filters import (
    Map,
    Window,
    gaussian,
    local_covariance,
    local_mean,
    local_variance,
    pad,
    separable,
)
from fusionbench.metrics.functional.gradients import SLOPE, magnitude
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.metrics.functional.moments import PEAK, mean, total
from fusionbench.metrics.functional.ssim import GAUSSIAN
from fusionbench.types import Gray, Scores

SMALL_GAUSSIAN = Window(gaussian(7, 1.5))
PIELLA = ((0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2)
# Yang and Cvejic use the index without stabilising constants; the toolbox of Liu et al. (2012) adds these.
UNSTABILISED = (2e-16, 2e-16)


@cached
def variance(x: Gray, window: Window) -> Map:
    """Local variance, zero where it is within round-off."""
    found = local_variance(x, window)
    # E[x^2] - E[x]^2 of 8-bit levels has an error of a few units in the last place of 255^2.
    smallest = max(1e-7, 4 * torch.finfo(x.dtype).eps * PEAK**2)
    return found.masked_fill_(found < smallest, 0)


@cached
def covariance(x: Gray, y: Gray, window: Window) -> Map:
    """Local covariance, zero where either image is flat."""
    flat = (variance(x, window) == 0) | (variance(y, window) == 0)
    return local_covariance(x, y, window).masked_fill(flat, 0)


@cached
def similarity(x: Gray, y: Gray, window: Window, constants: tuple[float, float]) -> Map:
    """Map of structural similarity with given constants."""
    mean_x, mean_y = local_mean(x, window), local_mean(y, window)
    above = (2 * mean_x * mean_y + constants[0]) * (2 * covariance(x, y, window) + constants[1])
    below = mean_x * mean_x + mean_y * mean_y + constants[0]
    return above / (below * (variance(x, window) + variance(y, window) + constants[1]))


def share(x: Map, y: Map) -> Map:
    """The share x / (x + y), one half where both are zero."""
    both = x + y
    return torch.where(both == 0, 0.5, x / both)


def _mixed(weight: Map, of_ir: Map, of_vi: Map) -> Map:
    return weight * of_ir + (1 - weight) * of_vi


def _piella(fused: Gray, ir: Gray, vi: Gray) -> Map:
    weight = share(variance(ir, GAUSSIAN), variance(vi, GAUSSIAN))
    return _mixed(weight, similarity(ir, fused, GAUSSIAN, PIELLA), similarity(vi, fused, GAUSSIAN, PIELLA))


@metric_on_levels
def salient_similarity(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QS: similarity to the sources, weighted at each pixel by their local variances.

    Source:
        Piella and Heijmans, ICIP (2003).
    """
    return mean(_piella(fused, ir, vi))


def _weighted(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    weight = torch.maximum(variance(ir, GAUSSIAN), variance(vi, GAUSSIAN))
    return total(weight * _piella(fused, ir, vi)) / total(weight)


@metric_on_levels
def weighted_similarity(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QW: as QS, with more weight where a source has more variance; undefined where both are constant.

    Source:
        Piella and Heijmans, ICIP (2003).
    """
    return _weighted(fused, ir, vi)


@metric_on_levels
def edge_similarity(fused: Gray, ir: Gray, vi: Gray, *, image_power: float = 1.0, edge_power: float = 1.0) -> Scores:
    """QE: QW of the images times QW of their Prewitt edges; undefined where both sources are constant.

    Args:
        image_power: exponent of the images' part.
        edge_power: exponent of the edges' part.

    Source:
        Piella and Heijmans, ICIP (2003).
    """
    of_edges = _weighted(*(_prewitt(x) for x in (fused, ir, vi)))
    return _weighted(fused, ir, vi) ** image_power * of_edges**edge_power


@cached
def _prewitt(x: Gray) -> Gray:
    wide, flat = pad(x, 1, "zeros"), (1.0, 1.0, 1.0)
    return magnitude(separable(wide, flat, SLOPE), separable(wide, SLOPE, flat))


@metric_on_levels
def yang_similarity(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QY: where the sources are similar, a variance-weighted mean of both similarities, elsewhere the better one.

    Source:
        Yang, Zhang, Wang and Liu, Chin. Opt. Lett. 6 (2008).
    """
    window = SMALL_GAUSSIAN
    of_ir, of_vi = (similarity(source, fused, window, UNSTABILISED) for source in (ir, vi))
    mixed = _mixed(share(variance(ir, window), variance(vi, window)), of_ir, of_vi)
    alike = similarity(ir, vi, window, UNSTABILISED) >= 0.75
    return mean(torch.where(alike, mixed, torch.maximum(of_ir, of_vi)))


@metric_on_levels
def cvejic_similarity(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QC: similarities to the sources, weighted by each source's share of the covariance with the fused image.

    Source:
        Cvejic, Loza, Bull and Canagarajah, Int. J. Signal Process. 2 (2005).
    """
    weight, of_ir, of_vi = cvejic_maps(fused, ir, vi)
    return mean(_mixed(weight.clamp(0, 1), of_ir, of_vi))


def cvejic_maps(fused: Gray, ir: Gray, vi: Gray) -> tuple[Map, Map, Map]:
    """Weight of the infrared source, which may be outside [0, 1], and similarity to each source."""
    window = SMALL_GAUSSIAN
    weight = share(covariance(ir, fused, window), covariance(vi, fused, window))
    return weight, similarity(ir, fused, window, UNSTABILISED), similarity(vi, fused, window, UNSTABILISED)
