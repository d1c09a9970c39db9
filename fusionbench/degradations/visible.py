"""What goes wrong with visible images: too little light, too much of it, rain and haze."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from albumentations import ImageOnlyTransform
from numpy.typing import NDArray
from typing_extensions import override

from fusionbench.degradations.noise import add_gaussian, add_poisson
from fusionbench.degradations.pixels import Pixels


class LowLight(ImageOnlyTransform):
    """A short exposure: less light, a steeper tone curve, shot and read noise."""

    def __init__(self, severity: float) -> None:
        super().__init__(p=1.0)
        self.severity = severity
        levels = np.arange(256) / 255
        # Severity 0.6 lies between the restored and dark pairs of DSPFusion: 64 becomes 17, 128 becomes 48.
        exponent, gain = 1 + 0.9 * severity, 1 - 0.75 * severity
        self.tones = np.rint(255 * gain * levels**exponent).astype(np.uint8)

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        dark = cv2.LUT(img, self.tones)
        if self.severity == 0:
            return dark
        # By tenths of severity, so that few tables of Poisson noise are made.
        photons = min(4000, 15000 // max(1, round(10 * self.severity)) ** 2)
        shot = add_poisson(dark, photons, self.random_generator)
        return add_gaussian(shot, 3 * self.severity, self.random_generator)


class OverExposure(ImageOnlyTransform):
    """A long exposure: shadows lifted, highlights clipped per channel."""

    def __init__(self, severity: float) -> None:
        super().__init__(p=1.0)
        # Severity 0.6 lies between the restored and bright pairs of DSPFusion: 64 becomes 130, 128 becomes 190.
        exponent, gain = 1 - 0.75 * severity, 1 + 0.15 * severity
        self.tones = np.rint(255 * np.minimum(1, gain * (np.arange(256) / 255) ** exponent)).astype(np.uint8)

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        toned: Pixels = cv2.LUT(img, self.tones)
        return toned


class Rain(ImageOnlyTransform):
    """Bright streaks at three depths, screened over an image dulled by a veil."""

    # Streaks per 10 000 pixels, length and width in pixels, brightness: far, middle, near.
    LAYERS = ((16.0, 12, 1, 100), (6.0, 26, 1, 150), (0.8, 50, 2, 170))

    def __init__(self, severity: float, angle: float) -> None:
        super().__init__(p=1.0)
        self.severity = severity
        self.angle = angle

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        if self.severity == 0:
            return np.copy(img)
        streaks = self._streaks(img.shape[0], img.shape[1])
        # At severity 0.5 the veil is that of EMS: 0.9 image + 5.
        veiled = cv2.convertScaleAbs(img, alpha=1 - 0.2 * self.severity, beta=10 * self.severity)
        free = cv2.bitwise_not(cv2.merge([streaks] * 3))
        screened: Pixels = cv2.bitwise_not(cv2.multiply(cv2.bitwise_not(veiled), free, scale=1 / 255))
        return screened

    def _streaks(self, height: int, width: int) -> Pixels:
        canvas: Pixels = np.zeros((height, width), np.uint8)
        for density, length, thickness, brightness in self.LAYERS:
            layer = np.zeros_like(canvas)
            lines = self._lines(round(2 * self.severity * density * height * width / 1e4), length, height, width)
            shade = brightness * (0.6 + 0.4 * self.severity)
            cv2.polylines(layer, list(lines), False, shade, thickness, cv2.LINE_AA, shift=4)
            canvas = cv2.max(canvas, cv2.GaussianBlur(layer, (2 * thickness + 1,) * 2, 0))
        return canvas

    def _lines(self, count: int, length: float, height: int, width: int) -> NDArray[np.int32]:
        """Ends of the streaks, in sixteenths of a pixel."""
        ends = self.random_generator.uniform((-length, 0), (width + length, height + length), (count, 2))
        angles = np.deg2rad(self.angle + self.random_generator.normal(0, 2, count))
        lengths = length * self.random_generator.uniform(0.6, 1.2, count)
        starts = ends - np.stack([lengths * np.sin(angles), lengths * np.cos(angles)], axis=1)
        sixteenths: NDArray[np.int32] = np.rint(16 * np.stack([starts, ends], axis=1)).astype(np.int32)
        return sixteenths


class Haze(ImageOnlyTransform):
    """Airlight that replaces the scene with distance, guessed to fall away from a far point near the horizon."""

    def __init__(self, severity: float, airlight: float) -> None:
        super().__init__(p=1.0)
        self.severity = severity
        self.airlight = airlight

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        share = self._share(img.shape[0], img.shape[1])
        kept = cv2.multiply(img, cv2.merge([cv2.bitwise_not(share)] * 3), scale=1 / 255)
        light = cv2.convertScaleAbs(share, alpha=self.airlight)
        hazy: Pixels = cv2.add(kept, cv2.merge([light] * 3))
        return hazy

    def _share(self, height: int, width: int) -> Pixels:
        """How much of each pixel is airlight, of 255."""
        far_x, far_y = self.random_generator.uniform((0.3, 0.15), (0.7, 0.35))
        patchiness = self.random_generator.uniform(0.8, 1.2, (4, 6))
        x = (np.linspace(0, 1, 48) - far_x) * width * 0.6
        y = (np.linspace(0, 1, 48) - far_y) * height
        y[y < 0] *= 0.4  # what is above the far point is sky, or far as well
        distance = np.hypot(x[None], y[:, None]) / max(width, height)
        # EMS lets depth fall in a straight line, 17 - 0.04 pixels at a width of 640; this bell lies close to it without
        # the visible edge where that line meets zero.
        depth = 17 * np.exp(-((distance / 0.39) ** 2)) * cv2.resize(patchiness, (48, 48), interpolation=cv2.INTER_CUBIC)
        share = np.rint(255 * (1 - np.exp(-0.24 * self.severity * depth))).astype(np.uint8)
        return np.asarray(cv2.resize(share, (width, height), interpolation=cv2.INTER_CUBIC))
