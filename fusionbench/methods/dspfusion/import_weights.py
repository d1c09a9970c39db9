"""Conversion of the authors' four checkpoints to one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fusionbench.methods.dspfusion.method import DSPFusion
from fusionbench.methods.dspfusion.table import PARTS, RELEASED, REPOSITORY
from fusionbench.registry import first_few
from fusionbench.weights.card import WeightsCard
from fusionbench.weights.checksums import sha256
from fusionbench.weights.read import load_strict, read_state
from fusionbench.weights.safetensors import write_tensors

LATER = {"net_dm": "the second phase"}
"""Parts that a training can start without, and what trains them."""


def import_official(folder: Path, target: Path) -> Path:
    """Merge the released checkpoints into one file and check every tensor.

    The files are `net_g.pth`, `net_dp.pth`, `net_sp.pth` and `net_dm.pth`, or, from a training of the official code,
    `net_g_latest.pth` and so on, which its two phases leave in different folders. They may be wrapped in `params`, have
    the prefix `module.`, and contain the counters that thop leaves behind.

    Args:
        folder: folder of the four files, or one with folders of them.
        target: the file to write; its header lists the files that it was made from.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: tensors are missing, surplus or of another shape, a file does not contain weights, or there are two
            of a part.
    """
    paths = {card.submodule: _path(folder, card) for card in RELEASED}
    for card in RELEASED:
        if paths[card.submodule] is None:
            raise FileNotFoundError(_missing(folder, card, paths))
    method = DSPFusion()
    found = _fill(method, paths)
    metadata = {
        "method": "dspfusion",
        "source": f"{REPOSITORY}, release v1.0",
        "licence": "none stated by the authors",
        "sha256": {path.name: sha256(path) for path in found},
        "stretch": "the published images are stretched to [0, 1] by their extremes",
    }
    return write_tensors(method.state_dict(), target, metadata)


def start_official(method: DSPFusion, folder: Path) -> list[Path]:
    """Fill a network with the authors' checkpoints, of which that of the second phase may be missing.

    Args:
        folder: as for `import_official`.

    Returns:
        The files.

    Raises:
        FileNotFoundError: a file of the first phase is missing.
        ValueError: as of `import_official`.
    """
    paths = {card.submodule: _path(folder, card) for card in RELEASED}
    for card in RELEASED:
        if paths[card.submodule] is None and card.submodule not in LATER:
            raise FileNotFoundError(_missing(folder, card, paths))
    return _fill(method, paths)


def _fill(method: DSPFusion, paths: Mapping[str, Path | None]) -> list[Path]:
    """Put each file into its part; what is wrong with all of them is one message."""
    problems, found = [], []
    for card in RELEASED:
        path, module = paths[card.submodule], method.get_submodule(card.submodule)
        if path is None:
            continue
        found.append(path)
        state = read_state(path, module)
        try:
            load_strict(module, state, card, path)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return found


def _missing(folder: Path, card: WeightsCard, paths: Mapping[str, Path | None]) -> str:
    """What to do about a missing file."""
    ways = f"download it from {card.urls[0]}"
    if card.submodule in LATER and all(path for part, path in paths.items() if part != card.submodule):
        ways += (
            f", give the folder above those of both phases, or train {LATER[card.submodule]} with `fusionbench train "
            f"--method dspfusion --init-from {folder} --phases.{DSPFusion.phases[0]}.trainer.max_epochs 0`"
        )
    return f"no {card.file} in {folder}; {ways}"


def _path(folder: Path, card: WeightsCard) -> Path | None:
    """The file of a part: in the folder, or the only one in the folders below."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; pass the one with {', '.join(PARTS)} (.pth)")
    names = (card.file, f"{card.submodule}_latest.pth")
    if found := [path for name in names if (path := folder / name).is_file()]:
        return found[0]
    below = sorted(path for name in names for path in folder.rglob(name))
    if len(below) > 1:
        raise ValueError(
            f"{folder} holds several {card.submodule}: {first_few(list(map(str, below)))}; give one of them"
        )
    return below[0] if below else None
