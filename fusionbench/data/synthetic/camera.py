"""The camera, and step functions that stay free of aliasing because they know the size of a pixel on the surface.

World coordinates are metres: x to the right, y up, z along the street; the camera stands at (x, y, 0) and looks along
z. Its image plane is shifted, never tilted, so verticals stay vertical.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

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
        return ((np.arange(self.width, dtype=np.float32) + 0.5 - self.centre) / self.focal)[None, :]

    def up(self) -> Array:
        """(H, 1) tangent of the angle above the horizon, at pixel centres."""
        return ((self.horizon - np.arange(self.height, dtype=np.float32) - 0.5) / self.focal)[:, None]

    def project(self, points: npt.ArrayLike) -> Array:
        """Pixel coordinates (column, row) of world points; depths are held at `NEAR` or more.

        Args:
            points: (..., 3) in metres.
        """
        world = np.asarray(points, np.float32)
        depth = np.maximum(world[..., 2], NEAR)
        column = self.centre + self.focal * (world[..., 0] - self.x) / depth
        row = self.horizon - self.focal * (world[..., 1] - self.y) / depth
        return np.stack([column, row], axis=-1).astype(np.float32)


def step(x: Array, edge: npt.ArrayLike, size: npt.ArrayLike) -> Array:
    """How much of a pixel of the given size, centred on x, lies beyond the edge."""
    return np.clip((x - np.float32(edge)) / size + np.float32(0.5), 0.0, 1.0)


def band(x: Array, low: npt.ArrayLike, high: npt.ArrayLike, size: npt.ArrayLike) -> Array:
    """How much of a pixel of the given size, centred on x, lies between low and high."""
    return step(x, low, size) - step(x, high, size)


def pulses(x: Array, period: float, low: float, high: float, size: npt.ArrayLike) -> Array:
    """Bands from low to high in every period, averaged over a pixel of the given size."""

    def covered(end: Array) -> Array:
        whole = np.floor(end)
        return whole * np.float32(high - low) + np.clip(end - whole - np.float32(low), 0.0, np.float32(high - low))

    turns = x * np.float32(1 / period)
    half = np.maximum(np.asarray(size, np.float32) * np.float32(0.5 / period), np.float32(1e-4))
    return (covered(turns + half) - covered(turns - half)) / (2 * half)


def smooth(x: Array, low: float, high: float) -> Array:
    """Smooth transition from 0 at low to 1 at high."""
    t = np.clip((x - np.float32(low)) * np.float32(1 / (high - low)), 0.0, 1.0)
    return t * t * (np.float32(3) - 2 * t)
