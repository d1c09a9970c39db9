"""The ground: carriageway with its markings, kerbs, pavements, and grass or paving beyond."""

from __future__ import annotations

import numpy as np

from fusionbench.data.synthetic.camera import Array, Camera, band, pulses, smooth, step
from fusionbench.data.synthetic.canvas import Canvas
from fusionbench.data.synthetic.light import HEADLIGHT, Light
from fusionbench.data.synthetic.street import Street
from fusionbench.data.synthetic.texture import fractal, generator, grain, sample


class Ground:
    """The visible part of the ground plane, row by row.

    Attributes:
        rows: the image rows it takes.
        x: (h, W) metres across the street.
        z: (h, 1) metres along it.
        dx: (h, 1) width of a pixel on the ground in metres.
        dz: (h, 1) length of a pixel on the ground in metres.
    """

    def __init__(self, camera: Camera) -> None:
        self.rows = slice(min(max(int(np.ceil(camera.horizon)), 0), camera.height - 1), camera.height)
        down = np.maximum(-camera.up()[self.rows], 1e-3)
        self.z = np.minimum(camera.y / down, 400.0).astype(np.float32)
        self.x = (camera.x + camera.across() * self.z).astype(np.float32)
        self.dx = (self.z / camera.focal).astype(np.float32)
        self.dz = (self.z * self.z / (camera.focal * camera.y)).astype(np.float32)

    def texture(self, tile: Array, size: float, seed: int) -> Array:
        """A tile whose pixels are `size` metres, fading where they become smaller than those of the image."""
        rng = generator("ground", seed)
        fade = np.clip(1.6 - self.dz / (6 * size), 0, 1) * np.clip(1.6 - self.dx / (2 * size), 0, 1)
        last = int(np.count_nonzero(fade[:, 0] == 0))
        out = np.zeros_like(self.x)
        if last < len(fade):
            u, v = self.x[last:] / size + 512 * rng.random(), self.z[last:] / size + 512 * rng.random()
            out[last:] = sample(tile, u, v) * fade[last:]
        return out


def paint_ground(canvas: Canvas, camera: Camera, street: Street, light: Light, shade: Array, contact: Array) -> None:
    """Paint the ground.

    Args:
        shade: (H, W) share of the sun that arrives.
        contact: (H, W) share of the sky that arrives.
    """
    ground = Ground(camera)
    albedo, heat = _surface(ground, street)
    irradiance = light.hemisphere(np.ones((1, 1), np.float32)) * contact[ground.rows]
    if street.weather.night:
        flat = np.zeros((1, 1), np.float32)
        irradiance += light.lamplight(ground.x, flat, ground.z, (0.0, 1.0, 0.0)) * contact[ground.rows]
    else:
        irradiance += light.sun * light.toward_sun[1] * shade[ground.rows]
    radiance = albedo * irradiance
    if street.weather.wet:
        _wet(radiance, ground, camera, street, light)
    haze = light.veil(ground.z)
    canvas.radiance[:, ground.rows] = radiance * (1 - haze) + light.haze * haze
    canvas.heat[ground.rows] = heat


def _wet(radiance: Array, ground: Ground, camera: Camera, street: Street, light: Light) -> None:
    """The carriageway after rain: darker, with the lights of the street drawn out towards the camera."""
    film = smooth(ground.texture(fractal(), 0.035, street.seed + 21), -1.0, 1.2) * 0.75 + 0.25
    film *= step(-np.abs(ground.x), -street.road, ground.dx) * street.weather.wet
    radiance *= 1 - 0.35 * film
    rows = np.arange(ground.rows.start, ground.rows.stop, dtype=np.float32)[:, None] + 0.5
    columns = np.arange(camera.width, dtype=np.float32)[None, :] + 0.5
    lamp = light.lamp / max(float(light.lamp.max()), 1e-6)
    sources = [(place, lamp) for place in light.lamps] + [(beam[:3], HEADLIGHT) for beam in light.beams if beam[3] < 0]
    for place, colour in sources:
        x, y, z = place.tolist()
        u, v = camera.project((x, -y, z)).tolist()
        # Ripples tilt the mirror: along the view they stretch a light to many times its width.
        wide = (0.35 + 0.010 * z) * camera.focal / z
        near = slice(max(int(u - 3 * wide), 0), min(int(u + 3 * wide) + 1, camera.width))
        if near.start >= near.stop:
            continue
        long = np.where(rows > v, 0.5, 1.2) * 0.22 * camera.height
        lobe = np.exp(-(((columns[:, near] - u) * (1 / wide)) ** 2)) * np.exp(-(((rows - v) / long) ** 2))
        radiance[:, :, near] += 0.9 * film[:, near] * lobe * min(9.0 / z, 1.0) * colour


COLOURS = np.array([(1, 0.985, 0.96), (1, 0.96, 0.90), (0.34, 0.33, 0.31), (0.075, 0.115, 0.030), (0.17, 0.145, 0.075)],
                   np.float32)  # fmt: skip
"""Reflectance of asphalt and slabs relative to their tone, and of kerbs, green grass and straw."""


