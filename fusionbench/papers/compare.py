"""A published block next to measured values: differences, agreement of rankings, comparability.

Measured values have two origins: the current run, and the package (`measured.py`), whose values are used where the run
has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import shorten
from typing import cast

import numpy as np
import pandas as pd

from fusionbench.data import DATASETS
from fusionbench.metrics import PROTOCOLS
from fusionbench.metrics.table import row
from fusionbench.papers.measured import Measurement, image_set
from fusionbench.papers.tables import Paper, Table, TableBlock, Value
from fusionbench.report.significance import Difference, differences, kendall_tau
from fusionbench.report.tables import column_ranks
from fusionbench.version import __version__


@dataclass(frozen=True)
class Measured:
    """The measured part of a block.

    Attributes:
        scores: one row per method and image with the columns `method`, `image` and the block's metrics, all named as
            printed; methods that are not in the paper have their own names.
        images: number of requested images.
        available: number of available images.
        restored: restoration commands before fusion, by modality; empty if there were none.
        notes: further notes: weights, files of metrics, hardware.
    """

    scores: pd.DataFrame
    images: int = 0
    available: int = 0
    restored: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Comparison:
    """One block of a table, published and measured.

    Attributes:
        measured: values of this run; None if there are none.
        shipped: values that come with the package, by method and metric as printed.
        seed: seed of the bootstrap.
    """

    paper: Paper
    table: Table
    block: TableBlock
    measured: Measured | None = None
    shipped: Mapping[tuple[str, str], Measurement] = field(default_factory=dict)
    seed: int = 0

    @cached_property
    def methods(self) -> list[str]:
        """Rows: those of the paper, then other measured methods."""
        found = [] if self.measured is None else list(self.measured.scores["method"])
        return list(dict.fromkeys([*self.block.methods, *found, *(method for method, _ in self.shipped)]))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Columns, as printed."""
        return self.block.metrics

    def value(self, method: str, metric: str) -> Value | None:
        """The published value of a cell; None for methods that are not in the paper."""
        return self.paper.values.get((self.table.name, self.block.printed, self.block.scenario, method, metric))

    def higher_is_better(self, metric: str) -> bool:
        """The direction of a column."""
        value = self.value(self.block.methods[0], metric)
        return True if value is None else value.higher_is_better

    def head(self, metric: str) -> str:
        """The name of a column and which way is better."""
        return f"{metric} {'↑' if self.higher_is_better(metric) else '↓'}"

    @cached_property
    def published(self) -> pd.DataFrame:
        """Published values, NaN if there is none."""
        numbers = {
            metric: [
                np.nan if (v := self.value(name, metric)) is None or v.number is None else v.number
                for name in self.methods
            ]
            for metric in self.metrics
        }
        return pd.DataFrame(numbers, index=self.methods, dtype=float)

    @cached_property
    def run_means(self) -> pd.DataFrame:
        """Means over the images of this run, NaN if there is none."""
        return self._by_method("mean")

    @cached_property
    def means(self) -> pd.DataFrame:
        """Measured means of this run, or else of the package; NaN if there is none."""
        return self.run_means.fillna(self._of_package("mean"))

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Number of images of each mean."""
        of_run = self._by_method("count").where(self.run_means.notna())
        return of_run.fillna(self._of_package("images")).fillna(0).astype(int)

    @cached_property
    def used(self) -> dict[tuple[str, str], Measurement]:
        """The package's values that this run does not replace."""
        return {cell: line for cell, line in self.shipped.items() if np.isnan(lookup(self.run_means, *cell))}

    def _by_method(self, what: str) -> pd.DataFrame:
        if self.measured is None:
            return pd.DataFrame(np.nan, index=self.methods, columns=list(self.metrics))
        scores = self.measured.scores.reindex(columns=["method", "image", *self.metrics])
        found: pd.DataFrame = scores.groupby("method")[list(self.metrics)].agg(what)
        return found.reindex(self.methods)

    def _of_package(self, what: str) -> pd.DataFrame:
        lines = [
            [getattr(self.shipped.get((method, metric)), what, np.nan) for metric in self.metrics]
            for method in self.methods
        ]
        return pd.DataFrame(lines, index=self.methods, columns=list(self.metrics), dtype=float)

    def marks(self, numbers: pd.DataFrame) -> pd.DataFrame:
        """1 and 2 for the best and the second best value of each column, 0 for the rest."""
        return pd.DataFrame({m: column_ranks(numbers[m], self.higher_is_better(m)) for m in self.metrics})

    @cached_property
    def rankable(self) -> pd.DataFrame:
        """The measured means of each column that are over the same images as most others in it; NaN for the rest."""
        return pd.DataFrame({metric: self._alike(metric) for metric in self.metrics})

    def _alike(self, metric: str) -> pd.Series[float]:
        means = self.means[metric]
        of_run = "" if self.measured is None else image_set(self.measured.scores["image"].unique())
        sets = {
            method: self.used[method, metric].image_set if (method, metric) in self.used else of_run
            for method in means.dropna().index
        }
        found = list(sets.values())
        most = max(sets.values(), key=lambda one: (found.count(one), one == of_run), default="")
        return pd.Series([means[method] if sets.get(method) == most else np.nan for method in means.index], means.index)

    def decimals(self, metric: str) -> int:
        """Decimals of the paper in a column."""
        values = (self.value(method, metric) for method in self.block.methods)
        return max((value.decimals for value in values if value is not None), default=3)

    def tau(self, metric: str) -> tuple[float | None, int]:
        """Kendall's tau between published and measured values on the same images, and its number of methods."""
        both = self.published[metric].notna() & self.rankable[metric].notna()
        return kendall_tau(self.published.loc[both, metric].tolist(), self.means.loc[both, metric].tolist()), int(
            both.sum()
        )

    @cached_property
    def differences(self) -> list[Difference]:
        """Every pair of measured methods by every metric; none if methods have one value instead of one per image."""
        if self.measured is None or self.block.size:
            return []
        columns = [metric for metric in self.metrics if metric in self.measured.scores]
        return differences(self.measured.scores, columns, seed=self.seed)


