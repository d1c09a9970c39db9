"""Vehicles as the camera sees them: glossy and lit; engine, tyres and exhaust warm in infrared."""

from __future__ import annotations

import math

import cv2
import numpy as np

from fusionbench.data.synthetic.bodies import (
    ARCH,
    GLASS,
    HEADLIGHT,
    PLATE,
    RIM,
    SEAM,
    SHAPES,
    TAILLIGHT,
    TRIM,
    TYRE,
    Mesh,
    mesh,
)
from fusionbench.data.synthetic.camera import Array, Camera, rgb, smooth
from fusionbench.data.synthetic.canvas import Patch, shrunk
from fusionbench.data.synthetic.light import Light, from_cube
from fusionbench.data.synthetic.street import Street, Vehicle
from fusionbench.data.synthetic.texture import generator

LOOK = {
    GLASS: ((0.012, 0.014, 0.015), 1.0),
    TRIM: ((0.025, 0.025, 0.026), 0.15),
    TYRE: ((0.018, 0.018, 0.018), 0.05),
    RIM: ((0.28, 0.28, 0.29), 0.4),
    HEADLIGHT: ((0.34, 0.35, 0.37), 0.9),
    TAILLIGHT: ((0.22, 0.012, 0.010), 0.7),
    PLATE: ((0.50, 0.50, 0.46), 0.2),
    ARCH: ((0.010, 0.010, 0.010), 0.0),
}
"""Reflectance and gloss of what is neither paint nor seam."""


def placed(vehicle: Vehicle, points: Array) -> Array:
    """Points of the vehicle's frame in the world."""
    return _turned(vehicle, points) + np.array([vehicle.x, 0, vehicle.z], np.float32)


def _turned(vehicle: Vehicle, vectors: Array) -> Array:
    sin, cos = math.sin(vehicle.heading), math.cos(vehicle.heading)
    return vectors @ np.array([(cos, 0, -sin), (0, 1, 0), (sin, 0, cos)], np.float32)


def vehicle_patch(camera: Camera, street: Street, vehicle: Vehicle, light: Light, shade: float) -> Patch | None:
    """A vehicle as seen by the camera; `shade` is the share of the sun that arrives."""
    body = mesh(vehicle.kind, 2 if camera.focal / vehicle.z > 45 else 1)
    corners = placed(vehicle, body.faces)
    if corners[..., 2].min() < 1.2:
        return None
    pixels = camera.project(corners)
    span = camera.span(pixels.min(axis=(0, 1)) - 1, pixels.max(axis=(0, 1)) + 1, margin=8)
    if span is None:
        return None
    rows, columns = span
    size = (columns.stop - columns.start, rows.stop - rows.start)
    fine = 4 if max(size) < 60 else 2
    view = corners.mean(axis=1) - np.array([camera.x, camera.y, 0], np.float32)
    outline = np.round((pixels - np.array([columns.start, rows.start], np.float32)) * (fine * 16)).astype(np.int32)
    seen = np.flatnonzero((_turned(vehicle, body.outward) * view).sum(axis=1) < 0)
    distance = np.linalg.norm(view, axis=1)
    seen = seen[np.lexsort((-distance[seen], body.painted[seen]))]
    ids = np.full((size[1] * fine, size[0] * fine), -1, np.int32)
    for number, face in enumerate(seen.tolist()):
        cv2.fillConvexPoly(ids, outline[face], number, cv2.LINE_8, 4)
    shown = Mesh(body.faces[seen], body.outward[seen], body.normal[seen], body.material[seen], body.painted[seen])
    radiance, heat = _lit(shown, vehicle, street, light, (view / distance[:, None])[seen], shade)
    face_of = np.maximum(ids, 0)
    cover, colour, warmth = shrunk(
        (ids >= 0).astype(np.float32), np.take(radiance[:, 0], face_of, axis=1), heat[face_of], size
    )
    return Patch(rows.start, columns.start, vehicle.z - 0.1, cover, colour, warmth, "vehicles")


