"""Scores from differences and gradients: how much detail there is, and how much of it comes from the sources."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fusionbench.metrics.filters import separable, widened
from fusionbench.metrics.images import score
from fusionbench.metrics.sharing import shared
from fusionbench.metrics.statistics import mean
from fusionbench.types import Gray, Scores

SMOOTH, SLOPE = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)


def _central(x: Tensor, dim: int) -> Tensor:
    """Central differences, one-sided at the two ends."""
    inner = (x.narrow(dim, 2, x.shape[dim] - 2) - x.narrow(dim, 0, x.shape[dim] - 2)) / 2
    ends = [x.narrow(dim, i + 1, 1) - x.narrow(dim, i, 1) for i in (0, x.shape[dim] - 2)]
    return torch.cat([ends[0], inner, ends[1]], dim)


@shared
def sobel(x: Gray, border: str = "zeros") -> tuple[Gray, Gray]:
    """Horizontal and vertical Sobel responses at the image's size."""
    wide = widened(x, 1, border)
    return separable(wide, SMOOTH, SLOPE), separable(wide, SLOPE, SMOOTH)


@score
def spatial_frequency(fused: Gray) -> Scores:
    """Root of the mean squared horizontal difference plus the mean squared vertical difference, in 8-bit levels.

    Source:
        Eskicioglu and Fisher, IEEE Trans. Commun. 43 (1995).
    """
    return (mean(fused.diff(dim=-1).square()) + mean(fused.diff(dim=-2).square())).sqrt()


@score
def average_gradient(fused: Gray) -> Scores:
    """Sum of sqrt((dx^2 + dy^2) / 2) over (M-1)(N-1), with central differences.

    Source:
        Cui et al., Opt. Commun. 341 (2015).
    """
    height, width = fused.shape[-2:]
    slope = (_central(fused, -1).square() + _central(fused, -2).square()).div_(2).sqrt_()
    return slope.flatten(1).sum(1) / ((height - 1) * (width - 1))


def sum_(x: Gray) -> Scores:
    """Sum over the pixels of each image."""
    return x.flatten(1).sum(1)


@shared
def strength(x: Gray) -> Gray:
    """Magnitude of the Sobel gradient."""
    return torch.hypot(*sobel(x))


@shared
def _edges(x: Gray) -> tuple[Gray, Gray]:
    """Strength and orientation of Sobel edges as Hong's code of Qabf takes them."""
    across, down = sobel(x)
    # The sign, that of a convolution with Sobel's usual kernels, matters beside the fixed pi/2.
    angle = torch.atan(down / -across).masked_fill_(across == 0, math.pi / 2)
    return strength(x), angle


def _kept(source: tuple[Gray, Gray], fused: tuple[Gray, Gray]) -> Gray:
    """Edge preservation of a source, per pixel: strength times orientation, each through its sigmoid."""
    (edge, angle), (fused_edge, fused_angle) = source, fused
    low, high = torch.minimum(edge, fused_edge), torch.maximum(edge, fused_edge)
    # Where the strengths are equal Hong's code takes the strength itself instead of the ratio 1.
    ratio = torch.where(low == high, fused_edge, low / high)
    turn = (angle - fused_angle).abs_().div_(-math.pi / 2).add_(1)
    by_strength = torch.sigmoid(ratio.sub_(0.5).mul_(15)).mul_(0.9994)
    return by_strength.mul_(torch.sigmoid(turn.sub_(0.8).mul_(22))).mul_(0.9879)


@score
def edge_preservation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Qabf: preserved edges of both sources, weighted by their strength over the whole image.

    Source:
        Xydeas and Petrovic, Electron. Lett. 36 (2000), in Hong's form, which most tables of the field use.
    """
    edges = _edges(fused)
    kept = sum_(_kept(_edges(ir), edges) * strength(ir)) + sum_(_kept(_edges(vi), edges) * strength(vi))
    return kept / (sum_(strength(ir)) + sum_(strength(vi)))
