"""Noise on 8-bit images, drawn from tables.

A uniform 16-bit (or 12-bit) number selects an entry in a table of the inverse cumulative distribution, already rounded
to whole gray levels. Since pixels are whole numbers, rounding the noise first is the same as rounding the sum, and no
floating-point image is ever made. Tails end at 4.2 (3.5) standard deviations.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri

from fusionbench.degradations.pixels import Pixels

_POISSON_BITS = 12


def gaussian_noise(image: Pixels, rng: np.random.Generator, sigma: float) -> Pixels:
    """White Gaussian noise, independent per channel."""
    return add_gaussian(image, sigma, rng)


def random_noise(image: Pixels, rng: np.random.Generator, sigma: float, photons: float) -> Pixels:
    """Gaussian noise, then Poisson noise of an image in which white is `photons` counts."""
    return add_poisson(add_gaussian(image, sigma, rng), int(photons), rng)


def add_gaussian(image: Pixels, sigma: float, generator: np.random.Generator) -> Pixels:
    """The image plus white Gaussian noise, clipped to 8 bits."""
    return add_offsets(image, _gaussian_table(sigma).take(words(generator, image.shape)))


def add_offsets(image: Pixels, offsets: NDArray[np.int16]) -> Pixels:
    """The image plus integers of the same shape, clipped to 8 bits."""
    return cv2.add(image, offsets, dtype=cv2.CV_8U)


def add_poisson(image: Pixels, photons: int, generator: np.random.Generator) -> Pixels:
    """The image as seen by a sensor that counts `photons` at white."""
    draws = words(generator, image.shape) >> np.uint16(16 - _POISSON_BITS)
    entries = (image.astype(np.uint32) << np.uint32(_POISSON_BITS)) | draws
    return _poisson_table(photons).take(entries, mode="wrap")  # skips the bounds check


def words(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Uniform 16-bit numbers from the raw bit stream, which NumPy guarantees never to change."""
    count = int(np.prod(shape))
    raw = generator.bit_generator.random_raw(-(-count // 4))
    return raw.astype("<u8", copy=False).view("<u2")[:count].reshape(shape)


@lru_cache(maxsize=1)
def _unit_normal() -> NDArray[np.float64]:
    return ndtri((np.arange(2**16) + 0.5) / 2**16)


@lru_cache(maxsize=64)
def _gaussian_table(sigma: float) -> NDArray[np.int16]:
    """What is added to a gray level, indexed by a 16-bit random number."""
    return np.rint(sigma * _unit_normal()).astype(np.int16)


@lru_cache(maxsize=64)
def _poisson_table(photons: int) -> Pixels:
    """Gray level after counting, indexed by gray level before and 12-bit random number, flattened."""
    draws = (np.arange(2**_POISSON_BITS) + 0.5) / 2**_POISSON_BITS
    counts = np.arange(photons + 12 * int(photons**0.5) + 12)
    mean = np.maximum(np.arange(256)[:, None] / 255 * photons, 1e-9)
    cumulative = np.cumsum(np.exp(counts * np.log(mean) - mean - gammaln(counts + 1)), axis=1)
    levels = np.minimum(np.rint(counts * (255 / photons)), 255).astype(np.uint8)
    picked = np.stack([np.searchsorted(row, draws) for row in cumulative])
    return levels[np.minimum(picked, len(counts) - 1)].ravel()
