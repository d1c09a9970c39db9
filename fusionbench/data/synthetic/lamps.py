"""Street lamps: poles, arms and luminaires."""

from __future__ import annotations

import cv2
import numpy as np

from fusionbench.data.synthetic.camera import Array, Camera
from fusionbench.data.synthetic.canvas import Patch
from fusionbench.data.synthetic.light import Light
from fusionbench.data.synthetic.street import Lamp, Street

FINE = 4


def lamp_patch(camera: Camera, street: Street, lamp: Lamp, light: Light) -> Patch | None:
    """A lamp as seen by the camera; its light is part of `Light`."""
    head = lamp.x + lamp.reach
    box = camera.project([(min(lamp.x, head) - 0.5, lamp.height + 0.5, lamp.z), (max(lamp.x, head) + 0.5, 0.0, lamp.z)])
    low, high = np.floor(box[0]).astype(int) - 1, np.ceil(box[1]).astype(int) + 1
    low, high = np.maximum(low, -4), np.minimum(high, (camera.width + 4, camera.height + 4))
    if (high - low).min() < 2:
        return None
    size = (high - low) * FINE
    parts = np.zeros((size[1], size[0], 3), np.float32)
    scale = camera.focal / lamp.z * FINE
    y = lamp.height

    def at(*points: tuple[float, float]) -> Array:
        world = [(x, height, lamp.z) for x, height in points]
        fine: Array = np.round((camera.project(world) - low) * (FINE * 16)).astype(np.int32)
        return fine

    cv2.fillConvexPoly(
        parts,
        at((lamp.x - 0.09, 0), (lamp.x + 0.09, 0), (lamp.x + 0.05, y), (lamp.x - 0.05, y)),
        (1, 0, 0),
        cv2.LINE_8,
        4,
    )
    arm = at((lamp.x, y), (lamp.x + 0.4 * lamp.reach, y + 0.16), (head, y + 0.2))
    cv2.polylines(parts, [arm], False, (1, 0, 0), max(round(0.07 * scale), 1), cv2.LINE_8, 4)
    cv2.fillConvexPoly(
        parts,
        at((head - 0.32, y + 0.10), (head + 0.32, y + 0.10), (head + 0.2, y + 0.26), (head - 0.2, y + 0.26)),
        (1, 1, 0),
        cv2.LINE_8,
        4,
    )
    cv2.fillConvexPoly(
        parts,
        at((head - 0.26, y + 0.03), (head + 0.26, y + 0.03), (head + 0.3, y + 0.1), (head - 0.3, y + 0.1)),
        (1, 1, 1),
        cv2.LINE_8,
        4,
    )
    small = cv2.resize(parts, (size[0] // FINE, size[1] // FINE), interpolation=cv2.INTER_AREA)
    alpha = small[..., 0]
    share = small / np.maximum(alpha, 1e-4)[..., None]
    metal = np.array([0.13, 0.135, 0.14], np.float32) * (
        light.hemisphere(np.zeros(1, np.float32))[0] + 0.35 * light.sun
    )
    glass = np.array([0.5, 0.5, 0.48], np.float32) * light.hemisphere(np.full(1, -0.5, np.float32))[0]
    warm = 0.6
    if street.weather.night:
        glass = np.minimum(light.lamp / light.lamp.max() * 14, 14)
        warm = 16.0
    radiance = metal + share[..., 2:] * (glass - metal)
    heat = street.weather.air - 0.4 + 0.4 * warm * share[..., 1] + 0.6 * warm * share[..., 2]
    return Patch(
        int(low[1]), int(low[0]), lamp.z, alpha, np.asarray(radiance, np.float32), np.asarray(heat, np.float32)
    )
