"""Training pairs with contrastive samples: other scenes with the same degradation, the same scene with others.

Every item carries `ir_positives`, `vi_positives` and `negatives` beside the fields of a pair. Random draws come from
(seed, epoch, pair), as in `crops`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from typing_extensions import override

from fusionbench.data.augmentation import Augmentation
from fusionbench.data.crops import EpochIndex, cut, draw_seed, enlarge
from fusionbench.data.pairs import collate, specs, to_tensors
from fusionbench.data.sources.base import RawPair, Source
from fusionbench.data.sources.ems import EmsSource, Record, Scene
from fusionbench.degradations import Degradation, Term, draw, parse
from fusionbench.images.files import read_image
from fusionbench.images.tensors import to_tensor
from fusionbench.types import Batch, Bytes, Pair

POSITIVES, NEGATIVES = 3, 6
"""DSPFusion's numbers: three images per modality that share its degradation; six negatives besides the pair's other
image."""

RELEASED_ORDER = ("LC", "Norm", "RN", "SN", "Rain", "Blur", "OE", "LL", "haze")
"""The order in which the official training takes negatives from a scene's files; it uses the first six."""


class ContrastivePairs(Dataset[Pair]):
    """Pairs degraded on the fly, with contrastive samples.

    Positives are other pairs of the source, degraded by the same spec with independently drawn values. Negatives show
    the same crop under up to three other infrared and three other visible degradations of the list, where 'clean'
    counts as one; fewer than six are repeated.

    Attributes:
        source: undegraded pairs; a `SharedCache` saves decoding four of them per item.
        degradations: specs; each item gets one at random.
        seed: seed of all random draws.
        crop: side of the square crop, or (height, width); smaller images are padded by reflection.
        flip: flip half of the items left to right, each positive independently.
        epoch: the epoch of items that are requested by index alone.
    """

    def __init__(
        self,
        source: Source,
        degradations: str | Sequence[str],
        seed: int = 0,
        crop: int | tuple[int, int] = 256,
        flip: bool = True,
    ) -> None:
        self.source = source
        self.degradations = specs(degradations)
        self.seed = seed
        self.epoch = 0
        self.augmentation = Augmentation((crop, crop) if isinstance(crop, int) else crop, flip=flip)
        parsed = [parse(spec) for spec in self.degradations]
        self.kinds = {m: list(dict.fromkeys([(), *(each.on(m) for each in parsed)])) for m in ("ir", "vi")}
        if all(len(kinds) == 1 for kinds in self.kinds.values()):
            raise ValueError("contrastive samples need several degradations; list others besides 'clean'")

    def __len__(self) -> int:
        return len(self.source)

    @override
    def __getitem__(self, item: int | EpochIndex) -> Pair:
        index, epoch = item if isinstance(item, EpochIndex) else EpochIndex(item, self.epoch)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, epoch, index]))
        spec = self.degradations[rng.integers(len(self.degradations))]
        raw = self._read(index)
        place = draw_seed(rng)
        pair = self._shown(raw, spec, epoch, place)
        shared = [
            self._shown(self._read(other), spec, epoch, draw_seed(rng))
            for other in sample_positives(rng, index, len(self))
        ]
        negatives: list[Tensor] = []
        for kinds in self._other_kinds(rng, parse(spec)):
            terms = tuple(term for kind in kinds.values() for term in kind)
            shown = self._shown(raw, str(Degradation(terms)), epoch, place)
            images = {"ir": shown["ir"].expand(3, -1, -1), "vi": shown["vi"]}
            negatives += [images[modality] for modality in kinds]
        return with_contrasts(pair, [other["ir"] for other in shared], [other["vi"] for other in shared], negatives)

    def _read(self, index: int) -> RawPair:
        raw = self.source.read(index)
        if raw.degradation != "clean":
            raise ValueError(f"{raw.name!r} is degraded on disk by {raw.degradation!r}; use ContrastiveScenes for it")
        return enlarge(raw, self.augmentation)

    def _shown(self, raw: RawPair, spec: str, epoch: int, place: int) -> Pair:
        drawn = draw([spec], name=raw.name, seed=self.seed, epoch=epoch)
        return to_tensors(*cut(raw, drawn.degradation, drawn.seed, self.augmentation, place))

    def _other_kinds(self, rng: np.random.Generator, own: Degradation) -> list[dict[str, tuple[Term, ...]]]:
        """The degradations of each modality that make negatives; every row makes one image per modality in it."""
        rows: list[dict[str, tuple[Term, ...]]] = [{} for _ in range(NEGATIVES // 2)]
        for modality, kinds in self.kinds.items():
            different = [kind for kind in kinds if kind != own.on(modality)]
            for row, i in zip(rows, rng.permutation(len(different)), strict=False):
                row[modality] = different[i]
        return [row for row in rows if row]


class ContrastiveScenes(Dataset[Pair]):
    """Scenes that are degraded on disk, visited as in the official training: one item per visible file.

    The infrared image is one of the scene's, drawn uniformly. Positives are files of other scenes with the same code,
    some of them repeated where there are too few. Negatives are the scene's other files: in the 'released' order, which
    always gives the same six, or at 'random'.

    Attributes:
        scenes: files by scene, with clean references.
        seed: seed of all random draws.
        crop: side of the square crop; smaller images are padded by reflection.
        turn: flip and rotate each item with its contrastive samples into one of eight orientations.
        order: order of the negatives.
        epoch: the epoch of items that are requested by index alone.
    """

    def __init__(
        self, scenes: dict[str, Scene], seed: int = 0, crop: int = 256, turn: bool = True, order: str = "released"
    ) -> None:
        if order not in ("released", "random"):
            raise ValueError(f"unknown order of negatives {order!r}; use 'released' or 'random'")
        for name, scene in scenes.items():
            if scene.ir_clean is None or scene.vi_clean is None or len(scene.ir) + len(scene.vi) < 3:
                raise ValueError(f"scene {name!r} lacks a clean reference, or has no third image for negatives")
        self.scenes = scenes
        self.seed = seed
        self.order = order
        self.crop = Augmentation((crop, crop))
        self.position = Augmentation(None, turn=turn)
        self.epoch = 0
        self.items = [(name, code) for name in sorted(scenes) for code in sorted(scenes[name].vi)]
        self.sharing: dict[tuple[str, str], list[str]] = {}
        for name in sorted(scenes):
            for modality in ("ir", "vi"):
                for code in getattr(scenes[name], modality):
                    self.sharing.setdefault((modality, code), []).append(name)

    def __len__(self) -> int:
        return len(self.items)

    @override
    def __getitem__(self, item: int | EpochIndex) -> Pair:
        index, epoch = item if isinstance(item, EpochIndex) else EpochIndex(item, self.epoch)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, epoch, index]))
        name, vi_code = self.items[index]
        scene = self.scenes[name]
        ir_code = sorted(scene.ir)[rng.integers(len(scene.ir))]
        paths = [scene.ir[ir_code], scene.vi[vi_code], scene.ir_clean, scene.vi_clean]
        paths += self._negatives(rng, scene, scene.ir[ir_code], scene.vi[vi_code])
        position = draw_seed(rng)
        images = self._crops(rng, [path for path in paths if path is not None], position)
        record = Record(name, vi_code, ir_code)
        ir, vi, ir_clean, vi_clean, *different = images
        raw = RawPair(record.name, ir[..., 0], vi, ir_clean[..., 0], vi_clean, degradation=record.spec)
        shared = [self._positives(rng, *kind, name) for kind in (("ir", ir_code), ("vi", vi_code))]
        views = [[to_tensor(*self._crops(rng, [path], position)) for path in paths] for paths in shared]
        return with_contrasts(
            to_tensors(raw, None), [view[:1] for view in views[0]], views[1], [to_tensor(image) for image in different]
        )

    def _negatives(self, rng: np.random.Generator, scene: Scene, *anchors: Path) -> list[Path]:
        files = [files[code] for files in (scene.ir, scene.vi) for code in sorted(files, key=_released_place)]
        different = [path for path in files if path not in anchors]
        if self.order == "random":
            different = [different[i] for i in rng.permutation(len(different))]
        return different[:NEGATIVES]

    def _positives(self, rng: np.random.Generator, modality: str, code: str, anchor: str) -> list[Path]:
        names = self.sharing[modality, code]
        return [
            getattr(self.scenes[names[i]], modality)[code]
            for i in sample_positives(rng, names.index(anchor), len(names))
        ]

    def _crops(self, rng: np.random.Generator, paths: Sequence[Path], position: int) -> Sequence[Bytes]:
        """The same crop of every image, (N, H, W, 3), flipped and rotated as the seed `position` says."""
        images = [read_image(path, channels=3) for path in paths]
        for path, image in zip(paths, images, strict=True):
            if image.shape != images[0].shape:
                raise ValueError(f"{path} and {paths[0]} show the same scene but differ in size")
        *_, parts = self.crop(draw_seed(rng), **self.crop.enlarge(images=np.stack(images)))
        return self.position(position, **parts)[2]["images"]


