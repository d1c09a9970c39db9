"""From the name of a dataset to its pairs: opening its folder, layout and split."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fusionbench.data.first_look import PairPaths
from fusionbench.data.layouts import advice, candidates, find_layout, folders_in, own_list, splits_on_disk
from fusionbench.data.sources.base import Source, Subset
from fusionbench.data.sources.ems import open_ems
from fusionbench.data.sources.folders import FolderSource, Matching, Unmatched, match_by_name, read_prompts
from fusionbench.data.sources.shards import has_shards, open_shards
from fusionbench.data.table import ANY, DATASETS, check_limit, split_names
from fusionbench.files import check_names
from fusionbench.images.files import SUFFIXES
from fusionbench.images.folders import holds_images
from fusionbench.images.matching import shared_part
from fusionbench.images.options import AS_STORED, ImageWarning, ReadOptions
from fusionbench.registry import import_object, lookup

log = logging.getLogger(__name__)


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
    ir_suffix: str = "",
    vi_suffix: str = "",
    only: Sequence[str] | None = None,
    reading: ReadOptions = AS_STORED,
) -> Source:
    """Open a dataset.

    Args:
        name: a row of `DATASETS`.
        root: folder of the dataset or its shards, or its parent folder; $FUSIONBENCH_DATA by default.
        split: 'train', 'val', 'test', or 'all' for a dataset without splits.
        resize: resize infrared images to the visible ones instead of refusing pairs that differ in size.
        limit: at most this many pairs, the first in order.
        ir_dir: folder of the infrared images, instead of the dataset's layout; needs `vi_dir`, which may be the same.
        vi_dir: folder of the visible images.
        names: text file with the names of the pairs to keep, one per line, with or without suffix. A folder without
            splits is searched for all of them.
        unmatched: 'refuse' raises an error for images without a partner and listed names without a pair, 'skip' leaves
            them out.
        ir_suffix: what infrared names have after the name of their pair, such as '_ir'; or a pattern such as 'IR*'.
        vi_suffix: the same for visible names.
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
    files = _Files(name, resize, Matching(unmatched, ir_suffix, vi_suffix), reading)
    sharded = next((folder for folder in candidates(name, root) if has_shards(folder)), None)
    if ir_dir is not None or vi_dir is not None:
        source = _two_folders(files, ir_dir, vi_dir)
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
        source = _published(files, root, split, divide=names is None)
    check_names(source.names, sharded or vi_dir or root or name, portable=sharded is not None)
    if names is not None:
        source = _listed(source, Path(names).expanduser(), unmatched)
    place = sharded or vi_dir or root
    log.debug("opened %s, split %s: %d pairs%s", name, split, len(source), f" in {place}" if place else "")
    return source if limit is None else Subset(source, range(min(limit, len(source))))


def _refuse_options(reading: ReadOptions, why: str) -> None:
    if reading != AS_STORED:
        raise ValueError(f"--ir-range and --ir-channel have no effect here: {why}")


@dataclass(frozen=True)
class _Files:
    """How the files of a dataset become its pairs."""

    name: str
    resize: bool
    matching: Matching
    reading: ReadOptions

    def pairs(self, ir: Path, vi: Path) -> list[PairPaths]:
        return match_by_name(ir, vi, self.matching, self.reading)

    def source(self, pairs: Sequence[PairPaths], beside: Iterable[Path]) -> FolderSource:
        prompts = read_prompts(beside)
        return FolderSource(self.name, pairs, resize=self.resize, prompts=prompts, reading=self.reading)


def _two_folders(files: _Files, ir_dir: str | Path | None, vi_dir: str | Path | None) -> FolderSource:
    if ir_dir is None or vi_dir is None:
        raise ValueError(
            "a folder of infrared images needs one of visible images and vice versa; give both (--ir and --vi)"
        )
    ir, vi = Path(ir_dir).expanduser(), Path(vi_dir).expanduser()
    return files.source(files.pairs(ir, vi), [ir.parent, vi.parent])


