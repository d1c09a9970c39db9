"""The camera, and step functions that stay free of aliasing because they know the size of a pixel on the surface.

World coordinates are metres: x to the right, y up, z along the street; the camera stands at (x, y, 0) and looks along
z. Its image plane is shifted, never tilted, so verticals stay vertical. Colours and directions are the first axis of
an array, (3, h, w): numpy is many times slower where the innermost axis is three long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
"""float32 where nothing else is said."""

Span: TypeAlias = tuple[slice, slice]
"""Rows and columns of an image."""


def rgb(red: float, green: float, blue: float) -> Array:
    """(3, 1, 1) a colour, to be multiplied with fields (h, w) or images (3, h, w)."""
    return np.array([red, green, blue], np.float32).reshape(3, 1, 1)


NEAR = 0.6
"""Nothing closer to the camera than this, in metres, is projected."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        height: rows of the image.
        width: columns of the image.
        focal: focal length in pixels.
        centre: column of the vanishing point, in pixels.
        horizon: row of the horizon, in pixels.
        x: position across the street in metres.
        y: position above the ground in metres.
    """

    height: int
    width: int
    focal: float
    centre: float
    horizon: float
    x: float
    y: float

    def across(self) -> Array:
        """(1, W) tangent of the angle to the right of the viewing direction, at pixel centres."""
        tangent: Array = (np.arange(self.width, dtype=np.float32) + 0.5 - self.centre) / self.focal
        return tangent[None, :]

    def up(self) -> Array:
        """(H, 1) tangent of the angle above the horizon, at pixel centres."""
        tangent: Array = (self.horizon - np.arange(self.height, dtype=np.float32) - 0.5) / self.focal
        return tangent[:, None]

    def project(self, points: npt.ArrayLike) -> Array:
        """Pixel coordinates (column, row) of world points; depths are held at `NEAR` or more.

        Args:
            points: (..., 3) in metres.
        """
        world = np.asarray(points, np.float32)
        scale = self.focal / np.maximum(world[..., 2], NEAR)
        out = np.empty((*world.shape[:-1], 2), np.float32)
        out[..., 0] = self.centre + scale * (world[..., 0] - self.x)
        out[..., 1] = self.horizon - scale * (world[..., 1] - self.y)
        return out

    def span(self, low: npt.ArrayLike, high: npt.ArrayLike, margin: int = 0) -> Span | None:
        """The pixels between two projected corners, cut to the image and a margin around it; None if there are none.

        Args:
            low: (column, row) of the upper left corner.
            high: (column, row) of the lower right corner.
            margin: pixels beyond the edge of the image to keep.
        """
        first = np.maximum(np.floor(np.asarray(low)).astype(int), -margin)
        last = np.minimum(np.ceil(np.asarray(high)).astype(int), (self.width + margin, self.height + margin))
        if (last <= first).any():
            return None
        return slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))


def step(x: Array, edge: float | Array, size: float | Array) -> Array:
    """How much of a pixel of the given size, centred on x, lies beyond the edge."""
    share: Array = (x - edge) / size + 0.5
    return np.minimum(np.maximum(share, 0), 1)


def band(x: Array, low: float | Array, high: float | Array, size: float | Array) -> Array:
    """How much of a pixel of the given size, centred on x, lies between low and high."""
    return step(x, low, size) - step(x, high, size)


def pulses(x: Array, period: float, low: float, high: float, size: float | Array) -> Array:
    """Bands from low to high in every period, averaged over a pixel of the given size."""

    def covered(end: Array) -> Array:
        whole = np.floor(end)
        return whole * (high - low) + np.minimum(np.maximum(end - whole - low, 0), high - low)

    turns = x * (1 / period)
    half = np.maximum(size * (0.5 / period), np.float32(1e-4))
    return (covered(turns + half) - covered(turns - half)) / (2 * half)


def smooth(x: Array, low: float, high: float) -> Array:
    """Smooth transition from 0 at low to 1 at high."""
    t = np.minimum(np.maximum((x - low) * (1 / (high - low)), 0), 1)
    return t * t * (3 - 2 * t)


def nearby(size: Array, detail: float) -> Array:
    """1 where pixels of the given size resolve detail of the given size, falling to 0 where they do not."""
    return np.minimum(np.maximum(1.5 - size * (1 / detail), 0), 1)
