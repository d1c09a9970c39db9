"""The released checkpoints as files of this package."""

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
    """Make one file of a released checkpoint, every tensor of the network checked and filled.

    Checkpoints of other scenarios than noise come with scripts of their own, so theirs may hold more than the network;
    what it has no place for is left out, and named in the log and in the file's header.

    Args:
        source: `net_params.pkl`, or the folder that holds it.
        target: the file to write; the number of steps is that of the checkpoint.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: it is no checkpoint of DRFusion, or its schedule leaves (0, 1).
    """
    path = source / RELEASED.file if source.is_dir() else source
    if not path.is_file():
        raise FileNotFoundError(f"no {RELEASED.file} at {path}; it comes from {RELEASED.source}")
    state = read_state(path)
    if "alpha" not in state or state["alpha"].ndim != 1:
        raise ValueError(f"{path} is no checkpoint of DRFusion: it has no schedule 'alpha'")
    method = DRFusion(steps=len(state["alpha"]))
    wanted = method.state_dict()
    surplus = sorted(name for name in state if PREFIX + name not in wanted)
    if surplus:
        log.warning("%s holds %d tensors without a place, left out: %s", path, len(surplus), ", ".join(surplus))
    load_strict(method, {PREFIX + name: value for name, value in state.items() if name not in surplus}, IMPORTED, path)
    notes = {
        "method": "drfusion",
        "source": f"{REPOSITORY} at 9954f17",
        "licence": "none stated by the authors",
        "sha256": {path.name: sha256(path)},
        "left_out": surplus,
    }
    return write_tensors(method.state_dict(), target, notes)
