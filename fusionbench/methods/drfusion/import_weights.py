"""Conversion of the released checkpoints to files of this package."""

from __future__ import annotations

import logging
from pathlib import Path

from fusionbench.methods.drfusion.method import DRFusion
from fusionbench.methods.drfusion.table import IMPORTED, RELEASED, REPOSITORY
from fusionbench.weights.checksums import sha256
from fusionbench.weights.read import load_strict, read_state
from fusionbench.weights.safetensors import write_tensors

log = logging.getLogger(__name__)

PREFIX = "diffusion."


def import_official(source: Path, target: Path) -> Path:
    """Convert a released checkpoint to one file; every tensor of the network is checked and filled.

    Checkpoints of scenarios other than noise come with separate scripts and may contain more than the network; surplus
    tensors are left out, and listed in the log and in the file's header.

    Args:
        source: `net_params.pkl`, or its folder.
        target: the file to write; it has the checkpoint's number of steps.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: it is not a checkpoint of DRFusion, or its schedule leaves (0, 1).
    """
    path = source / RELEASED.file if source.is_dir() else source
    if not path.is_file():
        raise FileNotFoundError(f"no {RELEASED.file} at {path}; it is published at {RELEASED.source}")
    state = read_state(path)
    if "alpha" not in state or state["alpha"].ndim != 1:
        raise ValueError(f"{path} is not a checkpoint of DRFusion: it has no schedule 'alpha'")
    method = DRFusion(steps=len(state["alpha"]))
    wanted = method.state_dict()
    surplus = sorted(name for name in state if PREFIX + name not in wanted)
    if surplus:
        log.warning("%s contains %d surplus tensors, which are left out: %s", path, len(surplus), ", ".join(surplus))
    load_strict(method, {PREFIX + name: value for name, value in state.items() if name not in surplus}, IMPORTED, path)
    metadata = {
        "method": "drfusion",
        "source": f"{REPOSITORY} at 9954f17",
        "licence": "none stated by the authors",
        "sha256": {path.name: sha256(path)},
        "left_out": surplus,
    }
    return write_tensors(method.state_dict(), target, metadata)
