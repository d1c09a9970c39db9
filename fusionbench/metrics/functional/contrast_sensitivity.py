"""Metrics based on a model of contrast sensitivity: Chen-Blum and Chen-Varshney."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.functional.filters import Map, pad, separable
from fusionbench.metrics.functional.gradients import sobel_magnitude
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.metrics.functional.moments import PEAK, mean, total
from fusionbench.types import Gray, Scores

BLOCK = 16


@cached
def stretched(x: Gray) -> Gray:
    """Levels stretched to 0..255 and rounded, as in the toolbox of Liu et al. (2012); constant images are unchanged."""
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    wide = (x - low).div_(high - low).mul_(PEAK).add_(0.5).floor_()
    return torch.where(high > low, wide, x)


def _frequency(height: int, width: int, divisor: float) -> Tensor:
    """Distance from zero on a grid from -1 to 1 times the size / divisor, in the order of a real FFT."""
    down = torch.fft.fftfreq(height, dtype=torch.float64) * (2 * height / divisor)
    across = torch.fft.rfftfreq(width, dtype=torch.float64) * (2 * width / divisor)
    return torch.hypot(down.unsqueeze(1), across)


@lru_cache(maxsize=2)
def _chen_blum(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    distance = _frequency(height, width, 30.0)
    sensitivity = torch.exp(-((distance / 15.387) ** 2)) - 0.7622 * torch.exp(-((distance / 1.3456) ** 2))
    return sensitivity.to(device, dtype)


@lru_cache(maxsize=2)
def _chen_varshney(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    distance = 0.144 * _frequency(height, width, 8.0)
    return (2.6 * (0.0192 + distance) * torch.exp(-(distance**1.1))).to(device, dtype)


def _filtered(x: Gray, response: Tensor) -> Gray:
    return torch.fft.irfft2(torch.fft.rfft2(x).mul_(response), s=x.shape[-2:])


@cached
def _masked_contrast(x: Gray) -> Gray:
    """Local contrast after Chen and Blum's sensitivity filter and masking function."""
    seen = _filtered(stretched(x), _chen_blum(*x.shape[-2:], x.dtype, x.device))
    contrast = _spread(seen, 2.0).div_(_spread(seen, 4.0)).sub_(1).abs_()
    square = contrast * contrast
    return contrast.mul_(square).div_(square.add_(1e-4))


def _spread(x: Gray, sigma: float) -> Gray:
    """Gaussian filter with 31 taps that sum to the continuous integral, zeros outside the image."""
    taps = tuple(math.exp(-(i**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi)) for i in range(-15, 16))
    return separable(pad(x, 15, "zeros"), taps, taps)


@metric_on_levels
def chen_blum(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QCB: preserved contrast of the sources, weighted at each pixel by their share of it.

    Undefined where an image is black.

    Source:
        Chen and Blum, Image Vis. Comput. 27 (2009), in the form of the toolbox of Liu et al., IEEE TPAMI 34 (2012).
    """
    of_fused, of_ir, of_vi = (_masked_contrast(x) for x in (fused, ir, vi))
    share = of_ir.square() / (of_ir.square() + of_vi.square())
    return mean(share * _preserved(of_ir, of_fused) + (1 - share) * _preserved(of_vi, of_fused))


def _preserved(source: Gray, fused: Gray) -> Gray:
    return torch.where(source == fused, 1.0, torch.minimum(source, fused) / torch.maximum(source, fused))


@metric_on_levels
def chen_varshney(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QCV: mean squared perceived difference to the sources, weighted by their edges; lower is better.

    Undefined where both sources are constant.

    Source:
        Chen and Varshney, Inf. Fusion 8 (2007), in the form of the toolbox of Liu et al., IEEE TPAMI 34 (2012).
    """
    fused, ir, vi = (stretched(x) for x in (fused, ir, vi))
    weights = [_block_sums(sobel_magnitude(source) ** 5) for source in (ir, vi)]
    response = _chen_varshney(*fused.shape[-2:], fused.dtype, fused.device)
    errors = [_block_sums(_filtered(source - fused, response).square_()) / BLOCK**2 for source in (ir, vi)]
    return total(weights[0] * errors[0] + weights[1] * errors[1]) / total(weights[0] + weights[1])


def _block_sums(x: Gray) -> Map:
    """Sums over blocks of 16 x 16 pixels, zeros outside the image."""
    height, width = x.shape[-2:]
    whole = F.pad(x, (0, -width % BLOCK, 0, -height % BLOCK))
    return F.avg_pool2d(whole, BLOCK) * BLOCK**2
