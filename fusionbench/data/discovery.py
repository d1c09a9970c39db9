"""Finding out which datasets a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusionbench.data.layouts import candidates, datasets_of, find_layout
from fusionbench.data.table import ANY, DATASETS


def discover(folder: Path, split: str = "test", **opening: Any) -> tuple[dict[str, Path], list[str]]:
    """The datasets that a folder is or contains, each in a folder of its name, if they have pairs of the split.

    Datasets that are degraded on disk are left out: they have their own degradations and must be chosen by name.

    Args:
        opening: further arguments of `load`, with which they will be opened.

    Returns:
        The folder of each dataset, and one sentence for each that is there but cannot be opened.
    """
    from fusionbench.data.sources.shards import has_shards, read_index
    from fusionbench.images.folders import holds_images

    if has_shards(folder):
        return {str(read_index(folder)["dataset"]): folder}, []
    if len(names := datasets_of(folder.resolve().name)) == 1:
        return {names[0]: folder}, []
    found, problems = dict[str, Path](), dict[str, str]()
    for name, place in [*((name, folder) for name in names), *_named(folder)]:
        if name in found or DATASETS[name].degraded or DATASETS[name].target:
            continue
        if why := _closed(name, root=place, split=split, **opening):
            problems[name] = f"{name} in {place} is left out: {why}"
        else:
            found[name] = place
    left_out = [sentence for name, sentence in problems.items() if name not in found]
    if found or not folder.is_dir():
        return found, left_out
    if any(find_layout(DATASETS[ANY], place, split) for place in candidates(ANY, folder)):
        return {ANY: folder}, left_out
    # Images of both modalities in one folder, if their names say which is which.
    if holds_images(folder) and not _closed(ANY, root=folder, split=split, **opening):
        return {ANY: folder}, left_out
    return {}, left_out


def _named(folder: Path) -> list[tuple[str, Path]]:
    """Datasets with the folders of their names, or of their archives' names, in the order of the table."""
    if not folder.is_dir():
        return []
    places = sorted(path for path in folder.iterdir() if path.is_dir())
    return [(name, place) for name in DATASETS for place in places if name in datasets_of(place.name)]


def _closed(name: str, **opening: Any) -> str:
    """Why a dataset cannot be opened; empty if it can."""
    from fusionbench.data.loading import load

    try:
        load(name, **opening)
    except (FileNotFoundError, ValueError) as error:
        return str(error)
    return ""
