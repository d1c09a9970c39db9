"""The requirements of a published table: available and missing data, weights and external images."""

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
from fusionbench.papers.tables import Paper, TableBlock
from fusionbench.report.skipped import Skipped
from fusionbench.weights.entry import CellName, of_cell

DATASET = "{dataset}"
"""Placeholder for the dataset in folders of external images."""


@dataclass(frozen=True)
class Inputs:
    """The user's inputs.

    Attributes:
        home: folder with datasets in folders of their names.
        homes: folders of datasets elsewhere.
        weights: weight file by method.
        folders: folder of fused images by method, with the placeholders `{dataset}` and `{degradation}`.
        commands: command template by method.
        pre: restoration commands, 'vi:COMMAND', for methods that fuse restored images in the paper.
        strict: leave out a method without weights, instead of adding a row for its fallback.
        lists: file with the names of the pairs to use, by dataset; by default, all pairs of the split.
        resize: resize infrared images to the size of the visible ones if they differ.
        unmatched: whether images without a partner are refused or skipped.
        reading: how ambiguous infrared files are read.
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

    def dataset(self, block: TableBlock) -> DatasetChoice:
        """The block's dataset."""
        root = self.homes.get(block.dataset, self.home)
        return DatasetChoice(
            block.dataset,
            root,
            block.split,
            resize=self.resize,
            unmatched=self.unmatched,
            names=self.lists.get(block.dataset),
            reading=self.reading,
        )

    def method(self, name: str, block: TableBlock) -> MethodChoice:
        """A method with its inputs for a block."""
        folder = self.folders.get(name)
        weights = self.weights.get(name)
        return MethodChoice(
            name,
            weights=None if weights is None else of_cell(weights, _cell(block)),
            folder=None if folder is None else Path(str(folder).replace(DATASET, block.dataset)),
            command=self.commands.get(name),
        )


@dataclass
class Available:
    """What can be measured of a block.

    Attributes:
        data: whether its pairs are available.
        methods: choices by printed name.
        metrics: metrics by printed name.
        end_to_end: printed names of the methods that get the degraded images.
        skipped: what cannot be measured, and why.
    """

    data: bool = True
    methods: dict[str, MethodChoice] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    end_to_end: set[str] = field(default_factory=set)
    skipped: list[Skipped] = field(default_factory=list)


def select_methods(paper: Paper, block: TableBlock, only: Sequence[str]) -> dict[str, str]:
    """The methods to measure: name in METHODS by printed name, '' if the package has none.

    Args:
        only: printed names or names in METHODS; by default all of the block and its baselines. Names that are not in
            the block are added.
    """
    rows = {printed: paper.methods.get(printed, "") for printed in block.methods}
    if not only:
        return rows | {name: name for name in block.baselines if name not in rows.values()}
    chosen = {printed: name for printed, name in rows.items() if printed in only or name in only}
    others = {name: name for name in only if name in METHODS and name not in chosen.values()}
    return chosen | others


def rows_of(paper: Paper, block: TableBlock, inputs: Inputs, only: Sequence[str] = ()) -> dict[str, str]:
    """The methods from `select_methods`, and the fallbacks of those whose weights are missing.

    A fallback is a separate row: the published values of a method are never compared with those of another.
    """
    rows = select_methods(paper, block, only)
    small = filter(None, (_fallback(name, block, inputs) for name in rows.values()))
    return rows | {name: name for name in small if name not in rows.values()}


def _cell(block: TableBlock) -> CellName:
    return CellName(block.dataset, block.degradation)


def _fallback(name: str, block: TableBlock, inputs: Inputs) -> str:
    """The small network that runs instead of a method; empty if there is none."""
    return "" if inputs.strict or not name else fallback(name, inputs.weights.get(name), _cell(block))


def shipped(
    paper: Paper, block: TableBlock, known: Sequence[Measurement], rows: Mapping[str, str], seed: int = 0
) -> dict[tuple[str, str], Measurement]:
    """Values of a block that were measured before, by method and metric as printed.

    Args:
        known: all such values, for example those that come with the package.
        rows: name in METHODS by printed name.
        seed: seed of the degradations.
    """
    if not block.dataset:
        return {}
    lines = matching(known, block.dataset, block.split, block.degradation, paper.protocol, seed)
    return {
        (printed, metric): line
        for (printed, name), metric in product(rows.items(), block.metrics)
        if (line := lines.get((name, score_name(paper, metric)))) is not None
    }


def check_available(paper: Paper, block: TableBlock, inputs: Inputs, only: Sequence[str] = ()) -> Available:
    """Check everything that a block of metrics needs, without running anything.

    Other missing inputs are listed for blocks without data too, so that a single list suffices.
    """
    found = Available()
    try:
        load_pairs(inputs.dataset(block), [block.degradation])
    except (FileNotFoundError, ValueError) as error:
        found.data = False
        found.skipped.append(Skipped("data", (block.dataset,), str(error)))
    rows = rows_of(paper, block, inputs, only)
    whole = {printed for printed in block.end_to_end if printed in rows}
    # A small network restores if its full method does.
    small = {FALLBACKS.get(rows[printed]) for printed in whole}
    found.end_to_end = whole | {printed for printed, name in rows.items() if name in small}
    for printed, name in rows.items():
        choice = inputs.method(name, block)
        if _fallback(name, block, inputs):
            why = fallback_notice(name, WEIGHTS.format(name=name))
            found.skipped.append(Skipped("fallback", (printed,), why, name=name))
        elif why := _unable(name, block, () if printed in found.end_to_end else inputs.pre):
            found.skipped.append(Skipped("refused", (printed,), why, name=name))
        elif lacks := why_missing(printed, choice, _cell(block)):
            found.skipped.append(lacks)
        else:
            found.methods[printed] = choice
    scores = {metric: score_name(paper, metric) for metric in block.metrics}
    missing = check_metrics(list(scores.values())).missing
    found.metrics = {metric: score for metric, score in scores.items() if score not in missing}
    found.skipped += [
        Skipped("metrics", (metric,), missing[score]) for metric, score in scores.items() if score in missing
    ]
    return found


def _unable(name: str, block: TableBlock, pre: Sequence[str]) -> str:
    """Why a method cannot fuse the images of a block; empty if it can."""
    restored = restorers_by_modality(pre) if block.restored else {}
    return METHODS[name].unable(parse(block.degradation).without(restored)) if name in METHODS else ""


def why_missing(printed: str, choice: MethodChoice, cell: CellName | None = None) -> Skipped | None:
    """What a method needs before it can run; None if it can."""
    if choice.name not in METHODS:
        return Skipped("elsewhere", (printed,), "not a method of this package: --fused external=DIR", name="external")
    card = METHODS[choice.name]
    try:
        if card.family == "external":
            load_method(choice)
        else:
            weight_files(choice.name, choice.weights, option=WEIGHTS.format(name=choice.name), cell=cell)
    except (FileNotFoundError, ValueError) as error:
        if card.family != "external":
            return Skipped("weights", (printed,), str(error), name=choice.name)
        return Skipped(
            "elsewhere", (printed,), str(error), name=choice.name, code=card.repository, licence=card.licence
        )
    return None
