"""From the name of a dataset to its pairs: finding its folder, layout and split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fusionbench.data.first_look import PairPaths
from fusionbench.data.sources.base import Source, Subset
from fusionbench.data.sources.ems import open_ems
from fusionbench.data.sources.folders import FolderSource, Unmatched, match_by_name, read_prompts
from fusionbench.data.sources.shards import has_shards, open_shards
from fusionbench.data.table import ANY, DATASETS, DatasetCard, Layout, check_limit, data_root, split_names
from fusionbench.files import check_names
from fusionbench.images.files import SUFFIXES
from fusionbench.images.options import AS_STORED, ReadOptions
from fusionbench.registry import import_object, lookup


def load(
    name: str,
    *,
    root: str | Path | None = None,
    split: str = "test",
    resize: bool = False,
    limit: int | None = None,
    ir_dir: str | Path | None = None,
    vi_dir: str | Path | None = None,
    names: str | Path | None = None,
    unmatched: Unmatched = "refuse",
    only: Sequence[str] | None = None,
    reading: ReadOptions = AS_STORED,
) -> Source:
    """Load the pairs of a dataset.

    Args:
        name: a row of `DATASETS`.
        root: folder of the dataset or its shards, or its parent folder; $FUSIONBENCH_DATA by default.
        split: 'train', 'val', 'test', or 'all' for a dataset without splits.
        resize: resize infrared images to the visible ones instead of refusing pairs that differ in size.
        limit: at most this many pairs, the first in order.
        ir_dir: folder of the infrared images, instead of the dataset's layout; needs `vi_dir`.
        vi_dir: folder of the visible images.
        names: text file with the names of the pairs to keep, one per line, with or without suffix.
        unmatched: 'refuse' raises an error for images without a partner, 'skip' leaves them out.
        only: degradations to keep, for datasets that are degraded on disk.
        reading: how ambiguous infrared files are read.

    Raises:
        FileNotFoundError: the dataset, or pairs of its published split, are missing.
        ValueError: unknown name, or files that do not form pairs.
    """
    name = lookup("dataset", name, DATASETS)
    card = DATASETS[name]
    check_limit(limit)
    if only is not None and not card.degraded:
        raise ValueError(f"{name!r} is not degraded on disk; 'only' selects degradations on disk")
    source: Source
    sharded = next((folder for folder in candidates(name, root) if has_shards(folder)), None)
    if ir_dir is not None or vi_dir is not None:
        source = _two_folders(name, ir_dir, vi_dir, resize, unmatched, reading)
    elif sharded is not None:
        if only is not None:
            raise ValueError(
                f"{sharded} holds shards, whose pairs cannot be selected by degradation; use the image folders"
            )
        _refuse_options(
            reading, f"{sharded} holds shards of 8-bit images; pass them to `fusionbench data shard` instead"
        )
        source = open_shards(sharded, name, split)
    elif card.target:
        _refuse_options(reading, f"the scenes of {name} are generated; omit them")
        source = import_object(card.target)(split=split)
    elif card.degraded:
        source = open_ems(name, candidates(name, root), split, only, advice(name, card, root), reading)
    else:
        source = _published(name, card, root, split, resize, unmatched, reading)
    check_names(source.names, sharded or vi_dir or root or name, portable=sharded is not None)
    if names is not None:
        source = _listed(source, Path(names))
    return source if limit is None else Subset(source, range(min(limit, len(source))))


def candidates(name: str, root: str | Path | None) -> list[Path]:
    """The folders in which a dataset is searched."""
    if root is None:
        return [data_root() / name]
    folder = Path(root).expanduser()
    # Datasets have similar layouts: the folder of one must not be read as another.
    others = DATASETS.keys() - {name, ANY}
    return [folder / name] if name != ANY and folder.name.lower() in others else [folder, folder / name]


def advice(name: str, card: DatasetCard, root: str | Path | None) -> str:
    """How to get a missing dataset."""
    where = "" if root is None else f" --data {root}"
    if any(place.urls for place in card.mirrors):
        return f"get it with `fusionbench data download {name}{where}`, or give its folder with --data"
    if card.mirrors:
        return f"`fusionbench data download {name}{where}` explains how to get it; then give its folder with --data"
    return "give a folder that contains ir and vi with --data, or the two folders with --ir and --vi"


def below(folder: Path, relative: str) -> Path | None:
    """A folder below another, each part of the path matched exactly or else regardless of case."""
    for part in Path(relative).parts:
        exact = folder / part
        if exact.is_dir():
            folder = exact
            continue
        if not folder.is_dir():
            return None
        alike = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and entry.name.lower() == part.lower()]
        if not alike:
            return None
        folder = alike[0]
    return folder


def find_layout(card: DatasetCard, root: Path, split: str) -> tuple[Layout, Path, Path] | None:
    """The first layout of a dataset that exists in the folder for this split, and its two folders."""
    for layout in card.layouts:
        if layout.only not in ("", split):
            continue
        ir = below(root, layout.ir.replace("{split}", split))
        vi = below(root, layout.vi.replace("{split}", split))
        if ir is not None and vi is not None:
            return layout, ir, vi
    return None


def splits_on_disk(name: str, root: str | Path | None = None) -> list[str]:
    """The splits of a dataset that can be opened; 'all' for a folder without splits."""
    card = DATASETS[name]
    known = list(dict.fromkeys((*card.counts, *card.splits, "train", "val", "test")))
    for folder in candidates(name, root):
        if card.degraded:
            there = [split for split in known if below(folder, f"{split}/ir") and below(folder, f"{split}/vi")]
        else:
            layouts = {split: found[0] for split in known if (found := find_layout(card, folder, split)) is not None}
            there = [split for split, layout in layouts.items() if "{split}" in layout.ir or layout.only]
            if layouts and not there:
                there = list(card.counts) if card.lists else ["all"]
        if there:
            return there
    return []


def _refuse_options(reading: ReadOptions, why: str) -> None:
    if reading != AS_STORED:
        raise ValueError(f"--ir-range and --ir-channel have no effect here: {why}")


def _two_folders(
    name: str,
    ir_dir: str | Path | None,
    vi_dir: str | Path | None,
    resize: bool,
    unmatched: Unmatched,
    reading: ReadOptions,
) -> FolderSource:
    if ir_dir is None or vi_dir is None:
        raise ValueError(
            "a folder of infrared images needs one of visible images and vice versa; give both (--ir and --vi)"
        )
    ir, vi = Path(ir_dir).expanduser(), Path(vi_dir).expanduser()
    prompts = read_prompts([ir.parent, vi.parent])
    return FolderSource(
        name, match_by_name(ir, vi, unmatched, reading), resize=resize, prompts=prompts, reading=reading
    )


def _published(
    name: str,
    card: DatasetCard,
    root: str | Path | None,
    split: str,
    resize: bool,
    unmatched: Unmatched,
    reading: ReadOptions,
) -> FolderSource:
    for folder in candidates(name, root):
        found = find_layout(card, folder, split)
        if found is not None:
            layout, ir, vi = found
            files = match_by_name(ir, vi, unmatched, reading)
            if "{split}" not in layout.ir and not layout.only:
                files = _divide(name, card, split, files, ir)
            prompts = read_prompts([ir.parent, folder])
            return FolderSource(name, files, resize=resize, prompts=prompts, reading=reading)
    wanted = [
        f"{layout.ir} and {layout.vi}".replace("{split}", split)
        for layout in card.layouts
        if layout.only in ("", split)
    ]
    raise FileNotFoundError(
        f"no images of {name}, split {split!r}, in {' or '.join(map(str, candidates(name, root)))}; looked for "
        f"{'; '.join(wanted)}{_others(name, root)}; {advice(name, card, root)}"
    )


def _others(name: str, root: str | Path | None) -> str:
    there = splits_on_disk(name, root)
    return f"; there is {' and '.join(there)}" if there else ""


def _divide(name: str, card: DatasetCard, split: str, files: list[PairPaths], folder: Path) -> list[PairPaths]:
    """The pairs of one split of a folder that holds all splits."""
    if split == "all" or name == "folder":
        return files
    if split in card.lists:
        listed = split_names(card, split)
        there = {pair.name: pair for pair in files}
        missing = [pair for pair in listed if pair not in there]
        if missing:
            raise FileNotFoundError(
                f"{len(missing)} of the {len(listed)} published {split} pairs of {name} are not in {folder}, first "
                f"{missing[0]!r}; complete the folder, or use all pairs that are there with split 'all'"
            )
        return [there[pair] for pair in listed]
    if split == "train" and "test" in card.lists:
        held_out = set(split_names(card, "test"))
        return [pair for pair in files if pair.name not in held_out]
    raise ValueError(
        f"{name} in {folder.parent} has no {split!r} split, and none is published; use split 'all', or select pairs "
        "with names='FILE'"
    )


def _listed(source: Source, path: Path) -> Subset:
    """The pairs listed in a text file, in the order of the source."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    wanted = {Path(line).stem if Path(line).suffix.lower() in SUFFIXES else line for line in lines}
    missing = sorted(wanted - set(source.names))
    if missing or not wanted:
        raise ValueError(
            f"{path} lists {len(wanted)} pairs, of which {len(missing)} are not in {source.dataset}"
            + (f", first {missing[0]!r}" if missing else "")
        )
    return Subset(source, [index for index, name in enumerate(source.names) if name in wanted])
