"""Structural similarity and the scores built on its windows."""

from __future__ import annotations

from fusionbench.metrics.filters import Window, gaussian, local_covariance, local_mean, local_variance
from fusionbench.metrics.images import score
from fusionbench.metrics.sharing import shared
from fusionbench.metrics.statistics import PEAK, mean
from fusionbench.types import Gray, Scores

GAUSSIAN = Window(gaussian(11, 1.5))


@shared
def similarity(x: Gray, y: Gray, window: Window = GAUSSIAN, peak: float = PEAK) -> Gray:
    """Map of structural similarity, K = (0.01, 0.03)."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    product = local_mean(x, window) * local_mean(y, window)
    squares = local_mean(x, window).square().addcmul_(local_mean(y, window), local_mean(y, window))
    spread = local_variance(x, window) + local_variance(y, window)
    above = product.mul_(2).add_(c1).mul_((2 * local_covariance(x, y, window)).add_(c2))
    return above.div_(squares.add_(c1).mul_(spread.add_(c2)))


@score
def structural_similarity(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Mean over the two sources of SSIM: 11 x 11 Gaussian window where it fits, range 255.

    Source:
        Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13 (2004).
    """
    return (mean(similarity(ir, fused)) + mean(similarity(vi, fused))) / 2
