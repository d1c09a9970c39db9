"""Image filters that several methods share: box means, small kernels, the guided filter."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.methods.common.padding import symmetric
from fusionbench.nn.filters import gaussian
from fusionbench.types import Gray, Image

Border = Literal["truncated", "symmetric"]


def correlate(image: Image, kernel: Tensor) -> Image:
    """Correlate every channel with the same odd-sized kernel, padded by reflection including the edge pixel."""
    height, width = kernel.shape
    padded = symmetric(image, width // 2, width // 2, height // 2, height // 2)
    planes = padded.flatten(0, -3).unsqueeze(1)
    return F.conv2d(planes, kernel.to(image)[None, None]).view(image.shape)


def gaussian_kernel(radius: int, sigma: float) -> Tensor:
    """The sampled Gaussian on a square of side 2 * radius + 1, with sum 1."""
    line = gaussian(2 * radius + 1, sigma)
    return torch.outer(line, line)


def box_mean(image: Image, radius: int, border: Border = "truncated") -> Image:
    """The mean over the square of side 2 * radius + 1 around each pixel, at a cost independent of the radius.

    Args:
        image: any image; in double precision if the differences of the running sums matter.
        radius: may exceed the image.
        border: average the part inside the image, or pad by reflection including the edge pixel.
    """
    if image.dtype is torch.float64 and image.device.type == "cpu" and not image.requires_grad:
        return _box_mean_of_planes(image, radius, border)
    if border == "symmetric":
        rows = _window_sums(symmetric(image, radius, radius, 0, 0), radius, -1)
        return _window_sums(symmetric(rows, 0, 0, radius, radius), radius, -2) / (2 * radius + 1) ** 2
    rows = _window_sums(_zeros_around(image, radius, -1), radius, -1)
    sums = _window_sums(_zeros_around(rows, radius, -2), radius, -2)
    return sums / (_inside(image, radius, -2)[:, None] * _inside(image, radius, -1))


def _box_mean_of_planes(image: Image, radius: int, border: Border) -> Image:
    """The same by OpenCV, which is faster on a CPU and makes no copies that are wider by the border."""
    side = (2 * radius + 1, 2 * radius + 1)
    planes = image.flatten(0, -3).numpy()
    filtered = np.empty_like(planes)
    whole = border == "symmetric"
    around = cv2.BORDER_REFLECT if whole else cv2.BORDER_CONSTANT
    for plane, result in zip(planes, filtered, strict=True):
        cv2.boxFilter(plane, -1, side, dst=result, normalize=whole, borderType=around)
    means = torch.from_numpy(filtered).view(image.shape)
    return means if whole else means / (_inside(image, radius, -2)[:, None] * _inside(image, radius, -1))


def _window_sums(image: Tensor, radius: int, dim: int) -> Tensor:
    """Sums of 2 * radius + 1 neighbours along one dimension, where they all exist."""
    size = image.shape[dim] - 2 * radius
    sums = image.cumsum(dim)
    first = sums.narrow(dim, 2 * radius, 1)
    rest = sums.narrow(dim, 2 * radius + 1, size - 1) - sums.narrow(dim, 0, size - 1)
    return torch.cat([first, rest], dim)


def _zeros_around(image: Tensor, radius: int, dim: int) -> Tensor:
    return F.pad(image, (radius, radius) if dim == -1 else (0, 0, radius, radius))


def _inside(image: Tensor, radius: int, dim: int) -> Tensor:
    """The number of a window's pixels along one dimension that are inside the image."""
    size = image.shape[dim]
    place = torch.arange(size, device=image.device)
    return ((place + radius + 1).clamp_max(size) - (place - radius).clamp_min(0)).to(image.dtype)


def guided_filter(guide: Image, source: Image, radius: int, eps: float, border: Border = "truncated") -> Image:
    """The edge-preserving guided filter: in every window, the source is fitted by a linear function of the guide.

    Computed in double precision: with a small `eps`, the variance of the guide is a small difference of large numbers.

    Args:
        guide: in [0, 1], of the source's shape; each channel guides the same channel of the source.
        source: the image to smooth.
        radius: the windows have side 2 * radius + 1.
        eps: added to the guide's variance.
        border: how windows that cross the edge are averaged.

    Source:
        He, Sun, Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013, equations 5, 6 and 8.
    """
    wide, target = guide.double(), source.double()
    mean_guide = box_mean(wide, radius, border)
    mean_source = box_mean(target, radius, border)
    covariance = box_mean(wide * target, radius, border) - mean_guide * mean_source
    variance = box_mean(wide * wide, radius, border) - mean_guide**2
    slope = covariance / (variance + eps)
    offset = mean_source - slope * mean_guide
    return (box_mean(slope, radius, border) * wide + box_mean(offset, radius, border)).to(source.dtype)


def detail_share(ir: Image, vi: Image) -> Gray:
    """The infrared share of features by their l1 norm over channels, averaged over 3 x 3 with zeros outside."""
    activity_ir, activity_vi = (F.avg_pool2d(features.abs().sum(1, keepdim=True), 3, 1, 1) for features in (ir, vi))
    total = activity_ir + activity_vi
    return torch.where(total > 0, activity_ir / total.clamp_min(torch.finfo(total.dtype).tiny), 0.5)
