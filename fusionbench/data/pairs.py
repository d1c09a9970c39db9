"""Pairs as tensors: reading, degrading, stacking; random crops for training are in `crops`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.data import Dataset
from typing_extensions import override

from fusionbench.data.sources.base import RawPair, Source, Subset
from fusionbench.degradations import Degradation, Degraded, draw, parse
from fusionbench.images.tensors import to_tensor
from fusionbench.types import Batch, CropPlace, Pair


class Pairs(Dataset[Pair]):
    """Whole pairs of a source, degraded by (name, seed): always the same bytes, in any order and process.

    Attributes:
        source: where the pairs come from.
        degradations: specs; with several, the seed and the pair's name select one.
        seed: seed of the degradations.
    """

    def __init__(self, source: Source, degradation: str | Sequence[str] = "clean", seed: int = 0) -> None:
        self.source = source
        self.degradations = specs(degradation)
        self.seed = seed

    def __len__(self) -> int:
        return len(self.source)

    def some(self, indices: Sequence[int]) -> Pairs:
        """Some of the pairs in the given order, degraded in the same way."""
        return Pairs(Subset(self.source, indices), self.degradations, self.seed)

    @override
    def __getitem__(self, index: int) -> Pair:
        raw = self.source.read(index)
        if len(self.degradations) == 1:
            return to_tensors(raw, degrade(raw, parse(self.degradations[0]), self.seed))
        drawn = draw(applicable_specs(raw, self.degradations), name=raw.name, seed=self.seed, epoch=0)
        return to_tensors(raw, degrade(raw, drawn.degradation, drawn.seed))


def specs(degradation: str | Sequence[str]) -> tuple[str, ...]:
    """One or several specs, checked, in canonical form and loaded for the processes that apply them.

    Raises:
        ValueError: there is none, or one is not valid.
    """
    several = (degradation,) if isinstance(degradation, str) else tuple(degradation)
    if not several:
        raise ValueError("no degradation is given; give at least 'clean'")
    parsed = [parse(spec) for spec in several]
    for each in parsed:
        each.load()
    return tuple(map(str, parsed))


def applicable_specs(raw: RawPair, several: Sequence[str]) -> Sequence[str]:
    """Those specs that can be applied to a pair.

    A pair that is degraded on disk stays as it is; of a pair with a single image, only that image is degraded.

    Raises:
        ValueError: no spec applies to the image that exists.
    """
    if raw.degradation != "clean" and (raw.only or len(several) > 1):
        return ("clean",)
    if not raw.only:
        return several
    fitting = [spec for spec in several if {term.modality for term in parse(spec).terms} == {raw.only}]
    if not fitting:
        raise ValueError(
            f"{raw.name!r} has only its {raw.only!r} image, and none of {', '.join(several)} degrades that alone; "
            f"add one that does, such as {'lc' if raw.only == 'ir' else 'll'!r}"
        )
    return fitting


def degrade(raw: RawPair, degradation: Degradation, seed: int) -> Degraded | None:
    """The degraded images of a pair; None for 'clean'.

    Raises:
        ValueError: the pair is already degraded on disk.
    """
    if not degradation.terms:
        return None
    if raw.degradation != "clean":
        raise ValueError(
            f"{raw.name!r} is degraded on disk by {raw.degradation!r}; keep the degradation 'clean' for its dataset"
        )
    return degradation.apply(raw.ir, raw.vi, name=raw.name, seed=seed)


def to_tensors(raw: RawPair, degraded: Degraded | None, crop: CropPlace | None = None) -> Pair:
    """Bytes to floats, with the known clean references: an undegraded image is its own reference.

    Args:
        crop: where the images lie in those that were degraded, if it is known.
    """
    undamaged = raw.degradation == "clean"
    ir_clean = raw.ir if raw.ir_clean is None and undamaged else raw.ir_clean
    vi_clean = raw.vi if raw.vi_clean is None and undamaged else raw.vi_clean
    pair = Pair(
        name=raw.name,
        degradation=raw.degradation if degraded is None else str(degraded.degradation),
        ir=to_tensor(raw.ir if degraded is None else degraded.ir),
        vi=to_tensor(raw.vi if degraded is None else degraded.vi),
        ir_scale=raw.ir_scale * (1 if degraded is None else degraded.ir_scale),
        vi_scale=raw.vi_scale * (1 if degraded is None else degraded.vi_scale),
    )
    if ir_clean is not None:
        pair["ir_clean"] = to_tensor(ir_clean)
    if vi_clean is not None:
        pair["vi_clean"] = to_tensor(vi_clean)
    if crop is not None:
        pair["crop"] = crop
    if raw.prompt is not None:
        pair["prompt"] = raw.prompt
    return pair


def collate(pairs: list[Pair]) -> Batch:
    """Stack pairs of one size. References and places are kept if every pair has them; a missing prompt becomes ''.

    Raises:
        ValueError: there are no pairs, or their sizes differ.
    """
    if not pairs:
        raise ValueError("no pairs to stack")
    first = pairs[0]
    for pair in pairs:
        if pair["vi"].shape != first["vi"].shape:
            raise ValueError(
                f"{first['name']!r} is {_size(first)} and {pair['name']!r} is {_size(pair)}: pairs of different "
                "sizes cannot be stacked; use crops of one size, or a batch size of 1"
            )
    batch = Batch(
        name=[pair["name"] for pair in pairs],
        degradation=[pair["degradation"] for pair in pairs],
        ir=torch.stack([pair["ir"] for pair in pairs]),
        vi=torch.stack([pair["vi"] for pair in pairs]),
        ir_scale=[pair["ir_scale"] for pair in pairs],
        vi_scale=[pair["vi_scale"] for pair in pairs],
    )
    if all("ir_clean" in pair for pair in pairs):
        batch["ir_clean"] = torch.stack([pair["ir_clean"] for pair in pairs])
    if all("vi_clean" in pair for pair in pairs):
        batch["vi_clean"] = torch.stack([pair["vi_clean"] for pair in pairs])
    if all("crop" in pair for pair in pairs):
        batch["crop"] = [pair["crop"] for pair in pairs]
    if any("prompt" in pair for pair in pairs):
        batch["prompt"] = [pair.get("prompt", "") for pair in pairs]
    return batch


def _size(pair: Pair) -> str:
    return f"{pair['vi'].shape[-1]}x{pair['vi'].shape[-2]}"
