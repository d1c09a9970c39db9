"""Feature mutual information between 3 x 3 windows of feature maps of the sources and of the fused image."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.functional.filters import Map, correlate1d
from fusionbench.metrics.functional.gradients import central
from fusionbench.metrics.functional.images import metric_on_levels
from fusionbench.types import Gray, Scores

# Windows compared at a time: their 81 joint frequencies must fit into the processor's cache.
CHUNK = 4096

# Abry's finite approximation of Meyer's low-pass filter, 'dmey' in MATLAB and PyWavelets, from its centre outwards.
MEYER_LENGTH = 102
MEYER = (
    0.7445855923188063,
    0.44459300275757724,
    -0.035087555656258346,
    -0.13284520043622938,
    0.030655091960824263,
    0.0637390243228016,
    -0.024348745906078023,
    -0.03213079399021176,
    0.017423434103729693,
    0.015270015130934803,
    -0.011061496392513451,
    -0.006387718318497156,
    0.006045814097323304,
    0.002202534100911002,
    -0.002704672124643725,
    -0.0006011502343516092,
    6.554305930575149e-05,
    -1.6312699734552807e-05,
    3.20544191334478e-06,
    7.367572885903746e-07,
    -1.489549216497156e-06,
    1.1307947017916706e-06,
    -5.506340565252278e-07,
    1.1783004497663934e-07,
    8.200680650386481e-08,
    -1.0866516536735883e-07,
    6.066975741351135e-08,
    -1.0798819539621958e-08,
    -1.111944952595278e-08,
    8.519459636796214e-09,
    -1.009999956941423e-12,
)


class Windows(NamedTuple):
    """The 3 x 3 windows of a map as distributions over their nine pixels, in column order; (B, N, 9) or (B, N).

    Attributes:
        raw: the pixels.
        density: the pixels between the window's minimum and maximum, divided by their sum; uniform if constant.
        cumulative: running sums of `density`.
        deviation: standard deviation of the pixel's number under `density`.
        entropy: entropy of `density`, in nats.
    """

    raw: Tensor
    density: Tensor
    cumulative: Tensor
    deviation: Tensor
    entropy: Tensor


def _windows(x: Map) -> Windows:
    raw = F.unfold(x.transpose(-1, -2), 3).transpose(1, 2)
    low, high = raw.amin(-1, keepdim=True), raw.amax(-1, keepdim=True)
    positive = torch.where(high > low, (raw - low) / (high - low), 1.0)
    density = positive / positive.sum(-1, keepdim=True)
    number = torch.arange(1, 10, dtype=x.dtype, device=x.device)
    mean, square = density @ number, density @ number.square()
    deviation = (square - mean.square()).clamp(min=0).sqrt()
    return Windows(raw, density, density.cumsum(-1), deviation, -torch.xlogy(density, density).sum(-1))


def _correlation(p: Tensor, q: Tensor) -> Tensor:
    p, q = p - p.mean(-1, keepdim=True), q - q.mean(-1, keepdim=True)
    return (p * q).sum(-1) / (p.square().sum(-1) * q.square().sum(-1)).sqrt()


def _joint(source: Windows, fused: Windows) -> Tensor:
    """Joint frequencies (N, 9, 9): a mixture of independence and the extreme coupling of the correlation's sign."""
    correlation = _correlation(source.density, fused.density).nan_to_num(0, 0, 0)[..., None, None]
    p, q = source.cumulative[..., None, :], fused.cumulative[..., :, None]
    extreme = torch.where(correlation >= 0, torch.minimum(p, q), (p + q - 1).clamp_(min=0))
    coupling = (extreme - p * q).sum((-2, -1), keepdim=True)
    reachable = coupling / (source.deviation * fused.deviation)[..., None, None]
    share = (correlation / reachable).nan_to_num(0, 0, 0)
    coupled = F.pad(extreme, (1, 0, 1, 0)).diff(dim=-2).diff(dim=-1)
    independent = source.density[..., None, :] * fused.density[..., :, None]
    return torch.lerp(independent, coupled, share)


