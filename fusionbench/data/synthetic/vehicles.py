"""Vehicles: bodies lofted through cross-sections, with glass, lights and wheels; engine, tyres and exhaust are warm."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fusionbench.data.synthetic.camera import Array, Camera, smooth
from fusionbench.data.synthetic.canvas import Patch, shrunk
from fusionbench.data.synthetic.light import Light, from_cube
from fusionbench.data.synthetic.street import Street, Vehicle
from fusionbench.data.synthetic.texture import generator

PAINT, GLASS, TRIM, TYRE, RIM, HEADLIGHT, TAILLIGHT, PLATE, SEAM = range(9)


@dataclass(frozen=True)
class Shape:
    """Side view of a body, front at z = +1/2 of the length.

    Attributes:
        length: metres.
        width: metres.
        belt: height of the lower edge of the windows.
        outline: (z as a share of the length, height in metres) along the top.
        pillars: z shares where the side windows are divided; the first and last bound the glass.
    """

    length: float
    width: float
    belt: float
    outline: tuple[tuple[float, float], ...]
    pillars: tuple[float, ...]


SHAPES = {
    "sedan": Shape(
        4.6, 1.80, 0.92,
        ((-0.5, 0.72), (-0.485, 0.92), (-0.44, 1.03), (-0.33, 1.07), (-0.20, 1.38), (-0.10, 1.45), (0.03, 1.45),
         (0.12, 1.37), (0.25, 1.02), (0.42, 0.90), (0.48, 0.78), (0.5, 0.60)),
        (-0.25, -0.03, 0.19),
    ),
    "hatchback": Shape(
        4.0, 1.74, 0.94,
        ((-0.5, 0.75), (-0.49, 1.00), (-0.455, 1.18), (-0.40, 1.44), (-0.30, 1.51), (0.02, 1.51), (0.11, 1.42),
         (0.26, 1.04), (0.43, 0.92), (0.485, 0.78), (0.5, 0.60)),
        (-0.39, -0.17, 0.0, 0.19),
    ),
    "suv": Shape(
        4.6, 1.88, 1.06,
        ((-0.5, 0.85), (-0.49, 1.15), (-0.46, 1.36), (-0.41, 1.62), (-0.34, 1.70), (0.03, 1.70), (0.12, 1.60),
         (0.24, 1.17), (0.43, 1.06), (0.485, 0.92), (0.5, 0.70)),
        (-0.40, -0.20, 0.0, 0.18),
    ),
    "van": Shape(
        5.0, 1.92, 1.12,
        ((-0.5, 1.0), (-0.497, 1.75), (-0.48, 1.92), (-0.44, 1.96), (0.20, 1.96), (0.27, 1.88), (0.40, 1.24),
         (0.46, 1.08), (0.49, 0.92), (0.5, 0.70)),
        (0.08, 0.20, 0.33),
    ),
}  # fmt: skip
"""The bodies on the road."""

STATIONS, RING = 34, 17


@dataclass(frozen=True)
class Mesh:
    """Polygons of one vehicle in its own frame (x to the right of its front, y up, z ahead).

    Attributes:
        faces: (N, 4, 3) corners.
        normal: (N, 3) outward.
        material: (N,).
        layer: (N,) 0 for the body, 1 for what is painted onto it.
    """

    faces: Array
    normal: Array
    material: npt.NDArray[np.int64]
    layer: npt.NDArray[np.int64]


def _rings(shape: Shape) -> npt.NDArray[np.float64]:
    """(STATIONS, RING, 3) points of the lofted body, each ring from the left sill over the roof to the right sill."""
    knots = np.array(shape.outline)
    fine = np.linspace(-0.5, 0.5, 401)
    top = np.interp(fine, knots[:, 0], knots[:, 1])
    top = np.convolve(np.pad(top, 7, mode="edge"), np.hanning(17)[1:-1] / np.hanning(17).sum(), mode="valid")
    t = np.sin(np.linspace(-0.5, 0.5, STATIONS) * np.pi) * 0.25 + np.linspace(-0.5, 0.5, STATIONS) * 0.5
    roof = np.interp(t, fine, top)
    end = np.abs(2 * t)
    half = shape.width / 2 * (1 - 0.10 * end**6 - 0.05 * end**16)
    sill = 0.24 + 0.10 * end**10
    belt = np.minimum(shape.belt, roof - 0.04)
    lower = np.linspace(0, 1, 5)
    rise = np.array([0.34, 0.68, 0.93, 1.0])
    tumble = np.array([0.92, 0.83, 0.74, 0.0])
    flare = np.array([0.93, 0.985, 1.0, 0.99, 0.965])
    y = np.concatenate(
        [sill[:, None] + (belt - sill)[:, None] * lower, belt[:, None] + (roof - belt)[:, None] * rise], axis=1
    )
    low = (roof - belt < 0.22)[:, None]
    x = half[:, None] * np.concatenate(
        [np.tile(flare, (STATIONS, 1)), np.where(low, tumble * 0.3 + [0.62, 0.56, 0.45, 0.0], tumble)], axis=1
    )
    x[:, -1] = 0
    z = np.tile((t * shape.length)[:, None], (1, 9))
    right = np.stack([x, y, z], axis=-1)
    left = right[:, :-1] * [-1, 1, 1]
    return np.concatenate([left, right[:, ::-1]], axis=1)


def mesh(vehicle: Vehicle) -> Mesh:
    """Build a vehicle."""
    shape = SHAPES[vehicle.kind]
    ring = _rings(shape)
    quads = np.stack([ring[:-1, :-1], ring[1:, :-1], ring[1:, 1:], ring[:-1, 1:]], axis=2).reshape(-1, 4, 3)
    materials = _body_materials(shape, ring).reshape(-1)
    faces, made, layers = [quads], [materials], [np.zeros(len(quads), np.int64)]
    for end in (0, -1):
        loop = ring[end]
        strips = np.stack([loop[:8], loop[1:9], loop[::-1][1:9], loop[::-1][:8]], axis=1)
        faces.append(strips)
        made.append(np.where(np.arange(8) < 2, TRIM, PAINT))
        layers.append(np.zeros(8, np.int64))
    decals, kinds = _decals(shape, ring)
    faces.append(decals)
    made.append(kinds)
    layers.append(np.ones(len(kinds), np.int64))
    corners = np.concatenate(faces)
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    outward = corners.mean(axis=1) - [0, 0.75, 0]
    outward[:, 2] *= 0.35
    normal *= np.where((normal * outward).sum(axis=1) < 0, -1, 1)[:, None]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    return Mesh(corners.astype(np.float32), normal.astype(np.float32), np.concatenate(made), np.concatenate(layers))


def _body_materials(shape: Shape, ring: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """(STATIONS - 1, RING - 1) materials of the lofted quads."""
    middle = (ring[:-1] + ring[1:]) / 2
    z, roof = middle[:, 0, 2] / shape.length, middle[:, 8, 1]
    slope = np.abs(np.diff(ring[:, 8, 1]) / np.diff(ring[:, 8, 2]))
    material = np.full((len(z), RING - 1), PAINT)
    material[:, [0, RING - 2]] = TRIM
    pillar = np.min(np.abs(z[:, None] - np.array(shape.pillars)), axis=1) < 0.022
    side = (z > shape.pillars[0]) & (z < shape.pillars[-1]) & ~pillar & (roof - shape.belt > 0.20)
    for k in (4, 5, RING - 6, RING - 7):
        material[side, k] = GLASS
    screen = (slope > 0.30) & (roof > shape.belt + 0.10) & (np.abs(z) < 0.485)
    for k in (6, 7, RING - 9 + 0, RING - 8):
        material[screen, k] = GLASS
    return material


def _decals(shape: Shape, ring: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Lights, plates, grille, seams and wheels, each a little outside the body."""
    half, reach = shape.width / 2, shape.length / 2
    quads: list[list[tuple[float, float, float]]] = []
    kinds: list[int] = []

    def box(kind: int, x: tuple[float, float], y: tuple[float, float], z: float) -> None:
        quads.append([(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)])
        kinds.append(kind)

    rear = 0.66 * shape.belt if shape.belt < 1 else 0.72 * shape.belt
    box(TRIM, (-0.62 * half, 0.62 * half), (0.40, 0.54), reach + 0.012)
    box(TRIM, (-0.50 * half, 0.50 * half), (0.60, 0.68), reach + 0.012)
    box(PLATE, (-0.26, 0.26), (0.42, 0.53), reach + 0.02)
    box(PLATE, (-0.26, 0.26), (rear - 0.02, rear + 0.10), -reach - 0.02)
    box(TRIM, (-0.80 * half, 0.80 * half), (0.30, 0.42), -reach - 0.012)
    for side in (-1, 1):
        box(HEADLIGHT, (side * 0.52 * half, side * 0.84 * half), (0.60, 0.72), reach + 0.012)
        box(TAILLIGHT, (side * 0.55 * half, side * 0.86 * half), (rear, rear + 0.17), -reach - 0.012)
        for z in shape.pillars[:-1]:
            at = z * shape.length
            edge = side * (half + 0.004)
            quads.append(
                [
                    (edge, 0.32, at),
                    (edge, 0.32, at + 0.02),
                    (edge, shape.belt - 0.05, at + 0.02),
                    (edge, shape.belt - 0.05, at),
                ]
            )
            kinds.append(SEAM)
        for z in (-0.30, 0.31):
            for radius, kind in ((0.385, SEAM), (0.32, TYRE), (0.20, RIM), (0.06, SEAM)):
                wheel = _disc(side * (half + 0.006 + 0.002 * kind), 0.325, z * shape.length, radius)
                quads.extend(wheel)
                kinds.extend([kind] * len(wheel))
    return np.array(quads), np.array(kinds)


