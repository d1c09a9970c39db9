"""Visual information fidelity: in the pixel domain, against each source and in its version for fusion."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from fusionbench.metrics.functional.filters import (
    Map,
    Window,
    gaussian,
    local_covariance,
    local_variance,
    weighted_mean,
)
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.metrics.functional.memo import cached
from fusionbench.metrics.functional.moments import PEAK, total
from fusionbench.types import Gray, Scores

WINDOWS = tuple(Window(gaussian(size, size / 5)) for size in (17, 9, 5, 3))
NOISE = 2.0
# Below this, the reference code treats a variance as zero.
TINY = 1e-10
# Han et al.: variance of the visual noise, and weights of the four scales.
FUSION_NOISE = 0.005 * PEAK**2
FUSION_WEIGHTS = (1 / 2.15, 0.0, 0.15 / 2.15, 1 / 2.15)
# Its code adds 1e-7 to logarithms of base 10.
FUSION_GUARD = 1e-7 * math.log(10)


class Channel(NamedTuple):
    """The channel from a source to the fused image at each pixel: gain, and variances of signal and noise."""

    gain: Map
    signal: Map
    noise: Map


@cached
def pyramid(x: Gray) -> tuple[Map, ...]:
    """Four scales: each after the first is filtered with its own window and halved."""
    scales = [x]
    for window in WINDOWS[1:]:
        scales.append(weighted_mean(scales[-1], window, step=2))
    return tuple(scales)


def channel(signal: Map, received: Map, covariance: Map) -> Channel:
    """The channel that explains the variances of a source and of the fused image, and their covariance."""
    signal, received = signal.clamp(min=0), received.clamp(min=0)
    gain = covariance / (signal + TINY)
    noise = torch.addcmul(received, gain, covariance, value=-1)
    flat, blank = signal < TINY, received < TINY
    closed = flat | (gain < 0)
    noise = torch.where(closed, received, noise).masked_fill_(blank, 0).clamp_(min=TINY)
    return Channel(gain.masked_fill_(closed | blank, 0), signal.masked_fill_(flat, 0), noise)


@cached
def _channel(source: Map, fused: Map, window: Window) -> Channel:
    covariance = local_covariance(source, fused, window)
    return channel(local_variance(source, window), local_variance(fused, window), covariance)


def numerator(link: Channel, noise: float) -> Map:
    """Information of the source in the fused image, in nats; `noise` is the variance of the visual noise."""
    return torch.log1p((link.gain * link.gain).mul_(link.signal).div_(link.noise + noise))


def denominator(link: Channel, noise: float) -> Map:
    """Information of the source, in nats."""
    return torch.log1p(link.signal / noise)


@cached
def fidelity(source: Gray, fused: Gray) -> Scores:
    """Fraction of a source's information that the fused image preserves."""
    scales = zip(pyramid(source), pyramid(fused), WINDOWS, strict=True)
    return ratio_over_scales([_channel(*scale) for scale in scales])


def ratio_over_scales(links: list[Channel]) -> Scores:
    """Preserved information over the source's information, both summed over all scales."""
    above = torch.stack([total(numerator(link, NOISE)) for link in links])
    return above.sum(0) / torch.stack([total(denominator(link, NOISE)) for link in links]).sum(0)


@metric_on_levels
def visual_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """VIF: sum over the two sources of visual information fidelity; undefined where one is constant.

    Source:
        Sheikh and Bovik, IEEE TIP 15 (2006), pixel-domain version on levels 0..255.
    """
    return fidelity(ir, fused) + fidelity(vi, fused)


@metric_on_levels
def fusion_visual_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """VIFF: at each pixel, the fidelity to the source with the smaller gain.

    Source:
        Han, Cai, Cao and Xu, Inf. Fusion 14 (2013).
    """
    scores = []
    for weight, f, a, b, window in zip(FUSION_WEIGHTS, pyramid(fused), pyramid(ir), pyramid(vi), WINDOWS, strict=True):
        if weight:
            infrared, visible = _channel(a, f, window), _channel(b, f, window)
            weaker = infrared.gain < visible.gain
            above = torch.where(weaker, numerator(infrared, FUSION_NOISE), numerator(visible, FUSION_NOISE))
            below = torch.where(weaker, denominator(infrared, FUSION_NOISE), denominator(visible, FUSION_NOISE))
            scores.append(weight * total(above + FUSION_GUARD) / total(below + FUSION_GUARD))
    return torch.stack(scores).sum(0)
