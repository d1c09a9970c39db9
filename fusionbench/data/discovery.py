"""Finding out which datasets a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusionbench.data.table import ANY, DATASETS


def discover(folder: Path, split: str = "test", **opening: Any) -> tuple[dict[str, Path], list[str]]:
    """The datasets that a folder is or contains, each in a folder of its name, if they have pairs of the split.

    Datasets that are degraded on disk are left out: they have their own degradations and must be chosen by name.

    Args:
        opening: further arguments of `load`, with which they will be opened.

    Returns:
        The folder of each dataset, and one sentence for each that is there but cannot be opened.
    """
    from fusionbench.data.loading import find_layout
    from fusionbench.data.sources.shards import has_shards, read_index

    if has_shards(folder):
        return {str(read_index(folder)["dataset"]): folder}, []
    if (name := folder.resolve().name.lower()) in DATASETS and name != ANY:
        return {name: folder}, []
    found, problems = {}, []
    for name, card in DATASETS.items():
        place = folder / name
        if place.is_dir() and name != ANY and not card.degraded and not card.target:
            if why := _closed(name, root=place, split=split, **opening):
                problems.append(f"{name} in {place} is left out: {why}")
            else:
                found[name] = place
    if not found and folder.is_dir() and find_layout(DATASETS[ANY], folder, split):
        return {ANY: folder}, problems
    return found, problems


def _closed(name: str, **opening: Any) -> str:
    """Why a dataset cannot be opened; empty if it can."""
    from fusionbench.data.loading import load

    try:
        load(name, **opening)
    except (FileNotFoundError, ValueError) as error:
        return str(error)
    return ""
