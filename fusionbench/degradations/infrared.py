"""What goes wrong with infrared images."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from albumentations import ImageOnlyTransform
from typing_extensions import override

from fusionbench.degradations.noise import add_gaussian, add_offsets
from fusionbench.degradations.pixels import Pixels


class LowContrast(ImageOnlyTransform):
    """Grey levels pulled towards one level, as by a display range much wider than the scene's."""

    def __init__(self, severity: float, level: float) -> None:
        super().__init__(p=1.0)
        slope = 1 - 0.8 * severity
        self.tones = np.rint(level + slope * (np.arange(256) - level)).astype(np.uint8)

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        toned: Pixels = cv2.LUT(img, self.tones)
        return toned


class Stripes(ImageOnlyTransform):
    """An offset per column, as detectors read out by column have it, and noise per pixel."""

    def __init__(self, sigma: float, stripe: float) -> None:
        super().__init__(p=1.0)
        self.sigma = sigma
        self.stripe = stripe

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        columns = np.rint(self.random_generator.normal(0, self.stripe, img.shape[1])).astype(np.int16)
        striped = add_offsets(img, np.broadcast_to(columns, img.shape))
        return add_gaussian(striped, self.sigma, self.random_generator)
