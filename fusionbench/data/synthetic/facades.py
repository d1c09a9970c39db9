"""What a wall looks like: masonry, windows, shops. Everything is averaged over the pixel, so nothing aliases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fusionbench.data.synthetic.camera import Array, band, nearby, pulses, rgb, smooth, step
from fusionbench.data.synthetic.street import Facade
from fusionbench.data.synthetic.texture import TILE, fractal, generator, grain, sample

ROOMS = np.array([(1.0, 0.60, 0.27), (1.0, 0.74, 0.42), (0.78, 0.93, 1.0), (0.95, 0.90, 0.68)], np.float32)
"""Colours of the light in rooms."""

SIGNS = np.array([(0.30, 0.05, 0.04), (0.05, 0.10, 0.22), (0.06, 0.16, 0.09), (0.40, 0.30, 0.08), (0.05, 0.05, 0.05),
                  (0.45, 0.44, 0.40)], np.float32)  # fmt: skip
"""Reflectance of shop signs."""

CELLS = (16, 64)
"""Storeys and columns after which the differences between windows repeat."""


@dataclass(frozen=True)
class Surface:
    """Points of a wall: s metres along it (1, w), y metres above the ground (h, w), and the size of a pixel there."""

    s: Array
    y: Array
    ds: Array
    dy: Array


@dataclass(frozen=True)
class Openings:
    """Windows, doors and signs of a wall, all (h, w), or (3, h, w) for colours.

    Attributes:
        cover: share of the pixel that is window.
        solid: share of the window that is frame, blind or curtain.
        colour: reflectance of what is solid.
        tilt: 0 to 1, different from pane to pane: what it mirrors and how warm it is.
        emission: light from within; None by day.
        reveal: share of the light that the depth of the wall leaves to the pane.
    """

    cover: Array
    solid: Array
    colour: Array
    tilt: Array
    emission: Array | None
    reveal: Array


def masonry(at: Surface, look: Facade, height: float) -> tuple[Array, Array]:
    """(3, h, w) reflectance of the wall and its (h, w) warmth above its mean."""
    offset = look.seed % TILE
    stain = sample(fractal(), at.s * 9 + offset, at.y * 6) * nearby(at.ds, 0.5)
    streak = sample(fractal(), at.s * 60 + offset, at.y * 2.5) * nearby(at.ds, 0.12)
    close = nearby(at.ds, 0.06) * nearby(at.dy, 0.06)
    tone = 1 + 0.07 * stain + 0.05 * streak
    if look.brick:
        course = pulses(at.y, 0.085, 0.0, 0.16, at.dy)
        fine = sample(grain(), at.s * 24 + offset, np.floor(at.y * (1 / 0.085)) * 23.0) * close
        tone = tone * (1 + 0.14 * fine) + 0.22 * (course - 0.16)
    else:
        fine = sample(grain(), at.s * 70 + offset, at.y * 70) * close
        tone = tone + 0.045 * fine
    # Dirt gathers above the ground and below the cornice; a course marks each storey.
    tone = tone * (0.80 + 0.20 * smooth(at.y, 0.0, 1.6)) * (1 - 0.12 * smooth(at.y, height - 1.6, height - 0.3))
    above = at.y - look.ground
    course = pulses(above, look.floor, 0.0, 0.05, at.dy) * (above > -0.1)
    cornice = band(at.y, height - 0.45, height, at.dy)
    drip = band(at.y, height - 0.62, height - 0.45, at.dy)
    pipe = pulses(at.s, 3 * look.bay, 0.0, 0.1 / (3 * look.bay), at.ds) * step(-at.y, -(height - 0.6), at.dy)
    tone = (tone * (1 - 0.45 * drip) + 0.16 * cornice + 0.10 * course) * (1 - 0.5 * pipe)
    albedo: Array = np.maximum(tone, 0.1) * rgb(*look.wall)
    warmth = 0.55 * stain + 0.40 * streak + 0.25 * fine - 0.9 * cornice - 0.6 * drip - 0.9 * course - 1.4 * pipe
    # Heat leaves where floors meet the wall and rises from the warm ground.
    warmth += 0.7 * pulses(above, look.floor, 0.86, 1.0, at.dy) + 1.2 * (1 - smooth(at.y, 0.0, 2.5))
    return albedo, warmth


def openings(at: Surface, look: Facade, height: float, night: bool) -> Openings:
    """The windows of all storeys, and shops on the ground floor where there are any."""
    rng = generator("windows", look.seed)
    table = rng.random((4, math.prod(CELLS))).astype(np.float32)
    upper = _storeys(at, look, height, table, night)
    return _with_shops(at, look, rng, upper) if look.ground else upper


def _storeys(at: Surface, look: Facade, height: float, table: Array, night: bool) -> Openings:
    wide, tall = look.window
    above = at.y - look.ground
    low, high = 0.54 - tall / 2, 0.54 + tall / 2
    top = math.floor((height - 0.6 - look.ground) / look.floor) * look.floor
    within = step(above, 0.0, at.dy) * step(-above, -top, at.dy)
    cover = pulses(at.s, look.bay, 0.5 - wide / 2, 0.5 + wide / 2, at.ds) * within
    cover = cover * pulses(above, look.floor, low, high, at.dy)
    rim, rail = 0.07 / look.bay, 0.07 / look.floor
    panes = pulses(at.s, look.bay, 0.5 - wide / 2 + rim, 0.5 + wide / 2 - rim, at.ds)
    panes = panes - pulses(at.s, look.bay, 0.5 - rim / 2, 0.5 + rim / 2, at.ds)
    panes = panes * pulses(above, look.floor, low + rail, high - rail, at.dy)
    turns = above * (1 / look.floor)
    storey = np.floor(turns)
    level = (turns - storey - low) * (1 / (high - low))
    cell = (storey.astype(np.int32) % CELLS[0]) * CELLS[1] + np.floor(at.s * (1 / look.bay)).astype(np.int32) % CELLS[1]
    chance, bright, shut, tilt = np.take(table, cell, axis=1)
    blind = ((level > 1.25 - 0.95 * shut) & (shut > 0.35)) * np.float32(0.8)
    glass = np.minimum(panes / np.maximum(cover, 1e-3), 1) * (1 - blind)
    frame = rgb(0.45, 0.44, 0.42) if look.seed % 3 else rgb(0.07, 0.065, 0.06)
    colour = np.where(blind > 0, rgb(0.42, 0.40, 0.36), frame)
    emission = None
    if night:
        strength = (chance < look.lit) * (0.25 + 0.9 * bright) * (0.55 + 0.45 * np.minimum(np.maximum(level, 0), 1))
        furniture = sample(fractal(), at.s * 55 + look.seed % TILE, at.y * 42)
        strength = strength * np.maximum(1 + 0.28 * furniture, 0.2) * (0.30 + 0.70 * glass)
        emission = strength * _chosen(ROOMS, tilt)
    reveal = 1 - 0.55 * smooth(level, 0.80, 0.97)
    return Openings(cover, 1 - glass, colour, tilt, emission, reveal)


def _chosen(colours: Array, choice: Array) -> Array:
    """(3, h, w) one of the (N, 3) colours per pixel, by a choice from 0 to 1."""
    return np.take(colours.T, (choice * len(colours)).astype(np.int32), axis=1)


def _with_shops(at: Surface, look: Facade, rng: np.random.Generator, upper: Openings) -> Openings:
    unit, top = 2 * look.bay, look.ground - 0.75
    front = pulses(at.s, unit, 0.05, 0.95, at.ds) * band(at.y, 0.45, top, at.dy)
    door = pulses(at.s, unit, 0.05, 0.23, at.ds) * band(at.y, 0.0, top, at.dy)
    sign = pulses(at.s, unit, 0.03, 0.97, at.ds) * band(at.y, top + 0.08, look.ground - 0.12, at.dy)
    shop = np.maximum(front, door)
    number = np.floor(at.s * (1 / unit)).astype(np.int32) % CELLS[1]
    open_late, bright, hue, plate = (draw.astype(np.float32)[number] for draw in rng.random((4, CELLS[1])))
    bars = pulses(at.s, unit / 4, 0.0, 0.06, at.ds)
    shelf = sample(fractal(), at.s * 40 + look.seed % TILE, at.y * 30)
    goods = np.maximum(shelf, 0) * 0.3 * smooth(2.0 - at.y, 0.0, 1.2)
    inside = np.minimum(bars + goods, 1)
    letters = (sample(grain(), at.s * 26 + 40, at.y * 9) > 0.7) * nearby(at.ds, 0.10)
    letters = letters * pulses(at.s, unit, 0.25, 0.75, at.ds) * band(at.y, top + 0.2, look.ground - 0.24, at.dy)
    board = _chosen(SIGNS, plate)
    board = board + letters * (0.5 - board)
    colour = np.where(shop > 0.5, rgb(0.16, 0.145, 0.13), upper.colour)
    colour = np.where(sign > 0.5, board, colour)
    emission = upper.emission
    if emission is not None:
        lit = (open_late < 0.45) * (0.3 + 0.7 * bright) * shop * (1 - bars) * np.maximum(0.75 + 0.25 * shelf, 0.1)
        emission = emission + lit * _chosen(ROOMS, hue) + sign * (open_late < 0.22) * 1.6 * board
    cover = np.maximum(upper.cover, np.maximum(shop, sign))
    solid = np.where(shop > 0.5, inside, np.where(sign > 0.5, 1.0, upper.solid))
    tilt = np.where(shop > 0.5, hue, upper.tilt)
    reveal = np.where(shop > 0.5, 1 - 0.6 * smooth(at.y, top - 0.5, top), np.where(sign > 0.5, 1.0, upper.reveal))
    return Openings(cover, solid, colour, tilt, emission, reveal)
