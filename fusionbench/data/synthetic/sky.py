"""The sky and the far end of the street."""

from __future__ import annotations

import numpy as np

from fusionbench.data.synthetic.camera import Array, Camera, rgb, smooth, step
from fusionbench.data.synthetic.canvas import Canvas
from fusionbench.data.synthetic.light import Light
from fusionbench.data.synthetic.street import Street
from fusionbench.data.synthetic.texture import TILE, fractal, generator, grain, sample


def paint_sky(canvas: Canvas, camera: Camera, street: Street, light: Light) -> None:
    """Paint the sky above the horizon, then the skyline at the end of the street."""
    rows = slice(0, min(max(int(camera.horizon) + 2, 1), camera.height))
    up, across = np.maximum(camera.up()[rows], 0), camera.across()
    cover = _clouds(street, up, across)
    canvas.radiance[:, rows] = (
        _night(street, up, across, cover) if street.weather.night else _day(street, light, up, cover)
    )
    lift = up / np.sqrt(1 + up * up)
    clear = street.weather.air - 2 - 10 * np.minimum(lift * 1.5, 1) ** 0.7
    canvas.heat[rows] = clear + (street.weather.air - 3 - clear) * (0.6 * cover)
    _skyline(canvas, camera, street, light)


def _clouds(street: Street, up: Array, across: Array) -> Array:
    """(h, W) opacity of the clouds, on a plane above the street."""
    rng = generator("clouds", street.seed)
    far = 1 / (up + np.float32(0.16))
    u, v = across * far * 55 + rng.random() * 512, far * 42 + rng.random() * 512
    field = sample(fractal(), u, v) + 0.35 * sample(fractal(), u * 3.1, v * 3.1)
    cloud = street.weather.cloud
    return smooth(field, 1.1 - 2.4 * cloud, 2.2 - 2.0 * cloud) * smooth(up, 0.0, 0.12)


def _day(street: Street, light: Light, up: Array, cover: Array) -> Array:
    zenith = rgb(0.16, 0.36, 0.80)
    horizon = rgb(0.78, 0.88, 0.97)
    warm = street.weather.warm * street.weather.sunshine
    horizon = horizon + warm * rgb(0.35, 0.08, -0.18)
    if not street.weather.sunshine:
        zenith, horizon = rgb(0.75, 0.80, 0.86), rgb(0.95, 0.98, 1.0)
    blend = 1 - np.exp(-3.2 * up)
    sky = horizon + blend * (zenith - horizon)
    lit = rgb(1.25, 1.22, 1.18) * (1 - 0.15 * warm)
    shade = (0.80 if street.weather.sunshine else 0.66) * lit
    cloud = lit + smooth(cover, 0.35, 1.0) * (shade - lit)
    return sky + 0.92 * cover * (cloud - sky)


def _night(street: Street, up: Array, across: Array, cover: Array) -> Array:
    rng = generator("night", street.seed)
    zenith = rgb(0.004, 0.007, 0.017) * np.float32(rng.uniform(0.5, 2.5))
    town = rgb(0.052, 0.040, 0.030) * np.float32(rng.uniform(0.3, 1.2))
    glow = np.exp(-4.0 * up)
    sky = zenith + glow * town + cover * (0.25 * town + 0.3 * zenith)
    dust = sample(grain(), across * 300 + 100, up * 300)
    stars = smooth(dust, 3.1, 4.2) * (1 - cover) * smooth(up, 0.1, 0.4)
    return sky + 0.25 * stars


def _skyline(canvas: Canvas, camera: Camera, street: Street, light: Light) -> None:
    """Trees and roofs where the street ends, in three layers of growing haze."""
    rng, weather = generator("skyline", street.seed), street.weather
    for distance in (420.0, 260.0, 170.0):
        x = camera.across() * distance
        line = np.full((1, 1), rng.random() * TILE, np.float32)
        trees = 7.5 + 2.6 * sample(fractal(), x * 3.0 + rng.random() * TILE, line)
        trees = trees + 0.9 * sample(fractal(), x * 14.0 + rng.random() * TILE, line)
        wide, heights = rng.uniform(9, 16), (5 + 16 * rng.random(256) ** 2).astype(np.float32)
        houses = heights[np.floor((x + 800) * (1 / wide)).astype(np.int32) % 256] * (rng.random() < 0.6)
        height = np.maximum(trees, houses)
        top = camera.horizon - camera.focal * (height - camera.y) / distance
        rows = slice(max(int(top.min()) - 2, 0), min(int(camera.horizon) + 2, camera.height))
        if rows.start >= rows.stop:
            continue
        v = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5
        mottle = sample(fractal(), x * 11.0, v * (11 * distance / camera.focal))
        # Houses are seen above the crowns that stand before them.
        built = step((camera.horizon - v) * (distance / camera.focal) + camera.y, trees, 1.0)
        green, wall = rgb(0.045, 0.065, 0.035), rgb(0.21, 0.19, 0.17)
        albedo = (green + built * (wall - green)) * (1 + (0.35 - 0.25 * built) * mottle)
        haze = float(light.veil(distance * 1.3))
        radiance = albedo * (light.sky + 0.45 * light.sun) * (1 - haze) + light.haze * haze
        alpha = step(v, top, 1.0)
        canvas.radiance[:, rows] += alpha * (radiance - canvas.radiance[:, rows])
        heat = weather.air - 1.5 - 0.008 * distance + 0.5 * mottle
        canvas.heat[rows] += alpha * (heat - canvas.heat[rows])