def _surface(ground: Ground, street: Street) -> tuple[Array, Array]:
    """(3, h, W) reflectance and (h, W) temperature."""
    seed, air = street.seed, street.weather.air
    aside = np.abs(ground.x)
    broad = ground.texture(fractal(), 0.05, seed)
    fine = ground.texture(grain(), 0.006, seed + 1) + 0.6 * ground.texture(grain(), 0.02, seed + 2)
    edge = street.road
    warm = 1.5 if street.weather.night else 3.5 * street.weather.sunshine + 1.0

    tone, heat = _asphalt(ground, street, broad, fine)
    tone *= 1 - 0.45 * band(aside, edge - 0.22, edge, ground.dx)
    heat += air + warm
    shares = [tone]

    def cover(share: Array, temperature: Array, *parts: Array) -> None:
        left = 1 - share
        shares[:] = [*(part * left for part in shares), *(share * part for part in parts)]
        heat[...] = heat * left + share * temperature

    slabs = _slabs(ground, broad, fine)
    cover(step(aside, edge, ground.dx), air + 0.55 * warm + 0.25 * broad + 4.0 * (slabs - 0.26), slabs)
    cover(band(aside, edge, edge + 0.16, ground.dx), heat - 0.9, 1 + 0.1 * fine)
    if any(street.verge):
        blades, dry, cool = _grass(ground, street, broad)
        sides = [
            step(side * ground.x, edge + street.pavement, ground.dx)
            for side, on in zip((-1, 1), street.verge, strict=True)
            if on
        ]
        cover(sum(sides[1:], sides[0]), cool, blades * (1 - dry), blades * dry)
    return np.tensordot(COLOURS[: len(shares)].T, np.stack(shares), 1), heat


def _asphalt(ground: Ground, street: Street, broad: Array, fine: Array) -> tuple[Array, Array]:
    """Reflectance of the carriageway and its temperature above the mean."""
    seed, edge = street.seed, street.road
    rng = generator("asphalt", seed)
    base = rng.uniform(0.085, 0.14)
    aside = np.abs(ground.x)
    lane = edge * 0.48
    track = sum(smooth(np.float32(0.5) - np.abs(aside - lane + w), 0.0, 0.5) for w in (-0.75, 0.75))
    tone = base * (1 + 0.09 * broad + 0.16 * fine - 0.10 * track)
    repair = smooth(ground.texture(fractal(), 0.11, seed + 7), 1.25, 1.32)
    tone *= 1 - 0.25 * repair
    crack = ground.texture(fractal(), 0.03, seed + 5) + 0.25 * ground.texture(fractal(), 0.012, seed + 6)
    tone *= 1 - 0.55 * np.maximum(1 - np.abs(crack - 0.4) * 26, 0) * smooth(broad, -0.2, 0.8)
    heat = 0.45 * broad + 0.35 * track - 0.5 * repair + 0.12 * fine

    worn = np.clip(0.86 + 0.2 * broad + 0.12 * fine, 0.2, 1)
    paint = band(ground.x, -0.07, 0.07, ground.dx)
    if street.dashes:
        paint = paint * pulses(ground.z, 9.0, 0.0, 0.45, ground.dz)
    paint = paint + band(aside, edge - 0.42, edge - 0.30, ground.dx)
    if street.parked:
        bay = band(aside, edge - 2.15, edge - 2.03, ground.dx)
        ends = pulses(ground.z + 2.0, 5.8, 0.0, 0.02, ground.dz) * band(aside, edge - 2.15, edge, ground.dx)
        paint = np.maximum(paint, np.maximum(bay, ends))
    start = rng.uniform(14, 40)
    if rng.random() < 0.5:
        zebra = pulses(ground.x + 0.25, 1.0, 0.0, 0.5, ground.dx) * band(aside, 0, edge - 0.5, ground.dx)
        paint = np.maximum(paint, zebra * band(ground.z, start, start + 3.2, ground.dz))
    paint = np.clip(paint, 0, 1) * worn
    tone += paint * (0.62 - tone)
    heat -= 1.1 * paint
    x, z = rng.uniform(-0.6, 0.6) * edge, rng.uniform(6, 14)
    lid = smooth(0.38 - np.hypot(ground.x - x, ground.z - z), -0.02, 0.02)
    tone *= 1 - 0.4 * lid
    return tone, heat + 1.6 * lid


def _slabs(ground: Ground, broad: Array, fine: Array) -> Array:
    joints = pulses(ground.x, 0.6, 0.0, 0.03, ground.dx) + pulses(ground.z, 0.6, 0.0, 0.03, ground.dz)
    return 0.26 * (1 + 0.10 * broad + 0.09 * fine) * (1 - 0.5 * np.minimum(joints, 1))


def _grass(ground: Ground, street: Street, broad: Array) -> tuple[Array, Array, Array]:
    """Tone of the blades, share of straw among them, and temperature."""
    blades = ground.texture(grain(), 0.012, street.seed + 11) + 0.7 * ground.texture(grain(), 0.045, street.seed + 12)
    dry = smooth(ground.texture(fractal(), 0.08, street.seed + 13), 0.2, 1.8)
    tone = np.maximum(1 + 0.30 * blades + 0.14 * broad, 0.15)
    cool = street.weather.air - (2.5 if street.weather.night else 0.5) + 0.5 * broad + 0.5 * blades
    return tone, dry, cool
