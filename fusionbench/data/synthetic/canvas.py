"""The canvas of a scene: visible radiance, apparent temperature and labels of the pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fusionbench.data.synthetic.camera import Array
from fusionbench.data.synthetic.light import Light

Mask = npt.NDArray[np.bool_]


@dataclass
class Patch:
    """Part of an image, to be laid over what is behind it.

    Attributes:
        top: row of its first pixel; may lie outside the canvas, as the other edges may.
        left: column of its first pixel.
        depth: metres from the camera; decides the order.
        alpha: (h, w) coverage.
        radiance: (3, h, w) linear, not multiplied by alpha.
        heat: (h, w) apparent temperature in degrees.
        kind: 'people', 'vehicles' or nothing.
    """

    top: int
    left: int
    depth: float
    alpha: Array
    radiance: Array
    heat: Array
    kind: str = ""


def shrunk(alpha: Array, radiance: Array, heat: Array, size: tuple[int, int]) -> tuple[Array, Array, Array]:
    """A drawing at (width, height) pixels: alpha, radiance and heat, averaged over what is covered."""
    way = cv2.INTER_AREA if size[0] < alpha.shape[1] else cv2.INTER_LINEAR
    *colour, cover = cv2.split(cv2.resize(cv2.merge([*(radiance * alpha), alpha]), size, interpolation=way))
    weight = 1 / np.maximum(cover, 1e-4)
    return cover, np.stack(colour) * weight, cv2.resize(heat * alpha, size, interpolation=way) * weight


class Canvas:
    """The image under construction; later patches cover earlier ones."""

    def __init__(self, height: int, width: int) -> None:
        self.radiance = np.zeros((3, height, width), np.float32)
        self.heat = np.zeros((height, width), np.float32)
        self.people = np.zeros((height, width), np.float32)
        self.vehicles = np.zeros((height, width), np.float32)

    def lay(self, patch: Patch, light: Light) -> None:
        """Lay a patch over the image, seen through the haze of its distance."""
        height, width = self.heat.shape
        rows = slice(max(patch.top, 0), min(patch.top + patch.alpha.shape[0], height))
        columns = slice(max(patch.left, 0), min(patch.left + patch.alpha.shape[1], width))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        inner = (
            slice(rows.start - patch.top, rows.stop - patch.top),
            slice(columns.start - patch.left, columns.stop - patch.left),
        )
        alpha, area = patch.alpha[inner], (rows, columns)
        haze = float(light.veil(patch.depth))
        behind = self.radiance[:, rows, columns]
        behind += alpha * (patch.radiance[:, inner[0], inner[1]] * (1 - haze) + light.haze * haze - behind)
        self.heat[area] += alpha * (patch.heat[inner] - self.heat[area])
        for kind in ("people", "vehicles"):
            mask = getattr(self, kind)
            mask[area] *= 1 - alpha
            if patch.kind == kind:
                mask[area] += alpha

    def visible(self, exposure: float) -> npt.NDArray[np.uint8]:
        """The visible image: glare of the brightest pixels, film curve, sRGB."""
        height, width = self.heat.shape
        light = cv2.merge([*self.radiance]) * exposure
        small = (max(width // 4, 8), max(height // 4, 8))
        bright = cv2.resize(np.minimum(np.maximum(light - 1.2, 0), 12), small, interpolation=cv2.INTER_AREA)
        glare = np.zeros_like(bright)
        for weight, share in ((0.16, 0.006), (0.05, 0.025), (0.02, 0.07)):
            glare += weight * cv2.GaussianBlur(bright, (0, 0), max(share * small[0], 0.5))
        light += cv2.resize(glare, (width, height), interpolation=cv2.INTER_LINEAR)
        return _developed(light)

    def infrared(self, coldest: float, hottest: float) -> npt.NDArray[np.uint8]:
        """The infrared image: temperature to gray, through optics that are softer than those of the visible camera."""
        scale = self.heat.shape[1] / 640
        soft = cv2.GaussianBlur(self.heat, (0, 0), 0.35 + 0.5 * scale)
        # Thermal cameras stretch local contrast, or most of a scene would be one gray.
        soft += 0.55 * np.tanh((soft - cv2.blur(soft, (2 * round(9 * scale) + 1,) * 2)) * 0.25) * 4
        gray = (soft - coldest) * (1 / (hottest - coldest))
        # A soft shoulder keeps structure in what is hotter than the range.
        gray = np.where(gray > 0.8, 0.8 + 0.2 * np.tanh((gray - 0.8) / 0.2), gray)
        return np.asarray(np.round(np.clip(gray, 0, 1) * 255), np.uint8)


def _film() -> npt.NDArray[np.uint8]:
    """Table from the square root of radiance (0 to 4 in 4096 steps) to 8-bit sRGB.

    The curve is Narkowicz's fit to the ACES filmic tone mapping (2016).
    """
    x = (np.arange(4096, dtype=np.float64) / 4095 * 2) ** 2
    y = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    encoded = np.where(y <= 0.0031308, 12.92 * y, 1.055 * np.maximum(y, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(encoded * 255), np.uint8)


_FILM = _film()


def _developed(light: Array) -> npt.NDArray[np.uint8]:
    steps = np.sqrt(np.clip(light, 0, 4)) * np.float32(4095 / 2) + np.float32(0.5)
    return np.asarray(_FILM[steps.astype(np.uint16)], np.uint8)
