"""Conversion of the authors' four checkpoints to one file."""

from __future__ import annotations

from pathlib import Path

from fusionbench.methods.dspfusion.method import DSPFusion
from fusionbench.methods.dspfusion.table import PARTS, RELEASED, REPOSITORY
from fusionbench.weights.card import WeightsCard
from fusionbench.weights.checksums import sha256
from fusionbench.weights.read import load_strict, read_state
from fusionbench.weights.safetensors import write_tensors


def import_official(folder: Path, target: Path) -> Path:
    """Merge the released checkpoints into one file and check every tensor.

    The files are `net_g.pth`, `net_dp.pth`, `net_sp.pth` and `net_dm.pth`, or, from a training of the official code,
    `net_g_latest.pth` and so on. They may be wrapped in `params`, have the prefix `module.`, and contain the counters
    that thop leaves behind.

    Args:
        folder: folder of the four files.
        target: the file to write; its header lists the files that it was made from.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: tensors are missing, surplus or of another shape, or a file does not contain weights.
    """
    paths = {card.submodule: _path(folder, card) for card in RELEASED}
    method = DSPFusion()
    problems = []
    for card in RELEASED:
        path = paths[card.submodule]
        state = {key.removeprefix("module."): value for key, value in read_state(path).items()}
        try:
            load_strict(method.get_submodule(card.submodule), state, card, path)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    metadata = {
        "method": "dspfusion",
        "source": f"{REPOSITORY}, release v1.0",
        "licence": "none stated by the authors",
        "sha256": {path.name: sha256(path) for path in paths.values()},
        "stretch": "the published images are stretched to [0, 1] by their extremes",
    }
    return write_tensors(method.state_dict(), target, metadata)


def _path(folder: Path, card: WeightsCard) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; pass the one with {', '.join(PARTS)} (.pth)")
    found = [path for path in (folder / card.file, folder / f"{card.submodule}_latest.pth") if path.is_file()]
    if not found:
        raise FileNotFoundError(f"no {card.file} in {folder}; download it from {card.urls[0]}")
    return found[0]
