"""Scores that model human vision: visual information fidelity, contrast sensitivity, phase congruency."""

from __future__ import annotations

import torch

from fusionbench.metrics.filters import Window, blurred, gaussian, local_covariance, local_variance
from fusionbench.metrics.images import score
from fusionbench.metrics.sharing import shared
from fusionbench.types import Gray, Scores

VIF_NOISE = 2.0
VIF_EPSILON = 1e-10
VIF_WINDOWS = tuple(Window(gaussian(size, size / 5)) for size in (17, 9, 5, 3))


@shared
def pyramid(x: Gray) -> tuple[Gray, ...]:
    """The four scales of pixel-domain VIF: each after the first is filtered with its own window and halved."""
    scales = [x]
    for window in VIF_WINDOWS[1:]:
        scales.append(blurred(scales[-1], window, step=2))
    return tuple(scales)


def _information(source: Gray, fused: Gray, window: Window) -> tuple[Scores, Scores]:
    """Information of one scale that the fused image keeps, and that the source has, in units of log 10."""
    tiny = VIF_EPSILON
    signal = local_variance(source, window).clamp(min=0)
    total = local_variance(fused, window).clamp(min=0)
    covariance = local_covariance(source, fused, window)
    gain = covariance / (signal + tiny)
    noise = total - gain * covariance
    flat, blank, inverse = signal < tiny, total < tiny, gain < 0
    noise = torch.where(flat | inverse, total, noise).masked_fill_(blank, 0).clamp_(min=tiny)
    gain.masked_fill_(flat | blank | inverse, 0)
    signal.masked_fill_(flat, 0)
    kept = torch.log1p(gain.square_().mul_(signal).div_(noise.add_(VIF_NOISE)))
    return kept.flatten(1).sum(1), torch.log1p(signal.div_(VIF_NOISE)).flatten(1).sum(1)


@shared
def fidelity(source: Gray, fused: Gray) -> Scores:
    """Pixel-domain visual information fidelity of the fused image with respect to one source."""
    scales = zip(pyramid(source), pyramid(fused), VIF_WINDOWS, strict=True)
    kept, had = zip(*(_information(*scale) for scale in scales), strict=True)
    return torch.stack(kept).sum(0) / torch.stack(had).sum(0)


@score
def visual_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """VIF: sum over the two sources of pixel-domain visual information fidelity on 0..255.

    Source:
        Sheikh and Bovik, IEEE TIP 15 (2006), pixel-domain version.
    """
    return fidelity(ir, fused) + fidelity(vi, fused)