def _published(files: _Files, root: str | Path | None, split: str, *, divide: bool) -> FolderSource:
    """The pairs of a split.

    Args:
        divide: whether a folder that holds all splits is divided as published.
    """
    name, card = files.name, DATASETS[files.name]
    places = candidates(name, root)
    for folder in places:
        if found := find_layout(card, folder, split):
            layout, ir, vi = found
            pairs = files.pairs(ir, vi)
            if divide and "{split}" not in layout.ir and not layout.only:
                pairs = _divide(name, split, pairs, ir)
            return files.source(pairs, [ir.parent, folder])
        if name == ANY and holds_images(folder):
            return files.source(files.pairs(folder, folder), [folder])
    layouts = [layout for layout in card.layouts if layout.only in ("", split)]
    wanted = "; ".join(f"{layout.ir} and {layout.vi}".replace("{split}", split) for layout in layouts)
    there = splits_on_disk(name, root)
    others = f"; there is {' and '.join(there)}" if there else folders_in(places)
    raise FileNotFoundError(
        f"no images of {name}, split {split!r}, in {' or '.join(map(str, places))}; looked for {wanted} (ir and vi in "
        f"any of their usual names){others}; {advice(name, card, root)}"
    )


def _divide(name: str, split: str, pairs: list[PairPaths], ir: Path) -> list[PairPaths]:
    """The pairs of one split of a folder that holds all splits."""
    card = DATASETS[name]
    if split == "all" or name == ANY:
        return pairs
    listed, where = split_names(card, split), "published "
    if not listed and (path := own_list(ir, split)):
        listed, where = _names_in(path), f"{path}'s "
    if listed:
        there = {pair.name: pair for pair in pairs}
        missing = [pair for pair in listed if pair not in there]
        if missing:
            raise FileNotFoundError(
                f"{len(missing)} of the {len(listed)} {where}{split} pairs of {name} are not in {ir}, first "
                f"{missing[0]!r}; complete the folder, or use all pairs that are there with split='all'"
            )
        return [there[pair] for pair in listed]
    if split == "train" and "test" in card.lists:
        held_out = set(split_names(card, "test"))
        return [pair for pair in pairs if pair.name not in held_out]
    raise ValueError(
        f"{name} in {ir.parent} has no {split!r} split, and none is published; divide it into folders, or use all "
        "pairs with split='all', or select some with names='FILE'"
    )


def _names_in(path: Path) -> list[str]:
    """The names in a text file, one per line, without suffixes; empty lines and comments after '#' are ignored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no list of names at {path}; expected a text file with one name per line")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text; expected one name per line") from error
    names = [line.strip().replace("\\", "/") for line in text.splitlines()]
    stems = [name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name for name in names]
    return list(dict.fromkeys(stem for stem in stems if stem and not stem.startswith("#")))


def _listed(source: Source, path: Path, unmatched: Unmatched) -> Subset:
    """The pairs listed in a text file, in the order of the source.

    A line is the name of a pair or of one of its images, with or without folders.
    """
    listed, known = _names_in(path), set(source.names)
    found = {line: next((name for name in _meant(line) if name in known), None) for line in listed}
    missing = [line for line, name in found.items() if name is None]
    if len(missing) == len(listed) or (missing and unmatched == "refuse"):
        raise ValueError(
            f"{path} lists {len(listed)} pairs, of which {len(missing)} are not in {source.dataset}"
            + (f", first {missing[0]!r}" if missing else "; write one name per line")
            + (", or skip them with unmatched='skip'" if 0 < len(missing) < len(listed) else "")
        )
    if missing:
        warnings.warn(
            f"{len(missing)} of {len(listed)} names in {path} have no pair and are skipped, first {missing[0]!r}",
            ImageWarning,
            stacklevel=3,
        )
    wanted = set(found.values())
    return Subset(source, [index for index, name in enumerate(source.names) if name in wanted])


def _meant(line: str) -> list[str]:
    """The names that a line of a list may stand for, the most likely first."""
    folders, _, name = line.rpartition("/")
    return [] if ".." in folders else [line.strip("/").replace("/", "__"), name, shared_part(name)]