def _released_place(code: str) -> int:
    """The place of a code in the official order; codes that it does not have come last."""
    return RELEASED_ORDER.index(code) if code in RELEASED_ORDER else len(RELEASED_ORDER)


def contrastive(
    source: Source,
    degradations: Sequence[str],
    seed: int,
    crop: int | None,
    flip: bool,
    cached: Callable[[Source], Source] = lambda source: source,
) -> ContrastivePairs | ContrastiveScenes:
    """The pairs of a source with contrastive samples, degraded on the fly unless they are degraded on disk.

    Args:
        source: pairs, not yet cached.
        degradations: specs of which each pair gets one; pairs that are degraded on disk keep theirs.
        seed: seed of all random draws.
        crop: side of the square crops.
        flip: flip items at random, and rotate those that are degraded on disk.
        cached: wraps a source in a cache of decoded images; scenes on disk have too many files for one.

    Raises:
        ValueError: there is no crop size, without which images of other scenes differ in size.
    """
    if crop is None:
        raise ValueError("contrastive samples show other scenes, whose sizes differ; set a crop size")
    if isinstance(source, EmsSource):
        return ContrastiveScenes(source.scenes, seed, crop, turn=flip)
    return ContrastivePairs(cached(source), degradations, seed, crop, flip)


def collate_contrasts(pairs: list[Pair]) -> Batch:
    """Stack pairs of one size with their contrastive samples.

    Raises:
        ValueError: there are no pairs, or their sizes differ.
    """
    batch = collate(pairs)
    batch["ir_positives"] = torch.stack([pair["ir_positives"] for pair in pairs])
    batch["vi_positives"] = torch.stack([pair["vi_positives"] for pair in pairs])
    batch["negatives"] = torch.stack([pair["negatives"] for pair in pairs])
    return batch


def with_contrasts(pair: Pair, ir: list[Tensor], vi: list[Tensor], negatives: list[Tensor]) -> Pair:
    """The pair with its contrastive samples; too few negatives are repeated in order."""
    pair["ir_positives"], pair["vi_positives"] = torch.stack(ir), torch.stack(vi)
    pair["negatives"] = torch.stack([negatives[i % len(negatives)] for i in range(NEGATIVES)])
    return pair


def sample_positives(rng: np.random.Generator, own: int, count: int) -> list[int]:
    """Indices of positives among `count` pairs: never `own` unless it is the only one, none twice if there are enough.

    Example:
        >>> sorted(sample_positives(np.random.default_rng(0), 1, 4)), sample_positives(np.random.default_rng(0), 0, 2)
        ([0, 2, 3], [1, 1, 1])
    """
    candidates = [place for place in range(count) if place != own] or [own]
    order = rng.permutation(len(candidates))
    return [candidates[order[i % len(candidates)]] for i in range(POSITIVES)]
