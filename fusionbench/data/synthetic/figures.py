"""Human figures: jointed, of tapered limbs, drawn with the relief that shading needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fusionbench.data.synthetic.camera import Array
from fusionbench.data.synthetic.street import Person
from fusionbench.data.synthetic.texture import TILE, fractal, generator, sample

SKIN, HAIR, TOP, TROUSERS, SHOES, BAG, NOTHING = range(7)

BOX = (-0.6, 0.6, -0.05, 1.95)
"""Left, right, bottom and top of the picture of a person, in metres from the feet."""

Ball = tuple[float, float, float, float]
"""Forward, sideways, up and radius, in metres from the point on the ground below the hips."""

_TURN = 2 * math.pi * np.arange(14) / 14
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=-1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawn person.

    Attributes:
        top: rows between the upper edge of `BOX` and the first row drawn.
        left: columns between the left edge of `BOX` and the first column drawn.
        material: (h, w) what each pixel shows, `NOTHING` beside the person.
        normal: (3, h, w) in the world; z points away from the camera.
    """

    top: int
    left: int
    material: npt.NDArray[np.uint8]
    normal: Array


def limbs(person: Person) -> Iterator[tuple[int, list[Ball]]]:
    """Materials and balls of a figure in mid-stride; a limb is the convex hull of its balls."""
    rng = generator("pose", person.seed)
    h = person.height
    stride = rng.uniform(0.06, 0.34) if rng.random() < 0.8 else 0.03
    coat = rng.uniform(0.40, 0.50) * h if rng.random() < 0.75 else 0.33 * h
    idle = 0.25 + 0.5 * rng.random() * (stride < 0.1)
    hood, long_hair, bag = (rng.random(3) < (0.25, 0.35, 0.4)).tolist()
    yield from _legs(h, stride)
    wide, hem = 0.097 * h, 0.82 * h - coat
    shoulders: list[Ball] = [(0, -wide, 0.795 * h, 0.062), (0, wide, 0.795 * h, 0.062), (0, 0, 0.845 * h, 0.055)]
    yield TOP, [*shoulders, (0, -0.10, hem, 0.088), (0, 0.10, hem, 0.088), (0.02, 0, 0.70 * h, 0.13)]
    for side, swing in ((-1, -stride), (1, stride)):
        yield from _arm(h, side * (wide + 0.028), side, swing, swing + idle)
    yield SKIN, [(0, 0, 0.84 * h, 0.052), (0.01, 0, 0.88 * h, 0.05)]
    yield SKIN, [(0.015, 0, 0.945 * h, 0.074), (0.03, 0, 0.905 * h, 0.055), (-0.02, 0, 0.945 * h, 0.07)]
    for side in (-1, 1):
        yield HAIR, [(0.082, 0.030 * side, 0.948 * h, 0.010), (0.082, 0.036 * side, 0.948 * h, 0.010)]
    hair: list[Ball] = [(-0.018, 0.0, 0.955 * h, 0.088), (-0.035, 0.0, 0.93 * h, 0.078)]
    yield TOP if hood else HAIR, [*hair, (-0.06, 0.0, 0.84 * h, 0.07)] if long_hair else hair
    if bag:
        yield BAG, [(-0.17, side, up * h, 0.075) for side in (-0.10, 0.10) for up in (0.76, 0.58)]


def _legs(h: float, stride: float) -> Iterator[tuple[int, list[Ball]]]:
    for side, swing in ((-1, stride), (1, -stride)):
        hip, shin = 0.085 * side, swing - max(-swing, 0) * 0.9 - 0.05
        knee = (0.245 * h * math.sin(swing), 0.53 * h - 0.245 * h * math.cos(swing))
        heel = (knee[0] + 0.235 * h * math.sin(shin), knee[1] - 0.235 * h * math.cos(shin))
        toe: Ball = (heel[0] + 0.15, 1.15 * hip, 0.035, 0.036)
        yield SHOES, [(heel[0] - 0.04, hip, 0.045, 0.045), toe, (heel[0], hip, 0.10, 0.045)]
        yield TROUSERS, [(knee[0], hip, knee[1], 0.062), (heel[0], hip, heel[1], 0.050)]
        yield TROUSERS, [(0, hip, 0.53 * h, 0.092), (knee[0], hip, knee[1], 0.064)]
    yield TROUSERS, [(0, -0.08, 0.53 * h, 0.10), (0, 0.08, 0.53 * h, 0.10)]


