"""Bodies of vehicles: surfaces lofted through cross-sections, with what is painted onto them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from fusionbench.data.synthetic.camera import Array

PAINT, GLASS, TRIM, TYRE, RIM, HEADLIGHT, TAILLIGHT, PLATE, SEAM, ARCH = range(10)

Corner = tuple[float, float, float]


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
"""Cross-sections along a body, and points of each from the left sill over the roof to the right sill."""

ROOF = RING // 2


@dataclass(frozen=True, eq=False)
class Mesh:
    """Faces of one body in its own frame (x to the right, y up, z ahead), in metres.

    Attributes:
        faces: (N, 4, 3) corners.
        outward: (N, 3) normals of the faces.
        normal: (N, 3) normals of the rounded surface that the faces stand for.
        material: (N,).
        painted: (N,) whether a face is painted onto the body.
    """

    faces: Array
    outward: Array
    normal: Array
    material: npt.NDArray[np.int64]
    painted: npt.NDArray[np.bool_]


def _rings(shape: Shape) -> Array:
    """(STATIONS, RING, 3) points of the lofted body."""
    knots = np.array(shape.outline)
    fine = np.linspace(-0.5, 0.5, 401)
    window = np.hanning(17)[1:-1]
    top = np.pad(np.interp(fine, knots[:, 0], knots[:, 1]), 7, mode="edge")
    top = np.convolve(top, window / window.sum(), mode="valid")
    even = np.linspace(-0.5, 0.5, STATIONS)
    t = np.sin(even * math.pi) * 0.25 + even * 0.5
    roof, end = np.interp(t, fine, top)[:, None], np.abs(2 * t)[:, None]
    half = shape.width / 2 * (1 - 0.10 * end**6 - 0.05 * end**16)
    sill = 0.24 + 0.10 * end**10
    belt = np.minimum(shape.belt, roof - 0.04)
    y = np.hstack([sill + (belt - sill) * np.linspace(0, 1, 5), belt + (roof - belt) * np.array([0.34, 0.68, 0.93, 1])])
    # Above the belt the sides lean in under a roof, and close to a flat lid over engine and boot.
    lean = np.where(roof - belt < 0.22, (0.90, 0.81, 0.67, 0.0), (0.92, 0.83, 0.74, 0.0))
    x = half * np.hstack([np.tile((0.93, 0.985, 1.0, 0.99, 0.965), (STATIONS, 1)), lean])
    right = np.stack([x, y, np.repeat((t * shape.length)[:, None], 9, axis=1)], axis=-1)
    return np.concatenate([right[:, :-1] * (-1, 1, 1), right[:, ::-1]], axis=1)


def _materials(shape: Shape, ring: Array) -> npt.NDArray[np.int64]:
    """(STATIONS - 1, RING - 1) materials of the lofted quads."""
    middle = (ring[:-1] + ring[1:]) / 2
    z, roof = middle[:, 0, 2] / shape.length, middle[:, ROOF, 1]
    slope = np.abs(np.diff(ring[:, ROOF, 1]) / np.diff(ring[:, ROOF, 2]))
    material = np.full((STATIONS - 1, RING - 1), PAINT)
    material[:, [0, RING - 2]] = TRIM
    pillar = np.abs(z[:, None] - np.array(shape.pillars)).min(axis=1) < 0.022
    side = (z > shape.pillars[0]) & (z < shape.pillars[-1]) & ~pillar & (roof - shape.belt > 0.20)
    screen = (slope > 0.30) & (roof > shape.belt + 0.10) & (np.abs(z) < 0.485)
    for k in (4, 5):
        material[side, k] = material[side, RING - 2 - k] = GLASS
    for k in (6, 7):
        material[screen, k] = material[screen, RING - 2 - k] = GLASS
    return material


def _refined(grid: Array, times: int) -> Array:
    """A grid of points with `times` as many steps along both axes."""
    for axis in (0, 1):
        steps = (grid.shape[axis] - 1) * times
        place = np.arange(steps + 1) / times
        low = np.minimum(place.astype(int), grid.shape[axis] - 2)
        share = (place - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        grid = np.take(grid, low, axis) * (1 - share) + np.take(grid, low + 1, axis) * share
    return grid


def _quads(grid: Array) -> Array:
    return np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], axis=2).reshape(-1, 4, grid.shape[-1])


def _unit(vectors: Array) -> Array:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)


@cache
def mesh(kind: str, times: int) -> Mesh:
    """Build a body.

    Args:
        kind: a key of `SHAPES`.
        times: how many times finer than the coarsest the rounded surface is divided.
    """
    shape = SHAPES[kind]
    ring = _rings(shape)
    normal = _unit(np.cross(np.gradient(ring, axis=0), np.gradient(ring, axis=1)))
    material = _materials(shape, ring).repeat(times, axis=0).repeat(times, axis=1).reshape(-1)
    caps = [np.stack([loop[:8], loop[1:9], loop[::-1][1:9], loop[::-1][:8]], axis=1) for loop in (ring[0], ring[-1])]
    painted, kinds = _painted(shape)
    skin = _quads(_refined(ring, times))
    flat = np.concatenate([*caps, painted])
    faces = np.concatenate([skin, flat])
    outward = _unit(np.cross(faces[:, 2] - faces[:, 0], faces[:, 3] - faces[:, 1]))
    away = faces.mean(axis=1) - (0, 0.75, 0)
    away[:, 2] *= 0.35
    outward *= np.where((outward * away).sum(axis=1) < 0, -1, 1)[:, None]
    rounded = _unit(_quads(_refined(normal, times)).mean(axis=1))
    rounded *= np.where((rounded * outward[: len(skin)]).sum(axis=1) < 0, -1, 1)[:, None]
    ends = np.where(np.arange(16) % 8 < 2, TRIM, PAINT)
    return Mesh(
        faces.astype(np.float32),
        outward.astype(np.float32),
        np.concatenate([rounded, outward[len(skin) :]]).astype(np.float32),
        np.concatenate([material, ends, kinds]),
        np.arange(len(faces)) >= len(skin) + 16,
    )


def _painted(shape: Shape) -> tuple[Array, npt.NDArray[np.int64]]:
    """Lights, plates, grille, seams and wheels."""
    half = shape.width / 2
    z, top = np.array(shape.outline).T * np.array([[shape.length], [1.0]])
    quads: list[list[Corner]] = []
    kinds: list[int] = []

    def box(kind: int, x: tuple[float, float], y: tuple[float, float], way: int) -> None:
        low, high = (_end(z, top, height, way) for height in y)
        quads.append([(x[0], y[0], low), (x[1], y[0], low), (x[1], y[1], high), (x[0], y[1], high)])
        kinds.append(kind)

    bonnet, boot = float(np.interp(0.43 * shape.length, z, top)), 0.70 * shape.belt
    box(TRIM, (-0.66 * half, 0.66 * half), (0.34, 0.48), 1)
    box(TRIM, (-0.46 * half, 0.46 * half), (0.60 * bonnet, 0.72 * bonnet), 1)
    box(PLATE, (-0.25, 0.25), (0.40, 0.51), 1)
    box(PLATE, (-0.26, 0.26), (boot - 0.02, boot + 0.10), -1)
    box(TRIM, (-0.80 * half, 0.80 * half), (0.30, 0.42), -1)
    for side in (-1, 1):
        box(HEADLIGHT, (side * 0.50 * half, side * 0.86 * half), (0.63 * bonnet, 0.78 * bonnet), 1)
        box(TAILLIGHT, (side * 0.58 * half, side * 0.88 * half), (boot, boot + 0.19), -1)
        edge = side * (half + 0.004)
        for pillar in shape.pillars[:-1]:
            ahead, behind = pillar * shape.length + 0.006, pillar * shape.length - 0.006
            low, high = 0.34, shape.belt - 0.04
            quads.append([(edge, low, behind), (edge, low, ahead), (edge, high, ahead), (edge, high, behind)])
            kinds.append(SEAM)
        for axle in (-0.30, 0.31):
            for radius, kind in ((0.385, ARCH), (0.32, TYRE), (0.20, RIM), (0.055, ARCH)):
                wheel = _disc(edge, 0.325, axle * shape.length, radius)
                quads.extend(wheel)
                kinds.extend([kind] * len(wheel))
    return np.array(quads), np.array(kinds)


def _end(z: Array, top: Array, height: float, way: int) -> float:
    """How far ahead (`way` 1) or behind (-1) the outline reaches at a height."""
    end = (z * way > 0.36 * z.max()).nonzero()[0]
    order = end[np.argsort(top[end])]
    return float(np.interp(height, top[order], z[order])) + 0.012 * way


def _disc(x: float, y: float, z: float, radius: float) -> list[list[Corner]]:
    """An upright disc as trapezoids."""
    slices = []
    for i in range(8):
        low, high = (math.pi * (edge / 8 - 0.5) for edge in (i, i + 1))
        (r0, y0), (r1, y1) = ((radius * math.cos(a), y + radius * math.sin(a)) for a in (low, high))
        slices.append([(x, y0, z - r0), (x, y0, z + r0), (x, y1, z + r1), (x, y1, z - r1)])
    return slices