def _agreement(source: Windows, fused: Windows) -> Tensor:
    """Normalised mutual information per window, (N,)."""
    joint = _joint(source, fused)
    # Round-off and strong couplings make some frequencies negative: the real part of their logarithm is used.
    joint_entropy = -torch.xlogy(joint, joint.abs()).sum((-2, -1))
    both = source.entropy + fused.entropy
    constant = (source.raw == source.raw[..., :1]).all(-1) & (fused.raw == fused.raw[..., :1]).all(-1)
    found = (2 * (both - joint_entropy) / both).masked_fill_((both == 0) | constant, 0)
    return found.masked_fill_((source.raw == fused.raw).all(-1), 1)


def _with_source(source: Windows, fused: Windows) -> Scores:
    count = source.raw.shape[1]
    parts = [
        _agreement(*(Windows(*(field[:, start : start + CHUNK] for field in x)) for x in (source, fused)))
        for start in range(0, count, CHUNK)
    ]
    return torch.cat(parts, dim=1).mean(1)


def _information(fused: Map, ir: Map, vi: Map) -> Scores:
    windows = _windows(fused)
    return (_with_source(_windows(ir), windows) + _with_source(_windows(vi), windows)) / 2


@metric_on_levels
def pixel_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """FMI of the gray levels themselves.

    Source:
        Haghighat, Aghagolzadeh and Seyedarabi, Comput. Electr. Eng. 37 (2011); fast form, Haghighat and Razian (2014).
    """
    return _information(fused, ir, vi)


@metric_on_levels
def gradient_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """FMI of horizontal derivatives (the published code drops the vertical ones).

    Source:
        As `pixel_information`.
    """
    return _information(*(central(x, -1) for x in (fused, ir, vi)))


@metric_on_levels
def cosine_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """FMI of the discrete cosine transform of the whole image.

    Source:
        As `pixel_information`.
    """
    return _information(
        *(_cosine_basis(x.shape[-2], x) @ x @ _cosine_basis(x.shape[-1], x).mT for x in (fused, ir, vi))
    )


def _cosine_basis(size: int, like: Tensor) -> Tensor:
    """Rows of the orthonormal DCT-II."""
    place = torch.arange(size, dtype=torch.float64)
    basis = torch.cos(math.pi / size * torch.outer(place, place + 0.5)) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis.to(like)


@metric_on_levels
def wavelet_information(fused: Gray, ir: Gray, vi: Gray) -> Scores:
    """FMI of one level of the discrete Meyer transform, its four bands side by side, stretched to [0, 1].

    Verified against one published value of MATLAB to 1.4e-5: the 61 taps are Abry's, padded with zeros to the 102 of
    MATLAB's filter.

    Source:
        As `pixel_information`.
    """
    return _information(*(_meyer_bands(x) for x in (fused, ir, vi)))


def _meyer_bands(x: Gray) -> Map:
    low, high = _halves(x, -2)
    (mean, vertical), (horizontal, diagonal) = _halves(low, -1), _halves(high, -1)
    bands = torch.cat([torch.cat([mean, horizontal], -1), torch.cat([vertical, diagonal], -1)], -2)
    lowest, highest = (limit.view(-1, 1, 1, 1) for limit in torch.aminmax(bands.flatten(1), dim=1))
    return (bands - lowest) / (highest - lowest)


def _halves(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Low-pass and high-pass half of a signal that is reflected at its ends with the edge repeated."""
    size, reach = x.shape[dim], MEYER_LENGTH - 1
    place = torch.arange(1 - reach, size + reach, device=x.device) % (2 * size)
    mirrored = x.index_select(dim, torch.minimum(place, 2 * size - 1 - place))
    low = (0.0,) * (MEYER_LENGTH // 2 - 31) + (0.0, *reversed(MEYER[1:]), *MEYER) + (0.0,) * (MEYER_LENGTH // 2 - 31)
    high = tuple(tap * (-1) ** k for k, tap in enumerate(low))
    return correlate1d(mirrored, low[::-1], dim, 2), correlate1d(mirrored, high, dim, 2)
