"""One infrared-visible pair, rendered from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fusionbench.data.synthetic.buildings import paint_buildings, sunlit
from fusionbench.data.synthetic.camera import NEAR, Array, Camera
from fusionbench.data.synthetic.canvas import Canvas, Patch
from fusionbench.data.synthetic.ground import Ground, paint_ground
from fusionbench.data.synthetic.lamps import lamp_patch
from fusionbench.data.synthetic.light import Light, light
from fusionbench.data.synthetic.people import figure, person_patch
from fusionbench.data.synthetic.plants import plant_patches
from fusionbench.data.synthetic.sky import paint_sky
from fusionbench.data.synthetic.street import Street, street
from fusionbench.data.synthetic.vehicles import SHAPES, placed, vehicle_patch

SMALLEST = 32
"""Least height and width of a scene in pixels."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """A rendered pair and what is where in it.

    Attributes:
        ir: (H, W) infrared image.
        vi: (H, W, 3) visible image, RGB.
        people: (H, W) pixels that show people.
        vehicles: (H, W) pixels that show vehicles.
        night: whether it is night.
    """

    ir: npt.NDArray[np.uint8]
    vi: npt.NDArray[np.uint8]
    people: Mask
    vehicles: Mask
    night: bool


def scene(seed: int, height: int = 480, width: int = 640, night: bool | None = None) -> Scene:
    """Render a street; the seed decides everything but the size, so that one scene can be had at several sizes.

    Args:
        seed: any number from 0.
        height: rows, at least 32.
        width: columns, at least 32.
        night: by night or by day; None gives night for even seeds.

    Raises:
        ValueError: a negative seed or too small a size.
    """
    if seed < 0:
        raise ValueError(f"seed {seed} is negative; seeds are numbers from 0")
    if min(height, width) < SMALLEST:
        raise ValueError(f"a scene of {height}x{width} is too small; ask for at least {SMALLEST}x{SMALLEST}")
    dark = seed % 2 == 0 if night is None else night
    made = street(seed, dark)
    camera, lit = made.camera(height, width), light(made)
    canvas = Canvas(height, width)
    paint_sky(canvas, camera, made, lit)
    shade, contact = _shadows(camera, made)
    paint_ground(canvas, camera, made, lit, shade, contact)
    paint_buildings(canvas, camera, made, lit)
    for patch in sorted(_patches(camera, made, lit), key=lambda one: -one.depth):
        canvas.lay(patch, lit)
    vi = canvas.visible(_exposure(canvas, dark))
    low, high = (-1.0, 31.0) if dark else (2.0, 34.0)
    return Scene(canvas.infrared(low, high), vi, canvas.people > 0.5, canvas.vehicles > 0.5, dark)


def _exposure(canvas: Canvas, night: bool) -> float:
    """The camera's exposure: by day to the scene's mean brightness, by night as long as hands allow."""
    if night:
        return 1.0
    luma = canvas.radiance @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return float(np.clip(0.30 / np.exp(np.mean(np.log(luma[::4, ::4] + 0.02))), 0.5, 1.6))


def _patches(camera: Camera, made: Street, lit: Light) -> list[Patch]:
    patches: list[Patch] = []
    for plant in made.plants:
        patches.extend(plant_patches(camera, made, plant, lit))
    for lamp in made.lamps:
        patches.append(lamp_patch(camera, made, lamp, lit))
    for vehicle in made.vehicles:
        patches.append(vehicle_patch(camera, made, vehicle, lit, _sun_at(made, vehicle.x, 1.0, vehicle.z)))
    for person in made.people:
        patches.append(person_patch(camera, made, person, lit, _sun_at(made, person.x, 1.0, person.z)))
    return [patch for patch in patches if patch is not None]


def _sun_at(made: Street, x: float, y: float, z: float) -> float:
    """Share of the sun that arrives at a point past houses and trees."""
    if made.weather.night or not made.weather.sunshine:
        return 0.0
    point = [np.full((1, 1), part, np.float32) for part in (x, y, z)]
    share = float(sunlit(made, *point)[0, 0])
    sx, sy, sz = made.weather.sun
    for plant in made.plants:
        way = (plant.trunk + 0.5 * plant.crown[1] - y) / sy
        off = np.hypot(x + way * sx - plant.x, z + way * sz - plant.z)
        share *= 1 - 0.8 * float(off < 0.5 * plant.crown[0])
    return share


def _shadows(camera: Camera, made: Street) -> tuple[Array, Array]:
    """(H, W) shares of sun and of sky that arrive at the ground."""
    shade = np.ones((camera.height, camera.width), np.float32)
    contact = np.ones_like(shade)
    ground = Ground(camera)
    if made.weather.sunshine:
        flat = np.zeros((1, 1), np.float32)
        shade[ground.rows] = sunlit(made, ground.x, flat, ground.z, ds=ground.dx)
        cast = np.zeros_like(shade)
        for vehicle in made.vehicles:
            shape = SHAPES[vehicle.kind]
            half, reach, top = shape.width / 2, shape.length / 2, max(y for _, y in shape.outline)
            corners = np.array(
                [
                    (x, y, z * (0.95 if y else 1))
                    for x in (-half, half)
                    for y in (0.0, 0.85 * top)
                    for z in (-reach, reach)
                ],
                np.float32,
            )
            _cast(cast, camera, made, placed(vehicle, corners))
        for person in made.people:
            _cast_person(cast, camera, made, person)
        for plant in made.plants:
            _cast_crown(cast, camera, made, plant)
        shade *= 1 - cv2.GaussianBlur(np.clip(cast, 0, 1), (0, 0), 0.0016 * camera.width + 0.2)
    for vehicle in made.vehicles:
        _press(contact, camera, vehicle.x, vehicle.z, 0.95, SHAPES[vehicle.kind].length / 2, 0.85)
    for person in made.people:
        _press(contact, camera, person.x, person.z, 0.28, 0.28, 0.55)
    for plant in made.plants:
        wide = 0.55 * plant.crown[0] if plant.trunk == 0 else 0.3
        _press(contact, camera, plant.x, plant.z, wide, 0.8 if plant.trunk == 0 else 0.3, 0.6)
    return shade, contact


def _cast(cast: Array, camera: Camera, made: Street, points: Array) -> None:
    """Add the shadow of a convex body, given its corners."""
    sx, sy, sz = made.weather.sun
    foot = points.copy()
    foot[..., 0] -= points[..., 1] * np.float32(sx / sy)
    foot[..., 2] -= points[..., 1] * np.float32(sz / sy)
    foot[..., 1] = 0
    if foot[..., 2].min() < NEAR:
        return
    hull = cv2.convexHull(np.round(camera.project(foot) * 16).astype(np.int32).reshape(-1, 1, 2))
    cv2.fillConvexPoly(cast, hull, 1.0, cv2.LINE_AA, 4)


def _cast_person(cast: Array, camera: Camera, made: Street, person) -> None:
    drawn = figure(person, 48)
    _cast_sheet(cast, camera, made, drawn.alpha, (person.x - 0.6, person.x + 0.6), (-0.05, 1.95), person.z)


def _cast_crown(cast: Array, camera: Camera, made: Street, plant) -> None:
    from fusionbench.data.synthetic.plants import crown_field
    from fusionbench.data.synthetic.texture import leaves

    density = cv2.resize(crown_field(plant)[..., 0], (144, 144))
    leaf = leaves()[1][40:184, 40:184, 0]
    alpha = np.clip((density * 1.9 - leaf) * 8 + 0.5, 0, 0.92).astype(np.float32)
    wide, tall = plant.crown
    low = plant.trunk * 0.82
    _cast_sheet(cast, camera, made, alpha, (plant.x - wide / 2, plant.x + wide / 2), (low, low + tall), plant.z)


def _cast_sheet(
    cast: Array, camera: Camera, made: Street, alpha: Array, x: tuple[float, float], y: tuple[float, float], z: float
) -> None:
    """Add the shadow of an upright picture at depth z."""
    sx, sy, sz = made.weather.sun
    # A picture that the sun grazes would cast a line; a body has depth, so the shear keeps some width.
    corners = [(x[0], y[1]), (x[1], y[1]), (x[1], y[0]), (x[0], y[0])]
    foot = np.array([(px - max(py, 0) * sx / sy, 0.0, z - max(py, 0) * sz / sy) for px, py in corners], np.float32)
    if foot[:, 2].min() < NEAR:
        return
    h, w = alpha.shape
    source = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float32)
    target = camera.project(foot)
    low, high = np.floor(target.min(axis=0)).astype(int), np.ceil(target.max(axis=0)).astype(int) + 1
    low, high = np.maximum(low, 0), np.minimum(high, (camera.width, camera.height))
    if (high - low).min() < 1:
        return
    matrix = cv2.getPerspectiveTransform(source, (target - low).astype(np.float32))
    warped = cv2.warpPerspective(alpha, matrix, (int(high[0] - low[0]), int(high[1] - low[1])), flags=cv2.INTER_LINEAR)
    area = (slice(low[1], high[1]), slice(low[0], high[0]))
    cast[area] = np.maximum(cast[area], warped)


def _press(contact: Array, camera: Camera, x: float, z: float, wide: float, long: float, strength: float) -> None:
    """Take the sky from the ground beneath a body, fading with the distance from it."""
    near = max(z - long - wide, NEAR)
    low = camera.project((x - 2 * wide, 0, near)), camera.project((x + 2 * wide, 0, near))
    left, right = (
        min(low[0][0], camera.project((x - 2 * wide, 0, z + long))[0]),
        max(low[1][0], camera.project((x + 2 * wide, 0, z + long))[0]),
    )
    top, bottom = camera.project((x, 0, z + long + wide))[1], low[0][1]
    rows = slice(max(int(top) - 1, 0), min(int(bottom) + 2, camera.height))
    columns = slice(max(int(left) - 1, 0), min(int(right) + 2, camera.width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    down = np.maximum(-camera.up()[rows], 1e-3)
    depth = camera.y / down
    across = camera.x + camera.across()[:, columns] * depth
    ox = np.maximum(np.abs(across - x) - wide * 0.8, 0) / (0.45 * wide)
    oz = np.maximum(np.abs(depth - z) - long * 0.9, 0) / (0.45 * wide)
    contact[rows, columns] *= 1 - np.float32(strength) * np.exp(-(ox * ox + oz * oz))