def _arm(h: float, shoulder: float, side: int, upper: float, lower: float) -> Iterator[tuple[int, list[Ball]]]:
    out, close = shoulder + 0.035 * side, shoulder + 0.02 * side
    elbow = (0.165 * h * math.sin(upper), 0.80 * h - 0.165 * h * math.cos(upper))
    wrist = (elbow[0] + 0.14 * h * math.sin(lower), elbow[1] - 0.14 * h * math.cos(lower))
    yield TOP, [(0, shoulder, 0.79 * h, 0.058), (elbow[0], out, elbow[1], 0.047)]
    yield TOP, [(elbow[0], out, elbow[1], 0.047), (wrist[0], close, wrist[1], 0.037)]
    yield SKIN, [(wrist[0] + 0.01, close, wrist[1] - 0.03, 0.034), (wrist[0] + 0.03, close, wrist[1] - 0.09, 0.030)]


def _outlines(person: Person, density: float) -> list[tuple[int, float, float, npt.NDArray[np.int32]]]:
    """Material, distance from the camera, thickness and outline (1/16 pixel) of each limb, from far to near."""
    made = list(limbs(person))
    balls = np.array([ball for _, group in made for ball in group], np.float32)
    forward, side, up, radius = balls.T
    sin, cos = math.sin(person.yaw), math.cos(person.yaw)
    # Yaw 0 walks away from the camera, so that forward is depth.
    depth = forward * cos - side * sin
    centre = np.stack([forward * sin + side * cos - BOX[0], BOX[3] - up], axis=-1)
    points = centre[:, None] + radius[:, None, None] * _CIRCLE
    pixels = np.round(points * (density * 16)).astype(np.int32)
    out, first = [], 0
    for material, group in made:
        part = slice(first, first + len(group))
        first += len(group)
        far = float(depth[part].sum() - 0.5 * radius[part].sum()) / len(group)
        out.append((material, far, float(radius[part].max()), cv2.convexHull(pixels[part].reshape(-1, 1, 2))))
    return sorted(out, key=lambda limb: -limb[1])


def silhouette(person: Person, density: float) -> Array:
    """(h, w) coverage of `BOX` by a person at `density` pixels per metre."""
    alpha: Array = np.zeros((round((BOX[3] - BOX[2]) * density), round((BOX[1] - BOX[0]) * density)), np.float32)
    for _, _, _, outline in _outlines(person, density):
        cv2.fillConvexPoly(alpha, outline, 1.0, cv2.LINE_8, 4)
    return alpha


def figure(person: Person, density: float) -> Figure:
    """Draw a person at `density` pixels per metre."""
    outlines = _outlines(person, density)
    every = np.concatenate([outline for *_, outline in outlines])[:, 0]
    left, top = (every.min(axis=0) // 16 - 2).tolist()
    right, bottom = (every.max(axis=0) // 16 + 3).tolist()
    material = np.full((bottom - top, right - left), NOTHING, np.uint8)
    relief = np.zeros(material.shape, np.float32)
    for cover, far, thick, outline in outlines:
        inner = outline - np.array([left * 16, top * 16], np.int32)
        x, y, w, h = cv2.boundingRect(inner)
        x, y, w, h = x // 16 - 1, y // 16 - 1, w // 16 + 4, h // 16 + 4
        area = (slice(max(y, 0), y + h), slice(max(x, 0), x + w))
        mask = np.zeros(material[area].shape, np.uint8)
        cv2.fillConvexPoly(mask, inner - np.array([max(x, 0) * 16, max(y, 0) * 16], np.int32), 1, cv2.LINE_8, 4)
        deep = np.minimum(cv2.distanceTransform(mask, cv2.DIST_L2, 3) * (1 / density), thick)
        inside = mask > 0
        np.copyto(material[area], cover, where=inside)
        np.copyto(relief[area], np.sqrt(deep * (2 * thick - deep)) - far, where=inside)
    return Figure(top, left, material, _normals(relief, material, density, person.seed))


def _normals(relief: Array, material: npt.NDArray[np.uint8], density: float, seed: int) -> Array:
    """Normals of the relief (metres toward the camera), with the folds of cloth."""
    rows, columns = (np.arange(size, dtype=np.float32) * (1 / density) for size in relief.shape)
    folds = sample(fractal(), columns[None] * 110 + seed % TILE, rows[:, None] * 55 + seed % 311)
    folds *= (material == TOP) | (material == TROUSERS)
    solid = cv2.GaussianBlur(relief + 0.006 * folds, (0, 0), 0.014 * density + 0.3)
    normal = np.empty((3, *relief.shape), np.float32)
    normal[0] = -cv2.Sobel(solid, cv2.CV_32F, 1, 0, scale=density / 8)
    normal[1] = cv2.Sobel(solid, cv2.CV_32F, 0, 1, scale=density / 8)
    # Edges of limbs are cliffs in the relief, not surfaces seen edge on.
    np.clip(normal, -1.6, 1.6, out=normal)
    normal[2] = -1
    normal /= np.sqrt((normal * normal).sum(axis=0))
    return normal
