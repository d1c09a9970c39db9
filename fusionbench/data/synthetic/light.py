"""What lights a scene: sun and sky, or street lamps and headlights; radiance is linear RGB, exposed for the hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusionbench.data.synthetic.camera import Array, smooth
from fusionbench.data.synthetic.street import Colour, Street
from fusionbench.data.synthetic.texture import generator

Point = tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]


@dataclass(frozen=True)
class Light:
    """The light of a scene.

    Attributes:
        toward_sun: unit vector.
        sun: irradiance on a surface that faces the sun.
        sky: irradiance of the sky on a surface that faces up.
        haze: radiance that distance adds.
        clear: distance in metres over which haze takes 63% of the contrast.
        lamp: radiance of a street lamp's light at one metre.
        lamps: (N, 3) positions of the luminaires.
        beams: (M, 4) positions and direction (sign along z) of the headlights.
    """

    toward_sun: Array
    sun: Array
    sky: Array
    haze: Array
    clear: float
    lamp: Array
    lamps: Array
    beams: Array

    def lamplight(self, point: Point, normal: Colour) -> Array:
        """Irradiance of lamps and headlights on a surface, (..., 3).

        Args:
            point: x, y, z in metres, broadcast together.
            normal: of the surface, of length 1.
        """
        x, y, z = (np.asarray(part, np.float32) for part in point)
        shape = np.broadcast_shapes(x.shape, y.shape, z.shape)
        lamp = np.zeros(shape, np.float32)
        for lx, ly, lz in self.lamps:
            dx, dy, dz = lx - x, ly - y, lz - z
            square = dx * dx + dy * dy + dz * dz + np.float32(0.3)
            facing = np.maximum(dx * normal[0] + dy * normal[1] + dz * normal[2], 0)
            # Irradiance falls as cos / r^2; the luminaire sends a cosine lobe to the ground.
            lamp += facing * np.maximum(dy, 0) / (square * square)
        beam = np.zeros(shape, np.float32)
        for bx, by, bz, way in self.beams:
            ahead = way * (z - bz)
            spread = np.maximum(ahead, 0.3) * np.float32(0.30)
            aside, above = (x - bx) / spread, (y - by + 0.02 * ahead) / (0.35 * spread)
            facing = np.abs(normal[2]) + np.float32(0.9) * np.float32(abs(normal[0])) + 0.35 * normal[1]
            cone = 1 / (1 + (aside * aside + above * above) ** 2)
            beam += np.where(ahead > 0.2, facing * cone * 26 / (ahead * ahead + 40), 0)
        return lamp[..., None] * self.lamp + beam[..., None] * np.array([1.0, 0.95, 0.85], np.float32)

    def haze_over(self, depth: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Share of the radiance that haze replaces at a distance."""
        return (1 - np.exp(-np.asarray(depth, np.float32) / np.float32(self.clear))).astype(np.float32)


def light(street: Street) -> Light:
    """The light of a street's weather, lamps and running vehicles."""
    weather, rng = street.weather, generator("light", street.seed)
    none = np.zeros((0, 3), np.float32)
    toward_sun = np.array(weather.sun, np.float32)
    if not weather.night:
        gold = np.array([1.0, 0.93 - 0.17 * weather.warm, 0.84 - 0.34 * weather.warm], np.float32)
        blue = np.array([0.62, 0.78, 1.0], np.float32)
        grey = np.array([0.9, 0.95, 1.0], np.float32)
        sky = (0.62 * blue if weather.sunshine else 1.5 * grey) * (1 - 0.25 * weather.warm)
        haze = np.array([0.62, 0.70, 0.80], np.float32) * (1 if weather.sunshine else 0.95)
        sun = 2.5 * weather.sunshine * gold
        return Light(toward_sun, sun, sky, haze, rng.uniform(260, 700), none[:0], none, np.zeros((0, 4), np.float32))
    lamps = np.array([(lamp.x + lamp.reach, lamp.height, lamp.z) for lamp in street.lamps], np.float32).reshape(-1, 3)
    sodium = np.array([1.0, 0.66, 0.32], np.float32)
    white = np.array([0.92, 1.0, 0.94], np.float32)
    share = np.float32(rng.random() < 0.6) * np.float32(rng.uniform(0.6, 1.0))
    height = float(lamps[:, 1].mean()) if len(lamps) else 6.0
    lamp = (share * white + (1 - share) * sodium) * np.float32(rng.uniform(0.8, 1.3) * height**2)
    beams = [
        (
            vehicle.x + aside,
            0.65,
            vehicle.z + (2.1 if vehicle.heading == 0 else -2.1),
            1 if vehicle.heading == 0 else -1,
        )
        for vehicle in street.vehicles
        if vehicle.running and abs(vehicle.x) < street.road - 1.5
        for aside in (-0.6, 0.6)
    ]
    dark = np.array([0.016, 0.019, 0.026], np.float32) * np.float32(rng.uniform(0.7, 1.6))
    zero = np.zeros(3, np.float32)
    placed = np.array(beams, np.float32).reshape(-1, 4)
    return Light(toward_sun, zero, dark, 0.5 * dark, 220.0, lamp, lamps, placed[:8])


def hemisphere(light: Light, normal_y: npt.ArrayLike) -> Array:
    """Irradiance of sky and reflecting ground on a surface whose normal has the given upward part, (..., 3)."""
    up = np.asarray(0.5 + 0.5 * np.asarray(normal_y, np.float32), np.float32)[..., None]
    ground = 0.22 * (light.sky + light.sun * max(float(light.toward_sun[1]), 0.0) * np.float32(0.6))
    return np.asarray(light.sky * up + ground * (1 - up), np.float32)


def facing(light: Light, normal: Array, wrap: float = 0.0) -> Array:
    """Cosine of the angle between normals (..., 3) and the sun, at least 0; `wrap` softens the edge of shade."""
    return np.maximum((normal @ light.toward_sun + np.float32(wrap)) / np.float32(1 + wrap), 0)


def glow(distance: Array, radius: float) -> Array:
    """A halo that fades with distance from its centre."""
    return 1 - smooth(distance, 0.0, radius)
