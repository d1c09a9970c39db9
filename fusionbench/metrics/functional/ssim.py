"""Structural similarity and its multi-scale form."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from fusionbench.metrics.functional.filters import Map, Window, gaussian, local_covariance, local_mean, local_variance
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.metrics.functional.moments import PEAK, mean
from fusionbench.types import Gray, Scores

GAUSSIAN = Window(gaussian(11, 1.5))
WINDOWS = {
    "gaussian": GAUSSIAN,
    "gaussian-float32": Window(gaussian(11, 1.5, torch.float32)),
    "gaussian-replicate": GAUSSIAN._replace(pad=5),
    "uniform7": Window((1 / 7,) * 7),
}
# Wang, Simoncelli and Bovik (2003), finest scale first.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@cached
def similarity(x: Gray, y: Gray, window: Window, peak: float, unbiased: float = 1.0) -> tuple[Map, Map]:
    """Maps of the luminance term and of the contrast and structure term of SSIM, K = (0.01, 0.03)."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_x, mean_y = local_mean(x, window), local_mean(y, window)
    product = mean_x * mean_y
    squares = (mean_x * mean_x).addcmul_(mean_y, mean_y)
    spread = (local_variance(x, window) + local_variance(y, window)).mul_(unbiased)
    common = local_covariance(x, y, window) * (2 * unbiased)
    return product.mul_(2).add_(c1).div_(squares.add_(c1)), common.add_(c2).div_(spread.add_(c2))


@metric_on_levels
def structural_similarity(
    fused: Gray, ir: Gray, vi: Gray, *, window: str = "gaussian", peak: float = PEAK, unbiased: float = 1.0
) -> Scores:
    """Mean over the two sources of SSIM: 11 x 11 Gaussian window without padding, range 255.

    Args:
        window: a key of WINDOWS.
        peak: the value range, of which the two stabilising constants are fractions.
        unbiased: factor on variances; n / (n - 1) for sample variances.

    Source:
        Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13 (2004).
    """
    maps = (similarity(source, fused, WINDOWS[window], peak, unbiased) for source in (ir, vi))
    first, second = (mean(luminance * structure) for luminance, structure in maps)
    return (first + second) / 2


@metric_on_levels
def multiscale_similarity(fused: Gray, ir: Gray, vi: Gray, *, window: str = "gaussian", peak: float = PEAK) -> Scores:
    """MS-SSIM: mean over the two sources of structural similarity on five scales.

    Args:
        window: a key of WINDOWS.
        peak: the value range, of which the two stabilising constants are fractions.

    Source:
        Wang, Simoncelli and Bovik, Asilomar (2003); images are halved as in pytorch-msssim, with zero padding of odd
        sides.
    """
    return (_on_scales(ir, fused, WINDOWS[window], peak) + _on_scales(vi, fused, WINDOWS[window], peak)) / 2


def _on_scales(source: Gray, fused: Gray, window: Window, peak: float) -> Scores:
    product = torch.ones_like(mean(fused))
    for weight in SCALE_WEIGHTS[:-1]:
        _, structure = similarity(source, fused, window, peak)
        product = product * mean(structure).clamp(min=0) ** weight
        source, fused = _halved(source), _halved(fused)
    luminance, structure = similarity(source, fused, window, peak)
    return product * mean(luminance * structure).clamp(min=0) ** SCALE_WEIGHTS[-1]


@cached
def _halved(x: Gray) -> Map:
    return F.avg_pool2d(x, 2, padding=(x.shape[-2] % 2, x.shape[-1] % 2))
