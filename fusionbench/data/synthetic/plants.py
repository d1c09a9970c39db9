"""Trees, bushes and hedges: a crown is a heap of round clumps, cut out and toned by the leaves of the leaf tile."""

from __future__ import annotations

import cv2
import numpy as np

from fusionbench.data.synthetic.camera import Array, Camera, smooth
from fusionbench.data.synthetic.canvas import Patch
from fusionbench.data.synthetic.light import Light, facing, hemisphere
from fusionbench.data.synthetic.street import Plant, Street
from fusionbench.data.synthetic.texture import TILE, fractal, generator, leaves, sample

FIELD = 72
"""Side of the grid on which the shape of a crown is computed, before leaves give it detail."""

GREENS = ((0.070, 0.105, 0.026), (0.090, 0.115, 0.030), (0.045, 0.080, 0.028))


def crown_field(plant: Plant) -> Array:
    """(FIELD, FIELD, 4) density, and the normal (x, y, z) of the crown, over its bounding box."""
    rng = generator("crown", plant.seed)
    grid = ((np.arange(FIELD, dtype=np.float32) + 0.5) / FIELD * 2 - 1) * np.float32(1.08)
    x, y = grid[None, :], -grid[:, None]
    count = 22 if plant.kind != 2 else 16
    best = np.full((FIELD, FIELD), -1e9, np.float32)
    out = np.zeros((FIELD, FIELD, 4), np.float32)
    for i in range(count):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.random() ** 0.5
        cx, cy, r = reach * np.cos(angle) * 0.68, reach * np.sin(angle) * 0.66, rng.uniform(0.24, 0.40)
        if plant.kind == 1:
            cx, r = cx * (0.95 - 0.75 * (cy / 1.32 + 0.5)), r * 0.85
        if plant.kind == 2:
            cx, cy = (i / (count - 1) * 2 - 1) * 0.74, rng.uniform(-0.75, 0.5)
        cz = rng.uniform(-0.4, 0.6) * (1 - reach**2)
        dx, dy = x - np.float32(cx), y - np.float32(cy)
        square = 1 - (dx * dx + dy * dy) * np.float32(1 / r**2)
        front = np.where(square > 0, cz + r * np.sqrt(np.maximum(square, 0)), -1e9)
        out[..., 0] = np.maximum(out[..., 0], square)
        nearer = front > best
        best = np.where(nearer, front, best)
        normal = np.stack([dx + 0 * dy, dy + 0 * dx, -np.maximum(front - cz, 0)], axis=-1) / np.float32(r)
        # The whole crown's roundness shows through that of its clumps.
        normal = 0.6 * normal + 0.5 * np.stack([x + 0 * y, y + 0 * x, np.full_like(best, -0.4)], axis=-1)
        out[..., 1:] = np.where(nearer[..., None], normal, out[..., 1:])
    out[..., 1:] /= np.linalg.norm(out[..., 1:], axis=-1, keepdims=True) + np.float32(1e-3)
    return cv2.GaussianBlur(out, (0, 0), 1.0)


def plant_patches(camera: Camera, street: Street, plant: Plant, light: Light) -> list[Patch]:
    """Trunk and crown of a plant as seen by the camera."""
    patches = [] if plant.trunk == 0 else _trunk(camera, street, plant, light)
    crown = _crown(camera, street, plant, light)
    return patches if crown is None else [*patches, crown]


def _window(camera: Camera, x0: float, x1: float, y0: float, y1: float, z: float) -> tuple[slice, slice] | None:
    """Rows and columns of the image that show an upright rectangle at depth z."""
    left, top = camera.project((x0, y1, z))
    right, bottom = camera.project((x1, y0, z))
    rows = slice(max(int(top), 0), min(int(np.ceil(bottom)), camera.height))
    columns = slice(max(int(left), 0), min(int(np.ceil(right)), camera.width))
    return None if rows.start >= rows.stop or columns.start >= columns.stop else (rows, columns)


