"""Textures that every scene shares: tiles that repeat without a seam, made once per process from fixed seeds."""

from __future__ import annotations

import hashlib
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from fusionbench.data.synthetic.camera import Array

TILE = 512
"""Side of a tile in pixels."""


def generator(*key: int | str) -> np.random.Generator:
    """A random stream that depends on the key alone: not on the process, the platform or earlier draws."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def _spectrum_tile(name: str, shape: float, low: float, high: float) -> Array:
    """Noise of zero mean and unit deviation, spectrum falling as wavelength**-shape between two wavelengths."""
    white = np.fft.rfft2(generator(name).standard_normal((TILE, TILE)))
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :])
    frequency[0, 0] = 1.0
    gain = frequency**-shape * np.exp(-((frequency * low) ** 4)) * (1 - np.exp(-((frequency * high) ** 4)))
    gain[0, 0] = 0.0
    tile = np.fft.irfft2(white * gain, s=(TILE, TILE))
    return _padded((tile / tile.std()).astype(np.float32))


def _padded(tile: Array) -> Array:
    """The tile with its first row and column repeated at the end, for interpolation across the seam."""
    return np.ascontiguousarray(np.pad(tile, ((0, 1), (0, 1)) + ((0, 0),) * (tile.ndim - 2), mode="wrap"))


@cache
def fractal() -> Array:
    """Clouds, stains and other patterns with structure at every size."""
    return _spectrum_tile("fractal", 1.7, low=2.0, high=512.0)


@cache
def grain() -> Array:
    """Structure of one size only, about 6 pixels."""
    return _spectrum_tile("grain", 0.0, low=3.0, high=9.0)


def _wraps(outline: npt.NDArray[np.float64]) -> list[npt.NDArray[np.int64]]:
    """The shifts by whole tiles that bring some part of the outline into the tile."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    shifts = [[0] + [TILE] * int(low[axis] < 0) + [-TILE] * int(high[axis] > TILE) for axis in (0, 1)]
    return [np.array((du, dv)) for du in shifts[0] for dv in shifts[1]]


@cache
def leaves() -> tuple[Array, ...]:
    """Foliage seen from outside, 128 pixels to the metre, and the same at 1/2, 1/4, ... of the size.

    Each leaf has one value and one tone. Keeping the leaves whose value lies under a local density gives crowns whose
    edges and gaps have the shape of leaves.
    """
    rng = generator("leaves")
    count = 7000
    centre = rng.random((count, 2)) * TILE
    length = 5.0 + 6.0 * rng.random(count)
    angle = 2 * np.pi * rng.random(count)
    tone = np.clip(0.62 + 0.2 * rng.standard_normal(count), 0.15, 1.15)
    value = rng.random(count)
    turn = np.linspace(0, 2 * np.pi, 9)[:-1]
    outline = np.stack([np.cos(turn), 0.48 * np.sin(turn) * (1 - 0.3 * np.cos(turn))], axis=-1)
    tile = np.zeros((TILE, TILE, 2), np.float32)
    tile[..., 0], tile[..., 1] = 1.0, 0.2
    for i in range(count):
        cos, sin = np.cos(angle[i]), np.sin(angle[i])
        leaf = centre[i] + length[i] * outline @ np.array([[cos, sin], [-sin, cos]])
        colour = (float(value[i]), float(tone[i]))
        for shift in _wraps(leaf):
            cv2.fillConvexPoly(tile, np.round((leaf + shift) * 16).astype(np.int32), colour, cv2.LINE_8, 4)
    levels: list[Array] = [tile]
    while levels[-1].shape[0] > TILE // 64:
        side = levels[-1].shape[0] // 2
        levels.append(cv2.resize(levels[-1], (side, side), interpolation=cv2.INTER_AREA))
    return tuple(_padded(level) for level in levels)


def sample(tile: Array, u: Array, v: Array) -> Array:
    """Tile values at broadcast coordinates in tile pixels, which may be any numbers; bilinear."""
    side = tile.shape[0] - 1
    maps = []
    shape = np.broadcast_shapes(u.shape, v.shape)
    for place in (u, v):
        inside = place - np.floor(place * (1 / side)) * side
        spread = np.empty(shape, np.float32)
        spread[...] = inside
        maps.append(spread)
    return cv2.remap(tile, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
