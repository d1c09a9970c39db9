"""Training pairs: random crops, flips and degradations that never repeat.

Random draws depend on (seed, epoch, pair) alone, so workers, their number and interruptions change nothing. The epoch
is part of the index, because persistent workers hold copies of the dataset that cannot be updated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset
from typing_extensions import override

from fusionbench.data.augmentation import Augmentation, Box
from fusionbench.data.pairs import applicable_specs, degrade, specs, to_tensors
from fusionbench.data.sources.base import RawPair, Source
from fusionbench.degradations import Degradation, Degraded, Range, Term, draw
from fusionbench.types import Bytes, CropPlace, Pair


class EpochIndex(NamedTuple):
    """The position of a pair in its source, and the epoch."""

    place: int
    epoch: int


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
        self.epoch = 0
        size = (crop, crop) if isinstance(crop, int) else crop
        if size is not None and min(size) < 1:
            raise ValueError(f"a crop of {size[1]}x{size[0]} pixels is empty; its sides must be at least 1")
        self.augmentation = Augmentation(size, flip=flip)

    def __len__(self) -> int:
        return len(self.source)

    @override
    def __getitem__(self, item: int | EpochIndex) -> Pair:
        index, epoch = item if isinstance(item, EpochIndex) else EpochIndex(item, self.epoch)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, epoch, index]))
        raw = self.source.read(index)
        fitting = applicable_specs(raw, self.degradations)
        drawn = draw(fitting, name=self.source.names[index], seed=self.seed, epoch=epoch)
        enlarged = enlarge(raw, self.augmentation)
        part, degraded, place = cut(enlarged, drawn.degradation, drawn.seed, self.augmentation, draw_seed(rng))
        # What is degraded on disk was so before it was enlarged.
        return to_tensors(part, degraded, place if enlarged.vi.shape == raw.vi.shape else None)


def draw_seed(rng: np.random.Generator) -> int:
    """A seed for an augmentation."""
    return int(rng.integers(2**63))


def enlarge(raw: RawPair, augmentation: Augmentation) -> RawPair:
    """The pair, padded by reflection where the crops of an augmentation do not fit."""
    return _with_images(raw, augmentation.enlarge(**_images(raw)))


def cut(
    raw: RawPair, degradation: Degradation, seed: int, augmentation: Augmentation, place: int
) -> tuple[RawPair, Degraded | None, CropPlace]:
    """A crop of a pair, clean and degraded, and where it is; only as much of the image is degraded as necessary.

    Args:
        seed: of the degradation.
        place: seed of the augmentation; the same one makes the same crop.
    """
    box, flipped, shown = augmentation(place, **_images(raw))
    part = _with_images(raw, shown)
    size = raw.vi.shape[0], raw.vi.shape[1]
    where = CropPlace(box.top, box.left, size, flipped)
    window = receptive_field(degradation, box, size)
    rows, columns = slice(window.top, window.bottom), slice(window.left, window.right)
    degraded = degrade(replace(raw, ir=raw.ir[rows, columns], vi=raw.vi[rows, columns]), degradation, seed)
    if degraded is None:
        return part, None, where
    # The augmentation crops whole images; the crop shows nothing of what stays empty here.
    ir, vi = np.empty_like(raw.ir), np.empty_like(raw.vi)
    ir[rows, columns], vi[rows, columns] = degraded.ir, degraded.vi
    shown = augmentation(place, image=vi, ir=ir)[2]
    return part, replace(degraded, ir=shown["ir"], vi=shown["image"]), where


def receptive_field(degradation: Degradation, box: Box, size: Sequence[int]) -> Box:
    """The part of an image that must be degraded to know the degraded image in a box.

    Noise is independent between pixels (stripes between columns), so noise drawn for a crop is distributed like the
    crop of a noisy image.
    """
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
        radius = term.kind.radius
        if radius is None:
            return None
        if isinstance(radius, str):
            side = term.arguments[radius]
            radius = int(side.high if isinstance(side, Range) else side) // 2
        total += radius
    return total


def _images(raw: RawPair) -> dict[str, Bytes]:
    """The images that a pair has, as an augmentation calls them."""
    images = {"image": raw.vi, "ir": raw.ir, "ir_clean": raw.ir_clean, "vi_clean": raw.vi_clean}
    return {name: image for name, image in images.items() if image is not None}


def _with_images(raw: RawPair, images: Mapping[str, Bytes]) -> RawPair:
    return replace(
        raw,
        vi=images["image"],
        ir=images["ir"],
        ir_clean=images.get("ir_clean"),
        vi_clean=images.get("vi_clean"),
    )
