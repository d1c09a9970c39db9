"""The papers' tables as data: their conditions and published values.

Each paper is `<paper>.yaml` and `reported/<paper>.csv` in the folder `benchmarks`; its README.md explains the entries.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from fusionbench.data import DATASETS
from fusionbench.degradations import parse
from fusionbench.files import resources
from fusionbench.methods import METHODS
from fusionbench.registry import lookup, unknown_name

PAPERS = ("drfusion", "dspfusion", "lure")

MEASURED = "measured"
"""The folder of measured values next to the papers' files."""


def folder() -> Path:
    """The folder of the papers' files.

    Raises:
        FileNotFoundError: neither in the package nor next to it.
    """
    return resources("benchmarks")


@dataclass(frozen=True)
class TableBlock:
    """The part of a table with a common dataset and scenario.

    Attributes:
        printed: the dataset as printed.
        scenario: the degradation as printed.
        methods: rows as printed.
        metrics: columns as printed.
        dataset: a name in DATASETS; empty if nothing is run on images.
        split: split of the dataset.
        images: number of images in the paper; None if it does not say.
        degradation: the scenario as a spec.
        size: 'HEIGHTxWIDTH' of the images for measuring efficiency; empty for metrics.
        known: what is known about the authors' images.
        unknown: what is not known; empty only if measured values are comparable with the published ones.
        restored: how the paper restores images before fusion; empty if it does not.
        end_to_end: the methods that get the degraded images in the paper.
        unmeasured: why nothing is measured here; else empty.
        baselines: methods of this package that are measured in addition to those of the paper.
    """

    printed: str
    scenario: str
    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    dataset: str = ""
    split: str = "test"
    images: int | None = None
    degradation: str = "clean"
    size: str = ""
    known: str = ""
    unknown: str = ""
    restored: str = ""
    end_to_end: tuple[str, ...] = ()
    unmeasured: str = ""
    baselines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parse(self.degradation)
        for name in self.baselines:
            lookup("method", name, METHODS)
        if self.dataset:
            lookup("dataset", self.dataset, DATASETS)
        if sum(map(bool, (self.dataset, self.size, self.unmeasured))) != 1:
            raise ValueError(f"{self.title} must have one of dataset, size and unmeasured")

    @property
    def title(self) -> str:
        """Dataset and scenario as printed."""
        return f"{self.printed}, {self.scenario}"


@dataclass(frozen=True)
class Table:
    """One table of a paper."""

    name: str
    caption: str
    blocks: tuple[TableBlock, ...]


@dataclass(frozen=True)
class Value:
    """A published value.

    Attributes:
        reported: the value as printed.
        text: the number, with transcription errors corrected; empty if that is impossible.
        higher_is_better: according to the table's arrow.
        note: what is wrong with the print.
    """

    reported: str
    text: str
    higher_is_better: bool
    note: str = ""

    @property
    def number(self) -> float | None:
        """The number in `text`."""
        return float(self.text) if self.text else None

    @property
    def decimals(self) -> int:
        """Digits after the decimal point."""
        return len(self.text.partition(".")[2])

    @property
    def corrected(self) -> bool:
        """Whether the number differs from the print."""
        try:
            return float(self.reported) != self.number
        except ValueError:
            return True


Cell = tuple[str, str, str, str, str]
"""(table, dataset, scenario, method, metric), as printed."""


@dataclass(frozen=True)
class Paper:
    """The tables and values of a paper.

    Attributes:
        name: a key of PAPERS.
        title: the paper's name of its method.
        citation: citation of the paper.
        protocol: a name in PROTOCOLS, for its metrics.
        methods: name in METHODS by printed name.
        scores: name in METRICS by printed name, if they differ.
        values: the published value of each cell.
    """

    name: str
    title: str
    citation: str
    protocol: str
    methods: Mapping[str, str]
    tables: Mapping[str, Table]
    scores: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[Cell, Value] = field(default_factory=dict)

    def choose(self, tables: Sequence[str]) -> list[Table]:
        """Tables by name, or all.

        Raises:
            ValueError: unknown table.
        """
        tables = [lookup(f"table of {self.title}", name, self.tables) for name in tables]
        return [table for name, table in self.tables.items() if name in tables or not tables]


ENTRIES: dict[str, type] = {"paper": str, "citation": str, "protocol": str, "methods": dict, "tables": dict}
"""Required entries of a paper's file."""

KINDS: dict[type, str] = {str: "a text", dict: "a table"}


def load_paper(name: str, place: Path | None = None) -> Paper:
    """Load the tables and values of a paper.

    Args:
        name: a key of PAPERS.
        place: folder of the files; by default the package's.

    Raises:
        FileNotFoundError: its files are missing.
        ValueError: unknown paper, or its files are invalid.
    """
    import yaml

    name = lookup("paper", name, PAPERS)
    place = folder() if place is None else place
    path = place / f"{name}.yaml"
    try:
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    _check_entries(path, text)
    baselines = text.get("baselines", [])
    return Paper(
        name=name,
        title=text["paper"],
        citation=text["citation"],
        protocol=text["protocol"],
        methods=text["methods"],
        scores=text.get("scores", {}),
        tables={key: _table(key, {"baselines": baselines, **entry}, path) for key, entry in text["tables"].items()},
        values=read_values(place / "reported" / f"{name}.csv"),
    )


def _check_entries(path: Path, text: object) -> None:
    """Refuse a file without the entries of a paper, or with others in their place.

    Raises:
        ValueError: an entry is missing or of another kind.
    """
    if not isinstance(text, dict):
        raise ValueError(f"{path} has no entries; expected {', '.join(ENTRIES)}")
    for entry, kind in ENTRIES.items():
        if not isinstance(text.get(entry), kind):
            raise ValueError(f"{path}: {entry} is missing or invalid; expected {KINDS[kind]}")
    for name, table in text["tables"].items():
        blocks = table.get("blocks") if isinstance(table, dict) else None
        fits = isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)
        if not fits or "caption" not in table:
            raise ValueError(f"{path}, table {name}: expected a caption and a list of blocks")


def _table(name: str, entry: Mapping[str, Any], path: Path) -> Table:
    known = {part.name for part in fields(TableBlock)}
    shared = {key: value for key, value in entry.items() if key not in ("caption", "blocks")}
    blocks = []
    for given in entry["blocks"]:
        merged = {**shared, **given}
        for key in set(merged) - known:
            raise ValueError(f"{path}, table {name}: {unknown_name('entry', key, known)}")
        lists: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in merged.items()}
        try:
            blocks.append(TableBlock(**lists))
        except TypeError as error:
            raise ValueError(f"{path}, table {name}: {given} lacks an entry ({error})") from error
    return Table(name, entry["caption"], tuple(blocks))


def read_values(path: Path) -> dict[Cell, Value]:
    """The values in `reported/<paper>.csv`, in order.

    Raises:
        ValueError: a cell is given twice, or its value is not a number.
    """
    values: dict[Cell, Value] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            cell = (row["table"], row["dataset"], row["scenario"], row["method"], row["metric"])
            if cell in values:
                raise ValueError(f"{path} gives {', '.join(cell)} twice")
            values[cell] = Value(row["value"], row["value_suggested"], row["higher_is_better"] == "true", row["note"])
            try:
                float(row["value_suggested"] or "nan")
            except ValueError as error:
                raise ValueError(f"{path}: {', '.join(cell)} has the value {row['value_suggested']!r}") from error
    return values
