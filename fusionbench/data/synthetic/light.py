"""Light of a scene: sun and sky, or street lamps and headlights; radiance is linear RGB, exposed for the hour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fusionbench.data.synthetic.camera import Array, rgb
from fusionbench.data.synthetic.street import Street, Vehicle
from fusionbench.data.synthetic.texture import generator

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)

CUBE = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], np.float32)
"""Directions in which the lamplight on a body is known."""

HEADLIGHT = rgb(1.0, 0.95, 0.85)
"""Colour of headlights."""

REACH = 24.0
"""Metres along the street beyond which a lamp lights nothing."""


@dataclass(frozen=True)
class Light:
    """The light of a scene; colours are (3, 1, 1).

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

    def lamplight(self, x: Array, y: Array, z: Array, normal: tuple[float, float, float]) -> Array:
        """(3, h, w) irradiance of lamps and headlights on a surface.

        Args:
            x: metres across the street; broadcast with y and z to (h, w).
            y: metres above the ground.
            z: metres along the street; varies along one axis only, and one way.
            normal: of the surface, of length 1.
        """
        shape = np.broadcast_shapes(x.shape, y.shape, z.shape)
        lamp, beam = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for lx, ly, lz in self.lamps.tolist():
            for area, (px, py, pz) in _within(lz - REACH, lz + REACH, x, y, z):
                dx, dy, dz = lx - px, ly - py, lz - pz
                square = dx * dx + dy * dy + dz * dz + 0.3
                lit = sum(part * weight for part, weight in zip((dx, dy, dz), normal, strict=True) if weight)
                # Irradiance falls as cos / r^2; the luminaire sends a cosine lobe to the ground.
                fade = np.maximum(1 - dz * dz * (1 / REACH**2), 0)
                lamp[area] += np.maximum(lit, 0) * np.maximum(dy, 0) / (square * square) * fade
        for bx, by, bz, way in self.beams.tolist():
            for area, (px, py, pz) in _within(min(bz, bz + way * 45), max(bz, bz + way * 45), x, y, z):
                beam[area] += _beam(px - bx, py - by, way * (pz - bz), normal)
        return lamp * self.lamp + beam * HEADLIGHT if len(self.beams) else lamp * self.lamp

    def around(self, x: float, y: float, z: float) -> Array:
        """(6, 3) irradiance of lamps and headlights at a point, on surfaces that face the directions of `CUBE`."""
        out = np.zeros((6, 3), np.float32)
        if len(self.lamps):
            way = self.lamps - np.array([x, y, z], np.float32)
            square = (way * way).sum(axis=1) + 0.3
            fade = np.maximum(1 - way[:, 2] ** 2 / REACH**2, 0)
            lit = np.maximum(CUBE @ way.T, 0) * (np.maximum(way[:, 1], 0) / square**2 * fade)
            out += lit.sum(axis=1, keepdims=True) * self.lamp[:, 0, 0]
        if len(self.beams):
            bx, by, bz, way = self.beams.T
            arriving = _beam(x - bx, y - by, way * (z - bz), (0.0, 0.0, 1.0))
            out[5] += arriving[way > 0].sum() * HEADLIGHT[:, 0, 0]
            out[4] += arriving[way < 0].sum() * HEADLIGHT[:, 0, 0]
        return out

    def hemisphere(self, normal_y: Array) -> Array:
        """(3, h, w) irradiance of sky and reflecting ground on surfaces whose normals have the given upward part."""
        up = 0.5 + 0.5 * normal_y
        ground = 0.2 * (self.sky + self.sun * (0.6 * max(float(self.toward_sun[1]), 0.0)))
        return ground + (self.sky - ground) * up

    def facing(self, normal: Array, wrap: float = 0.0) -> Array:
        """Cosine of the angle between normals (3, h, w) and the sun, at least 0; `wrap` softens the edge of shade."""
        return np.maximum((np.tensordot(self.toward_sun, normal, 1) + wrap) * (1 / (1 + wrap)), 0)

    def veil(self, depth: float | Array) -> Array:
        """Share of the radiance that haze replaces at a distance."""
        return 1 - np.exp(np.asarray(depth, np.float32) * (-1 / self.clear))


