"""Finding a dataset on disk: its folder, under its own name or its archive's, and in it the folders of both modalities.

Names of folders match whatever their case. In a layout `ir` and `vi` stand for all usual names of such folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from fusionbench.data.table import ANY, DATASETS, DatasetCard, Layout, data_root
from fusionbench.images.matching import modality_of, shared_part

ARCHIVE = re.compile(r"(?:[-_ ](?:main|master|head|dataset|[0-9a-f]{40})|\s*\(\d+\))+$")
"""What follows the dataset's name in folders of repository archives and of repeated downloads."""

SPLIT_WORDS = {"train": ("training",), "val": ("valid", "validation"), "test": ("testing",)}
"""Other names of a split's folder."""

SHOWN = 8
"""Folders that a message lists."""


def datasets_of(folder: str) -> list[str]:
    """The datasets with this folder name.

    Example:
        >>> datasets_of("RoadScene-master"), datasets_of("photos")
        (['roadscene'], [])
    """
    plain = _plain(ARCHIVE.sub("", folder.casefold()))
    return [name for name, card in DATASETS.items() if name != ANY and plain in (name, *card.folders)]


def candidates(name: str, root: str | Path | None) -> list[Path]:
    """The folders that are searched for a dataset."""
    base = data_root() if root is None else Path(root).expanduser()
    inside = [folder for folder in _folders(base) if name in datasets_of(folder.name)]
    # Some programs unpack an archive into a folder of its name, which then contains another one.
    inside += [folder for outer in inside for folder in _folders(outer) if name in datasets_of(folder.name)]
    if name == ANY:
        places = [base, base / name]
        below = [folder for folder in _folders(base) if _holds_pairs(folder)]
        return places + (below if len(below) == 1 and not any(map(_holds_pairs, places)) else [])
    # Datasets have similar layouts: the folder of one must not be read as another.
    other = root is None or name not in (datasets_of(base.name) or [name])
    return list(dict.fromkeys([*([] if other else [base]), *inside, *([] if inside else [base / name])]))


def folder_of(name: str, root: Path) -> Path:
    """The folder of one dataset in a folder of several, unless that folder is one of them itself."""
    return next(place for place in [*candidates(name, root), root / name] if place != root)


def find_layout(card: DatasetCard, root: Path, split: str) -> tuple[Layout, Path, Path] | None:
    """The first layout of a dataset that the folder has for this split, and its two folders.

    The folder may be the first of a layout itself, such as `M3FD_Fusion` or `test`.
    """
    for layout in card.layouts:
        if layout.only not in ("", split):
            continue
        parts = [Path(folder.replace("{split}", split)).parts for folder in (layout.ir, layout.vi)]
        starts = [parts]
        if parts[0][0] == parts[1][0] and _alike(root.resolve().name, parts[0][0]):
            starts.append([parts[0][1:], parts[1][1:]])
        for ir_parts, vi_parts in starts:
            ir, vi = _down(root, ir_parts, "ir", split), _down(root, vi_parts, "vi", split)
            if ir is not None and vi is not None:
                return layout, ir, vi
    return None


def below(folder: Path, relative: str) -> Path | None:
    """A folder below another one; each part of the path matches exactly or else in any case."""
    return _down(folder, Path(relative).parts, "", "")


def splits_on_disk(name: str, root: str | Path | None = None) -> list[str]:
    """The splits of a dataset that can be opened; 'all' for a folder without splits."""
    card = DATASETS[name]
    known = list(dict.fromkeys((*card.counts, *card.splits, "train", "val", "test")))
    for folder in candidates(name, root):
        if card.degraded:
            there = [split for split in known if below(folder, f"{split}/ir") and below(folder, f"{split}/vi")]
        else:
            layouts = {split: found for split in known if (found := find_layout(card, folder, split)) is not None}
            there = [split for split, (layout, *_) in layouts.items() if "{split}" in layout.ir or layout.only]
            if layouts and not there:
                _, ir, _ = next(iter(layouts.values()))
                listed = [split for split in known if split in card.lists or own_list(ir, split)]
                there = (list(card.counts) if card.lists else listed) or ["all"]
        if there:
            return there
    return []


def own_list(ir: Path, split: str) -> Path | None:
    """The list of a split next to the images: `meta/<split>.txt` beside the folder of the infrared ones."""
    path = ir.parent / "meta" / f"{split}.txt"
    return path if path.is_file() else None


def folders_in(places: Iterable[Path]) -> str:
    """The subfolders of the first place that exists, as the end of a sentence; empty if there are none."""
    place = next((place for place in places if place.is_dir()), None)
    names = [folder.name for folder in _folders(place)] if place else []
    if not names:
        return ""
    return f"; the folders in {place} are {', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}"


def advice(name: str, card: DatasetCard, root: str | Path | None) -> str:
    """How to get a missing dataset."""
    where = "" if root is None else f" --data {root}"
    if any(place.urls for place in card.mirrors):
        return f"get it with `fusionbench data download {name}{where}`, or give its folder with --data"
    if card.mirrors:
        return f"`fusionbench data download {name}{where}` explains how to get it; then give its folder with --data"
    return "give a folder that contains ir and vi with --data, or the two folders with ir='DIR' and vi='DIR'"


def _down(folder: Path, parts: Iterable[str], role: str, split: str) -> Path | None:
    """A folder below another one, whose path may be spelled differently."""
    for part in parts:
        if not folder.is_dir():
            return None
        exact = folder / part
        alike = [exact] if exact.is_dir() else [entry for entry in _folders(folder) if _alike(entry.name, part)]
        if not alike and part == role:
            alike = _usual(folder, role, split)
        if not alike:
            return None
        folder = alike[0]
    return folder


def _alike(name: str, part: str) -> bool:
    return _plain(name) == _plain(part) or name.casefold() in SPLIT_WORDS.get(part, ())


def _plain(name: str) -> str:
    return re.sub(r"[- ]", "_", name.casefold())


def _usual(folder: Path, role: str, split: str) -> list[Path]:
    """The folder named after a modality; None if several are, and none is plain or of the split."""
    found = [entry for entry in _folders(folder) if modality_of(entry.name) == role]
    plain = [entry for entry in found if not shared_part(entry.name)]
    of_split = [entry for entry in found if split in re.findall("[a-z]+", shared_part(entry.name).lower())]
    return next((some for some in (found, plain, of_split) if len(some) == 1), [])


def _holds_pairs(folder: Path) -> bool:
    return any(find_layout(DATASETS[ANY], folder, split) for split in ("test", "train", "val"))


def _folders(place: Path) -> list[Path]:
    """The subfolders of a folder, sorted, without hidden ones."""
    if not place.is_dir():
        return []
    return sorted(entry for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith("."))
