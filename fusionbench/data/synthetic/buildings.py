"""Houses: boxes whose walls are computed pixel by pixel, windows and all, so that they are sharp at any distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusionbench.data.synthetic.camera import NEAR, Array, Camera, band, smooth, step
from fusionbench.data.synthetic.canvas import Canvas, Patch
from fusionbench.data.synthetic.facades import Openings, Surface, masonry, openings
from fusionbench.data.synthetic.light import Light
from fusionbench.data.synthetic.street import Building, Street
from fusionbench.data.synthetic.texture import fractal, sample

DEPTH = 12.0
"""How far a house reaches back from the street, in metres."""


@dataclass(frozen=True)
class Wall:
    """The visible part of one wall.

    Attributes:
        rows: image rows that it takes.
        columns: image columns that it takes.
        at: its points in its own coordinates.
        x: (1, w) metres across the street.
        z: (1, w) metres along the street.
        edge: (1, w) share of each column that the wall covers.
        normal: the way it faces.
    """

    rows: slice
    columns: slice
    at: Surface
    x: Array
    z: Array
    edge: Array
    normal: tuple[float, float, float]


def paint_buildings(canvas: Canvas, camera: Camera, street: Street, light: Light) -> None:
    """Paint the houses from far to near."""
    hidden = {(one.x, one.far): one.height for one in street.buildings}
    for building in sorted(street.buildings, key=lambda one: -one.near):
        neighbour = hidden.get((building.x, building.near), 0.0)
        for wall in (_street_wall(camera, building), _near_wall(camera, building, neighbour)):
            if wall is not None:
                canvas.lay(_painted(wall, building, street, light), light)


def _street_wall(camera: Camera, building: Building) -> Wall | None:
    """The wall along the street, a plane of constant x."""
    offset, near = building.x - camera.x, max(building.near, NEAR)
    if building.far <= near or offset * building.side <= 0.2:
        return None
    ends = sorted(camera.centre + camera.focal * offset / z for z in (near, building.far))
    tall = camera.horizon - camera.focal * (building.height - camera.y) / near
    span = camera.span((ends[0], tall - 1), (ends[1] + 1, camera.horizon + camera.focal * camera.y / near + 1))
    if span is None:
        return None
    rows, columns = span
    u = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5
    across = np.maximum((u - camera.centre) * building.side, 1e-3)
    z = np.minimum(np.maximum(camera.focal * abs(offset) / across, near), building.far)
    y = camera.y + camera.up()[rows] * z
    at = Surface(z - building.near, y, z * z * (1 / (camera.focal * abs(offset))), z * (1 / camera.focal))
    x = np.full_like(z, building.x)
    return Wall(rows, columns, at, x, z, band(u, ends[0], ends[1], 1.0), (-building.side, 0.0, 0.0))


def _near_wall(camera: Camera, building: Building, hidden: float) -> Wall | None:
    """The wall that faces the camera, a plane of constant z; what is lower than `hidden` has a neighbour before it."""
    z, outer = building.near, building.x + building.side * DEPTH
    if z < 2.0 or hidden >= building.height:
        return None
    ends = sorted(camera.centre + camera.focal * (x - camera.x) / z for x in (building.x, outer))
    tall = camera.horizon - camera.focal * (building.height - camera.y) / z
    low = camera.horizon + camera.focal * (camera.y - hidden) / z
    span = camera.span((ends[0], tall - 1), (ends[1] + 1, low + 1))
    if span is None:
        return None
    rows, columns = span
    u = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5
    x = camera.x + (u - camera.centre) * (z / camera.focal)
    y = np.repeat(camera.y + camera.up()[rows] * z, x.shape[1], axis=1)
    size, depth = np.full_like(x, z / camera.focal), np.full_like(x, z)
    at = Surface((x - building.x) * building.side, y, size, size)
    return Wall(rows, columns, at, x, depth, band(u, ends[0], ends[1], 1.0), (0.0, 0.0, -1.0))


def _painted(wall: Wall, building: Building, street: Street, light: Light) -> Patch:
    look, at, weather = building.facade, wall.at, street.weather
    albedo, warmth = masonry(at, look, building.height)
    hole = openings(at, look, building.height, weather.night)
    arriving = _irradiance(wall, street, light)
    glass = _mirrored(wall, hole, light) + 0.02 * arriving
    glass += hole.solid * (hole.colour * arriving * hole.reveal - glass)
    # Panes mirror the cold sky; single ones leak the warmth of the room.
    pane = weather.air - 3.0 + 4.5 * hole.tilt * hole.tilt
    if hole.emission is not None:
        glass += hole.emission
        pane += 2.5 * smooth(hole.emission[0], 0.05, 0.4)
    radiance = albedo * arriving
    radiance += hole.cover * (glass - radiance)
    pane = pane + hole.solid * (weather.air + 1.5 - pane)
    heat = weather.air + look.warmth + warmth
    heat += hole.cover * (pane - heat)
    alpha = wall.edge * step(-at.y, -building.height, at.dy) * step(at.y, 0.0, at.dy)
    return Patch(wall.rows.start, wall.columns.start, float(wall.z.mean()), alpha, radiance, heat)


def _irradiance(wall: Wall, street: Street, light: Light) -> Array:
    """Light that arrives at the wall: sky and sun with the shadow of the houses across, or lamps."""
    open_sky = 0.55 + 0.45 * smooth(wall.at.y, 0.0, 7.0)
    sky: Array = open_sky * light.hemisphere(np.zeros((1, 1), np.float32))
    if street.weather.night:
        return sky + light.lamplight(wall.x, wall.at.y, wall.z, wall.normal)
    cosine = float(np.dot(light.toward_sun, np.array(wall.normal, np.float32)))
    if cosine <= 0:
        return sky
    return sky + (light.sun * cosine) * sunlit(street, wall.x, wall.at.y, wall.z, wall.at.ds)


def sunlit(street: Street, x: Array, y: Array, z: Array, size: Array) -> Array:
    """Share of the sun that the houses on its side of the street let through to points.

    Args:
        street: whose houses stand in the way.
        x: metres across the street; broadcast with y and z.
        y: metres above the ground.
        z: metres along the street.
        size: of a pixel there.
    """
    sx, sy, sz = street.weather.sun
    side = 1 if sx > 0 else -1
    through: Array = np.ones(np.broadcast_shapes(x.shape, y.shape, z.shape), np.float32)
    for building in street.buildings:
        if building.side != side:
            continue
        way = (building.x - x) * (1 / sx)
        # The sun is half a degree wide, so a shadow's edge is 1% of the way from what casts it.
        blur = np.maximum(0.012 * np.abs(way) + 0.02, size)
        inside = band(z + way * sz, building.near, building.far, blur)
        if inside.any():
            inside = inside * step(-(y + way * sy), -building.height, blur)
            through = through * (1 - inside * (way > 0.05))
    return through


def _mirrored(wall: Wall, hole: Openings, light: Light) -> Array:
    """What the panes mirror: sky high up, the other side of the street lower down."""
    ripple = sample(fractal(), wall.at.s * 17 + 91, wall.at.y * 13)
    high = smooth(wall.at.y + 9.0 * (hole.tilt - 0.5) + 1.2 * ripple, 3.0, 14.0)
    sky = light.haze * 0.45
    other = 0.035 * (light.sky + 0.5 * light.sun)
    return (other + high * (sky - other)) * (0.9 + 0.12 * ripple * hole.reveal)
