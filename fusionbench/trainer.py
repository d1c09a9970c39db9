"""Lightning's Trainer as it is used here, and which of several processes this one is."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from lightning import Trainer
from lightning.pytorch.trainer.states import TrainerStatus

LOGGERS = ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.distributed")
"""Loggers that list the hardware, how processes found each other, and products."""


@contextmanager
def silence_lightning() -> Iterator[None]:
    """Keep to itself what Lightning and torch say to each other and not to the user."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Lightning counts the cores and suggests more workers; how many is the user's choice here.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # Lightning 2.6 asks torch 2.15 in a way that torch is about to drop.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        # A phase's logs lie beside its checkpoint; whether a folder is taken is checked before.
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        # The folder of a training may be moved before it goes on; its only checkpoint is named on each start.
        warnings.filterwarnings("ignore", message="The dirpath has changed")
        # An epoch may be short; what is logged then is logged over several.
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
        yield


def prediction_trainer(accelerator: str, devices: int | str | Sequence[int], precision: str) -> Trainer:
    """A Trainer that only predicts: no logger, no checkpoints, no bars."""
    return Trainer(
        accelerator=accelerator,
        devices=devices if isinstance(devices, int | str) else list(devices),
        precision=cast("Any", precision),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


@contextmanager
def keyboard_interrupts(trainer: Trainer) -> Iterator[None]:
    """Let Ctrl-C be a KeyboardInterrupt again, which Lightning turns into leaving the program with status 1."""
    try:
        yield
    except SystemExit as stop:
        if trainer.state.status == TrainerStatus.INTERRUPTED:
            raise KeyboardInterrupt from stop
        raise


def is_rank_zero() -> bool:
    """Whether this process is the only one or the first, and writes what there is one of.

    Known before any connection between the processes: a launcher numbers them over all machines (RANK, SLURM_PROCID)
    or within each (LOCAL_RANK, with NODE_RANK or GROUP_RANK for the machine).
    """
    for overall in ("RANK", "SLURM_PROCID"):
        if overall in os.environ:
            return int(os.environ[overall]) == 0
    return all(int(os.environ.get(part, "0")) == 0 for part in ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK"))


def world_size() -> int:
    """How many processes of this program torchrun or srun started.

    SLURM tells a script of several tasks of them before srun starts any; only a step's own number counts.
    """
    return max(int(os.environ.get(count, "1")) for count in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"))
