"""People: jointed figures of tapered limbs, clothed, warm where skin is bare."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fusionbench.data.synthetic.camera import Array, Camera
from fusionbench.data.synthetic.canvas import Patch, shrunk
from fusionbench.data.synthetic.light import Light, from_cube
from fusionbench.data.synthetic.street import Person, Street
from fusionbench.data.synthetic.texture import fractal, generator, sample

SKIN, HAIR, TOP, TROUSERS, SHOES, BAG = range(6)

CLOTH = (
    (0.020, 0.021, 0.026),
    (0.035, 0.036, 0.040),
    (0.030, 0.036, 0.055),
    (0.050, 0.052, 0.036),
    (0.068, 0.060, 0.046),
    (0.085, 0.080, 0.075),
    (0.045, 0.030, 0.026),
)
"""Linear reflectance of the muted clothes that people wear here: black, navy, olive, brown, gray."""

BOX = (-0.6, 0.6, -0.05, 1.95)
"""Left, right, bottom and top of the picture of a person, in metres from the feet."""

TONES = ((0.36, 0.23, 0.16), (0.26, 0.15, 0.095), (0.12, 0.066, 0.042))

WARMTH = np.array([19.5, 12.5, 10.0, 9.0, 3.0, 1.0], np.float32)
"""How much warmer than the air each material is on a cool day, in degrees."""


@dataclass(frozen=True)
class Limb:
    """A convex hull of balls, in metres from the point on the ground below the hips.

    Attributes:
        balls: (N, 4) of forward, sideways, up, radius.
        material: what covers it.
    """

    balls: npt.NDArray[np.float64]
    material: int


def limbs(person: Person) -> list[Limb]:
    """The figure in mid-stride."""
    rng = generator("pose", person.seed)
    h = person.height
    stride = rng.uniform(0.06, 0.34) if rng.random() < 0.8 else 0.03
    build = rng.uniform(0.92, 1.1)
    coat = rng.uniform(0.40, 0.50) * h if rng.random() < 0.75 else 0.33 * h
    made: list[Limb] = []

    def add(material: int, *balls: tuple[float, float, float, float]) -> None:
        made.append(Limb(np.array([(f, s, u, r) for f, s, u, r in balls]) * [1, build, 1, build], material))

    for side, swing in ((-1, stride), (1, -stride)):
        hip, bend = 0.085 * side, max(-swing, 0) * 0.9 + 0.05
        thigh, shin = swing, swing - bend
        knee = (0.245 * h * np.sin(thigh), 0.53 * h - 0.245 * h * np.cos(thigh))
        ankle = (knee[0] + 0.235 * h * np.sin(shin), knee[1] - 0.235 * h * np.cos(shin))
        add(
            SHOES,
            (ankle[0] - 0.04, hip, 0.045, 0.045),
            (ankle[0] + 0.15, 1.15 * hip, 0.035, 0.036),
            (ankle[0], hip, 0.10, 0.045),
        )
        add(TROUSERS, (*_at(knee, hip), 0.062), (*_at(ankle, hip), 0.050))
        add(TROUSERS, (0, hip, 0.53 * h, 0.092), (*_at(knee, hip), 0.064))
    add(TROUSERS, (0, -0.08, 0.53 * h, 0.10), (0, 0.08, 0.53 * h, 0.10))
    wide = 0.17 * h / 1.75
    hem = 0.82 * h - coat
    add(TOP, (0, -wide, 0.795 * h, 0.062), (0, wide, 0.795 * h, 0.062), (0, -0.10, hem, 0.088), (0, 0.10, hem, 0.088),
        (0.02, 0, 0.70 * h, 0.13), (0, 0, 0.845 * h, 0.055))  # fmt: skip
    for side, swing in ((-1, -stride), (1, stride)):
        shoulder, bend = side * (wide + 0.028), 0.25 + 0.5 * rng.random() * (stride < 0.1)
        elbow = (0.165 * h * np.sin(swing), 0.80 * h - 0.165 * h * np.cos(swing))
        wrist = (elbow[0] + 0.14 * h * np.sin(swing + bend), elbow[1] - 0.14 * h * np.cos(swing + bend))
        add(TOP, (0, shoulder, 0.79 * h, 0.058), (elbow[0], shoulder + 0.035 * side, elbow[1], 0.047))
        add(
            TOP,
            (elbow[0], shoulder + 0.035 * side, elbow[1], 0.047),
            (wrist[0], shoulder + 0.02 * side, wrist[1], 0.037),
        )
        add(
            SKIN,
            (wrist[0] + 0.01, shoulder + 0.02 * side, wrist[1] - 0.03, 0.034),
            (wrist[0] + 0.03, shoulder + 0.018 * side, wrist[1] - 0.09, 0.030),
        )
    add(SKIN, (0, 0, 0.84 * h, 0.052), (0.01, 0, 0.88 * h, 0.05))
    add(SKIN, (0.015, 0, 0.945 * h, 0.074), (0.03, 0, 0.905 * h, 0.055), (-0.02, 0, 0.945 * h, 0.07))
    hood = rng.random() < 0.25
    long_hair = rng.random() < 0.35
    hair = [(-0.018, 0.0, 0.955 * h, 0.088), (-0.035, 0.0, 0.93 * h, 0.078)]
    if long_hair:
        hair.append((-0.06, 0.0, 0.84 * h, 0.07))
    add(TOP if hood else HAIR, *hair)
    if rng.random() < 0.4:
        add(BAG, (-0.17, -0.10, 0.76 * h, 0.07), (-0.17, 0.10, 0.76 * h, 0.07), (-0.17, -0.10, 0.58 * h, 0.08), (-0.17, 0.10, 0.58 * h, 0.08))  # fmt: skip
    return made


def _at(joint: tuple[float, float], side: float) -> tuple[float, float, float]:
    return joint[0], side, joint[1]


@dataclass(frozen=True)
class Figure:
    """A person at the resolution of the drawing: alpha, normals toward the camera, material and depth."""

    alpha: Array
    normal: Array
    material: npt.NDArray[np.uint8]


_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 17)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 17)[:-1])], axis=-1)


def figure(person: Person, density: float) -> Figure:
    """Draw a person at `density` pixels per metre, in a box 1.2 m wide and 2 m high that ends 5 cm below the soles."""
    width, height = round(1.2 * density), round(2.0 * density)
    material = np.full((height, width), 255, np.uint8)
    relief = np.zeros((height, width), np.float32)
    sin, cos = np.sin(person.yaw), np.cos(person.yaw)
    parts = []
    for limb in limbs(person):
        forward, side, up, radius = limb.balls.T
        # Yaw 0 walks away from the camera, so that forward is depth.
        across, depth = forward * sin + side * cos, forward * cos - side * sin
        parts.append((float(depth.mean() - radius.mean() * 0.5), across, up, radius, limb.material))
    for depth, across, up, radius, cover in sorted(parts, key=lambda part: -part[0]):
        centre = np.stack([across + 0.6, 1.95 - up], axis=-1)[:, None] * density
        outline = cv2.convexHull(
            np.round((centre + radius[:, None, None] * density * _CIRCLE) * 16).astype(np.int32).reshape(-1, 1, 2)
        )
        box = np.clip(
            np.array([outline.min(axis=(0, 1)) // 16 - 1, outline.max(axis=(0, 1)) // 16 + 3]), 0, (width, height)
        )
        area = (slice(box[0, 1], box[1, 1]), slice(box[0, 0], box[1, 0]))
        mask = np.zeros((box[1, 1] - box[0, 1], box[1, 0] - box[0, 0]), np.uint8)
        if mask.size == 0:
            continue
        cv2.fillConvexPoly(mask, outline - (box[0] * 16).astype(np.int32), 1, cv2.LINE_8, 4)
        inside = mask > 0
        distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3) / density
        deep = float(radius.max())
        bulge = np.sqrt(np.maximum(np.minimum(distance, deep) * (2 * deep - np.minimum(distance, deep)), 0))
        material[area][inside] = cover
        relief[area][inside] = (bulge - depth)[inside]
    return Figure((material != 255).astype(np.float32), _normals(relief, material, density, person.seed), material)


def _normals(relief: Array, material: npt.NDArray[np.uint8], density: float, seed: int) -> Array:
    """World normals of the relief (metres toward the camera), with the folds of cloth."""
    rows, columns = np.indices(relief.shape, dtype=np.float32) / np.float32(density)
    folds = sample(fractal(), columns * 110 + seed % 512, rows * 55 + seed % 311)
    cloth = (material == TOP) | (material == TROUSERS)
    solid = cv2.GaussianBlur(relief + 0.006 * folds * cloth, (0, 0), 0.014 * density + 0.3)
    gx = cv2.Sobel(solid, cv2.CV_32F, 1, 0, scale=density / 8)
    gy = cv2.Sobel(solid, cv2.CV_32F, 0, 1, scale=density / 8)
    limit = np.float32(1.6)
    normal = np.stack([-np.clip(gx, -limit, limit), np.clip(gy, -limit, limit), -np.ones_like(gx)], axis=-1)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True), np.float32)


def person_patch(camera: Camera, street: Street, person: Person, light: Light, shade: float) -> Patch:
    """A person as seen by the camera; `shade` is the share of the sun that arrives."""
    scale = camera.focal / person.z
    density = float(np.clip(2.0 * scale, 48, 240))
    drawn = figure(person, density)
    left, top = camera.project((person.x - 0.6, 1.95, person.z))
    size = (max(round(1.2 * scale), 1), max(round(2.0 * scale), 1))
    radiance, heat = _lit(drawn, street, person, light, shade)
    alpha, radiance, heat = shrunk(drawn.alpha, radiance, heat, size)
    return Patch(round(float(top)), round(float(left)), person.z, alpha, radiance, heat, "people")


def _lit(drawn: Figure, street: Street, person: Person, light: Light, shade: float) -> tuple[Array, Array]:
    rng = generator("clothes", person.seed)
    hair = ((0.016, 0.013, 0.011), (0.05, 0.032, 0.02), (0.10, 0.09, 0.085))[int(rng.integers(3))]
    cloth = [np.array(CLOTH[int(rng.integers(len(CLOTH)))]) * rng.uniform(0.7, 1.25) for _ in range(3)]
    table = np.array(
        [TONES[int(rng.integers(3))], hair, cloth[0], cloth[1], (0.03, 0.026, 0.022), cloth[2], (0, 0, 0)], np.float32
    )
    index = np.minimum(drawn.material, 6)
    albedo, normal = table[index], drawn.normal
    irradiance = light.hemisphere(normal[..., 1])
    if street.weather.night:
        irradiance = irradiance + from_cube(light.around(person.x, 1.2, person.z - 0.1), normal)
    else:
        irradiance = irradiance + (light.sun * shade) * light.facing(normal)[..., None]
    warm = np.append(WARMTH, 0).astype(np.float32)
    warm[TOP] += rng.uniform(-2.5, 2.5)
    warm[TROUSERS] += rng.uniform(-2.0, 2.5)
    # Skin and cloth keep their temperature while the air changes, the less covered the more.
    body = 7.5 + warm + 0.45 * street.weather.air
    heat = body[index] + 2.2 * (-normal[..., 2] - 0.8) + 0.9 * normal[..., 1]
    rows, columns = np.indices(index.shape, dtype=np.float32)
    heat = heat + 0.7 * sample(fractal(), columns * 0.8 + person.seed % 512, rows * 0.8)
    return np.asarray(albedo * irradiance, np.float32), np.asarray(heat, np.float32)
