"""Lightning's Trainer as it is used here, and the rank of this process."""

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
"""Loggers that list the hardware, process groups and other products."""


@contextmanager
def silence_lightning() -> Iterator[None]:
    """Suppress messages of Lightning and torch that are of no use to the user."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Lightning counts the cores and suggests more workers; here the user chooses their number.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # Lightning 2.6 uses an interface that torch 2.15 deprecates.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        # A phase's logs lie next to its checkpoint; whether a folder is in use has been checked before.
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        # The folder of a training may be moved before it is resumed; the path of its only checkpoint is given each
        # time.
        warnings.filterwarnings("ignore", message="The dirpath has changed")
        # An epoch may be short; values are then logged over several.
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
        # How often a checkpoint is saved, and what else takes part, may change when a training goes on.
        warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`")
        # Batches to overfit are the same in validation, whatever order its pairs would have.
        warnings.filterwarnings("ignore", message="You requested to overfit")
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
    """Let Ctrl-C raise KeyboardInterrupt; Lightning would exit the program with status 1."""
    try:
        yield
    except SystemExit as stop:
        if trainer.state.status == TrainerStatus.INTERRUPTED:
            raise KeyboardInterrupt from stop
        raise


def is_rank_zero() -> bool:
    """Whether this process has rank 0, or is the only one, and writes the files that exist once.

    Known before the process group is set up: a launcher numbers the processes over all machines (RANK, SLURM_PROCID) or
    within each (LOCAL_RANK, with NODE_RANK or GROUP_RANK for the machine).
    """
    for overall in ("RANK", "SLURM_PROCID"):
        if overall in os.environ:
            return int(os.environ[overall]) == 0
    return all(int(os.environ.get(part, "0")) == 0 for part in ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK"))


def world_size() -> int:
    """The number of processes of this program that torchrun or srun started.

    SLURM announces several tasks to a batch script before srun starts any, so only the number of a job step counts.
    """
    return max(int(os.environ.get(count, "1")) for count in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"))
