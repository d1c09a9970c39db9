"""Blur and lost resolution: the linear degradations, which `operators` has as tensors."""

from __future__ import annotations

from typing import Any

import albumentations as A
import cv2
import numpy as np
from typing_extensions import override

from fusionbench.degradations.pixels import Pixels


def blur(sigma: float, size: float, zeros: float) -> A.ImageOnlyTransform:
    """Convolution with a Gaussian sampled at size x size points, over mirrored or black surroundings."""
    if sigma == 0:
        return A.NoOp(p=1.0)
    return BlurOverBlack(sigma, int(size)) if zeros else _gaussian(sigma, int(size))


class BlurOverBlack(A.ImageOnlyTransform):
    """A Gaussian blur of an image surrounded by black, which darkens its border."""

    def __init__(self, sigma: float, size: int) -> None:
        super().__init__(p=1.0)
        self.margin = size // 2
        self.blur = _gaussian(sigma, size)

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        margin = self.margin
        framed = cv2.copyMakeBorder(img, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
        blurred: Pixels = self.blur(image=framed)["image"]
        return np.ascontiguousarray(blurred[margin:-margin, margin:-margin])


class LowResolution(A.ImageOnlyTransform):
    """Means of factor x factor pixels, each repeated over its block; blocks at the far borders may be smaller.

    Every factor-th pixel of the result is the low-resolution image.
    """

    def __init__(self, factor: float) -> None:
        super().__init__(p=1.0)
        self.factor = int(factor)

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        height, width = img.shape[:2]
        rows = [self._row_of_means(img[top:bottom]) for top, bottom in self._bands(height)]
        small = np.concatenate(rows)
        size = (small.shape[1] * self.factor, small.shape[0] * self.factor)
        large = cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)
        return np.ascontiguousarray(large[:height, :width])

    def _row_of_means(self, band: Pixels) -> Pixels:
        height = -(-band.shape[0] // self.factor)
        parts = [band[:, left:right] for left, right in self._bands(band.shape[1])]
        sizes = [(-(-part.shape[1] // self.factor), height) for part in parts]
        means = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part, size in zip(parts, sizes, strict=True)]
        return np.concatenate(means, axis=1)

    def _bands(self, side: int) -> list[tuple[int, int]]:
        """The part of a side that the factor divides and the rest of it, without empty ones."""
        whole = side - side % self.factor
        return [(start, stop) for start, stop in ((0, whole), (whole, side)) if start < stop]


class SuperResolution(A.ImageOnlyTransform):
    """Shrunk by area averaging and enlarged by bicubic interpolation: no aliases, no blocks.

    `A.Downscale` would do the same, but shifts what lies at the far border of a side that the factor does not divide,
    by up to half the factor.
    """

    def __init__(self, factor: float) -> None:
        super().__init__(p=1.0)
        self.factor = factor

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        size = img.shape[1::-1]
        small = [max(1, round(side / self.factor)) for side in size]
        large: Pixels = cv2.resize(
            cv2.resize(img, small, interpolation=cv2.INTER_AREA), size, interpolation=cv2.INTER_CUBIC
        )
        return large


def _gaussian(sigma: float, size: int) -> A.ImageOnlyTransform:
    return A.GaussianBlur(blur_limit=(size, size), sigma_limit=(sigma, sigma), p=1.0)
