"""Which data sets a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusionbench.data.table import ANY, DATASETS


def discover(folder: Path, split: str = "test", **opening: Any) -> tuple[dict[str, Path], list[str]]:
    """The data sets that a folder is or holds, each in a folder of its name, as far as they have pairs of a split.

    Data sets that are degraded on disk are left out: they have degradations of their own, and are chosen by name.

    Args:
        opening: how they will be opened; further arguments of `load`.

    Returns:
        The folder of each, and one sentence for each that is there and cannot be opened.
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
    """Why a data set cannot be opened; empty where it can."""
    from fusionbench.data.loading import load

    try:
        load(name, **opening)
    except (FileNotFoundError, ValueError) as error:
        return str(error)
    return ""
