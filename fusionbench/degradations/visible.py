"""What goes wrong with visible images: too little light, too much of it, rain and haze."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from albumentations import ImageOnlyTransform
from typing_extensions import override

from fusionbench.degradations.noise import add_gaussian, add_poisson
from fusionbench.degradations.pixels import Pixels


class LowLight(ImageOnlyTransform):
    """A short exposure: less light, a steeper tone curve, shot and read noise."""

    def __init__(self, severity: float) -> None:
        super().__init__(p=1.0)
        self.severity = severity
        levels = np.arange(256) / 255
        exponent, gain = 1 + 1.2 * severity, 1 - 0.55 * severity
        self.tones = np.rint(255 * gain * levels**exponent).astype(np.uint8)

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        dark = cv2.LUT(img, self.tones)
        if self.severity == 0:
            return dark
        shot = add_poisson(dark, round(1000 - 700 * self.severity), self.random_generator)
        return add_gaussian(shot, 3 * self.severity, self.random_generator)


class OverExposure(ImageOnlyTransform):
    """A long exposure: gain in linear light, highlights clipped per channel."""

    def __init__(self, severity: float) -> None:
        super().__init__(p=1.0)
        gain = 2.0 ** (2.5 * severity)
        linear = np.minimum(1.0, gain * (np.arange(256) / 255) ** 2.2)
        self.tones = np.rint(255 * linear ** (1 / 2.2)).astype(np.uint8)

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        toned: Pixels = cv2.LUT(img, self.tones)
        return toned


class Rain(ImageOnlyTransform):
    """Bright streaks at three depths, screened over an image dulled by a veil."""

    # Far, middle, near: streaks per 10 000 pixels, length in pixels, brightness.
    LAYERS = ((14.0, 14, 90), (5.0, 28, 140), (1.2, 50, 190))

    def __init__(self, severity: float, angle: float) -> None:
        super().__init__(p=1.0)
        self.severity = severity
        self.angle = math.radians(angle)

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        if self.severity == 0:
            return np.copy(img)
        streaks = self._streaks(img.shape[0], img.shape[1])
        veiled = cv2.addWeighted(img, 1 - 0.2 * self.severity, img, 0, 11 * self.severity)
        free = cv2.bitwise_not(cv2.merge([streaks] * 3))
        screened: Pixels = cv2.bitwise_not(cv2.multiply(cv2.bitwise_not(veiled), free, scale=1 / 255))
        return screened

    def _streaks(self, height: int, width: int) -> Pixels:
        canvas: Pixels = np.zeros((height, width), np.uint8)
        slope = math.sin(self.angle), math.cos(self.angle)
        for density, length, brightness in self.LAYERS:
            count = round(2 * self.severity * density * height * width / 1e4)
            layer = np.zeros_like(canvas)
            heads = self.random_generator.random((count, 2)) * (width, height + length)
            lengths = length * self.random_generator.uniform(0.6, 1.2, (count, 1))
            lines = np.stack([heads - lengths * slope, heads], axis=1)
            shade = brightness * (0.5 + 0.5 * self.severity)
            cv2.polylines(layer, list(np.rint(lines * 16).astype(np.int32)), False, shade, 1, cv2.LINE_AA, 4)
            canvas = cv2.max(canvas, layer)
        return cv2.GaussianBlur(canvas, (3, 3), 0)


class Haze(ImageOnlyTransform):
    """Airlight that replaces the scene with distance; distance falls away from a far point near the horizon."""

    def __init__(self, severity: float, airlight: float) -> None:
        super().__init__(p=1.0)
        self.severity = severity
        self.airlight = 255 * airlight

    @override
    def apply(self, img: Pixels, **params: Any) -> Pixels:
        share = self._haze_share(img.shape[0], img.shape[1])
        kept = cv2.multiply(img, cv2.merge([cv2.bitwise_not(share)] * 3), scale=1 / 255)
        light = cv2.convertScaleAbs(share, alpha=self.airlight / 255)
        hazy: Pixels = cv2.add(kept, cv2.merge([light] * 3))
        return hazy

    def _haze_share(self, height: int, width: int) -> Pixels:
        far = self.random_generator.uniform((0.3, 0.1), (0.7, 0.3))
        y, x = np.mgrid[0 : height : max(1, height // 32), 0 : width : max(1, width // 32)].astype(np.float32)
        # EMS measures distance in pixels of images 640 wide.
        distance = np.hypot(x - far[0] * width, y - far[1] * height) * (640 / max(width, height))
        depth = np.maximum(17 - 0.04 * distance, 0)
        share: Pixels = (255 * (1 - np.exp(-0.24 * self.severity * depth))).astype(np.uint8)
        share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        return share
