"""Conversion of the released checkpoints to files of this package."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.methods.drfusion.method import DRFusion
from fusionbench.methods.drfusion.table import IMPORTED, RELEASED, REPOSITORY
from fusionbench.weights.checksums import sha256
from fusionbench.weights.entry import file_of
from fusionbench.weights.read import load_strict, read_state
from fusionbench.weights.safetensors import write_tensors

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

PREFIX = "diffusion."

EPOCHS = r"net_params_(\d+)\.pkl"
"""Names that the official training gives."""


def import_official(source: Path, target: Path) -> Path:
    """Convert a released checkpoint to one file; every tensor of the network is checked and filled.

    Checkpoints of scenarios other than noise come with separate scripts and may contain more than the network; surplus
    tensors are left out, and listed in the log and in the file's header.

    Args:
        source: `net_params.pkl`, or its folder; `net_params_100.pkl` and so on of an official training, of which
            the last epoch is taken.
        target: the file to write; it has the checkpoint's number of steps.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: it is not a checkpoint of DRFusion, or its schedule leaves (0, 1).
    """
    path = _checkpoint(source) if source.is_dir() else source
    state = _read(path)
    method = DRFusion(steps=len(state["alpha"]))
    surplus = _fill(method, state, path)
    metadata = {
        "method": "drfusion",
        "source": f"{REPOSITORY} at 9954f17",
        "licence": "none stated by the authors",
        "sha256": {path.name: sha256(path)},
        "left_out": surplus,
    }
    return write_tensors(method.state_dict(), target, metadata)


def start_official(method: DRFusion, folder: Path) -> list[Path]:
    """Fill a network with the checkpoint in a folder.

    Returns:
        The file.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: it is not a checkpoint of DRFusion with the network's number of steps.
    """
    path = _checkpoint(folder)
    _fill(method, _read(path), path)
    return [path]


def _read(path: Path) -> dict[str, Tensor]:
    if not file_of(path).is_file():
        raise FileNotFoundError(f"no {RELEASED.file} at {path}; it is published at {RELEASED.source}")
    state = read_state(path)
    if "alpha" not in state or state["alpha"].ndim != 1:
        raise ValueError(f"{path} is not a checkpoint of DRFusion: it has no schedule 'alpha'")
    return state


def _fill(method: DRFusion, state: Mapping[str, Tensor], path: Path) -> list[str]:
    """Put a checkpoint into a network, and return the names of what it has no place for."""
    wanted = method.state_dict()
    surplus = sorted(name for name in state if PREFIX + name not in wanted)
    if surplus:
        log.warning("%s contains %d surplus tensors, which are left out: %s", path, len(surplus), ", ".join(surplus))
    load_strict(method, {PREFIX + name: value for name, value in state.items() if name not in surplus}, IMPORTED, path)
    return surplus


def _checkpoint(folder: Path) -> Path:
    """The released file in a folder, or the last that a training of the official code wrote there."""
    released = folder / RELEASED.file
    epochs = {int(match[1]): path for path in folder.iterdir() if (match := re.fullmatch(EPOCHS, path.name))}
    return released if released.is_file() or not epochs else epochs[max(epochs)]
