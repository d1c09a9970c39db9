"""Fusing one cell: degraded pairs in, 8-bit PNGs out; a failing image does not stop the others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, cast

import torch
from lightning import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.spec import Execution, Selection
from fusionbench.data.pairs import Pairs, collate
from fusionbench.images.files import write_image
from fusionbench.images.tensors import to_bytes
from fusionbench.methods.common.tiling import fuse_tiled
from fusionbench.nn.cpu.threads import one_thread
from fusionbench.trainer import keyboard_interrupts, prediction_trainer, silence_lightning
from fusionbench.types import Batch, Color, Pair

if TYPE_CHECKING:
    from fusionbench.methods.method import Method

log = logging.getLogger(__name__)

# Raised by broken files, wrong sizes or full memory; anything else is a defect and stops the run.
RECORDED = (ValueError, OSError, RuntimeError)


Restore = Callable[[Pair], Pair]


class _PredictItem(TypedDict):
    batches: list[Batch]
    failures: list[tuple[str, str]]


class _SafePairs(Dataset[Any]):
    """Pairs with the user's hints; a pair that cannot be read becomes its name and the reason."""

    def __init__(self, pairs: Pairs, indices: Sequence[int], selection: Selection, restore: Restore | None) -> None:
        self.pairs, self.indices, self.selection, self.restore = pairs, indices, selection, restore

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: int) -> Pair | tuple[str, str]:
        index = self.indices[item]
        try:
            pair = self.pairs[index]
            if self.restore is not None:
                pair = self.restore(pair)
        except (ValueError, OSError) as error:
            return self.pairs.source.names[index], str(error)
        if self.selection.prompt is not None:
            pair["prompt"] = self.selection.prompt
        if self.selection.degradation is not None:
            pair["degradation"] = self.selection.degradation
        return pair


def _by_size(items: list[Pair | tuple[str, str]]) -> _PredictItem:
    groups: dict[torch.Size, list[Pair]] = defaultdict(list)
    failures = []
    for item in items:
        if isinstance(item, tuple):
            failures.append(item)
        else:
            groups[item["vi"].shape].append(item)
    return {"batches": [collate(group) for group in groups.values()], "failures": failures}


def single(batch: Batch, index: int) -> Batch:
    """The batch of only the image at `index`, in separate memory, because memory alignment affects rounding."""
    picked = {key: value[index : index + 1] for key, value in batch.items()}  # type: ignore[index]
    picked = {key: value.clone() if isinstance(value, Tensor) else value for key, value in picked.items()}
    return cast("Batch", picked)


class _Writer(LightningModule):
    """Runs a method in `Trainer.predict` and writes each image as soon as it is fused."""

    def __init__(
        self,
        method: Method,
        folder: CellFolder,
        sources: Mapping[str, str] | None,
        tile: int,
        done: Callable[[int], None],
    ) -> None:
        super().__init__()
        self.method, self.folder, self.sources, self.tile, self.done = method, folder, sources, tile, done

    def predict_step(self, load: _PredictItem, batch_idx: int) -> int:
        for name, reason in load["failures"]:
            self._fail(name, reason)
        for batch in load["batches"]:
            self._write(batch)
        finished = len(load["failures"]) + sum(len(batch["name"]) for batch in load["batches"])
        self.done(finished)
        return finished

    def _write(self, batch: Batch) -> None:
        try:
            fused = fuse_batch(self.method, batch, self.tile)
        except RECORDED as error:
            if len(batch["name"]) > 1:
                for index in range(len(batch["name"])):
                    self._write(single(batch, index))
            else:
                self._fail(batch["name"][0], str(error) or type(error).__name__)
            return
        for name, image in zip(batch["name"], fused, strict=True):
            if self.sources is not None:
                self.folder.scores.begin(name, self.sources[name])
            write_image(self.folder.image(name), to_bytes(image))
            log.debug("fused %s", self.folder.image(name))

    def _fail(self, name: str, reason: str) -> None:
        self.folder.fail(name, reason)
        log.debug("not fused: %s: %s", self.folder.image(name), reason)


def fuse_batch(method: Method, batch: Batch, tile: int = 0) -> Color:
    """Fuse a batch, whole or in tiles, and check the result.

    On a CPU, each image is fused separately in one thread, so that its bits depend neither on the batch nor on the
    number of threads: torch uses different kernels for other batch sizes, which round differently.

    Args:
        tile: side of a tile in pixels; 0 fuses whole images.

    Raises:
        ValueError: the result differs in size from the sources, or contains NaN or infinity.
    """
    if batch["vi"].device.type == "cpu":
        with one_thread():
            fused = torch.cat([_fuse(method, single(batch, index), tile) for index in range(len(batch["name"]))])
    else:
        fused = _fuse(method, batch, tile)
    if fused.shape != batch["vi"].shape:
        raise ValueError(f"the method returned {tuple(fused.shape)} for images of {tuple(batch['vi'].shape)}")
    if not torch.isfinite(fused).all():
        raise ValueError("the method returned NaN or infinity")
    return fused


def _fuse(method: Method, batch: Batch, tile: int) -> Color:
    return fuse_tiled(method, batch, tile=tile) if tile else method.fuse(batch)


def fuse_cell(
    method: Method,
    pairs: Pairs,
    folder: CellFolder,
    selection: Selection,
    execution: Execution,
    *,
    restore: Restore | None = None,
    sources: Mapping[str, str] | None = None,
    done: Callable[[int], None] = lambda count: None,
) -> None:
    """Fuse the pairs of a cell that have no up-to-date image yet; failures are recorded in the folder.

    Args:
        selection: its `degradation` is canonical.
        execution: that of the shard, on one device.
        restore: applied to every pair before it is fused.
        sources: digest of every pair, by name; an image that was made from other sources is fused again. Without it,
            all images are fused.
        done: called with the number of images just finished.
    """
    folder.forget_failures()
    there = set() if sources is None else folder.keep_made_from(sources)
    names = pairs.source.names[: selection.limit]
    missing = [index for index, name in enumerate(names) if name not in there]
    done(len(names) - len(missing))
    log.debug("%d of %d images are in %s already", len(names) - len(missing), len(names), folder.images)
    if not missing:
        return
    loader = DataLoader(
        _SafePairs(pairs, missing, selection, restore),
        batch_size=execution.batch_size,
        num_workers=execution.workers,
        collate_fn=_by_size,
    )
    with silence_lightning():
        trainer = prediction_trainer(execution.accelerator, execution.devices, execution.precision)
        with keyboard_interrupts(trainer):
            trainer.predict(_Writer(method, folder, sources, selection.tile, done), loader, return_predictions=False)
