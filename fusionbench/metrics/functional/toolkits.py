"""Metrics as toolkits compute them, where these differ from the definition by more than a parameter.

They reproduce published tables; none is recommended.
"""

from __future__ import annotations

import inspect
import math

import torch

from fusionbench.metrics.functional import vif
from fusionbench.metrics.functional.edges import fusion_artifacts
from fusionbench.metrics.functional.filters import Map, Window, weighted_mean
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.information import eigenvalue_entropy
from fusionbench.metrics.functional.memo import cached
from fusionbench.metrics.functional.moments import mean, pearson, scatter, squared_error, total
from fusionbench.metrics.functional.piella import cvejic_maps
from fusionbench.types import Gray, Scores


def saturated(x: Gray) -> Gray:
    """A result converted to MATLAB's uint8: rounded half up, clipped to 0..255."""
    return (x + 0.5).floor_().clamp_(0, 255)


@metric_on_levels
def saturated_deviation(fused: Gray) -> Scores:
    """Root of the mean of uint8(uint8(fused - mean)^2): half of the deviations are lost, squares end at 255."""
    return mean(saturated(fused - _level(fused)).square_().clamp_(max=255)).sqrt()


def _level(x: Gray) -> Map:
    return mean(x).view(-1, 1, 1, 1)


@metric_on_levels
def sample_deviation(fused: Gray) -> Scores:
    """Standard deviation with divisor n - 1."""
    return (scatter(fused) / (fused[0].numel() - 1)).sqrt()


@metric_on_levels
def saturated_correlation(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Correlation where deviations from the mean, their squares and their products are clipped to uint8."""
    f, a, b = (saturated(x - _level(x)) for x in (fused, ir, vi))
    cosines = [_saturated_dot(x, f) / (_saturated_dot(x, x) * _saturated_dot(f, f)).sqrt() for x in (a, b)]
    return (cosines[0] + cosines[1]) / 2


def _saturated_dot(x: Gray, y: Gray) -> Scores:
    return total((x * y).clamp_(max=255))


@metric_on_levels
def saturated_differences(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """SCD of uint8 differences: negative ones become zero."""
    return pearson((fused - vi).clamp_(min=0), ir) + pearson((fused - ir).clamp_(min=0), vi)


@metric_on_levels
def fused_peak_signal_to_noise(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """PSNR with the brightest level of the fused image as its peak."""
    peak = fused.flatten(1).amax(1)
    return 10 * torch.log10(2 * peak.square() / (squared_error(ir, fused) + squared_error(vi, fused)))


@metric_on_levels
def vifb_error(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """VIFB's RMSE: mean over the sources of sqrt(sum of squared differences) / number of pixels."""
    root = squared_error(ir, fused).sqrt() + squared_error(vi, fused).sqrt()
    return root / (2 * math.sqrt(fused[0].numel()))


@metric_on_levels
def vifb_signal_to_noise(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """VIFB's PSNR: 20 log10(255 / sqrt(e)) with `vifb_error` for e."""
    root = squared_error(ir, fused).sqrt() + squared_error(vi, fused).sqrt()
    return 10 * torch.log10(255**2 * 2 * math.sqrt(fused[0].numel()) / root)


@metric_on_levels
def linear_correlation_entropy(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QNCIE with Pearson's correlations instead of nonlinear ones."""
    return eigenvalue_entropy(pearson(ir, vi), pearson(ir, fused), pearson(vi, fused))


@metric_on_levels
def misordered_fusion_artifacts(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """Nabf called with (ir, vi, fused) instead of (fused, ir, vi): artefacts of the infrared image."""
    return inspect.unwrap(fusion_artifacts)(ir, vi, fused)


@metric_on_levels
def cut_cvejic_similarity(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """QC where a weight outside [0, 1] sets the local value to 0 or 1 instead of being clamped."""
    weight, of_ir, of_vi = cvejic_maps(fused, ir, vi)
    mixed = weight * of_ir + (1 - weight) * of_vi
    return mean(mixed.masked_fill_(weight < 0, 0).masked_fill_(weight > 1, 1))


@metric_on_levels
def saturated_visual_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """VIF of uint8 images: on the finest scale, squares and products are clipped at 255."""
    return _saturated_fidelity(ir, fused) + _saturated_fidelity(vi, fused)


def _saturated_fidelity(source: Gray, fused: Gray) -> Scores:
    links = []
    scales = zip(vif.pyramid(source), vif.pyramid(fused), vif.WINDOWS, strict=True)
    for (x, y, window), limit in zip(scales, (255.0, torch.inf, torch.inf, torch.inf), strict=True):
        links.append(_limited_channel(x, y, window, limit))
    return vif.ratio_over_scales(links)


def _limited_channel(source: Map, fused: Map, window: Window, limit: float) -> vif.Channel:
    mean_x, mean_y = weighted_mean(source, window), weighted_mean(fused, window)
    signal = weighted_mean((source * source).clamp_(max=limit), window) - mean_x * mean_x
    received = weighted_mean((fused * fused).clamp_(max=limit), window) - mean_y * mean_y
    covariance = weighted_mean((source * fused).clamp_(max=limit), window) - mean_x * mean_y
    return vif.channel(signal, received, covariance)


def _off_centre(size: int) -> Window:
    """A Gaussian sampled from -half - 1 to half instead of -half to half, zeros outside the image."""
    half = size // 2
    position = torch.linspace(-half - 1, half, size)
    taps = torch.exp(-position.square() / (2 * (size / 5) ** 2))
    return Window(tuple((taps / taps.sum()).tolist()), half, "zeros")


OFF_CENTRE = tuple(_off_centre(size) for size in (17, 9, 5, 3))


@metric_on_levels
def off_centre_visual_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """VIF with an off-centre Gaussian and zeros around the images."""
    return _off_centre_fidelity(ir, fused) + _off_centre_fidelity(vi, fused)


def _off_centre_fidelity(source: Gray, fused: Gray) -> Scores:
    links = []
    for scale, window in enumerate(OFF_CENTRE):
        if scale:
            source, fused = _off_centre_half(source, window), _off_centre_half(fused, window)
        links.append(_limited_channel(source, fused, window, torch.inf))
    return vif.ratio_over_scales(links)


@cached
def _off_centre_half(x: Gray, window: Window) -> Map:
    return weighted_mean(x, window)[..., ::2, ::2]