def _crown(camera: Camera, street: Street, plant: Plant, light: Light) -> Patch | None:
    wide, tall = plant.crown
    low = plant.trunk * 0.82
    window = _window(camera, plant.x - wide / 2, plant.x + wide / 2, low, low + tall, plant.z)
    if window is None:
        return None
    rows, columns = window
    scale = np.float32(plant.z / camera.focal)
    x = (camera.across()[:, columns] * np.float32(plant.z) + np.float32(camera.x)).astype(np.float32)
    y = (camera.up()[rows] * np.float32(plant.z) + np.float32(camera.y)).astype(np.float32)
    u = ((x - plant.x) / wide + 0.5) * FIELD - 0.5
    v = (0.5 - (y - low) / tall + 0.5) * FIELD - 0.5
    u, v = np.broadcast_arrays(np.asarray(u, np.float32), np.asarray(v, np.float32))
    shape = cv2.remap(crown_field(plant), u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    finest = leaves()
    level = int(np.clip(np.round(np.log2(max(scale * 128 * 0.7, 1.0))), 0, len(finest) - 1))
    metre = np.float32(128 / 2**level)
    rng = generator("foliage", plant.seed)
    leaf = sample(finest[level], x * metre + TILE * rng.random(), y * metre + TILE * rng.random())
    density = shape[..., 0]
    limit = np.minimum(density * 1.9 + 0.02, 0.97 if plant.kind else 0.93)
    alpha = smooth((limit - leaf[..., 0]) * (1 + 0 * density), -0.03 - 0.02 * level, 0.03 + 0.02 * level)
    alpha *= smooth(density, 0.0, 0.06)
    radiance, heat = _foliage(street, plant, light, shape[..., 1:], leaf[..., 1], density)
    return Patch(rows.start, columns.start, plant.z, np.asarray(alpha, np.float32), radiance, heat)


def _foliage(
    street: Street, plant: Plant, light: Light, normal: Array, tone: Array, density: Array
) -> tuple[Array, Array]:
    """Radiance and temperature of leaves."""
    rng = generator("leafcolour", plant.seed)
    green = np.array(GREENS[int(rng.integers(len(GREENS)))], np.float32) * np.float32(rng.uniform(0.85, 1.25))
    if rng.random() < 0.12:
        green = np.array([0.17, 0.105, 0.028], np.float32)
    depth = 0.30 + 0.70 * smooth(normal[..., 1], -0.9, 0.7)
    albedo = (tone * 1.25)[..., None] * green
    irradiance = hemisphere(light, normal[..., 1]) * depth[..., None]
    if street.weather.night:
        anchor = (np.float32(plant.x), np.float32(plant.trunk + plant.crown[1] * 0.3), np.float32(plant.z - 0.6))
        lamps = sum(
            light.lamplight(anchor, way) for way in ((0, 0, -1.0), (0, -1.0, 0), (0, 1.0, 0), (1.0, 0, 0), (-1.0, 0, 0))
        )
        irradiance = irradiance + 0.4 * np.asarray(lamps, np.float32) * depth[..., None]
    else:
        sun = facing(light, normal, wrap=0.25) * smooth(tone, 0.15, 0.75)
        through = np.array([1.15, 1.15, 0.6], np.float32) * 0.22
        irradiance = irradiance + light.sun * (sun[..., None] + through * smooth(-normal[..., 1], -0.6, 0.8)[..., None])
    air = street.weather.air
    heat = (
        air - (1.2 if street.weather.night else 0.3) + 1.3 * (tone - 0.6) + 0.8 * (density - 0.5) - 0.5 * normal[..., 2]
    )
    return np.asarray(albedo * irradiance, np.float32), np.asarray(heat, np.float32)


def _trunk(camera: Camera, street: Street, plant: Plant, light: Light) -> list[Patch]:
    wide, tall = plant.crown
    girth, top = 0.055 * (wide + tall) * 0.5 + 0.06, plant.trunk + 0.45 * tall
    window = _window(camera, plant.x - 1.2, plant.x + 1.2, -0.05, top, plant.z)
    if window is None:
        return []
    rows, columns = window
    rng = generator("trunk", plant.seed)
    pixel = np.float32(plant.z / camera.focal)
    x = camera.across()[:, columns] * np.float32(plant.z) + np.float32(camera.x - plant.x)
    y = camera.up()[rows] * np.float32(plant.z) + np.float32(camera.y)
    bend = 0.12 * np.sin(y * rng.uniform(0.4, 0.8) + rng.uniform(0, 6)) * y / 3
    half = girth * (1.0 - 0.5 * np.clip(y / top, 0, 1) + 0.5 * np.exp(-np.maximum(y, 0) * 5)) * 0.5
    across = (x - bend) / half
    alpha = np.clip((1 - np.abs(across)) * half / pixel + 0.5, 0, 1) * np.clip(y / pixel + 0.5, 0, 1)
    round_x = np.clip(across, -1, 1)
    normal = np.stack([round_x, 0 * round_x, -np.sqrt(1 - round_x**2)], axis=-1).astype(np.float32)
    bark = sample(fractal(), np.arcsin(round_x) * girth * 160, y * 26 + plant.seed % 512)
    bark = bark * np.clip(1.5 - pixel / 0.03, 0.15, 1)
    albedo = np.array([0.105, 0.085, 0.066], np.float32) * np.maximum(1 + 0.30 * bark, 0.2)[..., None]
    shade = (1 - 0.6 * smooth(y, plant.trunk * 0.6, plant.trunk * 1.2))[..., None]
    irradiance = hemisphere(light, 0 * round_x) * shade
    if street.weather.night:
        face = light.lamplight((np.float32(plant.x), y, np.float32(plant.z - 0.2)), (0.0, 0.0, -1.0))
        sides = [light.lamplight((np.float32(plant.x), y, np.float32(plant.z)), (way, 0.0, 0.0)) for way in (-1.0, 1.0)]
        irradiance = irradiance + face * -normal[..., 2:] + sides[0] * np.maximum(-normal[..., :1], 0)
        irradiance = irradiance + sides[1] * np.maximum(normal[..., :1], 0)
    else:
        irradiance = irradiance + light.sun * 0.6 * facing(light, normal)[..., None] * shade
    heat = street.weather.air + 0.8 + 0.35 * bark + 0.6 * normal[..., 2] * 0 - 0.8 * round_x**2
    return [
        Patch(
            rows.start,
            columns.start,
            plant.z + 0.02,
            alpha.astype(np.float32),
            np.asarray(albedo * irradiance, np.float32),
            heat.astype(np.float32),
        )
    ]
