"""Trees, bushes and hedges: a crown is a heap of round clumps, cut out and toned by the leaves of the leaf tile."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np

from fusionbench.data.synthetic.camera import Array, Camera, rgb, smooth, step
from fusionbench.data.synthetic.canvas import Patch
from fusionbench.data.synthetic.light import Light, from_cube
from fusionbench.data.synthetic.street import Plant, Street
from fusionbench.data.synthetic.texture import TILE, fractal, generator, leaves, sample

FIELD = 96
"""Side of the grid on which the shape of a crown is computed, before leaves give it detail."""

VARIANTS = 6
"""Crowns of each kind; they are mirrored, stretched and clothed with different leaves from plant to plant."""

GREENS = ((0.070, 0.105, 0.026), (0.090, 0.115, 0.030), (0.045, 0.080, 0.028))


@cache
def crown_field(kind: int, variant: int) -> Array:
    """(FIELD, FIELD, 4) density, and the normal (x, y, z) of a crown, over its bounding box.

    Args:
        kind: 0 for a round crown, 1 for a tapering one, 2 for a bush.
        variant: 0 to `VARIANTS` - 1.
    """
    rng = generator("crown", kind, variant)
    grid = ((np.arange(FIELD, dtype=np.float32) + 0.5) / FIELD * 2 - 1) * 1.08
    x, y = np.meshgrid(grid, -grid)
    best = np.full((FIELD, FIELD), -1e9, np.float32)
    density = np.zeros_like(best)
    normal = np.zeros((FIELD, FIELD, 3), np.float32)
    for cx, cy, cz, r in _clumps(kind, rng):
        dx, dy = x - cx, y - cy
        square = 1 - (dx * dx + dy * dy) / r**2
        front = np.where(square > 0, cz + r * np.sqrt(np.maximum(square, 0)), -1e9)
        density = np.maximum(density, square)
        nearer = front > best
        best = np.where(nearer, front, best)
        clump = np.stack([dx, dy, -np.maximum(front - cz, 0)], axis=-1) / r
        # The whole crown's roundness shows through that of its clumps.
        whole = np.stack([x, y, np.full_like(x, -0.4)], axis=-1)
        normal = np.where(nearer[..., None], 0.6 * clump + 0.5 * whole, normal)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-3
    return cv2.GaussianBlur(np.dstack([density, normal]).astype(np.float32), (0, 0), 1.0)


def _clumps(kind: int, rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    """Centres and radii of the balls that a crown is made of, in a box from -1 to 1."""
    clumps = []
    count = 16 if kind == 2 else 30
    for i in range(count):
        angle, reach = rng.uniform(0, 2 * math.pi), rng.random() ** 0.45
        cx, cy, r = reach * math.cos(angle) * 0.72, reach * math.sin(angle) * 0.70, rng.uniform(0.17, 0.34)
        if kind == 1:
            cx, r = cx * (0.95 - 0.75 * (cy / 1.40 + 0.5)), r * 0.85
        if kind == 2:
            cx, cy, r = (i / (count - 1) * 2 - 1) * 0.74, rng.uniform(-0.75, 0.5), r + 0.07
        clumps.append((cx, cy, rng.uniform(-0.4, 0.6) * (1 - reach**2), r))
    return clumps


def plant_patches(camera: Camera, street: Street, plant: Plant, light: Light) -> list[Patch]:
    """Trunk and crown of a plant as seen by the camera."""
    patches = [] if plant.trunk == 0 else _trunk(camera, street, plant, light)
    return [*patches, *_crown(camera, street, plant, light)]


def crown_box(plant: Plant) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of a crown in metres."""
    low = plant.trunk * 0.82
    return plant.x - plant.crown[0] / 2, plant.x + plant.crown[0] / 2, low, low + plant.crown[1]


def foliage(density: Array, leaf: Array, softness: float = 0.03) -> Array:
    """Coverage by the leaves whose values lie under the density of the crown."""
    return smooth(np.minimum(density * 1.9, 0.95) - leaf, -softness, softness) * smooth(density, 0.0, 0.06)


