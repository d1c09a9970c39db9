"""What is at hand to measure a published table with, and what is not: data, weights, outputs of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Literal

from fusionbench.benchmark.inputs import load_method, load_pairs
from fusionbench.benchmark.options import WEIGHTS
from fusionbench.benchmark.preflight import check_metrics
from fusionbench.benchmark.spec import DatasetChoice, MethodChoice, restorers_by_modality
from fusionbench.degradations import parse
from fusionbench.images.options import AS_STORED, ReadOptions
from fusionbench.methods import FALLBACKS, METHODS, fallback, fallback_notice, weight_files
from fusionbench.papers.compare import score_name
from fusionbench.papers.measured import Measurement, matching
from fusionbench.papers.tables import Panel, Paper
from fusionbench.report.skipped import Skipped

DATASET = "{dataset}"
"""Stands for the dataset in folders of images made elsewhere."""


@dataclass(frozen=True)
class Inputs:
    """What a person gives.

    Attributes:
        home: folder with datasets in folders of their names.
        homes: folders of datasets that lie elsewhere.
        weights: weight file by method.
        folders: folder of fused images by method; `{dataset}` and `{degradation}` in it stand for both.
        commands: command template by method.
        pre: restoration commands, 'vi:COMMAND', for methods that the paper gives restored images.
        strict: leave a method without its own weights out, instead of adding a row of its fallback.
        lists: file with the names of the pairs to use by dataset; all of the split without.
        resize: bring infrared images to the size of the visible ones where they differ.
        unmatched: whether images without a partner are refused or left out.
        reading: how infrared files are read where they leave it open.
    """

    home: Path | None = None
    homes: Mapping[str, Path] = field(default_factory=dict)
    weights: Mapping[str, Path] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    pre: tuple[str, ...] = ()
    strict: bool = False
    lists: Mapping[str, Path] = field(default_factory=dict)
    resize: bool = False
    unmatched: Literal["refuse", "skip"] = "refuse"
    reading: ReadOptions = AS_STORED

    def dataset(self, panel: Panel) -> DatasetChoice:
        """Where the panel's pairs are looked for."""
        root = self.homes.get(panel.dataset, self.home)
        return DatasetChoice(
            panel.dataset,
            root,
            panel.split,
            resize=self.resize,
            unmatched=self.unmatched,
            names=self.lists.get(panel.dataset),
            reading=self.reading,
        )

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
class Available:
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
    skipped: list[Skipped] = field(default_factory=list)


def select_methods(paper: Paper, panel: Panel, only: Sequence[str]) -> dict[str, str]:
    """The methods to measure: name in METHODS by name in print, '' where the package has none.

    Args:
        only: names in METHODS or in print; without it all of the panel's, and its baselines. Names that the panel does
            not have are added.
    """
    rows = {printed: paper.methods.get(printed, "") for printed in panel.methods}
    if not only:
        return rows | {name: name for name in panel.baselines if name not in rows.values()}
    chosen = {printed: name for printed, name in rows.items() if printed in only or name in only}
    others = {name: name for name in only if name in METHODS and name not in chosen.values()}
    return chosen | others


def rows_of(paper: Paper, panel: Panel, inputs: Inputs, only: Sequence[str] = ()) -> dict[str, str]:
    """The methods to measure as `select_methods` says, and the fallbacks of those whose own weights are missing.

    A fallback is a row of its own: the published numbers of a method stay without measured ones of another.
    """
    rows = select_methods(paper, panel, only)
    small = filter(None, (_fallback(name, inputs) for name in rows.values()))
    return rows | {name: name for name in small if name not in rows.values()}


def _fallback(name: str, inputs: Inputs) -> str:
    """The small network that runs in a method's place here; empty where none does."""
    return "" if inputs.strict or not name else fallback(name, inputs.weights.get(name))


def shipped(
    paper: Paper, panel: Panel, known: Sequence[Measurement], rows: Mapping[str, str], seed: int = 0
) -> dict[tuple[str, str], Measurement]:
    """Values that were measured before of what a panel asks for, by method and metric as printed.

    Args:
        known: all of them, such as those that come with the package.
        rows: name in METHODS by name in print.
        seed: of the degradations.
    """
    if not panel.dataset:
        return {}
    lines = matching(known, panel.dataset, panel.split, panel.degradation, paper.protocol, seed)
    return {
        (printed, metric): line
        for (printed, name), metric in product(rows.items(), panel.metrics)
        if (line := lines.get((name, score_name(paper, metric)))) is not None
    }


def check_available(paper: Paper, panel: Panel, inputs: Inputs, only: Sequence[str] = ()) -> Available:
    """Look for everything that a panel of scores needs, without running anything.

    What else is missing is said of panels without data too, so that one list is enough.
    """
    found = Available()
    try:
        load_pairs(inputs.dataset(panel), [panel.degradation])
    except (FileNotFoundError, ValueError) as error:
        found.data = False
        found.skipped.append(Skipped("data", (panel.dataset,), str(error)))
    rows = rows_of(paper, panel, inputs, only)
    whole = {printed for printed in panel.end_to_end if printed in rows}
    # A small network restores as the method does that it is one of.
    small = {FALLBACKS.get(rows[printed]) for printed in whole}
    found.end_to_end = whole | {printed for printed, name in rows.items() if name in small}
    for printed, name in rows.items():
        choice = inputs.method(name, panel)
        if _fallback(name, inputs):
            why = fallback_notice(name, WEIGHTS.format(name=name))
            found.skipped.append(Skipped("fallback", (printed,), why, name=name))
        elif why := _unable(name, panel, () if printed in found.end_to_end else inputs.pre):
            found.skipped.append(Skipped("refused", (printed,), why, name=name))
        elif lacks := why_missing(printed, choice):
            found.skipped.append(lacks)
        else:
            found.methods[printed] = choice
    scores = {metric: score_name(paper, metric) for metric in panel.metrics}
    missing = check_metrics(list(scores.values())).missing
    found.metrics = {metric: score for metric, score in scores.items() if score not in missing}
    found.skipped += [
        Skipped("metrics", (metric,), missing[score]) for metric, score in scores.items() if score in missing
    ]
    return found


def _unable(name: str, panel: Panel, pre: Sequence[str]) -> str:
    """Why a method cannot fuse the images of a panel; empty where it can."""
    restored = restorers_by_modality(pre) if panel.restored else {}
    return METHODS[name].unable(parse(panel.degradation).without(restored)) if name in METHODS else ""


def why_missing(printed: str, choice: MethodChoice) -> Skipped | None:
    """What a method needs before it can run; None where it can."""
    if choice.name not in METHODS:
        return Skipped("elsewhere", (printed,), "no method of this package: --fused external=DIR", name="external")
    card = METHODS[choice.name]
    try:
        if card.family == "external":
            load_method(choice)
        else:
            weight_files(choice.name, choice.weights, option=WEIGHTS.format(name=choice.name))
    except (FileNotFoundError, ValueError) as error:
        if card.family != "external":
            return Skipped("weights", (printed,), str(error), name=choice.name)
        return Skipped(
            "elsewhere", (printed,), str(error), name=choice.name, code=card.repository, licence=card.licence
        )
    return None
