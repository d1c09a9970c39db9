"""A published panel beside what was measured: differences, agreement of rankings, whether the two may be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd

from fusionbench.metrics import PROTOCOLS
from fusionbench.metrics.table import row
from fusionbench.published import Panel, Paper, Table, Value
from fusionbench.report.statistics import Difference, differences, kendall_tau
from fusionbench.report.table import places
from fusionbench.version import __version__


@dataclass(frozen=True)
class Measured:
    """What was measured of a panel.

    Attributes:
        scores: one row per method and image with the columns `method`, `image` and the panel's metrics, all named as
            printed; methods that the paper does not have carry their own names.
        images: how many images were asked for.
        available: how many there are.
        restored: what images were restored with before fusion, by modality; empty where nothing was.
        notes: what else a reader must know: weights, files behind scores, hardware.
    """

    scores: pd.DataFrame
    images: int = 0
    available: int = 0
    restored: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Comparison:
    """One panel of a table, published and measured.

    Attributes:
        measured: None where nothing was.
        why_not: why nothing was, if so.
        seed: of the bootstrap.
    """

    paper: Paper
    table: Table
    panel: Panel
    measured: Measured | None = None
    why_not: str = ""
    seed: int = 0

    @cached_property
    def methods(self) -> list[str]:
        """Rows: those of the paper, then others that were measured."""
        found = [] if self.measured is None else list(dict.fromkeys(self.measured.scores["method"]))
        return [*self.panel.methods, *(name for name in found if name not in self.panel.methods)]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Columns, as printed."""
        return self.panel.metrics

    def value(self, method: str, metric: str) -> Value | None:
        """What is printed in a cell; None for methods that the paper does not have."""
        return self.paper.values.get((self.table.name, self.panel.printed, self.panel.scenario, method, metric))

    def higher_is_better(self, metric: str) -> bool:
        """The direction of a column."""
        value = self.value(self.panel.methods[0], metric)
        return True if value is None else value.higher_is_better

    @cached_property
    def published(self) -> pd.DataFrame:
        """Printed numbers, NaN where there is none."""
        numbers = {
            metric: [
                np.nan if (v := self.value(name, metric)) is None or v.number is None else v.number
                for name in self.methods
            ]
            for metric in self.metrics
        }
        return pd.DataFrame(numbers, index=self.methods, dtype=float)

    @cached_property
    def means(self) -> pd.DataFrame:
        """Measured means over images, NaN where there is none."""
        return self._by_method("mean")

    @cached_property
    def counts(self) -> pd.DataFrame:
        """How many images each mean is over."""
        return self._by_method("count").fillna(0).astype(int)

    def _by_method(self, what: str) -> pd.DataFrame:
        if self.measured is None:
            return pd.DataFrame(np.nan, index=self.methods, columns=list(self.metrics))
        scores = self.measured.scores.reindex(columns=["method", "image", *self.metrics])
        found: pd.DataFrame = scores.groupby("method")[list(self.metrics)].agg(what)
        return found.reindex(self.methods)

    def marks(self, numbers: pd.DataFrame) -> pd.DataFrame:
        """1 and 2 for the best and the second best number of each column, 0 for the rest."""
        return pd.DataFrame({m: places(numbers[m], self.higher_is_better(m)) for m in self.metrics})

    def decimals(self, metric: str) -> int:
        """Digits that the paper prints in a column."""
        values = (self.value(method, metric) for method in self.panel.methods)
        return max((value.decimals for value in values if value is not None), default=3)

    def tau(self, metric: str) -> tuple[float | None, int]:
        """Kendall's tau between printed and measured numbers, and over how many methods."""
        both = self.published[metric].notna() & self.means[metric].notna()
        return kendall_tau(self.published.loc[both, metric].tolist(), self.means.loc[both, metric].tolist()), int(
            both.sum()
        )

    @cached_property
    def differences(self) -> list[Difference]:
        """Every pair of measured methods under every score; none where methods have one number, not one per image."""
        if self.measured is None or self.panel.size:
            return []
        columns = [metric for metric in self.metrics if metric in self.measured.scores]
        return differences(self.measured.scores, columns, seed=self.seed)


def at(numbers: pd.DataFrame, method: str, metric: str) -> float:
    """One number of a table of methods by metrics."""
    return cast("float", numbers.loc[method, metric])


def title(comparison: Comparison) -> str:
    """Which part of which table of which paper."""
    return f"Table {comparison.table.name} of {comparison.paper.title}, {comparison.panel.title}"


