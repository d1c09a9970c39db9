"""The separable discrete wavelet transform of images, padded by reflection, for any size."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.methods.common.padding import symmetric
from fusionbench.types import Image

Details = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Wavelet:
    """A two-channel filter bank with perfect reconstruction; all four filters have the same even length."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    inverse_low: tuple[float, ...]
    inverse_high: tuple[float, ...]


def analyse(image: Tensor, wavelet: Wavelet) -> tuple[Image, Details]:
    """One level: the approximation and the details along columns, rows and both, each of half the size or more."""
    low, high = _split(image, wavelet, -2)
    approximation, across = _split(low, wavelet, -1)
    down, diagonal = _split(high, wavelet, -1)
    return approximation, (down, across, diagonal)


def synthesise(approximation: Tensor, details: Details, wavelet: Wavelet, height: int, width: int) -> Tensor:
    """The inverse of `analyse` for an image of this height and width."""
    down, across, diagonal = details
    low = _merge(approximation, across, wavelet, -1, width)
    high = _merge(down, diagonal, wavelet, -1, width)
    return _merge(low, high, wavelet, -2, height)


def _split(image: Tensor, wavelet: Wavelet, dim: int) -> tuple[Tensor, Tensor]:
    taps = len(wavelet.low)
    lines = image.movedim(dim, -1)
    padded = symmetric(lines, taps - 2, taps - 1, 0, 0)
    filters = torch.tensor([wavelet.low, wavelet.high], dtype=image.dtype, device=image.device).flip(-1)
    both = F.conv1d(padded.reshape(-1, 1, padded.shape[-1]), filters[:, None], stride=2)
    low, high = both.view(*lines.shape[:-1], 2, -1).unbind(-2)
    return low.movedim(-1, dim), high.movedim(-1, dim)


def _merge(low: Tensor, high: Tensor, wavelet: Wavelet, dim: int, size: int) -> Tensor:
    taps = len(wavelet.low)
    lines = torch.stack([low.movedim(dim, -1), high.movedim(dim, -1)], dim=-2)
    filters = torch.tensor([wavelet.inverse_low, wavelet.inverse_high], dtype=low.dtype, device=low.device)
    full = F.conv_transpose1d(lines.flatten(0, -3), filters[:, None], stride=2)
    return full[..., 0, taps - 2 : taps - 2 + size].view(*lines.shape[:-2], size).movedim(-1, dim)


_S2 = sqrt(2)
_S3 = sqrt(3)
_DB2 = tuple(tap / (4 * _S2) for tap in (1 - _S3, 3 - _S3, 3 + _S3, 1 + _S3))

WAVELETS = {
    # The 5/3 pair of Le Gall and Tabatabai: symmetric, so edges do not shift between levels.
    "bior2.2": Wavelet(
        low=tuple(_S2 * tap / 8 for tap in (0, -1, 2, 6, 2, -1)),
        high=tuple(_S2 * tap / 4 for tap in (0, 1, -2, 1, 0, 0)),
        inverse_low=tuple(_S2 * tap / 4 for tap in (0, 1, 2, 1, 0, 0)),
        inverse_high=tuple(_S2 * tap / 8 for tap in (0, 1, 2, -6, 2, 1)),
    ),
    "db2": Wavelet(
        low=_DB2,
        high=(-_DB2[3], _DB2[2], -_DB2[1], _DB2[0]),
        inverse_low=_DB2[::-1],
        inverse_high=(_DB2[0], -_DB2[1], _DB2[2], -_DB2[3]),
    ),
    "haar": Wavelet(
        low=(1 / _S2, 1 / _S2),
        high=(-1 / _S2, 1 / _S2),
        inverse_low=(1 / _S2, 1 / _S2),
        inverse_high=(1 / _S2, -1 / _S2),
    ),
}
