"""Blur and reduced resolution: the linear degradations, which `operators` implements on tensors."""

from __future__ import annotations

import cv2
import numpy as np

from fusionbench.degradations.pixels import Pixels


def blur(image: Pixels, rng: np.random.Generator, sigma: float, size: float, zeros: float) -> Pixels:
    """Convolution with a Gaussian sampled at size x size points, padded by reflection or, with `zeros`, black."""
    if sigma == 0:
        return image
    line = np.exp(-0.5 * ((np.arange(int(size)) - int(size) // 2) / sigma) ** 2)
    line /= line.sum()
    border = cv2.BORDER_CONSTANT if zeros else cv2.BORDER_REFLECT_101
    return cv2.sepFilter2D(image, -1, line, line, borderType=border)


def low_resolution(image: Pixels, rng: np.random.Generator, factor: float) -> Pixels:
    """Means of factor x factor pixels, each repeated over its block; blocks at the right and bottom may be smaller.

    Every factor-th pixel of the result is the low-resolution image.
    """
    side = int(factor)
    height, width = image.shape[:2]
    small = np.concatenate([_row_of_means(image[top:bottom], side) for top, bottom in _bands(height, side)])
    large = cv2.resize(small, (small.shape[1] * side, small.shape[0] * side), interpolation=cv2.INTER_NEAREST)
    return large[:height, :width]


def super_resolution(image: Pixels, rng: np.random.Generator, factor: float) -> Pixels:
    """Reduced by area averaging and enlarged by bicubic interpolation: no aliasing, no blocks."""
    size = image.shape[1::-1]
    small = [max(1, round(side / factor)) for side in size]
    return cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), size, interpolation=cv2.INTER_CUBIC)


def _row_of_means(band: Pixels, side: int) -> Pixels:
    height = -(-band.shape[0] // side)
    parts = [band[:, left:right] for left, right in _bands(band.shape[1], side)]
    sizes = [(-(-part.shape[1] // side), height) for part in parts]
    means = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part, size in zip(parts, sizes, strict=True)]
    return np.concatenate(means, axis=1)


def _bands(length: int, side: int) -> list[tuple[int, int]]:
    """The part of a length that is divisible by the side of a block and the rest, without empty parts."""
    whole = length - length % side
    return [(start, stop) for start, stop in ((0, whole), (whole, length)) if start < stop]
