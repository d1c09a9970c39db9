"""Lightning callbacks of every training: random state, interrupts, NaN losses, sample images."""

from __future__ import annotations

import logging
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from typing_extensions import override

from fusionbench.images.tensors import to_bytes
from fusionbench.methods.method import Method
from fusionbench.report.figure import FigureRow, LabelledImage, comparison
from fusionbench.types import Batch

log = logging.getLogger(__name__)

LOG_INTERVAL = 30.0
"""Seconds between two lines of a training."""

SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1")
"""Signals that interrupt a training: from Ctrl-C, the system or a job queue, also as a warning before its time
limit."""


class SaveRngState(Callback):
    """Saves the state of the random generators in checkpoints, so that a resumed run draws what it would have drawn.

    Every process saves its own; after a resume with more processes, the additional ones continue as they were seeded.
    """

    def __init__(self) -> None:
        self._restored: dict[str, Any] | None = None

    @property
    @override
    def state_key(self) -> str:
        # Lightning looks a callback's state up by its class name; checkpoints of 0.1.0 have it under this one.
        return "RandomState"

    @override
    def state_dict(self) -> dict[str, Any]:
        if not _connected():
            return {"processes": [self._own()]}
        # Lightning collects the checkpoint in every process; only rank 0 writes it.
        gathered: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(gathered, self._own())
        return {"processes": gathered}

    def _own(self) -> dict[str, Any]:
        kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
        return {
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy": [kind, torch.from_numpy(np.asarray(keys, np.int64)), position, has_gauss, gauss],
            "python": random.getstate(),
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        process = dist.get_rank() if _connected() else 0
        states = state_dict["processes"]
        self._restored = states[process] if process < len(states) else None

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # Only here, because Lightning draws random numbers between loading a checkpoint and the first batch.
        if self._restored is None:
            return
        state, self._restored = self._restored, None
        torch.set_rng_state(state["torch"])
        if state["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["cuda"])
        kind, keys, position, has_gauss, gauss = state["numpy"]
        np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
        version, numbers, gauss_next = state["python"]
        random.setstate((version, tuple(numbers), gauss_next))


def _connected() -> bool:
    return dist.is_available() and dist.is_initialized()


class SaveOnStop(Callback):
    """Saves the step that an interruption or the length of a phase ends a training with.

    Ctrl-C, SIGTERM and SIGUSR1 interrupt: the current step is finished and saved, and a second interrupt stops the
    training at once. If one of several processes is interrupted, all of them stop together. A phase that has reached
    its length is saved before its last epoch counts as whole, so that it can become longer.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self._asked = False
        self._steps = -1

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning restores the previous handlers after the fit.
        if threading.current_thread() is threading.main_thread():
            for name in SIGNALS:
                if hasattr(signal, name):
                    signal.signal(getattr(signal, name), self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # In the middle of gradient accumulation, the gradients would be lost.
        stepped, self._steps = trainer.global_step != self._steps, trainer.global_step
        asked = self._asked
        if trainer.world_size > 1:
            asked = trainer.strategy.reduce_boolean_decision(asked, all=False)
        if stepped and (asked or _has_its_length(trainer)):
            trainer.save_checkpoint(self.checkpoint)
        if stepped and asked:
            raise KeyboardInterrupt


def _has_its_length(trainer: Trainer) -> bool:
    last_epoch = trainer.is_last_batch and trainer.current_epoch + 1 == trainer.max_epochs
    return last_epoch or trainer.global_step == trainer.max_steps


class TerminateOnNaN(Callback):
    """Stops a training if the loss is NaN or infinite in any process, before the weights become so."""

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint

    @override
    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor) -> None:
        finite = torch.isfinite(loss).all()
        if trainer.world_size > 1:
            # All together: a process that stopped alone would leave the others waiting for its gradients.
            finite = trainer.strategy.reduce(finite.float(), reduce_op="min") > 0
        if not finite:
            kept = f"the last good checkpoint is {self.checkpoint}" if self.checkpoint.exists() else "none was saved"
            raise ValueError(
                f"the loss is {float(loss)} at step {trainer.global_step}; {kept}; lower the learning rate, clip "
                "gradients with --trainer.gradient_clip_val, or train with --trainer.precision 32-true"
            )


class ProgressBar(RichProgressBar):
    """Lightning's progress bar without its total of -2 epochs if the length of a training is given in steps."""

    @override
    def _get_train_description(self, current_epoch: int) -> str:
        described = super()._get_train_description(current_epoch)
        return described.replace("/-2", "")


class LogSteps(Callback):
    """Logs how far a phase is: now and then, its end, and every step where all details are asked for."""

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self._logged = time.monotonic()

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        due = time.monotonic() - self._logged >= LOG_INTERVAL
        if trainer.is_global_zero and log.isEnabledFor(logging.INFO if due else logging.DEBUG):
            self._logged = time.monotonic()
            loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
            said = "" if loss is None else f", loss {float(loss):.4g}"
            log.log(logging.INFO if due else logging.DEBUG, "%s%s", self._place(trainer), said)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            log.info("%s: the phase has ended", self._place(trainer))

    def _place(self, trainer: Trainer) -> str:
        last = f" of {trainer.max_steps}" if trainer.max_steps > 0 else ""
        return f"{self.phase}: epoch {trainer.current_epoch}, step {trainer.global_step}{last}"


class SampleImages(Callback):
    """Draws fused images of the first validation pairs at every validation.

    Args:
        drawn: called with the path and step of every figure.
    """

    def __init__(
        self, folder: Path, count: int = 3, drawn: Callable[[Path, int], None] = lambda path, step: None
    ) -> None:
        self.folder, self.count, self.drawn = folder, count, drawn
        self._rows: list[FigureRow] = []

    @override
    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if trainer.is_global_zero and len(self._rows) < self.count and isinstance(pl_module, Method):
            with torch.no_grad():
                fused = pl_module.fuse(batch)
            for index in range(min(len(batch["name"]), self.count - len(self._rows))):
                images = {"infrared": batch["ir"], "visible": batch["vi"], "fused": fused}
                panels = [LabelledImage(to_bytes(image[index]), label) for label, image in images.items()]
                self._rows.append(FigureRow(f"{batch['name'][index]}, {batch['degradation'][index]}"[:40], panels))

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._rows:
            path = self.folder / f"step_{trainer.global_step:07d}"
            comparison(self._rows, path, zoom=None, formats=("png",))
            self.drawn(path.with_suffix(".png"), trainer.global_step)
        self._rows = []
