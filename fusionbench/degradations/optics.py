"""Blur and lost resolution: the linear degradations, which `operators` has as tensors."""

from __future__ import annotations

from typing import Any

import albumentations as A
import cv2
import numpy as np
from typing_extensions import override

from fusionbench.degradations.pixels import Pixels


class Blur(A.ImageOnlyTransform):
    """Convolution with a sampled Gaussian of a fixed size."""

    def __init__(self, sigma: float, size: float, zeros: float) -> None:
        super().__init__(p=1.0)
        self.sigma = sigma
        self.size = int(size)
        self.border = cv2.BORDER_CONSTANT if zeros else cv2.BORDER_REFLECT_101

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        if self.sigma == 0:
            return np.copy(img)
        blurred: Pixels = cv2.GaussianBlur(img, (self.size, self.size), self.sigma, borderType=self.border)
        return blurred


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


def downscale(factor: float) -> A.ImageOnlyTransform:
    """Shrunk by area averaging and enlarged by bicubic interpolation: no aliases, no blocks."""
    interpolation = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_CUBIC}
    return A.Downscale(scale_range=(1 / factor, 1 / factor), interpolation_pair=interpolation, p=1.0)
