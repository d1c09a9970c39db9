"""Shadows on the ground: of houses, vehicles, people and leaves in the sun, and close to whatever stands on it."""

from __future__ import annotations

import cv2
import numpy as np

from fusionbench.data.synthetic.bodies import SHAPES
from fusionbench.data.synthetic.buildings import sunlit
from fusionbench.data.synthetic.camera import NEAR, Array, Camera
from fusionbench.data.synthetic.figures import BOX, silhouette
from fusionbench.data.synthetic.ground import Ground
from fusionbench.data.synthetic.plants import VARIANTS, crown_box, crown_field, foliage
from fusionbench.data.synthetic.street import Person, Plant, Street, Vehicle
from fusionbench.data.synthetic.texture import leaves
from fusionbench.data.synthetic.vehicles import placed


def shadows(camera: Camera, street: Street, ground: Ground) -> tuple[Array, Array]:
    """(H, W) shares of the sun and of the sky that arrive at the ground."""
    shade, contact = np.ones((2, camera.height, camera.width), np.float32)
    if street.weather.sunshine:
        cast: Array = np.zeros_like(shade)
        for vehicle in street.vehicles:
            _cast_vehicle(cast, camera, street, vehicle)
        for person in street.people:
            _cast_person(cast, camera, street, person)
        for plant in street.plants:
            _cast_crown(cast, camera, street, plant)
        cast = cv2.GaussianBlur(cast, (0, 0), 0.0014 * camera.width + 0.2)
        shade[ground.rows] = _between_houses(street, ground)
        shade *= 1 - np.minimum(cast, 1)
    for vehicle in street.vehicles:
        _press(contact, camera, vehicle.x, vehicle.z, (0.95, SHAPES[vehicle.kind].length / 2), 0.88)
    for person in street.people:
        _press(contact, camera, person.x, person.z, (0.26, 0.26), 0.6)
    for plant in street.plants:
        _press(contact, camera, plant.x, plant.z, (0.3, 0.3) if plant.trunk else (0.5 * plant.crown[0], 0.8), 0.6)
    return shade, contact


def _between_houses(street: Street, ground: Ground) -> Array:
    """(h, W) share of the sun that passes the houses; their shadows are soft, so every second pixel is enough."""
    x, z, size = ground.x[::2, ::2], ground.z[::2], 2 * ground.dx[::2]
    coarse = sunlit(street, x, np.zeros((1, 1), np.float32), z, size)
    return cv2.resize(coarse, ground.x.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _foot(street: Street, points: Array) -> Array:
    """Where the shadows of points fall on the ground."""
    sx, sy, sz = street.weather.sun
    foot = points.astype(np.float32)
    high = np.maximum(foot[..., 1], 0)
    foot[..., 0] -= high * (sx / sy)
    foot[..., 2] -= high * (sz / sy)
    foot[..., 1] = 0
    return foot


def _cast_vehicle(cast: Array, camera: Camera, street: Street, vehicle: Vehicle) -> None:
    shape = SHAPES[vehicle.kind]
    half, reach, roof = shape.width / 2, shape.length / 2, max(y for _, y in shape.outline)
    levels = ((0.15, half, reach), (0.75, half, 0.98 * reach), (0.95 * roof, 0.75 * half, 0.5 * reach))
    points = np.array([(sx * x, y, sz * z) for y, x, z in levels for sx in (-1, 1) for sz in (-1, 1)], np.float32)
    foot = _foot(street, placed(vehicle, points))
    if foot[..., 2].min() > NEAR:
        hull = cv2.convexHull(np.round(camera.project(foot) * 16).astype(np.int32).reshape(-1, 1, 2))
        cv2.fillConvexPoly(cast, hull, 1.0, cv2.LINE_AA, 4)


def _cast_person(cast: Array, camera: Camera, street: Street, person: Person) -> None:
    left, right, low, high = BOX
    _cast_sheet(cast, camera, street, silhouette(person, 40), (person.x + left, person.x + right, low, high), person.z)


def _cast_crown(cast: Array, camera: Camera, street: Street, plant: Plant) -> None:
    density = cv2.resize(crown_field(plant.kind, plant.seed % VARIANTS)[..., 0], (128, 128))
    start = plant.seed % 100
    alpha = foliage(density, leaves()[1][start : start + 128, 40:168, 0], 0.06) * 0.93
    _cast_sheet(cast, camera, street, alpha, crown_box(plant), plant.z)
    if plant.trunk:
        x, z = plant.x, plant.z
        _cast_sheet(cast, camera, street, np.ones((2, 2), np.float32), (x - 0.15, x + 0.15, 0.0, plant.trunk), z)


def _cast_sheet(
    cast: Array, camera: Camera, street: Street, alpha: Array, box: tuple[float, float, float, float], z: float
) -> None:
    """Add the shadow of an upright picture (left, right, bottom, top in metres) at depth z."""
    left, right, low, high = box
    foot = _foot(street, np.array([(left, high, z), (right, high, z), (right, low, z), (left, low, z)]))
    if foot[:, 2].min() < NEAR:
        return
    target = camera.project(foot)
    span = camera.span(target.min(axis=0), target.max(axis=0))
    if span is None:
        return
    rows, columns = span
    h, w = alpha.shape
    source = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, target - np.array([columns.start, rows.start], np.float32))
    size = (columns.stop - columns.start, rows.stop - rows.start)
    cast[span] = np.maximum(cast[span], cv2.warpPerspective(alpha, matrix, size, flags=cv2.INTER_LINEAR))


def _press(contact: Array, camera: Camera, x: float, z: float, half: tuple[float, float], strength: float) -> None:
    """Take the sky from the ground beneath a body of the given half width and length, fading beside it."""
    wide, long = half
    near, far = max(z - long - wide, NEAR), z + long + wide
    corners = camera.project([(x + side * 2 * wide, 0, depth) for side in (-1, 1) for depth in (near, far)])
    span = camera.span(corners.min(axis=0) - 1, corners.max(axis=0) + 1)
    if span is None:
        return
    rows, columns = span
    depth = camera.y / np.maximum(-camera.up()[rows], 1e-3)
    across = camera.x + camera.across()[:, columns] * depth
    beside = np.maximum(np.abs(across - x) - wide * 0.8, 0) * (1 / (0.45 * wide))
    along = np.maximum(np.abs(depth - z) - long * 0.9, 0) * (1 / (0.45 * wide))
    contact[span] *= 1 - strength * np.exp(-(beside * beside + along * along))
