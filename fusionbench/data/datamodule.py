"""The Lightning data module: loaders of training crops and whole pairs."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, cast

import cv2
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader
from typing_extensions import override

from fusionbench.data.contrastive import collate_contrasts, contrastive
from fusionbench.data.crops import TrainingPairs
from fusionbench.data.layouts import candidates
from fusionbench.data.loading import load
from fusionbench.data.pairs import Pairs, collate, specs
from fusionbench.data.samplers import (
    EpochSampler,
    FixedOrder,
    ResumableLoader,
    SameSizeBatchSampler,
    ShardSampler,
    SharedLoader,
    TrainingSet,
    check_enough,
)
from fusionbench.data.sources.base import ConcatSource, Source, Subset
from fusionbench.data.sources.cache import SharedCache
from fusionbench.data.sources.restoration import RESTORATION, restoration
from fusionbench.data.sources.shards import blocks_of
from fusionbench.data.table import DATASETS, check_limit
from fusionbench.images.options import read_options
from fusionbench.registry import check_known, lookup
from fusionbench.types import Pair

GIB = 2**30

T = TypeVar("T")


class FusionDataModule(LightningDataModule):
    """Training crops, and whole pairs for validation, test and prediction, from one or more datasets.

    Its loaders shard the pairs among the Trainer's processes themselves, one rank per pair, and Lightning lets them.

    Args:
        datasets: rows of DATASETS; for training also of RESTORATION, whose single images come as pairs with a black
            one.
        root: folder of the dataset or of its shards, or a folder with one folder per dataset.
        batch_size: pairs per batch; whole pairs are batched by size, so their batches can be smaller.
        workers: processes per loader that read and degrade pairs.
        crop: side of the training crops in pixels; None trains on whole images.
        flip: flip half of the crops left to right.
        degradations: specs of which every training pair gets one at random in each epoch; by default those of the
            trained method (`training_degradations`), or 'clean'.
        eval_degradations: specs of which every validation and test pair gets one, always the same; by default those of
            training.
        seed: seed of the order, the crops and the degradations.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        ir_suffix: what follows the name of the pair in infrared file names, such as '_ir'; or a pattern such as 'IR*'.
        vi_suffix: the same for visible file names.
        train_split: the split for training.
        val_split: the split for validation; by default the published `val` split or, where there is none, the last
            `val_share` of the training pairs, a contiguous part because neighbours in a sequence look alike.
        test_split: the split for the test and prediction loaders.
        val_share: fraction of the training split that is held out where no validation split is published.
        cache_gib: memory for decoded training images, in GiB per process of the Trainer including its workers.
        cache_dir: folder on a fast disk for the decoded images instead of memory, while the training runs.
        resize: resize infrared images to the size of the visible ones.
        ir_range: the values of infrared files that become black and white, 'LOW,HIGH', or 'auto' for each image
            separately.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0, or 'luma'.
        contrasts: add contrastive samples to training pairs; None does so where the trained method needs them
            (`needs_contrastive`).
        only: degradations to keep of a dataset that is degraded on disk, by its name, such as {'ems': ['lc']}.
        shares: how much of an epoch each dataset has, by its name and in any unit; without it, each has as much as it
            has pairs. A dataset with one degradation, or two, so gives one task, or two, the share of its own.
        limit: at most this many pairs of each dataset and split, for quick trials.
    """

    def __init__(
        self,
        datasets: str | Sequence[str] = "synthetic",
        root: str | Path | None = None,
        batch_size: int = 8,
        workers: int = 2,
        crop: int | None = 256,
        flip: bool = True,
        degradations: str | Sequence[str] | None = None,
        eval_degradations: str | Sequence[str] | None = None,
        seed: int = 0,
        train_split: str = "train",
        val_split: str | None = None,
        test_split: str = "test",
        val_share: float = 0.05,
        cache_gib: float = 2.0,
        cache_dir: str | Path | None = None,
        resize: bool = False,
        unmatched: Literal["refuse", "skip"] = "refuse",
        ir_suffix: str = "",
        vi_suffix: str = "",
        ir_range: str | None = None,
        ir_channel: int | str | None = None,
        contrasts: bool | None = None,
        limit: int | None = None,
        only: dict[str, list[str]] | None = None,
        shares: dict[str, float] | None = None,
    ) -> None:
        super().__init__()
        # Loggers get the method's settings, some of which have the same names.
        self.save_hyperparameters(logger=False)
        # Checkpoints are loaded without unpickling classes, so a Path must become text.
        root = self.hparams["root"] = None if root is None else str(root)
        cache_dir = self.hparams["cache_dir"] = None if cache_dir is None else str(cache_dir)
        named = [datasets] if isinstance(datasets, str) else list(datasets)
        self.datasets = [lookup("dataset", name, [*DATASETS, *RESTORATION]) for name in named]
        if not self.datasets or not 0 < val_share < 1 or batch_size < 1:
            raise ValueError(
                f"a data module needs a dataset, a val_share between 0 and 1 and a batch_size of at least 1; it got "
                f"{self.datasets}, {val_share} and {batch_size}"
            )
        self.root = root
        self.batch_size = batch_size
        self.workers = workers
        self.crop = crop
        self.flip = flip
        self.degradations = None if degradations is None else list(specs(degradations))
        self.eval_degradations = None if eval_degradations is None else list(specs(eval_degradations))
        self.seed = seed
        self.train_split = train_split
        self.val_split = val_split
        self.test_split = test_split
        self.val_share = val_share
        self.cache_gib = cache_gib
        self.cache_dir = cache_dir
        self.opening: dict[str, Any] = {"resize": resize, "unmatched": unmatched}
        self.opening |= {"ir_suffix": ir_suffix, "vi_suffix": vi_suffix, "reading": read_options(ir_range, ir_channel)}
        self.contrasts = contrasts
        self.limit = limit
        self.only, self.shares = only or {}, shares or {}
        for argument, value in (("only", self.only), ("shares", self.shares)):
            for name in value:
                check_known(f"dataset of {argument}", name, self.datasets)
        missing = [name for name in self.datasets if self.shares and not self.shares.get(name, 0) > 0]
        if missing:
            raise ValueError(f"shares has no positive number for {missing[0]!r}; give one to each of {self.datasets}")
        self.train_pairs: TrainingSet | None = None
        self._asked: tuple[bool, list[str]] | None = None
        self.blocks: list[list[int]] = []
        self.parts: list[int] = []
        self.val_pairs: Pairs | None = None
        self.test_pairs: Pairs | None = None

    @override
    def setup(self, stage: str) -> None:
        module = None if self.trainer is None else self.trainer.lightning_module
        degradations = self.degradations or list(getattr(module, "training_degradations", ("clean",)))
        contrasts = getattr(module, "needs_contrastive", False) if self.contrasts is None else self.contrasts
        # Another phase of a method may need other pairs.
        if stage in ("fit", "validate") and self._asked != (contrasts, degradations):
            self._asked = contrasts, degradations
            divided = [self._train_and_val(name) for name in self.datasets]
            train = _joined([train for train, _ in divided])
            self.blocks, self.parts = blocks_of(train), [len(train) for train, _ in divided]
            if self.blocks and self.shares:
                raise ValueError("shards are read block by block, and cannot have shares; train on the image folders")
            drawn = (degradations, self.seed, self.crop, self.flip)
            if contrasts and self.only:
                raise ValueError("contrasts are all files of a scene; leave 'only' out, or train without contrasts")
            if contrasts:
                self.train_pairs = contrastive(train, *drawn, cached=self._cached)
            else:
                self.train_pairs = TrainingPairs(self._cached(train), *drawn)
            val = _joined([val for _, val in divided])
            self.val_pairs = Pairs(val, self.eval_degradations or degradations, self.seed)
        if stage in ("test", "predict"):
            tests = [self._load(name, self.test_split) for name in self.datasets]
            self.test_pairs = Pairs(_joined(tests), self.eval_degradations or degradations, self.seed)

    @override
    def train_dataloader(self) -> DataLoader[Pair]:
        pairs = _require_setup(self.train_pairs)
        trainer = self.trainer
        options: dict[str, Any] = {
            "batch_size": self.batch_size,
            "collate_fn": collate_contrasts if self._asked and self._asked[0] else collate,
            "num_workers": self.workers,
            "persistent_workers": self.workers > 0,
            "pin_memory": torch.cuda.is_available(),
            "worker_init_fn": start_worker,
        }
        if getattr(trainer, "overfit_batches", 0):  # set by Lightning, not declared
            return DataLoader(cast("Any", pairs), sampler=FixedOrder(pairs), **options)
        # A dataset that is named several times divides its share.
        shares = [self.shares[name] / self.datasets.count(name) for name in self.datasets] if self.shares else []
        sampler = EpochSampler(pairs, **self._share(), blocks=self.blocks, parts=self.parts, shares=shares)
        # After a resume, the Trainer sets a sampler's epoch only once it has begun iterating over it.
        sampler.set_epoch(0 if trainer is None else trainer.current_epoch)
        return ResumableLoader(
            pairs,
            sampler,
            given=lambda: 0 if trainer is None else trainer.fit_loop.epoch_loop.batch_progress.current.ready,
            drop_last=len(sampler) >= self.batch_size,
            **options,
        )

    @override
    def val_dataloader(self) -> DataLoader[Pair]:
        pairs, share = _require_setup(self.val_pairs), self._share()
        check_enough(len(pairs), share["processes"], "validation")
        return whole_pairs(pairs, self.batch_size, self.workers, **share)

    @override
    def test_dataloader(self) -> DataLoader[Pair]:
        return whole_pairs(_require_setup(self.test_pairs), self.batch_size, self.workers, **self._share())

    @override
    def predict_dataloader(self) -> DataLoader[Pair]:
        return whole_pairs(_require_setup(self.test_pairs), self.batch_size, self.workers, **self._share())

    def _cached(self, source: Source) -> Source:
        return SharedCache(source, int(self.cache_gib * GIB), self.cache_dir)

    def _share(self) -> dict[str, int]:
        """The shard of this process, as arguments of a loader."""
        if self.trainer is None:
            return {"processes": 1, "process": 0}
        return {"processes": self.trainer.world_size, "process": self.trainer.global_rank}

    def _load(self, name: str, split: str) -> Source:
        if name in RESTORATION:
            if name in self.only:
                raise ValueError(f"{name!r} has images of one kind; leave it out of 'only'")
            check_limit(self.limit)
            source = restoration(name, candidates(name, self.root), self.opening["reading"])
            return source if self.limit is None else Subset(source, range(min(self.limit, len(source))))
        return load(name, root=self.root, split=split, limit=self.limit, only=self.only.get(name), **self.opening)

    def _train_and_val(self, name: str) -> tuple[Source, Source]:
        train = self._load(name, self.train_split)
        published = "val" if name in DATASETS and "val" in DATASETS[name].splits else None
        val_split = published if self.val_split is None else self.val_split
        if val_split is not None and name not in RESTORATION:
            return train, self._load(name, val_split)
        held_out = max(1, round(self.val_share * len(train)))
        if held_out >= len(train):
            raise ValueError(
                f"{name} has {len(train)} training pairs, too few to hold some out for validation; set an existing "
                "val_split"
            )
        first = len(train) - held_out
        return Subset(train, range(first)), Subset(train, range(first, len(train)))


def whole_pairs(
    pairs: Pairs, batch_size: int = 1, workers: int = 0, *, processes: int = 1, process: int = 0
) -> DataLoader[Pair]:
    """A loader of whole pairs in order, batched by size; of N processes, each gets every N-th pair."""
    sizes = [pairs.source.size(index) for index in range(len(pairs))]
    shard = ShardSampler(pairs, processes=processes, process=process)
    return SharedLoader(
        pairs,
        batch_sampler=SameSizeBatchSampler(shard, batch_size, drop_last=False, sizes=sizes),
        collate_fn=collate,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=start_worker,
        generator=torch.Generator().manual_seed(0),
    )


def start_worker(worker: int) -> None:
    """Restrict OpenCV to one thread in a worker, because the workers already use all cores.

    Signals to the whole process group are ignored here: the parent process handles them, and may need more pairs until
    it stops.
    """
    cv2.setNumThreads(0)
    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _joined(sources: Sequence[Source]) -> Source:
    return sources[0] if len(sources) == 1 else ConcatSource(sources)


def _require_setup(pairs: T | None) -> T:
    if pairs is None:
        raise ValueError("the data module has not been set up; call setup('fit') or setup('test') first")
    return pairs


class _OneDataModule(FusionDataModule):
    """The pairs of one dataset, whose name is set by a subclass."""

    dataset: ClassVar[str]

    def __init__(self, root: str | Path | None = None, **options: Any) -> None:
        super().__init__(datasets=self.dataset, root=root, **options)
        self.hparams.pop("datasets", None)  # The dataset is set by the class, not by an argument.


class EMSDataModule(_OneDataModule):
    """The pairs of EMS, degraded on disk with restored references."""

    dataset = "ems"


class HarvardCTMRIDataModule(_OneDataModule):
    """CT and MRI of the Whole Brain Atlas."""

    dataset = "harvard_ct_mri"


class HarvardPETMRIDataModule(_OneDataModule):
    """PET and MRI of the Whole Brain Atlas."""

    dataset = "harvard_pet_mri"


class HarvardSPECTMRIDataModule(_OneDataModule):
    """SPECT and MRI of the Whole Brain Atlas."""

    dataset = "harvard_spect_mri"


class LLVIPDataModule(_OneDataModule):
    """Pedestrians in streets at night."""

    dataset = "llvip"


class M3FDDataModule(_OneDataModule):
    """Roads and campus by day, dusk and night."""

    dataset = "m3fd"


class MSRSDataModule(_OneDataModule):
    """Road scenes by day and night."""

    dataset = "msrs"


class RoadSceneDataModule(_OneDataModule):
    """Roads by day and night, of odd sizes."""

    dataset = "roadscene"


class SyntheticDataModule(_OneDataModule):
    """Street scenes generated from a seed; needs no folder."""

    dataset = "synthetic"


class TNODataModule(_OneDataModule):
    """Military scenes; for tests only, because there is no training split."""

    dataset = "tno"
