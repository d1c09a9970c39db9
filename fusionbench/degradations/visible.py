"""Degradations of visible images: low light, over-exposure, rain and haze."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fusionbench.degradations.noise import add_gaussian, add_poisson
from fusionbench.degradations.pixels import Pixels

# Streaks per 10 000 pixels, length and width in pixels, brightness: far, middle, near.
RAIN_LAYERS = ((16.0, 12, 1, 100), (6.0, 26, 1, 150), (0.8, 50, 2, 170))


def low_light(image: Pixels, rng: np.random.Generator, severity: float) -> Pixels:
    """A short exposure: less light, a steeper tone curve, shot and read noise."""
    # Severity 0.6 resembles the difference between DSPFusion's restored and dark pairs: 64 becomes 17, 128 becomes 48.
    exponent, gain = 1 + 0.9 * severity, 1 - 0.75 * severity
    dark = cv2.LUT(image, np.rint(255 * gain * (np.arange(256) / 255) ** exponent).astype(np.uint8))
    if severity == 0:
        return dark
    # In tenths of severity, so that few tables of Poisson noise are needed.
    photons = min(4000, 15000 // max(1, round(10 * severity)) ** 2)
    return add_gaussian(add_poisson(dark, photons, rng), 3 * severity, rng)


def over_exposure(image: Pixels, rng: np.random.Generator, severity: float) -> Pixels:
    """A long exposure: shadows lifted, highlights clipped per channel."""
    # Severity 0.6 resembles the difference between DSPFusion's restored and bright pairs: 64 becomes 130, 128 becomes
    # 190.
    exponent, gain = 1 - 0.75 * severity, 1 + 0.15 * severity
    tones = np.rint(255 * np.minimum(1, gain * (np.arange(256) / 255) ** exponent)).astype(np.uint8)
    return cv2.LUT(image, tones)


def rain(image: Pixels, rng: np.random.Generator, severity: float, angle: float) -> Pixels:
    """Bright streaks at three depths, blended by 'screen' over an image dimmed by a veil."""
    if severity == 0:
        return image
    height, width = image.shape[:2]
    streaks: Pixels = np.zeros((height, width), np.uint8)
    for density, length, thickness, brightness in RAIN_LAYERS:
        layer = np.zeros_like(streaks)
        lines = _streaks(rng, round(2 * severity * density * height * width / 1e4), length, angle, height, width)
        shade = brightness * (0.6 + 0.4 * severity)
        cv2.polylines(layer, list(lines), False, shade, thickness, cv2.LINE_AA, shift=4)
        streaks = cv2.max(streaks, cv2.GaussianBlur(layer, (2 * thickness + 1,) * 2, 0))
    # At severity 0.5 the veil equals that of EMS: 0.9 image + 5.
    veiled = cv2.convertScaleAbs(image, alpha=1 - 0.2 * severity, beta=10 * severity)
    free = cv2.bitwise_not(cv2.merge([streaks] * 3))
    return cv2.bitwise_not(cv2.multiply(cv2.bitwise_not(veiled), free, scale=1 / 255))


def haze(image: Pixels, rng: np.random.Generator, severity: float, airlight: float) -> Pixels:
    """Airlight that replaces the scene with distance, estimated to decrease away from a far point near the horizon."""
    share = _airlight_share(rng, severity, image.shape[0], image.shape[1])
    kept = cv2.multiply(image, cv2.merge([cv2.bitwise_not(share)] * 3), scale=1 / 255)
    return cv2.add(kept, cv2.merge([cv2.convertScaleAbs(share, alpha=airlight)] * 3))


def _streaks(
    rng: np.random.Generator, count: int, length: float, angle: float, height: int, width: int
) -> NDArray[np.int32]:
    """End points of rain streaks, in sixteenths of a pixel."""
    ends = rng.uniform((-length, 0), (width + length, height + length), (count, 2))
    angles = np.deg2rad(angle + rng.normal(0, 2, count))
    lengths = length * rng.uniform(0.6, 1.2, count)
    starts = ends - np.stack([lengths * np.sin(angles), lengths * np.cos(angles)], axis=1)
    return np.rint(16 * np.stack([starts, ends], axis=1)).astype(np.int32)


def _airlight_share(rng: np.random.Generator, severity: float, height: int, width: int) -> Pixels:
    """The amount of airlight in each pixel, of 255."""
    far_x, far_y = rng.uniform((0.3, 0.15), (0.7, 0.35))
    patchiness = rng.uniform(0.8, 1.2, (4, 6))
    x = (np.linspace(0, 1, 48) - far_x) * width * 0.6
    y = (np.linspace(0, 1, 48) - far_y) * height
    y[y < 0] *= 0.4  # above the far point is sky, or far as well
    distance = np.hypot(x[None], y[:, None]) / max(width, height)
    # In EMS, depth decreases linearly, 17 - 0.04 pixels at a width of 640; this bell curve is close to it without the
    # visible edge where that line reaches zero.
    depth = 17 * np.exp(-((distance / 0.39) ** 2)) * cv2.resize(patchiness, (48, 48), interpolation=cv2.INTER_CUBIC)
    share = np.rint(255 * (1 - np.exp(-0.24 * severity * depth))).astype(np.uint8)
    return cv2.resize(share, (width, height), interpolation=cv2.INTER_CUBIC)
