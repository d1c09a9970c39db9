"""One infrared-visible pair, rendered from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusionbench.data.synthetic.buildings import paint_buildings, sunlit
from fusionbench.data.synthetic.camera import Camera
from fusionbench.data.synthetic.canvas import Canvas, Patch
from fusionbench.data.synthetic.ground import Ground, paint_ground
from fusionbench.data.synthetic.lamps import lamp_patch
from fusionbench.data.synthetic.light import LUMA, Light, light
from fusionbench.data.synthetic.people import person_patch
from fusionbench.data.synthetic.plants import plant_patches
from fusionbench.data.synthetic.shadows import shadows
from fusionbench.data.synthetic.sky import paint_sky
from fusionbench.data.synthetic.street import Street, street
from fusionbench.data.synthetic.vehicles import vehicle_patch

SMALLEST = 32
"""Minimum height and width of a scene in pixels."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """A rendered pair and the positions of people and vehicles in it.

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

    The bytes are the same for any number of threads and in every process; on another processor or with another version
    of the libraries single pixels may differ by rounding.

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
        raise ValueError(f"a scene of {height}x{width} is too small; give at least {SMALLEST}x{SMALLEST}")
    return render(street(seed, seed % 2 == 0 if night is None else night), height, width)


def render(made: Street, height: int, width: int) -> Scene:
    """Render a street that has been laid out."""
    camera, lit, dark = made.camera(height, width), light(made), made.weather.night
    canvas = Canvas(height, width)
    paint_sky(canvas, camera, made, lit)
    paint_ground(canvas, camera, made, lit, *shadows(camera, made, Ground(camera)))
    paint_buildings(canvas, camera, made, lit)
    for patch in sorted(_patches(camera, made, lit), key=lambda one: -one.depth):
        canvas.lay(patch, lit)
    vi = canvas.visible(_exposure(canvas, dark))
    air = made.weather.air
    ir = canvas.infrared(air - 6.5, air + 22) if dark else canvas.infrared(air - 6, air + 20)
    return Scene(ir, vi, canvas.people > 0.5, canvas.vehicles > 0.5, dark)


def _exposure(canvas: Canvas, night: bool) -> float:
    """The camera's exposure: by day to the scene's mean brightness, by night as long as hands allow."""
    if night:
        return 1.0
    luma = np.tensordot(LUMA, canvas.radiance[:, ::4, ::4], 1)
    return float(np.clip(0.15 / np.exp(np.mean(np.log(luma + 0.02))), 0.35, 1.1))


def _patches(camera: Camera, made: Street, lit: Light) -> list[Patch]:
    patches: list[Patch | None] = []
    for plant in made.plants:
        patches.extend(plant_patches(camera, made, plant, lit))
    patches.extend(lamp_patch(camera, made, lamp, lit) for lamp in made.lamps)
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
    share = float(sunlit(made, *point, size=point[0] * 0)[0, 0])
    sx, sy, sz = made.weather.sun
    for plant in made.plants:
        way = (plant.trunk + 0.5 * plant.crown[1] - y) / sy
        off = np.hypot(x + way * sx - plant.x, z + way * sz - plant.z)
        share *= 1 - 0.8 * float(off < 0.5 * plant.crown[0])
    return share