def _disc(x: float, y: float, z: float, radius: float) -> list[list[tuple[float, float, float]]]:
    """An upright disc as trapezoids."""
    edges = np.linspace(-np.pi / 2, np.pi / 2, 9)
    return [
        [(x, y + radius * np.sin(a), z - radius * np.cos(a)), (x, y + radius * np.sin(a), z + radius * np.cos(a)),
         (x, y + radius * np.sin(b), z + radius * np.cos(b)), (x, y + radius * np.sin(b), z - radius * np.cos(b))]
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]  # fmt: skip


def placed(vehicle: Vehicle, points: Array) -> Array:
    """Points of the vehicle's frame in the world."""
    sin, cos = np.float32(np.sin(vehicle.heading)), np.float32(np.cos(vehicle.heading))
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([vehicle.x + cos * x + sin * z, y, vehicle.z - sin * x + cos * z], axis=-1)


def vehicle_patch(camera: Camera, street: Street, vehicle: Vehicle, light: Light, shade: float) -> Patch | None:
    """A vehicle as seen by the camera; `shade` is the share of the sun that arrives."""
    body = mesh(vehicle)
    corners = placed(vehicle, body.faces)
    if corners[..., 2].min() < 1.2:
        return None
    turn = placed(Vehicle(0, 0, vehicle.heading, "", (0, 0, 0), False, 0), body.normal)
    eye = np.array([camera.x, camera.y, 0], np.float32)
    view = corners.mean(axis=1) - eye
    seen = (turn * view).sum(axis=1) < 0
    pixels = camera.project(corners)
    low, high = np.floor(pixels.min(axis=(0, 1))).astype(int) - 1, np.ceil(pixels.max(axis=(0, 1))).astype(int) + 2
    low, high = np.maximum(low, -8), np.minimum(high, (camera.width + 8, camera.height + 8))
    if (high - low).min() < 2:
        return None
    factor = 4 if (high - low).max() < 60 else 2
    size = (high - low) * factor
    ids = np.full((size[1], size[0]), -1, np.int32)
    distance = np.linalg.norm(view, axis=1) - 100.0 * 0
    order = np.lexsort((-distance, body.layer))
    outline = np.round((pixels - low) * (factor * 16)).astype(np.int32)
    for i in order:
        if seen[i]:
            cv2.fillConvexPoly(ids, outline[i], int(i), cv2.LINE_8, 4)
    alpha = (ids >= 0).astype(np.float32)
    radiance, heat = _lit(ids, body, turn, corners, vehicle, street, light, eye, shade)
    alpha, radiance, heat = shrunk(alpha, radiance, heat, (size[0] // factor, size[1] // factor))
    return Patch(int(low[1]), int(low[0]), float(vehicle.z - 0.1), alpha, radiance, heat, "vehicles")


def _lit(
    ids: npt.NDArray[np.int32], body: Mesh, turn: Array, corners: Array, vehicle: Vehicle, street: Street, light: Light,
    eye: Array, shade: float,
) -> tuple[Array, Array]:  # fmt: skip
    """Radiance and temperature of the drawn faces."""
    material, centre = body.material, corners.mean(axis=1)
    table = np.array([vehicle.paint, (0.012, 0.014, 0.015), (0.025, 0.025, 0.026), (0.018, 0.018, 0.018), (0.30, 0.30, 0.31),
                      (0.55, 0.56, 0.58), (0.28, 0.015, 0.012), (0.55, 0.55, 0.50), (0.012, 0.012, 0.012)], np.float32)  # fmt: skip
    gloss = np.array([0.9, 1.0, 0.15, 0.05, 0.4, 0.8, 0.7, 0.2, 0.0], np.float32)[material]
    direction = (centre - eye) / np.linalg.norm(centre - eye, axis=1, keepdims=True)
    cosine = -(direction * turn).sum(axis=1)
    mirror = direction + 2 * cosine[:, None] * turn
    sky = smooth(mirror[:, 1], 0.05, 0.45)[:, None]
    world = light.haze * (0.55 if not street.weather.night else 1.0) * 1.15
    around = 0.10 * (light.sky + 0.5 * light.sun)
    fresnel = (0.05 + 0.95 * (1 - np.clip(cosine, 0, 1)) ** 5)[:, None]
    sheen = gloss[:, None] * fresnel * (around + sky * (world + 0.3 * light.sky - around))
    irradiance = light.hemisphere(turn[:, 1]) * smooth(centre[:, 1], 0.0, 0.8)[:, None] ** 0.5
    if street.weather.night:
        irradiance = irradiance + from_cube(light.around(vehicle.x, 1.0, vehicle.z), turn)
    else:
        irradiance = irradiance + (light.sun * shade) * light.facing(turn)[:, None]
        half = light.toward_sun - direction
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        sparkle = np.clip((turn * half).sum(axis=1), 0, 1) ** 180 * gloss
        sheen = sheen + light.sun * np.float32(1.6 * shade) * sparkle[:, None]
    radiance = table[material] * irradiance + sheen
    if street.weather.night and vehicle.running:
        radiance[material == HEADLIGHT] = (9.0, 8.8, 8.0)
        radiance[material == TAILLIGHT] = (1.6, 0.05, 0.03)
    heat = _heat(body, turn, vehicle, street)
    flat = np.maximum(ids, 0)
    return np.asarray(radiance, np.float32)[flat], heat[flat]


def _heat(body: Mesh, turn: Array, vehicle: Vehicle, street: Street) -> Array:
    rng, air = generator("engine", vehicle.seed), street.weather.air
    place = body.faces.mean(axis=1)
    reach = SHAPES[vehicle.kind].length / 2
    base = air + (0.0 if street.weather.night else 2.0 + 2.5 * street.weather.sunshine)
    up = np.maximum(turn[:, 1], 0)
    # Paint and glass mirror the cold sky where they face up; idle cars take the temperature of the air.
    heat = base + 0.8 - 3.0 * up**2
    material = body.material
    heat = np.where(material == GLASS, base - 3.5 - 2.0 * up, heat)
    heat = np.where((material == TYRE) | (material == TRIM), base + 0.6, heat)
    if vehicle.running:
        hot = rng.uniform(0.7, 1.2)
        engine = smooth(place[:, 2], 0.1 * reach, 0.8 * reach)
        heat = heat + hot * engine * np.where(material == GLASS, 0.5, 7.0)
        low = 1 - smooth(place[:, 1], 0.2, 0.7)
        heat = heat + hot * low * 6.5
        heat = np.where(material == TYRE, base + 9.0 * hot, heat)
        heat = np.where(material == RIM, base + 5.0 * hot, heat)
        heat = np.where((material == HEADLIGHT) | (material == TAILLIGHT), base + 7.0 * hot, heat)
        exhaust = np.hypot(np.hypot(place[:, 0] - 0.45, place[:, 1] - 0.33), 0.5 * (place[:, 2] + reach)) < 0.22
        heat = np.where(exhaust, base + 24.0 * hot, heat)
    return np.asarray(heat, np.float32)