COMMANDS = 200
"""Longest restoration command in a caption, in characters."""


def lookup(numbers: pd.DataFrame, method: str, metric: str) -> float:
    """One value of a table of methods by metrics."""
    return cast("float", numbers.loc[method, metric])


def title(comparison: Comparison) -> str:
    """Paper, table and block."""
    return f"Table {comparison.table.name} of {comparison.paper.title}, {comparison.block.title}"


def caption(comparison: Comparison) -> str:
    """Paper, table and block, and the conditions, in a few lines."""
    return f"{title(comparison)}: {comparison.table.caption}. {conditions(comparison)}"


def conditions(comparison: Comparison) -> str:
    """What was measured on what, and whether it is comparable with the published values."""
    block = comparison.block
    if block.unmeasured:
        return f"Published values only: {block.unmeasured}."
    if not is_measured(comparison):
        return "Published values only."
    if block.size:
        body = f"Measured: fusionbench {__version__}, images of {block.size}; operations are multiply-adds."
    else:
        body = _on_images(comparison)
    return f"{body} {comparability(comparison)}"


def is_measured(comparison: Comparison) -> bool:
    """Whether there is a measured value of this run or of the package."""
    return bool(comparison.means.notna().any(axis=None))


def _on_images(comparison: Comparison) -> str:
    block, protocol = comparison.block, comparison.paper.protocol
    known = f" ({block.known})" if block.known else ""
    parts = [
        f"Measured on {block.dataset}, split {block.split}, degradation {block.degradation}, "
        f"mean over {_images(comparison)}{known}.",
        f"Metrics: protocol {protocol}, {PROTOCOLS[protocol].title}.",
    ]
    if any(row(score_name(comparison.paper, metric)).reads == "sources" for metric in comparison.metrics):
        parts.append("Source-based metrics compare with the clean sources.")
    return " ".join(parts)


def _images(comparison: Comparison) -> str:
    measured = comparison.measured
    of_run = ""
    if measured is not None:
        of_run = f"{measured.images} images"
        if measured.images < measured.available:
            of_run = f"the first {measured.images} of {measured.available} images"
    counts = sorted({line.images for line in comparison.used.values()})
    of_package = f"{' or '.join(map(str, counts))} images" if counts else ""
    if of_run and of_package:
        return f"{of_run}; values marked as shipped over {of_package}"
    return of_run or of_package


def score_name(paper: Paper, metric: str) -> str:
    """The package's name of a printed metric."""
    return paper.scores.get(metric, metric)


