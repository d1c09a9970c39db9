"""What is at hand to measure a published table with, and what is not: data, weights, outputs of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench import methods
from fusionbench.benchmark import DatasetChoice, MethodChoice
from fusionbench.choices import WEIGHTS
from fusionbench.images.options import AS_STORED, ReadOptions
from fusionbench.preflight import check_metrics
from fusionbench.published import Panel, Paper
from fusionbench.report.comparison import score_name
from fusionbench.run import open_method
from fusionbench.scoring import open_pairs

DATASET = "{dataset}"
"""Stands for the data set in folders of images made elsewhere."""


@dataclass(frozen=True)
class Skipped:
    """What is not measured for one reason.

    Attributes:
        what: data sets, methods, scores or whole panels.
        why: what is missing and how to get it.
        tables: which tables lack it.
    """

    what: tuple[str, ...]
    why: str
    tables: tuple[str, ...]


def gathered(entries: Iterable[tuple[str, str, str]]) -> list[Skipped]:
    """Entries of the same reason as one, in the order of their first appearance.

    Args:
        entries: table, what is not measured, and why.

    Example:
        >>> gathered([("2", "EN", "x"), ("2", "SF", "y"), ("5", "SD", "x")])[0]
        Skipped(what=('EN', 'SD'), why='x', tables=('2', '5'))
    """
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for table, what, why in entries:
        things, tables = found.setdefault(why, ({}, {}))
        things[what] = tables[table] = None
    return [Skipped(tuple(things), why, tuple(tables)) for why, (things, tables) in found.items()]


@dataclass(frozen=True)
class Supplies:
    """What a person gives.

    Attributes:
        home: folder with data sets in folders of their names.
        homes: folders of data sets that lie elsewhere.
        weights: weight file by method.
        folders: folder of fused images by method; `{dataset}` and `{degradation}` in it stand for both.
        commands: command template by method.
        pre: restoration commands, 'vi:COMMAND', for methods that the paper gives restored images.
        strict: leave a method without its own weights out, instead of adding a row of its fallback.
        reading: how infrared files are read where they leave it open.
    """

    home: Path | None = None
    homes: Mapping[str, Path] = field(default_factory=dict)
    weights: Mapping[str, Path] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    pre: tuple[str, ...] = ()
    strict: bool = False
    reading: ReadOptions = AS_STORED

    def dataset(self, panel: Panel) -> DatasetChoice:
        """Where the panel's pairs are looked for."""
        root = self.homes.get(panel.dataset, self.home)
        return DatasetChoice(panel.dataset, root, panel.split, reading=self.reading)

    def method(self, name: str, panel: Panel) -> MethodChoice:
        """A method with what it is given for a panel."""
        folder = self.folders.get(name)
        return MethodChoice(
            name,
            weights=self.weights.get(name),
            folder=None if folder is None else Path(str(folder).replace(DATASET, panel.dataset)),
            command=self.commands.get(name),
        )


@dataclass
class Ready:
    """What of a panel can be measured.

    Attributes:
        data: whether its pairs are there.
        methods: choice by name in print.
        metrics: score by name in print.
        end_to_end: names in print of the methods that are given the degraded images.
        skipped: what cannot be measured, and why.
    """

    data: bool = True
    methods: dict[str, MethodChoice] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    end_to_end: set[str] = field(default_factory=set)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def wanted(paper: Paper, panel: Panel, only: Sequence[str]) -> dict[str, str]:
    """The methods to measure: name in METHODS by name in print, '' where the package has none.

    Args:
        only: names in METHODS or in print; all of the panel's without it. Names that the panel does not have are added.
    """
    rows = {printed: paper.methods.get(printed, "") for printed in panel.methods}
    if not only:
        return rows
    chosen = {printed: name for printed, name in rows.items() if printed in only or name in only}
    others = {name: name for name in only if name in methods.METHODS and name not in chosen.values()}
    return chosen | others


def ready(paper: Paper, panel: Panel, supplies: Supplies, only: Sequence[str] = ()) -> Ready:
    """Look for everything that a panel of scores needs, without running anything.

    What else is missing is said of panels without data too, so that one list is enough.
    """
    found = Ready(end_to_end={*panel.end_to_end})
    try:
        open_pairs(supplies.dataset(panel), [panel.degradation])
    except (FileNotFoundError, ValueError) as error:
        found.data = False
        found.skipped.append((panel.dataset, str(error)))
    asked = wanted(paper, panel, only)
    for printed, name in asked.items():
        choice = supplies.method(name, panel)
        if name and not supplies.strict and (small := methods.fallback(name, choice.weights)):
            # A row of its own: the published numbers of a method stay without measured ones of another.
            found.skipped.append((printed, methods.fallback_notice(name, WEIGHTS.format(name=name))))
            if small not in asked.values():
                found.methods[small] = supplies.method(small, panel)
            if printed in panel.end_to_end:
                found.end_to_end.add(small)
        elif why := lacking(choice):
            found.skipped.append((printed, why))
        else:
            found.methods[printed] = choice
    scores = {metric: score_name(paper, metric) for metric in panel.metrics}
    missing = check_metrics(list(scores.values())).missing
    found.metrics = {metric: score for metric, score in scores.items() if score not in missing}
    found.skipped += [(metric, missing[score]) for metric, score in scores.items() if score in missing]
    return found


def lacking(choice: MethodChoice) -> str:
    """Why a method cannot run; empty where it can."""
    if choice.name not in methods.METHODS:
        return "it is no method of this package; run it elsewhere and give its images as --fused external=DIR"
    try:
        if methods.METHODS[choice.name].family == "external":
            open_method(choice)
        else:
            return methods.lacking(choice.name, choice.weights, option=WEIGHTS.format(name=choice.name))
    except (FileNotFoundError, ValueError) as error:
        return str(error)
    return ""
