"""Separable filters and the local moments of images under a window.

Filters are sums of shifted slices: for one channel on a CPU that is ten times faster than a convolution call, in
float64 even more. Long windows in float64 on a CPU are products with small banded matrices, which read an image once
instead of once for each tap.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fusionbench.metrics.functional.memo import cached
from fusionbench.nn import filters

Map = Float[Tensor, "*b 1 _ _"]
"""One value for each window position or block; its size differs from the image's."""
# From LONG taps on, matrix products are faster than sums; each product makes BLOCK results.
LONG, BLOCK = 9, 16


class Window(NamedTuple):
    """A separable window: the taps of one direction, and by how many pixels each border is padded."""

    taps: tuple[float, ...]
    pad: int = 0
    border: str = "replicate"


def gaussian(size: int, sigma: float, dtype: torch.dtype = torch.float64) -> tuple[float, ...]:
    """Gaussian taps that sum to one within the precision of `dtype`."""
    return tuple(filters.gaussian(size, sigma, dtype).tolist())


def pad(x: Tensor, pad: int, border: str) -> Tensor:
    """The image with `pad` more pixels on each side: zeros, 'replicate' or 'reflect' (the edge is not repeated)."""
    mode = "constant" if border == "zeros" else border
    return F.pad(x, (pad, pad, pad, pad), mode=mode) if pad else x


def correlate1d(x: Tensor, taps: tuple[float, ...], dim: int, step: int = 1) -> Tensor:
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
    if x.dtype == torch.float64 and x.device.type == "cpu" and min(len(rows), len(columns)) >= LONG:
        return _turned(_turned(x, columns, step), rows, step)
    return correlate1d(correlate1d(x, rows, -2, step), columns, -1, step)


def _turned(x: Tensor, taps: tuple[float, ...], step: int) -> Tensor:
    """Correlation along the rows with the result transposed, so that both directions read memory in order."""
    count = (x.shape[-1] - len(taps)) // step + 1
    if count < 1:
        return x.new_empty(*x.shape[:-2], 0, x.shape[-2])
    found = x.new_empty(*x.shape[:-2], count, x.shape[-2])
    whole, rest = divmod(count, BLOCK)
    band, tail = _band(taps, BLOCK, step), _band(taps, rest, step)
    # Image by image: a product with more dimensions would copy the overlapping blocks first.
    for image, out in zip(x.flatten(0, -3), found.flatten(0, -3), strict=True):
        if whole:
            blocks = image.unfold(-1, band.shape[1], BLOCK * step)[:, :whole].permute(1, 2, 0)
            torch.bmm(band.expand(whole, -1, -1), blocks, out=out[: count - rest].unflatten(0, (whole, BLOCK)))
        if rest:
            torch.mm(tail, image.narrow(1, whole * BLOCK * step, tail.shape[1]).T, out=out[count - rest :])
    return found


@lru_cache(maxsize=64)
def _band(taps: tuple[float, ...], count: int, step: int) -> Tensor:
    """The banded matrix that computes `count` results from the pixels under them."""
    band = torch.zeros(count, max(0, count - 1) * step + len(taps), dtype=torch.float64)
    for index, line in enumerate(band):
        line[index * step : index * step + len(taps)] = torch.tensor(taps, dtype=torch.float64)
    return band


def weighted_mean(x: Tensor, window: Window, step: int = 1) -> Tensor:
    """Weighted mean under the window at every `step`-th position."""
    return separable(pad(x, window.pad, window.border), window.taps, window.taps, step)


@cached
def local_mean(x: Tensor, window: Window, step: int = 1) -> Tensor:
    """`weighted_mean`, cached."""
    return weighted_mean(x, window, step)


@cached
def local_variance(x: Tensor, window: Window) -> Tensor:
    """Weighted variance under the window as E[x^2] - E[x]^2: round-off may leave it slightly below zero."""
    mean = local_mean(x, window)
    return weighted_mean(x * x, window).addcmul_(mean, mean, value=-1)


@cached
def local_covariance(x: Tensor, y: Tensor, window: Window) -> Tensor:
    """Weighted covariance under the window as E[xy] - E[x]E[y]."""
    return weighted_mean(x * y, window).addcmul_(local_mean(x, window), local_mean(y, window), value=-1)
