"""The papers' tables as data: what was measured on what, and the values that were printed.

Each paper is `<paper>.yaml` and `reported/<paper>.csv` in the folder `benchmarks`; its README.md says what the entries
mean.
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
"""Folder beside the papers' files with what was measured of their tables."""


def folder() -> Path:
    """Where the papers' files are.

    Raises:
        FileNotFoundError: neither in the package nor beside it.
    """
    return resources("benchmarks")


@dataclass(frozen=True)
class Panel:
    """The part of a table that shares a dataset and a scenario.

    Attributes:
        printed: the dataset as the table prints it.
        scenario: what was done to the images, as the table prints it.
        methods: rows, as the table prints them.
        metrics: columns, as the table prints them.
        dataset: in DATASETS; empty where nothing is run on images.
        split: of the dataset.
        images: how many the paper scored; None where it does not say.
        degradation: the scenario as a spec.
        size: 'HEIGHTxWIDTH' of the images that efficiency is measured with; empty where scores are.
        known: what is known of the authors' images.
        unknown: what is not; empty only where measured numbers may be compared with the printed ones.
        restored: what the paper restores images with before it fuses them; empty where it does not.
        end_to_end: the methods that it gives the degraded images.
        unmeasured: why nothing is measured here; empty where something is.
        baselines: methods of this package that are measured beside those of the paper.
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
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Value:
    """One printed value.

    Attributes:
        printed: as it is read from the page.
        text: the number, with reading errors mended; empty where that cannot be decided.
        higher_is_better: as the table's arrow says.
        note: what is wrong with the print.
    """

    printed: str
    text: str
    higher_is_better: bool
    note: str = ""

    @property
    def number(self) -> float | None:
        """The number that the text says."""
        return float(self.text) if self.text else None

    @property
    def decimals(self) -> int:
        """Digits after the point."""
        return len(self.text.partition(".")[2])

    @property
    def mended(self) -> bool:
        """Whether the number is other than what is printed."""
        try:
            return float(self.printed) != self.number
        except ValueError:
            return True


Cell = tuple[str, str, str, str, str]
"""(table, dataset, scenario, method, metric), as printed."""


@dataclass(frozen=True)
class Paper:
    """The tables of a paper and its values.

    Attributes:
        name: key of PAPERS.
        title: as the paper calls its method.
        citation: of the paper.
        protocol: in PROTOCOLS; how it computes its scores.
        methods: name in METHODS by name in print.
        scores: name in METRICS by name in print, where the two differ.
        values: what is printed in each cell.
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
        """Some tables by name, or all.

        Raises:
            ValueError: there is no such table.
        """
        tables = [lookup(f"table of {self.title}", name, self.tables) for name in tables]
        return [table for name, table in self.tables.items() if name in tables or not tables]


def load_paper(name: str, place: Path | None = None) -> Paper:
    """The tables and values of a paper.

    Args:
        name: in PAPERS.
        place: folder of the files; the package's own without it.

    Raises:
        FileNotFoundError: its files are missing.
        ValueError: there is no such paper, or its files are wrong.
    """
    import yaml

    name = lookup("paper", name, PAPERS)
    place = folder() if place is None else place
    path = place / f"{name}.yaml"
    try:
        text: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from error
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


def _table(name: str, entry: Mapping[str, Any], path: Path) -> Table:
    known = {part.name for part in fields(Panel)}
    shared = {key: value for key, value in entry.items() if key not in ("caption", "blocks")}
    panels = []
    for block in entry["blocks"]:
        merged = {**shared, **block}
        for key in set(merged) - known:
            raise ValueError(f"{path}, table {name}: {unknown_name('entry', key, known)}")
        lists: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in merged.items()}
        try:
            panels.append(Panel(**lists))
        except TypeError as error:
            raise ValueError(f"{path}, table {name}: {block} lacks an entry ({error})") from error
    return Table(name, entry["caption"], tuple(panels))


def read_values(path: Path) -> dict[Cell, Value]:
    """The values of `reported/<paper>.csv`, in its order.

    Raises:
        ValueError: a cell is given twice or its value is no number.
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