def from_cube(cube: Array, normal: Array) -> Array:
    """(3, h, w) irradiance on surfaces with normals (3, h, w), from that on the six directions of `CUBE`."""
    return np.tensordot(cube.T, np.maximum(np.tensordot(CUBE, normal, 1), 0), 1)


def _beam(aside: Array, above: Array, ahead: Array, normal: tuple[float, float, float]) -> Array:
    """Irradiance of one headlight at points in its own frame."""
    spread = np.maximum(ahead, 0.3) * 0.30
    square = (aside / spread) ** 2 + ((above + 0.02 * ahead) / (0.35 * spread)) ** 2
    share = abs(normal[2]) + 0.9 * abs(normal[0]) + 0.35 * max(normal[1], 0.0)
    return (ahead > 0.2) * np.maximum(45 - ahead, 0) * (share * 26 / 45) / ((1 + square**2) * (ahead**2 + 40))


def _within(
    low: float, high: float, x: Array, y: Array, z: Array
) -> Iterator[tuple[tuple[slice, slice], tuple[Array, Array, Array]]]:
    """The part of the points with z between two bounds, if there is any, as an area and its coordinates."""
    found = np.flatnonzero((z > low) & (z < high))
    if len(found) == 0:
        return
    part = slice(int(found[0]), int(found[-1]) + 1)
    area = (part, slice(None)) if z.shape[0] > 1 else (slice(None), part)
    axis = 0 if z.shape[0] > 1 else 1
    yield area, tuple(points if points.shape[axis] == 1 else points[area] for points in (x, y, z))


def light(street: Street) -> Light:
    """The light of a street's weather, lamps and running vehicles."""
    return _night(street) if street.weather.night else _day(street)


def _day(street: Street) -> Light:
    weather, rng = street.weather, generator("light", street.seed)
    gold = rgb(1.0, 0.94 - 0.14 * weather.warm, 0.86 - 0.30 * weather.warm)
    blue, gray = rgb(0.64, 0.80, 1.0), rgb(0.92, 0.97, 1.0)
    sky = (0.62 * blue if weather.sunshine else 1.5 * gray) * (1 - 0.25 * weather.warm)
    haze = rgb(0.60, 0.69, 0.80) if weather.sunshine else 0.85 * gray
    clear = rng.uniform(900, 3000) if weather.sunshine or rng.random() < 0.6 else rng.uniform(260, 500)
    sun, none = np.array(weather.sun, np.float32), np.zeros((0, 4), np.float32)
    return Light(sun, 2.6 * weather.sunshine * gold, sky, haze, clear, np.zeros(3, np.float32), none[:, :3], none)


def _night(street: Street) -> Light:
    rng = generator("light", street.seed)
    lamps = np.array([(lamp.x + lamp.reach, lamp.height, lamp.z) for lamp in street.lamps], np.float32).reshape(-1, 3)
    sodium, white = rgb(1.0, 0.66, 0.32), rgb(0.92, 1.0, 0.94)
    share = rng.uniform(0.6, 1.0) if rng.random() < 0.6 else 0.0
    height = float(lamps[:, 1].mean()) if len(lamps) else 6.0
    lamp = (share * white + (1 - share) * sodium) * (rng.uniform(0.65, 1.15) * height**2)
    beams = [beam for vehicle in street.vehicles for beam in _headlights(street, vehicle)]
    # Towns light their own sky.
    sky = rgb(0.034, 0.037, 0.045) * rng.uniform(0.6, 1.5)
    sun = np.array(street.weather.sun, np.float32)
    placed = np.array(beams, np.float32).reshape(-1, 4)[:8]
    return Light(sun, rgb(0, 0, 0), sky, 0.5 * sky, 220.0, lamp.astype(np.float32), lamps, placed)


def _headlights(street: Street, vehicle: Vehicle) -> list[tuple[float, float, float, float]]:
    if not vehicle.running or abs(vehicle.x) > street.road - 1.5:
        return []
    way = 1.0 if math.cos(vehicle.heading) > 0 else -1.0
    return [(vehicle.x + aside, 0.65, vehicle.z + 2.2 * way, way) for aside in (-0.6, 0.6)]