def comparability(comparison: Comparison) -> str:
    """Whether published and measured values are comparable, or why not."""
    block, measured = comparison.block, comparison.measured
    reasons = [f"it is not known {block.unknown}"] if block.unknown else []
    counts = {line.images for line in comparison.used.values()} | ({measured.images} if measured is not None else set())
    if block.images is not None and (others := sorted(counts - {block.images})):
        here = "some rows here have" if block.images in counts else "here there are"
        reasons.append(f"the paper has {block.images} images, {here} {' or '.join(map(str, others))}")
    if block.restored:
        commands = ", ".join(measured.restored) if measured is not None else ""
        how = f"here by {shorten(commands, COMMANDS)}" if commands else "here they are fused unrestored"
        excepted = f", except for {' and '.join(block.end_to_end)}" if block.end_to_end else ""
        reasons.append(f"the paper restores images before fusion by {block.restored}{excepted}; {how}")
    if not reasons:
        return "Published and measured values are on the same images."
    return f"Published and measured values are not comparable: {'; '.join(reasons)}."


def notes(comparison: Comparison) -> list[str]:
    """Notes on oddities of the print, missing values, and the origin of measurements."""
    found: dict[str, list[str]] = {}
    for metric in comparison.metrics:
        for method in comparison.block.methods:
            value = comparison.value(method, metric)
            if value is not None and value.note:
                found.setdefault(value.note, []).append(f"{method} {metric}")
    lines = [f"Print, {_some(cells)}: {note}." for note, cells in found.items()]
    measured = comparison.measured
    if measured is not None:
        for metric in comparison.metrics:
            for method in dict.fromkeys(measured.scores["method"]):
                count = int(lookup(comparison.counts, method, metric))
                if 0 < count < measured.images and (method, metric) not in comparison.used:
                    lines.append(f"{metric} of {method} is over {count} of {measured.images} images.")
        lines += [f"This run: fusionbench {__version__}.", *measured.notes]
    return lines + origins_of_shipped(comparison)


def origins_of_shipped(comparison: Comparison) -> list[str]:
    """The origin of the package's values: images, weights, version and date."""
    groups: dict[tuple[int, str, str], dict[str, None]] = {}
    for (method, _), line in comparison.used.items():
        name = f"{method} ({line.weights})" if line.weights else method
        groups.setdefault((line.images, line.version, line.date), {})[name] = None
    size = DATASETS[comparison.block.dataset].counts.get(comparison.block.split) if groups else None
    return [
        f"Shipped with the package, measured with fusionbench {version} on {date} over {images}"
        f"{f' of {size}' if size and size != images else ''} images: {', '.join(names)}."
        for (images, version, date), names in groups.items()
    ]


def _some(cells: Sequence[str]) -> str:
    return ", ".join(cells) if len(cells) <= 4 else f"{', '.join(cells[:3])} and {len(cells) - 3} more"


def tidy(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One line per cell: published, measured, difference, number of images, agreement of the column's rankings."""
    lines: list[Mapping[str, object]] = []
    for one in comparisons:
        for metric in one.metrics:
            tau, shared = one.tau(metric)
            for method in one.methods:
                value, line = one.value(method, metric), one.used.get((method, metric))
                mean, number = lookup(one.means, method, metric), lookup(one.published, method, metric)
                lines.append(
                    {
                        "table": one.table.name,
                        "dataset": one.block.printed,
                        "scenario": one.block.scenario,
                        "method": method,
                        "metric": metric,
                        "higher_is_better": one.higher_is_better(metric),
                        "printed": "" if value is None else value.reported,
                        "published": number,
                        "measured": mean,
                        "difference": mean - number,
                        "origin": "" if np.isnan(mean) else "run" if line is None else "shipped",
                        "images": int(lookup(one.counts, method, metric)),
                        "images_published": one.block.images,
                        "kendall_tau": tau,
                        "methods_in_tau": shared,
                        "note": "" if value is None else value.note,
                    }
                )
    return pd.DataFrame(lines).astype({"images_published": "Int64"})


def tidy_differences(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One line per pair of measured methods and metric."""
    columns = [
        "table",
        "dataset",
        "scenario",
        "metric",
        "first",
        "second",
        "images",
        "mean",
        "low",
        "high",
        "p",
        "p_holm",
    ]
    lines = [
        (*place, d.metric, d.first, d.second, d.images, d.mean, d.low, d.high, d.p, d.adjusted)
        for one in comparisons
        for place in [(one.table.name, one.block.printed, one.block.scenario)]
        for d in one.differences
    ]
    return pd.DataFrame(lines, columns=columns)
