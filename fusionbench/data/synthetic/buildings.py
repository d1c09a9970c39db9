"""Houses: boxes whose walls are computed pixel by pixel, windows and all, so that they are sharp at any distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusionbench.data.synthetic.camera import NEAR, Array, Camera, band, pulses, smooth, step
from fusionbench.data.synthetic.canvas import Canvas, Patch
from fusionbench.data.synthetic.light import Light, hemisphere
from fusionbench.data.synthetic.street import Building, Facade, Street
from fusionbench.data.synthetic.texture import fractal, generator, grain, sample

DEPTH = 12.0
"""How far a house reaches back from the street, in metres."""

LAMPLIT = ((1.0, 0.62, 0.28), (1.0, 0.74, 0.42), (0.80, 0.95, 1.0), (0.95, 0.90, 0.68))
"""Colours of the light in rooms."""


@dataclass(frozen=True)
class Wall:
    """The visible part of one wall.

    Attributes:
        rows: image rows that it takes.
        columns: image columns that it takes.
        s: (1, w) metres along the wall.
        y: (h, w) metres above the ground.
        z: (1, w) metres from the camera along the street.
        x: (1, w) metres across the street.
        ds: (1, w) width of a pixel on the wall in metres.
        dy: (1, w) height of a pixel on the wall in metres.
        edge: (1, w) share of each column that the wall covers.
        normal: the way it faces.
    """

    rows: slice
    columns: slice
    s: Array
    y: Array
    z: Array
    x: Array
    ds: Array
    dy: Array
    edge: Array
    normal: tuple[float, float, float]


def paint_buildings(canvas: Canvas, camera: Camera, street: Street, light: Light) -> None:
    """Paint the houses from far to near."""
    for building in sorted(street.buildings, key=lambda one: -one.near):
        for wall in (_street_wall(camera, building), _near_wall(camera, building)):
            if wall is not None:
                canvas.lay(_painted(wall, building, street, light), light)


def _rows(camera: Camera, height: float, nearest: float) -> slice:
    top = camera.horizon - camera.focal * (height - camera.y) / nearest
    bottom = camera.horizon + camera.focal * camera.y / nearest
    return slice(max(int(top) - 1, 0), min(int(bottom) + 2, camera.height))


def _street_wall(camera: Camera, building: Building) -> Wall | None:
    """The wall along the street, a plane of constant x."""
    offset, near = building.x - camera.x, max(building.near, NEAR)
    if building.far <= near or offset * building.side <= 0.2:
        return None
    ends = sorted(camera.centre + camera.focal * offset / z for z in (near, building.far))
    columns = slice(max(int(ends[0]) - 1, 0), min(int(ends[1]) + 2, camera.width))
    if columns.start >= columns.stop:
        return None
    u = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5
    across = (u - np.float32(camera.centre)) * np.float32(building.side)
    z = np.clip(camera.focal * abs(offset) / np.maximum(across, 1e-3), near, building.far).astype(np.float32)
    rows = _rows(camera, building.height, float(z.min()))
    if rows.start >= rows.stop:
        return None
    y = camera.y + camera.up()[rows] * z
    edge = band(u, ends[0], ends[1], 1.0)
    ds = z * z / np.float32(camera.focal * abs(offset))
    x = np.full_like(z, building.x)
    return Wall(rows, columns, z - building.near, y, z, x, ds, z / camera.focal, edge, (-building.side, 0.0, 0.0))


def _near_wall(camera: Camera, building: Building) -> Wall | None:
    """The wall that faces the camera, a plane of constant z."""
    z = building.near
    if z < 2.0:
        return None
    outer = building.x + building.side * DEPTH
    ends = sorted(camera.centre + camera.focal * (x - camera.x) / z for x in (building.x, outer))
    columns = slice(max(int(ends[0]) - 1, 0), min(int(ends[1]) + 2, camera.width))
    rows = _rows(camera, building.height, z)
    if columns.start >= columns.stop or rows.start >= rows.stop:
        return None
    u = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5
    x = camera.x + (u - np.float32(camera.centre)) * np.float32(z / camera.focal)
    y = np.repeat(camera.y + camera.up()[rows] * np.float32(z), x.shape[1], axis=1)
    size = np.full_like(x, z / camera.focal)
    depth = np.full_like(x, z)
    s = (x - building.x) * np.float32(building.side)
    return Wall(rows, columns, s, y, depth, x, size, size, band(u, ends[0], ends[1], 1.0), (0.0, 0.0, -1.0))


def _painted(wall: Wall, building: Building, street: Street, light: Light) -> Patch:
    look = building.facade
    albedo, heat = _masonry(wall, look, street.weather.air + look.warmth, building.height)
    glass, pane, emission = _windows(wall, look, building.height, street.weather.night)
    heat = heat + glass * (street.weather.air + 1.2 - 4.5 * (1 - pane) - heat)
    irradiance = _irradiance(wall, street, light)
    radiance = albedo * irradiance
    sheen = _reflection(wall, street, light)
    inside = (0.35 * pane + 0.03)[..., None] * irradiance * 0.5 + sheen * (1 - 0.75 * pane[..., None]) + emission
    radiance = radiance + glass[..., None] * (inside - radiance)
    alpha = wall.edge * step(-wall.y, -building.height, wall.dy) * step(wall.y, 0.0, wall.dy)
    heat = heat + 3.5 * glass * smooth(emission[..., 0], 0.05, 0.4)
    return Patch(
        wall.rows.start, wall.columns.start, float(wall.z.mean()), alpha, np.asarray(radiance, np.float32), heat
    )


def _masonry(wall: Wall, look: Facade, warm: float, height: float) -> tuple[Array, Array]:
    """Reflectance and temperature of the wall without its windows."""
    offset = look.seed % 512
    fade = np.clip(1.5 - wall.ds / 0.5, 0, 1)
    stain = sample(fractal(), wall.s * 9 + offset, wall.y * 6) * fade
    streak = sample(fractal(), wall.s * 60 + offset, wall.y * 2.5) * np.clip(1.5 - wall.ds / 0.12, 0, 1)
    tone = 1 + 0.07 * stain + 0.05 * streak
    close = np.clip(1.5 - wall.ds / 0.06, 0, 1) * np.clip(1.5 - wall.dy / 0.06, 0, 1)
    if look.brick:
        course = pulses(wall.y, 0.085, 0.0, 0.16, wall.dy)
        brick = sample(grain(), wall.s * 24 + offset, np.floor(wall.y / 0.085) * 23.0)
        tone = tone * (1 + 0.14 * brick * close) + 0.22 * (course - 0.16)
    else:
        tone = tone + 0.05 * sample(grain(), wall.s * 70 + offset, wall.y * 70) * close
    # Dirt gathers above the ground and below the cornice; storeys are marked by a string course.
    tone = tone * (0.80 + 0.20 * smooth(wall.y, 0.0, 1.6)) * (1 - 0.12 * smooth(wall.y, height - 1.6, height - 0.3))
    above = wall.y - look.ground
    course = pulses(above, look.floor, 0.0, 0.05, wall.dy) * (above > -0.1)
    cornice = band(wall.y, height - 0.45, height, wall.dy)
    drip = band(wall.y, height - 0.62, height - 0.45, wall.dy) + band(above, -0.25, 0.0, wall.dy) * (look.ground > 0)
    tone = tone * (1 - 0.45 * drip) + 0.16 * cornice + 0.10 * course
    albedo = np.maximum(tone, 0.1)[..., None] * np.array(look.wall, np.float32)
    heat = warm + 0.5 * stain + 0.25 * streak - 0.8 * cornice - 0.5 * drip - 0.9 * course
    heat = heat + 1.2 * (1 - smooth(wall.y, 0.0, 2.5))
    return np.asarray(albedo, np.float32), np.asarray(heat, np.float32)


def _windows(wall: Wall, look: Facade, height: float, night: bool) -> tuple[Array, Array, Array]:
    """Coverage by windows, what of it is frame or curtain (0 glass to 1), and light from within."""
    rng = generator("windows", look.seed)
    table = rng.random((4, 16, 64)).astype(np.float32)
    wide, tall = look.window
    above = wall.y - np.float32(look.ground)
    lower, upper = 0.5 - tall / 2 + 0.04, 0.5 + tall / 2 + 0.04
    within = step(above, 0.0, wall.dy) * step(
        -above, -(np.floor((height - 0.6 - look.ground) / look.floor) * look.floor), wall.dy
    )
    side = pulses(wall.s, look.bay, 0.5 - wide / 2, 0.5 + wide / 2, wall.ds)
    glass = side * pulses(above, look.floor, lower, upper, wall.dy) * within
    rim_s, rim_y = 0.07 / look.bay, 0.07 / look.floor
    panes = pulses(wall.s, look.bay, 0.5 - wide / 2 + rim_s, 0.5 + wide / 2 - rim_s, wall.ds)
    mullion = pulses(wall.s, look.bay, 0.5 - rim_s / 2, 0.5 + rim_s / 2, wall.ds)
    panes = (panes - mullion) * pulses(above, look.floor, lower + rim_y, upper - rim_y, wall.dy)
    column = np.floor(wall.s / np.float32(look.bay)).astype(np.int64) % 64
    storey = np.floor(above / np.float32(look.floor)).astype(np.int64)
    level = (above / np.float32(look.floor) - storey - lower) / (upper - lower)
    chance, bright, drawn, hue = table[:, storey % 16, column]
    blind = smooth(level, 0.98 - 0.9 * drawn.mean() * 1.0, 1.0) * 0
    blind = np.where(level > 1 - drawn * drawn * 0.9, 0.75 * (drawn > 0.35), 0.0).astype(np.float32) + blind
    pane = np.clip(1 - np.clip(panes / np.maximum(glass, 1e-3), 0, 1) * (1 - blind), 0, 1)
    emission = np.zeros((*above.shape, 3), np.float32)
    if look.ground:
        glass, pane, lit = _shop(wall, look, rng, glass, pane)
        if night:
            emission += lit
    if night:
        on = (chance < look.lit) * (within > 0.5)
        strength = on * (0.35 + 1.1 * bright) * (0.55 + 0.45 * np.clip(level, 0, 1)) * (1 - 0.75 * pane)
        emission += strength[..., None] * np.array(LAMPLIT, np.float32)[(hue * 4).astype(np.int64)]
    return np.asarray(glass, np.float32), np.asarray(pane, np.float32), emission


def _shop(wall: Wall, look: Facade, rng: np.random.Generator, glass: Array, pane: Array) -> tuple[Array, Array, Array]:
    """Add the shop windows and doors of the ground floor."""
    unit = 2 * look.bay
    side = pulses(wall.s, unit, 0.06, 0.94, wall.ds)
    front = side * band(wall.y, 0.45, look.ground - 0.75, wall.dy)
    door = pulses(wall.s, unit, 0.06, 0.24, wall.ds) * band(wall.y, 0.0, look.ground - 0.75, wall.dy)
    bars = pulses(wall.s, unit / 4, 0.0, 0.06, wall.ds)
    shop = np.maximum(front, door)
    shelf = sample(fractal(), wall.s * 40 + look.seed % 512, wall.y * 30)
    number = np.floor(wall.s / np.float32(unit)).astype(np.int64) % 64
    lit = (rng.random(64) < 0.45).astype(np.float32)[number] * (0.5 + 0.9 * rng.random(64).astype(np.float32)[number])
    colour = np.array(LAMPLIT, np.float32)[(rng.random(64) * 4).astype(np.int64)[number]]
    strength = shop * lit * np.clip(0.75 + 0.22 * shelf, 0.1, 1.5) * (1 - bars)
    glass = np.maximum(glass, shop)
    pane = np.where(shop > 0.5, np.clip(bars + 0.18 * np.maximum(shelf, 0), 0, 1), pane)
    return glass, pane, np.asarray(strength[..., None] * colour * 0.8, np.float32)


def _irradiance(wall: Wall, street: Street, light: Light) -> Array:
    """Light that arrives at the wall: sky and sun with the shadow of the houses across, or lamps."""
    sky = hemisphere(light, 0.0) * (0.55 + 0.45 * smooth(wall.y, 0.0, 7.0))[..., None]
    if street.weather.night:
        return sky + light.lamplight((wall.x, wall.y, wall.z), wall.normal)
    cosine = max(float(np.dot(light.toward_sun, np.array(wall.normal, np.float32))), 0.0)
    if cosine == 0:
        return sky
    return sky + light.sun * cosine * sunlit(street, wall.x, wall.y, wall.z, ds=wall.ds)[..., None]


def sunlit(street: Street, x: Array, y: Array, z: Array, ds: Array | None = None) -> Array:
    """Share of the sun that the houses on its side of the street let through to points."""
    sx, sy, sz = (np.float32(part) for part in street.weather.sun)
    side = 1 if sx > 0 else -1
    through = np.ones(np.broadcast_shapes(x.shape, y.shape, z.shape), np.float32)
    for building in street.buildings:
        if building.side != side:
            continue
        way = (np.float32(building.x) - x) / sx
        height, along = y + way * sy, z + way * sz
        # The sun is half a degree wide, so a shadow's edge is 1% of the way from what casts it.
        blur = np.maximum(0.012 * np.abs(way), 0.03) if ds is None else np.maximum(0.012 * np.abs(way), ds)
        inside = step(-height, -building.height, blur) * band(along, building.near, building.far, blur)
        through = through * (1 - inside * (way > 0.05))
    return through


def _reflection(wall: Wall, street: Street, light: Light) -> Array:
    """What the panes mirror: sky high up, the other side of the street lower down."""
    high = smooth(wall.y + 0.25 * wall.z * (wall.y > 3), 4.0, 16.0)[..., None]
    ripple = sample(fractal(), wall.s * 17 + 91, wall.y * 13)[..., None]
    sky = light.haze * (0.55 + 0.10 * ripple)
    other = 0.05 * (light.sky + 0.5 * light.sun) * (1 + 0.3 * ripple)
    return np.asarray(0.03 * light.sky + (other + high * (0.7 * sky - other)) * 0.8, np.float32)
