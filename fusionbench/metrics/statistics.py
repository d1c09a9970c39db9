"""Scores from moments of whole images: spread, correlation and error."""

from __future__ import annotations

import torch

from fusionbench.metrics.images import score
from fusionbench.metrics.sharing import shared
from fusionbench.types import Gray, Scores

PEAK = 255.0


def mean(x: Gray) -> Scores:
    """Mean over the pixels of each image."""
    return x.flatten(1).mean(1)


@shared
def centred(x: Gray) -> Gray:
    """The image without its mean."""
    return x - mean(x).view(-1, 1, 1, 1)


def _dot(x: Gray, y: Gray) -> Scores:
    return (x * y).flatten(1).sum(1)


@shared
def energy(x: Gray) -> Scores:
    """Sum of squares."""
    return _dot(x, x)


def pearson(x: Gray, y: Gray) -> Scores:
    """Pearson's correlation of two images; NaN where one of them is constant."""
    return _dot(centred(x), centred(y)) / (energy(centred(x)) * energy(centred(y))).sqrt()


@shared
def squared_error(x: Gray, y: Gray) -> Scores:
    """Mean squared difference of two images in 8-bit levels."""
    return mean((x - y).square_())


@score
def standard_deviation(fused: Gray) -> Scores:
    """Population standard deviation of the 8-bit levels.

    Source:
        Rao, Meas. Sci. Technol. 8 (1997).

    Example:
        >>> standard_deviation(torch.tensor([0.0, 1.0]).view(1, 1, 1, 2))
        tensor([127.5000], dtype=torch.float64)
    """
    return mean(centred(fused).square()).sqrt()


@score
def correlation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Mean of Pearson's correlations of the fused image with the two sources."""
    return (pearson(ir, fused) + pearson(vi, fused)) / 2


@score
def correlation_of_differences(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """r(fused - vi, ir) + r(fused - ir, vi); undefined where the fused image equals a source.

    Source:
        Aslantas and Bendes, AEU 69 (2015).
    """
    return pearson(fused - vi, ir) + pearson(fused - ir, vi)


@score
def peak_signal_to_noise(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """10 log10(255^2 / MSE) in dB, with the mean of the two sources' mean squared errors."""
    return 10 * torch.log10(PEAK**2 / _both_errors(fused, ir, vi))


def _both_errors(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    return (squared_error(ir, fused) + squared_error(vi, fused)) / 2