def _crown(camera: Camera, street: Street, plant: Plant, light: Light) -> list[Patch]:
    left, right, low, high = crown_box(plant)
    span = camera.span(*camera.project([(left, high, plant.z), (right, low, plant.z)]))
    if span is None:
        return []
    rows, columns = span
    rng = generator("foliage", plant.seed)
    x = camera.across()[:, columns] * plant.z + camera.x
    y = camera.up()[rows] * plant.z + camera.y
    across = (x - left) * (FIELD / (right - left)) - 0.5
    u, v = np.broadcast_arrays(
        across if rng.random() < 0.5 else FIELD - 1 - across, (high - y) * (FIELD / (high - low)) - 0.5
    )
    shape = cv2.remap(crown_field(plant.kind, plant.seed % VARIANTS), u, v, cv2.INTER_LINEAR)
    finest = leaves()
    level = min(max(round(math.log2(max(plant.z / camera.focal * 128 * 0.7, 1.0))), 0), len(finest) - 1)
    metre = 128 / 2**level
    leaf = sample(finest[level], x * metre + TILE * rng.random(), y * metre + TILE * rng.random())
    density, *normal = cv2.split(shape)
    value, tone = cv2.split(leaf)
    alpha = foliage(density, value, 0.03 + 0.02 * level)
    radiance, heat = _leaves(street, plant, light, density, np.stack(normal), tone, rng)
    return [Patch(rows.start, columns.start, plant.z, alpha, radiance, heat)]


def _leaves(
    street: Street, plant: Plant, light: Light, density: Array, normal: Array, tone: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Radiance and temperature of leaves."""
    green = rgb(*GREENS[int(rng.integers(len(GREENS)))]) * rng.uniform(0.85, 1.25)
    if rng.random() < 0.10:
        green = rgb(0.15, 0.10, 0.028)
    # The lower and inner leaves see less of the sky.
    depth = 0.30 + 0.70 * smooth(normal[1], -0.9, 0.7)
    irradiance = light.hemisphere(normal[1]) * depth
    if street.weather.night:
        cube = light.around(plant.x, plant.trunk + 0.3 * plant.crown[1], plant.z - 0.6)
        irradiance += 0.4 * depth * rgb(*cube.sum(axis=0))
    else:
        sun = light.facing(normal, wrap=0.25) * smooth(tone, 0.15, 0.75)
        through = 0.22 * smooth(-normal[1], -0.6, 0.8) * rgb(1.15, 1.15, 0.6)
        irradiance += light.sun * (sun + through)
    radiance: Array = 1.25 * tone * green * irradiance
    cool = (1.5 if street.weather.night else 0.5) + rng.uniform(0.0, 1.0)
    heat: Array = (
        street.weather.air - cool + 3.2 * (tone - 0.6) + 1.0 * (density - 0.5) - 0.7 * normal[2] - 0.8 * normal[1]
    )
    return radiance, heat


def _trunk(camera: Camera, street: Street, plant: Plant, light: Light) -> list[Patch]:
    girth, top = 0.0275 * sum(plant.crown) + 0.06, plant.trunk + 0.45 * plant.crown[1]
    corners = camera.project([(plant.x - 2.6 * girth, top, plant.z), (plant.x + 2.6 * girth, -0.05, plant.z)])
    span = camera.span(*corners)
    if span is None:
        return []
    rows, columns = span
    pixel = plant.z / camera.focal
    x = camera.across()[:, columns] * plant.z + (camera.x - plant.x)
    y = camera.up()[rows] * plant.z + camera.y
    bend = 0.04 * np.sin(y * (0.4 + plant.seed % 401 / 1000) + plant.seed % 6) * y
    half = girth * 0.5 * (1.0 - 0.5 * np.minimum(np.maximum(y, 0) / top, 1) + 0.5 * np.exp(-np.maximum(y, 0) * 5))
    across = (x - bend) / half
    alpha = np.minimum(np.maximum((1 - np.abs(across)) * (half / pixel) + 0.5, 0), 1) * step(y, 0.0, pixel)
    side = np.minimum(np.maximum(across, -1), 1)
    normal = np.stack([side, np.zeros_like(side), -np.sqrt(1 - side**2)])
    bark = sample(fractal(), np.arcsin(side) * (girth * 160), y * 26 + plant.seed % TILE)
    bark = bark * min(max(1.5 - pixel / 0.03, 0.15), 1)
    albedo = np.maximum(1 + 0.30 * bark, 0.2) * rgb(0.105, 0.085, 0.066)
    shade = 1 - 0.6 * smooth(y, plant.trunk * 0.6, plant.trunk * 1.2)
    irradiance = light.hemisphere(normal[1])
    if street.weather.night:
        irradiance = irradiance + from_cube(light.around(plant.x, 1.5, plant.z - 0.2), normal)
    else:
        irradiance = irradiance + 0.6 * light.sun * light.facing(normal)
    heat = street.weather.air + 0.9 + 0.8 * bark - 1.2 * side * side
    return [Patch(rows.start, columns.start, plant.z + 0.02, alpha, albedo * irradiance * shade, heat)]
