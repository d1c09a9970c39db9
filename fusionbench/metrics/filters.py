"""Separable filters and the local moments of images under a window.

Filters are sums of shifted slices: for one channel on a CPU that is ten times faster than a convolution call, and
in float64 the difference is larger still.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fusionbench.metrics.sharing import shared

Map = Float[Tensor, "*b 1 _ _"]
"""One value for each place of a window or each block; its size is not the image's."""


class Window(NamedTuple):
    """A separable window: the taps of one direction, and how many pixels each border is widened by before it."""

    taps: tuple[float, ...]
    pad: int = 0
    border: str = "replicate"


def gaussian(size: int, sigma: float, dtype: torch.dtype = torch.float64) -> tuple[float, ...]:
    """Gaussian taps that sum to one as well as `dtype` can hold them."""
    position = torch.arange(size, dtype=dtype) - (size - 1) / 2
    taps = torch.exp(-position.square() / (2 * sigma**2))
    return tuple((taps / taps.sum()).tolist())


def widened(x: Tensor, pad: int, border: str) -> Tensor:
    """The image with `pad` more pixels on each side: zeros, 'replicate' or 'reflect' (the edge is not repeated)."""
    mode = "constant" if border == "zeros" else border
    return F.pad(x, (pad, pad, pad, pad), mode=mode) if pad else x


def slide(x: Tensor, taps: tuple[float, ...], dim: int, step: int = 1) -> Tensor:
    """Correlation with `taps` along one dimension where they fit, at every `step`-th position."""
    stop = x.shape[dim] - len(taps) + 1
    if stop < 1:
        return x.narrow(dim, 0, 0)
    slices = [x.narrow(dim, i, stop) for i in range(len(taps))]
    if step > 1:
        keep = [slice(None)] * x.ndim
        keep[dim] = slice(None, None, step)
        slices = [part[tuple(keep)] for part in slices]
    total = slices[0] * taps[0]
    for part, tap in zip(slices[1:], taps[1:], strict=True):
        if tap:
            total.add_(part, alpha=tap)
    return total


def separable(x: Tensor, rows: tuple[float, ...], columns: tuple[float, ...], step: int = 1) -> Tensor:
    """Correlation with the outer product of `rows` (vertical taps) and `columns`, where the window fits ('valid')."""
    return slide(slide(x, rows, -2, step), columns, -1, step)


def blurred(x: Tensor, window: Window, step: int = 1) -> Tensor:
    """Weighted mean under the window at every `step`-th position."""
    return separable(widened(x, window.pad, window.border), window.taps, window.taps, step)


@shared
def local_mean(x: Tensor, window: Window, step: int = 1) -> Tensor:
    """`blurred`, remembered."""
    return blurred(x, window, step)


@shared
def local_variance(x: Tensor, window: Window) -> Tensor:
    """Weighted variance under the window as E[x^2] - E[x]^2: round-off may leave it slightly below zero."""
    mean = local_mean(x, window)
    return blurred(x * x, window).addcmul_(mean, mean, value=-1)


@shared
def local_covariance(x: Tensor, y: Tensor, window: Window) -> Tensor:
    """Weighted covariance under the window as E[xy] - E[x]E[y]."""
    return blurred(x * y, window).addcmul_(local_mean(x, window), local_mean(y, window), value=-1)
