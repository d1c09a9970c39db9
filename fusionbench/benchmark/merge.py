"""Merge the folders of several runs into one, whose tables then hold the results of all of them.

For a benchmark that was divided among machines, each with an `--out` of its own: other methods, degradations or data
sets, or other images of the same cells.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from fusionbench.benchmark.results import (
    INPUTS,
    PARTS,
    POSITION,
    REFERENCES,
    CellFolder,
    assign_order,
    cells_of,
    refuse_mixed,
    setting_differences,
)
from fusionbench.benchmark.sources import Sources, listed
from fusionbench.files import exclusive


def merge_runs(runs: Sequence[Path], out: Path) -> list[CellFolder]:
    """Write the results of several runs into one folder; the runs stay as they are.

    Images are hard links where the file system allows it, and copies elsewhere. If two runs hold scores of the same
    image, those of the first count. Merging again adds what is new.

    Args:
        runs: folders of `fusionbench run` or `bench`, in the order of their cells in the tables.
        out: the folder to write, new or of an earlier merge.

    Returns:
        The cells of the merged folder.

    Raises:
        FileNotFoundError: a folder holds no results.
        ValueError: results cannot be in one table (other protocol, seed, version, settings or sources), or a file of
            them is damaged.
    """
    if any(run.resolve() == out.resolve() for run in runs):
        raise ValueError(f"--out {out} is one of the folders to merge; choose another one")
    with exclusive(out):
        return _merge(runs, out)


def _merge(runs: Sequence[Path], out: Path) -> list[CellFolder]:
    folders = {run: cells_of(run) for run in (out, *runs)}
    for run in runs:
        if not folders[run]:
            raise FileNotFoundError(
                f"no results in {run}; expected <dataset>/<degradation>/<method>/scores.csv below it"
            )
    _refuse_different(folders)
    sources = _common_sources(folders)
    for run in runs:
        for folder in (*run.glob(f"*/{REFERENCES}"), *run.glob(f"*/*/{INPUTS}")):
            _link_images(folder, out / folder.relative_to(run))
        for cell in folders[run]:
            _merge_cell(cell, CellFolder(out / cell.folder.relative_to(run)))
    for dataset, known in sources.items():
        known.write(out / dataset, Sources())
    assign_order(
        [CellFolder(out / cell.folder.relative_to(run)) for run in runs for cell in folders[run]],
        folders[out],
    )
    return cells_of(out)


def _refuse_different(folders: dict[Path, list[CellFolder]]) -> None:
    refuse_mixed([cell for cells in folders.values() for cell in cells])
    known: dict[Path, CellFolder] = {}
    for run, cells in folders.items():
        for cell in cells:
            cell.checked_rows()
            twin = known.setdefault(cell.folder.relative_to(run), cell)
            if changes := setting_differences(twin.meta()["settings"], cell.meta()["settings"]):
                raise ValueError(f"{twin.folder} and {cell.folder} cannot be merged: {changes}")


def _common_sources(folders: Iterable[Path]) -> dict[str, Sources]:
    """The sources of each dataset, by the name of its folder.

    Raises:
        ValueError: two runs are of different images of the same name.
    """
    found: dict[str, Sources] = {}
    where: dict[tuple[str, str], Path] = {}
    for run in folders:
        for path in sorted(run.glob("*/sources.json")):
            dataset, own = path.parent.name, Sources.read(path.parent)
            before = found.get(dataset, Sources(own.place))
            differing = [name for name, digest in own.images.items() if before.images.get(name, digest) != digest]
            if differing:
                raise ValueError(
                    f"{where[dataset, differing[0]] / dataset} and {path.parent} were made from different images "
                    f"called {listed(differing)}; they cannot be in one table"
                )
            where |= {(dataset, name): run for name in own.images if (dataset, name) not in where}
            found[dataset] = Sources(before.place, {**before.images, **own.images})
    return found


def _merge_cell(cell: CellFolder, target: CellFolder) -> None:
    """Add the images and rows of a cell that the target does not have."""
    there = set(target.scores.made)
    new = [name for name in cell.scores.made if name not in there]
    _link_images(cell.images, target.images)
    part = CellFolder(target.folder / PARTS / "0", images=target.images)
    part.scores.shard(cell.scores, new)
    for name, why in cell.failures().items():
        if name not in there:
            part.fail(name, why)
    meta = {key: value for key, value in cell.meta().items() if key != POSITION} | target.meta()
    if "images" in cell.meta() and "images" in target.meta():
        counts = (cell.meta()["images"], target.meta()["images"])
        meta["images"] = {key: max(count[key] for count in counts) for key in counts[0]}
    target.update_meta(meta)
    target.merge([*target.scores.made, *new])


def _link_images(source: Path, target: Path) -> None:
    for path in source.rglob("*.png"):
        link = target / path.relative_to(source)
        # An image whose writing was interrupted has a name that begins with a dot.
        if not link.exists() and not path.name.startswith("."):
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, link)
            except OSError:
                shutil.copy2(path, link)
