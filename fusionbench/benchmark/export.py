"""Degraded test sets on disk, with a manifest that says how to reproduce them.

An interrupted export can be resumed: entries of the manifest are kept if settings, pairs and the bytes on disk have not
changed since.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from torch.utils.data import DataLoader, Dataset

from fusionbench.benchmark.inputs import load_pairs
from fusionbench.benchmark.results import CellFolder, refuse_others
from fusionbench.benchmark.settings import check_plugins, plugins_of, record_plugins, sources_of
from fusionbench.benchmark.sources import Sources
from fusionbench.benchmark.spec import ALL_PAIRS, ONE_DEVICE, DatasetChoice, Execution, Selection
from fusionbench.console import progress
from fusionbench.degradations import parse
from fusionbench.files import Journal, csv_line, exclusive, path_name, read_csv, remove_unfinished, sha256_of
from fusionbench.images.files import write_image
from fusionbench.images.tensors import to_bytes
from fusionbench.version import __version__

if TYPE_CHECKING:
    from fusionbench.data.pairs import Pairs

log = logging.getLogger(__name__)

COLUMNS = (
    "degradation", "name", "ir", "vi", "ir_sha256", "vi_sha256",
    "ir_scale", "vi_scale", "dataset", "split", "seed", "version",
)  # fmt: skip
SETTINGS = COLUMNS[-4:]
"""Columns with the same value in every line."""

Record = dict[str, str]
Key = tuple[str, str]
"""Degradation and name: the key of a line in the manifest."""


def export_degraded(
    choice: DatasetChoice,
    degradations: Sequence[str],
    folder: Path,
    selection: Selection = ALL_PAIRS,
    execution: Execution = ONE_DEVICE,
    console: Console | None = None,
) -> tuple[Path, list[str]]:
    """Write `<folder>/<degradation>/{ir,vi}/<name>.png` and `<folder>/manifest.csv`.

    Args:
        folder: new, or with pairs of the same dataset, split, seed and version, which are kept.
        selection: the number of pairs, and the seed of the degradations.
        execution: its workers read, degrade and write; their number does not change the bytes.

    Returns:
        The manifest's path, and one sentence for each pair that could not be written.

    Raises:
        FileNotFoundError: the dataset is missing.
        ValueError: a spec is invalid, none is given, or the folder holds pairs of other settings or sources.
    """
    degradations = [spec.lower() for spec in degradations]
    if not degradations:
        raise ValueError("no degradation is given; give at least one, such as --degradation ll+lc")
    for spec in degradations:
        parse(spec)
    opened = load_pairs(choice, degradations, selection.seed)
    settings = dict(zip(SETTINGS, (choice.name, choice.split, str(selection.seed), __version__), strict=True))
    now = sources_of(choice, [pairs.source for pairs in opened.values()], selection.limit)
    plugins = plugins_of(choice.name, degradations)
    with exclusive(folder):
        kept = _claim(folder, settings, {"resize": choice.resize, **choice.reading.settings}, now, plugins)
        manifest, problems = Journal(folder / "manifest.csv"), []
        manifest.replace(_text(kept.values()))
        asked = {spec: pairs.source.names[: selection.limit] for spec, pairs in opened.items()}
        with progress(console, sum(map(len, asked.values()))) as (describe, done):
            for spec, pairs in opened.items():
                describe(spec)
                missing = [index for index, name in enumerate(asked[spec]) if (spec, name) not in kept]
                done(len(asked[spec]) - len(missing))
                for record in _written(pairs, folder, spec, missing, execution.workers):
                    done(1)
                    log.debug(
                        "%s", record if isinstance(record, str) else f"degraded {folder / spec}: {record['name']}"
                    )
                    if isinstance(record, str):
                        problems.append(record)
                        continue
                    kept[spec, record["name"]] = record | settings
                    manifest.append(csv_line((record | settings)[column] for column in COLUMNS))
        order = [(spec, name) for spec, names in asked.items() for name in names]
        manifest.replace(_text(kept[key] for key in dict.fromkeys([*order, *kept]) if key in kept))
        return manifest.path, problems


def _claim(
    folder: Path, settings: Mapping[str, str], reading: Mapping[str, Any], now: Sources, plugins: Mapping[str, str]
) -> dict[Key, Record]:
    """Bind a folder to settings and sources, and return the lines of its manifest that are still valid.

    Raises:
        ValueError: it holds pairs of other settings or sources.
    """
    cell, before = CellFolder(folder), Sources.read(folder)
    cell.check({**settings, **reading})
    check_plugins([cell], plugins)
    kept = _kept(folder, settings, set(now.changed(before, folder)), before)
    remove_unfinished(folder)
    cell.bind_settings({**settings, **reading}, {})
    record_plugins(cell, plugins)
    now.write(folder, before)
    return kept


def _kept(folder: Path, settings: Mapping[str, str], changed: set[str], before: Sources) -> dict[Key, Record]:
    """The lines of an earlier manifest that are still valid; files of pairs that have changed are removed.

    Raises:
        ValueError: it has other settings.
    """
    lines, _ = read_csv(folder / "manifest.csv")
    kept: dict[Key, Record] = {}
    for _, cells in lines[1:] if lines and lines[0].cells == list(COLUMNS) else []:
        if len(cells) != len(COLUMNS):
            continue
        record = dict(zip(COLUMNS, cells, strict=True))
        refuse_others(folder, {key: record[key] for key in SETTINGS}, settings)
        files = {modality: _file(folder, record, modality) for modality in ("ir", "vi")}
        if record["name"] in changed:
            for file in files.values():
                file.unlink(missing_ok=True)
        elif before.images.get(record["name"]) and all(
            file.exists() and sha256_of(file) == record[f"{modality}_sha256"] for modality, file in files.items()
        ):
            kept[record["degradation"], record["name"]] = record
    return kept


def _file(folder: Path, record: Mapping[str, str], modality: str) -> Path:
    """The path of an image, independent of what the line says."""
    return folder / path_name(record["degradation"]) / modality / f"{record['name']}.png"


def _text(records: Iterable[Mapping[str, str]]) -> str:
    return csv_line(COLUMNS) + "".join(csv_line(record[column] for column in COLUMNS) for record in records)


class _Writing(Dataset[Any]):
    """Reading an item degrades a pair and writes it; the result is its line in the manifest, or the error."""

    def __init__(self, pairs: Pairs, folder: Path, spec: str, indices: Sequence[int]) -> None:
        self.pairs, self.folder, self.spec, self.indices = pairs, folder, spec, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: int) -> Record | str:
        name = self.pairs.source.names[self.indices[item]]
        try:
            pair = self.pairs[self.indices[item]]
        except (ValueError, OSError) as error:
            return f"{self.spec}, {name}: {error}"
        record = {"degradation": self.spec, "name": name}
        for modality, image in (("ir", pair["ir"]), ("vi", pair["vi"])):
            path = _file(Path(), record, modality)
            write_image(self.folder / path, to_bytes(image))
            record |= {modality: path.as_posix(), f"{modality}_sha256": sha256_of(self.folder / path)}
        return record | {"ir_scale": str(pair["ir_scale"]), "vi_scale": str(pair["vi_scale"])}


def _written(pairs: Pairs, folder: Path, spec: str, indices: Sequence[int], workers: int) -> Iterator[Record | str]:
    yield from DataLoader(_Writing(pairs, folder, spec, indices), batch_size=None, num_workers=workers)
