"""Scoring a folder of fused images that were made anywhere, independent of the rest of the package."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from fusionbench.benchmark.inputs import load_pairs
from fusionbench.benchmark.preflight import check_metrics
from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.score import score_cell
from fusionbench.benchmark.score_file import OK
from fusionbench.benchmark.settings import check_plugins, plugins_of, record_plugins, sources_of
from fusionbench.benchmark.sources import Sources
from fusionbench.benchmark.spec import ALL_PAIRS, DatasetChoice, Selection
from fusionbench.console import progress
from fusionbench.data.first_look import look_at_fused
from fusionbench.data.pairs import Pairs
from fusionbench.data.sources.base import Subset
from fusionbench.files import exclusive, remove_unfinished
from fusionbench.images.files import SUFFIXES, image_size
from fusionbench.images.folders import image_files
from fusionbench.images.matching import match_fused, without_suffix
from fusionbench.images.options import ImageWarning
from fusionbench.metrics import INPUT, PROTOCOLS, canonical, choose
from fusionbench.registry import first_few, lookup
from fusionbench.version import __version__

if TYPE_CHECKING:
    from fusionbench.data.sources.base import Source


def score_folder(
    fused: Path,
    choice: DatasetChoice,
    metrics: Sequence[str],
    protocol: str,
    out: Path,
    selection: Selection = ALL_PAIRS,
    *,
    suffix: str = "",
    console: Console | None = None,
) -> list[str]:
    """Write `out/scores.csv` and print the means.

    Args:
        fused: folder of fused images; they pair with the sources by name.
        choice: the sources; it says whether files without a partner are refused or left out.
        metrics: names as the user wrote them; they become the columns.
        out: the folder of the results; an interrupted run of the same settings goes on there.
        selection: how many of the pairs are scored.
        suffix: what the names of fused images have after that of their pair, or a pattern of them; others are ignored.
            Without it the names are equal, or all have the same around that of their pair.

    Returns:
        One sentence for each image or metric that is missing.

    Raises:
        FileNotFoundError: a folder is missing or empty.
        ValueError: files have no partner, sizes differ, values are ambiguous, or a name is unknown.
    """
    protocol, metrics = lookup("protocol", protocol, PROTOCOLS), [canonical(metric) for metric in metrics]
    for metric in metrics:
        choose(metric.removesuffix(INPUT), protocol)
    source = load_pairs(choice)["clean"].source
    images = _by_pair(_images(fused), source.names, fused, suffix)
    look_at_fused(list(images.values()))
    source, notes = _pair(fused, images, source, choice.unmatched)
    names = source.names[: selection.limit]
    if choice.unmatched == "refuse":
        _check_sizes(source, images, names)
    with exclusive(out):
        folder = CellFolder(out, images=fused)
        folder.check(_settings(fused, suffix, choice, protocol))
        check_plugins([folder], plugins_of(choice.name))
        now, before = sources_of(choice, [source], selection.limit), Sources.read(out)
        now.changed(before, out)  # Rows scored against other sources are scored again one by one.
        remove_unfinished(out)
        folder.bind_settings(_settings(fused, suffix, choice, protocol), {})
        record_plugins(folder, plugins_of(choice.name))
        folder.update_meta({"images": {"scored": len(names), "available": len(source.names)}})
        now.write(out, before)
        checked = check_metrics(metrics)
        checked.record(folder)
        with progress(console, len(names)) as (describe, done):
            describe(str(fused))
            score_cell(
                Pairs(source),
                folder,
                metrics,
                selection,
                protocol=protocol,
                sources=now.images,
                images=images,
                skip=checked.missing,
                done=done,
            )
        rows = folder.rows()
        return notes + checked.problems + [f"{name}: {rows[name].status}" for name in names if rows[name].status != OK]


def _settings(fused: Path, suffix: str, choice: DatasetChoice, protocol: str) -> dict[str, object]:
    return {
        "fused": str(fused.resolve()),
        "suffix": suffix or None,
        "dataset": choice.name,
        **choice.settings,
        "protocol": protocol,
        "version": __version__,
    }


def _images(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; --fused expects one with fused images")
    if images := image_files(folder):
        return images
    raise FileNotFoundError(f"no images ({', '.join(SUFFIXES)}) in {folder}")


def _by_pair(images: dict[str, Path], names: Sequence[str], folder: Path, suffix: str) -> dict[str, Path]:
    """The fused images by the name of their pair.

    Raises:
        ValueError: it is not clear which they are.

    Warns:
        ImageWarning: their names were not equal.
    """
    if suffix:
        return {pair: images[name] for pair, name in without_suffix(images, suffix, "suffix").items()}
    if not images.keys().isdisjoint(names):
        return images
    found, patterns = match_fused(images, names)
    if found:
        warnings.warn(
            f"no image in {folder} has the name of a pair; they are taken by the pattern {patterns[0]}, where * is "
            "that name",
            ImageWarning,
            stacklevel=2,
        )
        return {pair: images[name] for pair, name in found.items()}
    if patterns:
        raise ValueError(
            f"images in {folder} are named {first_few(patterns)}, where * is the name of a pair: give each of these a "
            f"folder, or name one with suffix='{patterns[0].removeprefix('*')}'"
        )
    raise ValueError(
        f"{len(images)} fused images have no sources: {first_few(list(images))} in {folder}; they carry the name of "
        f"their pair, such as {names[0]!r}: rename them, or say what follows it with suffix='_METHOD'"
    )


def _pair(fused: Path, images: dict[str, Path], source: Source, unmatched: str) -> tuple[Source, list[str]]:
    surplus = sorted(set(images) - set(source.names))
    lacking = [name for name in source.names if name not in images]
    notes = []
    if surplus:
        notes.append(f"{len(surplus)} fused images have no sources: {first_few(surplus)}")
    if lacking:
        notes.append(f"{len(lacking)} pairs have no fused image in {fused}: {first_few(lacking)}")
    if notes and unmatched == "refuse":
        raise ValueError(f"{'; '.join(notes)}; rename them, or leave them out with unmatched='skip'")
    kept = [index for index, name in enumerate(source.names) if name in images]
    if not kept:
        raise ValueError(f"no file in {fused} has the name of a pair; fused images must have their pair's name")
    return Subset(source, kept), notes


def _check_sizes(source: Source, images: dict[str, Path], names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        wanted, found = source.size(index), image_size(images[name])
        if wanted != found:
            raise ValueError(
                f"{images[name].name} is {found[1]}x{found[0]}, its sources are {wanted[1]}x{wanted[0]}; "
                "fuse at the size of the sources, or record it as missing with unmatched='skip'"
            )