def _lit(body: Mesh, vehicle: Vehicle, street: Street, light: Light, view: Array, shade: float) -> tuple[Array, Array]:
    """(3, 1, N) radiance and (N,) temperature of the faces, seen along unit vectors (N, 3)."""
    view, normal = view.T[:, None], _turned(vehicle, body.normal).T[:, None]
    height = body.faces[..., 1].mean(axis=1)
    paint = np.array(vehicle.paint, np.float32)
    look = [(paint, 0.9), *(LOOK.get(kind, (0.25 * paint, 0.0)) for kind in range(GLASS, ARCH + 1))]
    albedo = np.array([colour for colour, _ in look], np.float32)[body.material].T[:, None]
    gloss = np.array([shine for _, shine in look], np.float32)[body.material]
    cosine = np.maximum(-(view * normal).sum(axis=0), 0)
    mirror = view + 2 * cosine * normal
    fresnel = 0.05 + 0.95 * (1 - cosine) ** 5
    around = 0.10 * (light.sky + 0.5 * light.sun)
    sky = light.haze * (1.1 if street.weather.night else 0.6) + 0.3 * light.sky
    radiance = gloss * fresnel * (around + smooth(mirror[1], 0.0, 0.5) * (sky - around))
    irradiance = light.hemisphere(normal[1]) * np.sqrt(smooth(height, -0.2, 0.8))
    if street.weather.night:
        cube = light.around(vehicle.x, 1.0, vehicle.z)
        irradiance += from_cube(cube, normal)
        radiance += gloss * fresnel * 0.5 * from_cube(cube, mirror)
    else:
        irradiance += (light.sun * shade) * light.facing(normal)
        half = light.toward_sun.reshape(3, 1, 1) - view
        half = half / np.linalg.norm(half, axis=0)
        sparkle = np.maximum((normal * half).sum(axis=0), 0) ** 180
        radiance += gloss * sparkle * light.sun * (1.6 * shade)
    radiance += albedo * irradiance
    if street.weather.night and vehicle.running:
        radiance[:, 0, body.material == HEADLIGHT] = rgb(9.0, 8.8, 8.0)[..., 0]
        radiance[:, 0, body.material == TAILLIGHT] = rgb(1.7, 0.05, 0.03)[..., 0]
    return radiance, _heat(body, normal[1, 0], vehicle, street)


def _heat(body: Mesh, up: Array, vehicle: Vehicle, street: Street) -> Array:
    rng, weather = generator("engine", vehicle.seed), street.weather
    place, material = body.faces.mean(axis=1), body.material
    reach = SHAPES[vehicle.kind].length / 2
    base = weather.air + (0.0 if weather.night else 2.0 + 2.5 * weather.sunshine)
    # Paint and glass mirror the cold sky where they face up; idle cars take the temperature of the air.
    facing_up = np.maximum(up, 0)
    heat = base + 0.8 - 3.0 * facing_up**2 + 0.8 * smooth(place[:, 1], 0.9, 0.4)
    heat = np.where(material == GLASS, base - 3.5 - 2.0 * facing_up, heat)
    heat = np.where(material == SEAM, heat - 1.5, heat)
    heat = np.where((material == TYRE) | (material == TRIM), base + 0.6, heat)
    if vehicle.running:
        hot = rng.uniform(0.7, 1.2)
        engine = smooth(place[:, 2], 0.1 * reach, 0.8 * reach)
        heat = heat + hot * engine * np.where(material == GLASS, 0.5, 7.0)
        heat = heat + 6.5 * hot * (1 - smooth(place[:, 1], 0.2, 0.7))
        heat = np.where(material == TYRE, base + 9.0 * hot, heat)
        heat = np.where(material == RIM, base + 5.0 * hot, heat)
        heat = np.where((material == HEADLIGHT) | (material == TAILLIGHT), base + 7.0 * hot, heat)
        exhaust = np.hypot(np.hypot(place[:, 0] - 0.45, place[:, 1] - 0.33), 0.5 * (place[:, 2] + reach)) < 0.22
        heat = np.where(exhaust, base + 24.0 * hot, heat)
    return heat.astype(np.float32)
