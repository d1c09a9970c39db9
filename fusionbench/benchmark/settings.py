"""The settings of a folder of results, checked before anything is written, so that results never mix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.benchmark.results import BLOCK, INPUTS, PLUGINS, REFERENCES, TABLE, CellFolder, refuse_others
from fusionbench.benchmark.sources import Sources
from fusionbench.benchmark.spec import DatasetChoice
from fusionbench.data import DATASETS
from fusionbench.data.sources.base import Source, digests
from fusionbench.data.table import data_root
from fusionbench.degradations import DEGRADATIONS, parse
from fusionbench.files import digest_of
from fusionbench.methods import METHODS

if TYPE_CHECKING:
    from fusionbench.methods.baselines.external import External


def sources_of(choice: DatasetChoice, sources: Iterable[Source], limit: int | None = None) -> Sources:
    """The sources of a dataset: digests of its pairs, and their folders.

    Args:
        sources: sources of its pairs; several if it is degraded on disk.
        limit: only the first `limit` pairs.
    """
    images: dict[str, str] = {}
    for source in sources:
        images |= digests(source, limit)
    return Sources(_place(choice), images)


def _place(choice: DatasetChoice) -> dict[str, str | None]:
    elsewhere = choice.ir_dir is not None or DATASETS[choice.name].target
    root = choice.root or (None if elsewhere else data_root() / choice.name)
    folders = {"root": root, "ir": choice.ir_dir, "vi": choice.vi_dir}
    return {what: None if path is None else str(path.expanduser().resolve()) for what, path in folders.items()}


def with_files(sources: Mapping[str, str], method: External, degradation: str) -> dict[str, str]:
    """The sources of an external method's images: the pairs, and the image files found for them."""
    found = {}
    for name, digest in sources.items():
        file = method.file_of(name, degradation)
        found[name] = f"{digest}+{digest_of([file])}" if digest and file is not None else ""
    return found


def plugins_of(dataset: str, degradations: Iterable[str] = (), method: str = "") -> dict[str, str]:
    """Where a dataset, degradations and a method come from, as far as plugins add them."""
    origins = {f"dataset {dataset}": DATASETS.origin(dataset), f"method {method}": METHODS.origin(method)}
    for term in (term for spec in degradations for term in parse(spec).terms):
        origins[f"degradation {term.code}"] = DEGRADATIONS.origin(term.code)
    return {what: origin for what, origin in origins.items() if origin}


def check_plugins(there: Iterable[CellFolder], plugins: Mapping[str, str]) -> None:
    """Refuse plugins that are not those of the results in these folders, as other code makes other results.

    Raises:
        ValueError: one of them is another file or version.
    """
    for cell in there:
        found = cell.meta().get(PLUGINS, {})
        both = found.keys() & plugins.keys()
        refuse_others(cell.folder, {what: found[what] for what in both}, {what: plugins[what] for what in both})


def record_plugins(folder: CellFolder, plugins: Mapping[str, str]) -> None:
    """Say in a folder which plugins had a part in it."""
    if plugins:
        folder.update_meta({PLUGINS: {**folder.meta().get(PLUGINS, {}), **plugins}})


def check_settings(there: Sequence[CellFolder], wanted: Sequence[tuple[CellFolder, Mapping[str, Any]]]) -> None:
    """Refuse settings that differ from those of the results in these cells and in the others of the run.

    Args:
        there: the cells of the run's folder.
        wanted: cells and their settings.

    Raises:
        ValueError: they differ.
    """
    for folder, settings in wanted:
        folder.check(settings)
    for cell in there:
        found = cell.meta()["settings"]
        for _, settings in wanted:
            keys = (*TABLE, *(BLOCK if found.get("dataset") == settings["dataset"] else ()))
            shared = [key for key in keys if key in found]
            refuse_others(cell.folder, {key: found[key] for key in shared}, {key: settings[key] for key in shared})


def drop_pictured(folder: Path, changed: Sequence[str]) -> None:
    """Remove the stored sources of pairs that have changed.

    Args:
        folder: the folder of a dataset in a run.
    """
    for pattern in (f"{REFERENCES}/*/*.png", f"*/{INPUTS}/*/*.png"):
        for path in folder.glob(pattern):
            if path.stem in changed:
                path.unlink()
