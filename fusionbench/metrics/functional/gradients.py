"""Metrics from differences of neighbouring pixels: the detail of the fused image."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench.metrics.functional.filters import Map, pad, separable
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.metrics.functional.moments import mean, total
from fusionbench.types import Gray, Scores

SMOOTH, SLOPE = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)


def central(x: Tensor, dim: int) -> Tensor:
    """Central differences, one-sided at the two ends."""
    last = x.shape[dim] - 1
    inner = (x.narrow(dim, 2, last - 1) - x.narrow(dim, 0, last - 1)).div_(2)
    ends = [x.narrow(dim, i + 1, 1) - x.narrow(dim, i, 1) for i in (0, last - 1)]
    return torch.cat([ends[0], inner, ends[1]], dim)


@cached
def sobel(x: Gray, border: str = "zeros") -> tuple[Gray, Gray]:
    """Horizontal and vertical Sobel responses at the image's size."""
    wide = pad(x, 1, border)
    return separable(wide, SMOOTH, SLOPE), separable(wide, SLOPE, SMOOTH)


def magnitude(across: Gray, down: Gray) -> Gray:
    """Length of a gradient; 8-bit levels cannot overflow, so the slower hypot is not needed."""
    return (across * across).addcmul_(down, down).sqrt_()


@cached
def sobel_magnitude(x: Gray, border: str = "zeros") -> Gray:
    """Length of the Sobel gradient."""
    return magnitude(*sobel(x, border))


@metric_on_levels
def spatial_frequency(fused: Gray, *, inset: int = 1) -> Scores:
    """Root of the mean squared horizontal difference plus the mean squared vertical difference, in 8-bit levels.

    Args:
        inset: 1 for means over the differences that exist; 0 divides both sums by the number of pixels.

    Source:
        Eskicioglu and Fisher, IEEE Trans. Commun. 43 (1995).
    """
    height, width = fused.shape[-2:]
    rows = total(fused.diff(dim=-1).square_()) / (height * (width - inset))
    columns = total(fused.diff(dim=-2).square_()) / ((height - inset) * width)
    return (rows + columns).sqrt()


@metric_on_levels
def average_gradient(fused: Gray, *, inset: int = 1) -> Scores:
    """Sum of sqrt((dx^2 + dy^2) / 2) over (M-1)(N-1), with central differences, in 8-bit levels.

    Args:
        inset: number of rows and columns that the divisor leaves out.

    Source:
        Cui et al., Opt. Commun. 341 (2015).
    """
    return _mean_slope(central(fused, -1), central(fused, -2), fused, inset)


@metric_on_levels
def definition(fused: Gray, *, inset: int = 1) -> Scores:
    """DF: as `average_gradient`, with forward differences.

    Args:
        inset: number of rows and columns that the divisor leaves out.
    """
    return _mean_slope(fused.diff(dim=-1)[..., :-1, :], fused.diff(dim=-2)[..., :-1], fused, inset)


def _mean_slope(across: Map, down: Map, image: Gray, inset: int) -> Scores:
    height, width = image.shape[-2:]
    return total(magnitude(across, down)) / (2**0.5 * (height - inset) * (width - inset))


@metric_on_levels
def edge_intensity(fused: Gray, *, border: str = "replicate") -> Scores:
    """Mean length of the Sobel gradient of the 8-bit levels.

    Args:
        border: padding of the image: 'replicate', 'zeros' or 'reflect'.

    Source:
        Rajalingam and Priya, Int. J. Eng. Sci. Invent. 7 (2018).
    """
    return mean(sobel_magnitude(fused, border))


@metric_on_levels
def relative_spatial_frequency(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QSF: (SF of the fused image - SF of the sources) / SF of the sources, with both diagonals too.

    The sources' frequency takes the larger of their two differences at each pixel. Zero is best.

    Source:
        Zheng, Essock, Hansen and Haun, Inf. Fusion 8 (2007).
    """
    sources = [torch.maximum(x.abs(), y.abs()) for x, y in zip(_steps(ir), _steps(vi), strict=True)]
    return _frequency(_steps(fused)) / _frequency(sources) - 1


def _steps(x: Gray) -> list[Map]:
    """Differences along rows, columns, and the two diagonals."""
    return [x.diff(dim=-1), x.diff(dim=-2), x[..., 1:, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, 1:]]


def _frequency(steps: list[Map]) -> Scores:
    # Diagonal neighbours are sqrt(2) apart. All four sums have the same divisor, which cancels in the ratio.
    squares = zip(steps, (1, 1, 0.5**0.5, 0.5**0.5), strict=True)
    return torch.stack([weight * total(step.square()) for step, weight in squares]).sum(0).sqrt()
