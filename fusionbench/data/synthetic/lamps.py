"""Street lamps: poles, arms and luminaires."""

from __future__ import annotations

import cv2
import numpy as np

from fusionbench.data.synthetic.camera import Array, Camera, Span, rgb
from fusionbench.data.synthetic.canvas import Patch
from fusionbench.data.synthetic.light import Light
from fusionbench.data.synthetic.street import Lamp, Street

FINE = 4
"""Pixels drawn along each side of a pixel."""


def lamp_patch(camera: Camera, street: Street, lamp: Lamp, light: Light) -> Patch | None:
    """A lamp as seen by the camera; its light is part of `Light`."""
    left, right = sorted((lamp.x, lamp.x + lamp.reach))
    corners = camera.project([(left - 0.5, lamp.height + 0.5, lamp.z), (right + 0.5, 0.0, lamp.z)])
    span = camera.span(corners[0] - 1, corners[1] + 1, margin=4)
    if span is None:
        return None
    rows, columns = span
    size = (columns.stop - columns.start, rows.stop - rows.start)
    parts = cv2.resize(_drawn(camera, lamp, span), size, interpolation=cv2.INTER_AREA)
    alpha, *shares = cv2.split(parts)
    housing, bulb = (share / np.maximum(alpha, 1e-4) for share in shares)
    metal = rgb(0.13, 0.135, 0.14) * (light.hemisphere(np.zeros((1, 1), np.float32)) + 0.35 * light.sun)
    glass = rgb(0.5, 0.5, 0.48) * light.hemisphere(np.full((1, 1), -0.5, np.float32))
    warm = 0.6
    if street.weather.night:
        glass, warm = light.lamp * (14 / light.lamp.max()), 16.0
    heat = street.weather.air - 0.4 + 0.4 * warm * housing + 0.6 * warm * bulb
    return Patch(rows.start, columns.start, lamp.z, alpha, metal + bulb * (glass - metal), heat)


def _drawn(camera: Camera, lamp: Lamp, span: Span) -> Array:
    """Coverage by the lamp, its housing and its bulb, `FINE` times as large as the span."""
    rows, columns = span
    parts = np.zeros(((rows.stop - rows.start) * FINE, (columns.stop - columns.start) * FINE, 3), np.float32)
    origin = np.array([columns.start, rows.start], np.float32)
    head, y = lamp.x + lamp.reach, lamp.height

    def at(*points: tuple[float, float]) -> Array:
        world = [(x, height, lamp.z) for x, height in points]
        return np.round((camera.project(world) - origin) * (FINE * 16)).astype(np.int32)

    def trapezoid(x: float, low: tuple[float, float], high: tuple[float, float], channels: int) -> None:
        (low_y, low_half), (high_y, high_half) = low, high
        corners = at((x - low_half, low_y), (x + low_half, low_y), (x + high_half, high_y), (x - high_half, high_y))
        cv2.fillConvexPoly(parts, corners, [1.0] * channels + [0.0] * (3 - channels), cv2.LINE_8, 4)

    trapezoid(lamp.x, (0, 0.09), (y, 0.05), 1)
    arm = at((lamp.x, y), (lamp.x + 0.4 * lamp.reach, y + 0.16), (head, y + 0.2))
    thick = max(round(0.07 * camera.focal / lamp.z * FINE), 1)
    cv2.polylines(parts, [arm], False, (1, 0, 0), thick, cv2.LINE_8, 4)
    trapezoid(head, (y + 0.10, 0.32), (y + 0.26, 0.20), 2)
    trapezoid(head, (y + 0.03, 0.26), (y + 0.10, 0.30), 3)
    return parts