def caption(comparison: Comparison) -> str:
    """What was measured on what, and whether it may be compared with the print."""
    panel, measured = comparison.panel, comparison.measured
    start = f"{title(comparison)}: {comparison.table.caption}."
    if measured is None:
        return f"{start} Published values only: {comparison.why_not or panel.unmeasured}."
    if panel.size:
        body = f"Measured: fusionbench {__version__}, images of {panel.size}; operations are multiply-adds."
    else:
        body = _conditions(comparison, measured)
    return f"{start} {body} {verdict(comparison)}"


def _conditions(comparison: Comparison, measured: Measured) -> str:
    panel, protocol = comparison.panel, comparison.paper.protocol
    count = f"{measured.images} images"
    if measured.images < measured.available:
        count = f"the first {measured.images} of {measured.available} images"
    known = f" ({panel.known})" if panel.known else ""
    parts = [
        f"Measured: fusionbench {__version__} on {panel.dataset}, split {panel.split}, degradation "
        f"{panel.degradation}, mean over {count}{known}.",
        f"Scores: protocol {protocol}, {PROTOCOLS[protocol].title}.",
    ]
    if any(row(score_name(comparison.paper, metric)).reads == "sources" for metric in comparison.metrics):
        parts.append("Scores that read the sources compare with the clean ones.")
    return " ".join(parts)


def score_name(paper: Paper, metric: str) -> str:
    """A printed score as the package calls it."""
    return paper.scores.get(metric, metric)


def verdict(comparison: Comparison) -> str:
    """Whether printed and measured numbers may be compared, and why not."""
    panel, measured = comparison.panel, comparison.measured
    reasons = [f"it is not known {panel.unknown}"] if panel.unknown else []
    if measured is not None and panel.images is not None and measured.images != panel.images:
        reasons.append(f"the paper has {panel.images} images, here are {measured.images}")
    if measured is not None and panel.restored:
        how = f"here by {', '.join(measured.restored)}" if measured.restored else "here they are fused as they are"
        others = f", except for {' and '.join(panel.end_to_end)}" if panel.end_to_end else ""
        reasons.append(f"the paper restores images before it fuses them by {panel.restored}{others}; {how}")
    if not reasons:
        return "Published and measured numbers are of the same images."
    return f"Published and measured numbers are not comparable: {'; '.join(reasons)}."


def notes(comparison: Comparison) -> list[str]:
    """What is odd about the print, what is missing, and what the measurements rest on."""
    found: dict[str, list[str]] = {}
    for metric in comparison.metrics:
        for method in comparison.panel.methods:
            value = comparison.value(method, metric)
            if value is not None and value.note:
                found.setdefault(value.note, []).append(f"{method} {metric}")
    lines = [f"Print, {_some(cells)}: {note}." for note, cells in found.items()]
    measured = comparison.measured
    if measured is None:
        return lines
    for metric in comparison.metrics:
        for method in dict.fromkeys(measured.scores["method"]):
            count = int(at(comparison.counts, method, metric))
            if 0 < count < measured.images:
                lines.append(f"{metric} of {method} is over {count} of {measured.images} images.")
    return [*lines, *measured.notes]


def _some(cells: Sequence[str]) -> str:
    return ", ".join(cells) if len(cells) <= 4 else f"{', '.join(cells[:3])} and {len(cells) - 3} more"


TESTS = (
    "Differences of means over the images that both methods have, first minus second; 95 % percentile bootstrap "
    "interval over images (10,000 draws); p of Wilcoxon's signed-rank test, exact up to 50 images, Holm-corrected over "
    "all tests of this panel; no p where fewer than six images differ, which can show nothing at 5 %. Images count as "
    "independent, which frames of one sequence are not."
)
"""The footnote of tables of differences."""


def long(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One line per cell: published, measured, difference, number of images, agreement of the column's rankings."""
    lines: list[Mapping[str, object]] = []
    for one in comparisons:
        for metric in one.metrics:
            tau, shared = one.tau(metric)
            for method in one.methods:
                value = one.value(method, metric)
                mean, number = at(one.means, method, metric), at(one.published, method, metric)
                lines.append(
                    {
                        "table": one.table.name,
                        "dataset": one.panel.printed,
                        "scenario": one.panel.scenario,
                        "method": method,
                        "metric": metric,
                        "higher_is_better": one.higher_is_better(metric),
                        "printed": "" if value is None else value.printed,
                        "published": number,
                        "measured": mean,
                        "difference": mean - number,
                        "images": int(at(one.counts, method, metric)),
                        "images_published": one.panel.images,
                        "kendall_tau": tau,
                        "methods_in_tau": shared,
                        "note": "" if value is None else value.note,
                    }
                )
    return pd.DataFrame(lines).astype({"images_published": "Int64"})


def long_differences(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One line per pair of measured methods and score."""
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
        for place in [(one.table.name, one.panel.printed, one.panel.scenario)]
        for d in one.differences
    ]
    return pd.DataFrame(lines, columns=columns)
