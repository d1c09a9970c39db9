"""Degradations of infrared images."""

from __future__ import annotations

import cv2
import numpy as np

from fusionbench.degradations.noise import add_gaussian, add_offsets
from fusionbench.degradations.pixels import Pixels


def low_contrast(image: Pixels, rng: np.random.Generator, severity: float, level: float) -> Pixels:
    """Grey levels pulled towards one level, as by a display range much wider than the scene's."""
    tones = np.rint(level + (1 - 0.8 * severity) * (np.arange(256) - level)).astype(np.uint8)
    return cv2.LUT(image, tones)


def stripes(image: Pixels, rng: np.random.Generator, sigma: float, stripe: float) -> Pixels:
    """An offset per column, as in detectors that are read out by column, and noise per pixel."""
    columns = np.rint(rng.normal(0, stripe, image.shape[1])).astype(np.int16)
    return add_gaussian(add_offsets(image, np.broadcast_to(columns, image.shape)), sigma, rng)
