"""Metrics from moments of whole images: deviation, correlation and error."""

from __future__ import annotations

import torch

from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.types import Gray, Scores

PEAK = 255.0


def total(x: Gray) -> Scores:
    """Sum over the pixels of each image."""
    return x.flatten(1).sum(1)


def mean(x: Gray) -> Scores:
    """Mean over the pixels of each image."""
    return x.flatten(1).mean(1)


def dot(x: Gray, y: Gray) -> Scores:
    """Inner product of two images."""
    return total(x * y)


@cached
def centred(x: Gray) -> Gray:
    """The image without its mean."""
    return x - mean(x).view(-1, 1, 1, 1)


@cached
def scatter(x: Gray) -> Scores:
    """Sum of squared deviations from the mean."""
    return dot(centred(x), centred(x))


def pearson(x: Gray, y: Gray) -> Scores:
    """Pearson's correlation of two images; NaN where one of them is constant."""
    return dot(centred(x), centred(y)) / (scatter(x) * scatter(y)).sqrt()


@cached
def squared_error(x: Gray, y: Gray) -> Scores:
    """Mean squared difference of two images in squared levels."""
    return mean((x - y).square_())


@metric_on_levels
def standard_deviation(fused: Gray) -> Scores:
    """Population standard deviation of the 8-bit levels.

    Source:
        Rao, Meas. Sci. Technol. 8 (1997).

    Example:
        >>> standard_deviation(torch.tensor([0.0, 1.0]).view(1, 1, 1, 2))
        tensor([127.5000], dtype=torch.float64)
    """
    return (scatter(fused) / fused[0].numel()).sqrt()


@metric_on_levels
def correlation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Mean of Pearson's correlations of the fused image with the two sources; undefined where one is constant."""
    return (pearson(ir, fused) + pearson(vi, fused)) / 2


@metric_on_levels
def correlation_of_differences(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """r(fused - vi, ir) + r(fused - ir, vi); undefined where the fused image equals a source.

    Source:
        Aslantas and Bendes, AEU 69 (2015).
    """
    return pearson(fused - vi, ir) + pearson(fused - ir, vi)


@metric_on_levels
def normalized_cross_correlation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Mean over the sources of sum(source fused) / sqrt(sum(source^2) sum(fused^2)), without removing means.

    Undefined where an image is black.
    """
    return (_cosine(ir, fused) + _cosine(vi, fused)) / 2


def _cosine(x: Gray, y: Gray) -> Scores:
    return dot(x, y) / (dot(x, x) * dot(y, y)).sqrt()


@metric_on_levels
def mean_squared_error(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Mean over the two sources of the mean squared error, for images in [0, 1].

    Example:
        >>> white, black = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
        >>> mean_squared_error(white, white, black)
        tensor([0.5000], dtype=torch.float64)
    """
    return (squared_error(ir, fused) + squared_error(vi, fused)) / (2 * PEAK**2)


@metric_on_levels
def root_mean_squared_error(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Square root of `mean_squared_error`."""
    return ((squared_error(ir, fused) + squared_error(vi, fused)) / 2).sqrt() / PEAK


@metric_on_levels
def peak_signal_to_noise(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """10 log10(255^2 / MSE) in dB, with the mean of the two sources' errors; infinite where all three are equal."""
    return 10 * torch.log10(2 * PEAK**2 / (squared_error(ir, fused) + squared_error(vi, fused)))
