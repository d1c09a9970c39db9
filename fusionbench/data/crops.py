"""Training pairs: random crops, flips and degradations that never repeat.

Random draws depend on (seed, epoch, pair) alone, so workers, their number and interruptions change nothing. The epoch
is part of the index, because persistent workers hold copies of the dataset that cannot be updated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from torch.utils.data import Dataset
from typing_extensions import override

from fusionbench.data.pairs import applicable_specs, degrade, specs, to_tensors
from fusionbench.data.sources.base import RawPair, Source
from fusionbench.degradations import Degradation, Degraded, Range, Term, draw
from fusionbench.types import Bytes, Pair


class EpochIndex(NamedTuple):
    """The position of a pair in its source, and the epoch."""

    place: int
    epoch: int


class Box(NamedTuple):
    """Part of an image: rows `top` to `bottom` and columns `left` to `right`, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int


class TrainingPairs(Dataset[Pair]):
    """Pairs of a source as used in training: cropped, flipped and degraded at random.

    Attributes:
        source: where the pairs come from; use a `SharedCache` if decoding dominates.
        degradations: specs; each item gets one at random, and one that is listed twice is drawn twice as often. Pairs
            that are degraded on disk stay as they are; of pairs with a single image, that image is degraded.
        seed: seed of all random draws.
        crop: side of the square crop, or (height, width); whole images if None. Smaller images are padded by
            reflection.
        flip: flip half of the crops left to right.
        epoch: the epoch of items that are requested by index alone.
    """

    def __init__(
        self,
        source: Source,
        degradations: str | Sequence[str] = "clean",
        seed: int = 0,
        crop: int | tuple[int, int] | None = None,
        flip: bool = True,
    ) -> None:
        self.source = source
        self.degradations = specs(degradations)
        self.seed = seed
        self.crop = (crop, crop) if isinstance(crop, int) else crop
        self.flip = flip
        self.epoch = 0
        if self.crop is not None and min(self.crop) < 1:
            raise ValueError(f"a crop of {self.crop[1]}x{self.crop[0]} pixels is empty; its sides must be at least 1")

    def __len__(self) -> int:
        return len(self.source)

    @override
    def __getitem__(self, item: int | EpochIndex) -> Pair:
        index, epoch = item if isinstance(item, EpochIndex) else EpochIndex(item, self.epoch)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, epoch, index]))
        raw = self.source.read(index)
        fitting = applicable_specs(raw, self.degradations)
        drawn = draw(fitting, name=self.source.names[index], seed=self.seed, epoch=epoch)
        if self.crop is not None:
            raw = _enlarged(raw, self.crop)
        box = random_box(rng, raw.vi.shape[:2], self.crop or raw.vi.shape[:2])
        mirror = self.flip and bool(rng.integers(2))
        return to_tensors(*cut(raw, drawn.degradation, drawn.seed, box, mirror))


def random_box(rng: np.random.Generator, size: Sequence[int], crop: Sequence[int]) -> Box:
    """A box of the crop's size at a random position in an image of the given size."""
    top = int(rng.integers(size[0] - crop[0] + 1))
    left = int(rng.integers(size[1] - crop[1] + 1))
    return Box(top, left, top + crop[0], left + crop[1])


def cut(raw: RawPair, degradation: Degradation, seed: int, box: Box, mirror: bool) -> tuple[RawPair, Degraded | None]:
    """The part of a pair in a box, clean and degraded; only as much of the image is degraded as necessary."""
    window = receptive_radius(degradation, box, raw.vi.shape[:2])
    degraded = degrade(_part(raw, window), degradation, seed)
    inner = Box(box.top - window.top, box.left - window.left, box.bottom - window.top, box.right - window.left)
    if degraded is not None:
        ir, vi = (_taken(image, inner, mirror) for image in (degraded.ir, degraded.vi))
        degraded = replace(degraded, ir=ir, vi=vi)
    return _part(raw, box, mirror), degraded


# Receptive radius in pixels, by code. A missing code depends on the position in the image, on its size or on a grid,
# and needs all of it. Noise is independent between pixels (stripes between columns), so noise drawn for a crop is
# distributed like the crop of a noisy image.
RECEPTIVE_RADIUS = {"lc": 0, "ll": 0, "noise": 0, "oe": 0, "rn": 0, "sn": 0}


def receptive_radius(degradation: Degradation, box: Box, size: Sequence[int]) -> Box:
    """The part of an image that must be degraded to know the degraded image in a box."""
    margins = [_margin(degradation.on(modality)) for modality in ("ir", "vi")]
    if any(margin is None for margin in margins):
        return Box(0, 0, size[0], size[1])
    margin = max(margin for margin in margins if margin is not None)
    return Box(
        max(0, box.top - margin),
        max(0, box.left - margin),
        min(size[0], box.bottom + margin),
        min(size[1], box.right + margin),
    )


def _margin(terms: Sequence[Term]) -> int | None:
    total = 0
    for term in terms:
        if term.code == "blur":
            size = term.arguments["size"]
            total += int(size.high if isinstance(size, Range) else size) // 2
        elif term.code in RECEPTIVE_RADIUS:
            total += RECEPTIVE_RADIUS[term.code]
        else:
            return None
    return total


def _enlarged(raw: RawPair, crop: tuple[int, int]) -> RawPair:
    """The pair padded by reflection until a crop fits."""
    height, width = raw.vi.shape[:2]
    below, right = max(0, crop[0] - height), max(0, crop[1] - width)
    if not below and not right:
        return raw
    border = (below // 2, below - below // 2, right // 2, right - right // 2)
    return _mapped(raw, lambda image: np.asarray(cv2.copyMakeBorder(image, *border, cv2.BORDER_REFLECT_101), np.uint8))


def _part(raw: RawPair, box: Box, mirror: bool = False) -> RawPair:
    return _mapped(raw, lambda image: _taken(image, box, mirror))


def _taken(image: Bytes, box: Box, mirror: bool) -> Bytes:
    part = image[box.top : box.bottom, box.left : box.right]
    return np.ascontiguousarray(part[:, ::-1] if mirror else part)


def _mapped(raw: RawPair, change: Callable[[Bytes], Bytes]) -> RawPair:
    """The pair with a function applied to all of its images."""
    return replace(
        raw,
        ir=change(raw.ir),
        vi=change(raw.vi),
        ir_clean=None if raw.ir_clean is None else change(raw.ir_clean),
        vi_clean=None if raw.vi_clean is None else change(raw.vi_clean),
    )
