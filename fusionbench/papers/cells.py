"""Published and measured numbers side by side: the texts of the cells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fusionbench.papers.compare import Comparison, lookup

NOTHING = "-"

CORRECTED = "†"
"""Marks values that differ from the print; the notes say how."""

SHIPPED = "‡"
"""Marks measured values that come with the package, if they are in a row with others."""

TAU_FROM = 4
"""Least number of methods in a ranking for which its agreement with another one is shown."""

GAP = 2
"""Characters between columns of terminal tables."""

LEGEND = (
    "Bold: best, underlined: second best of the published values, and of those measured on the same images. "
    f"{CORRECTED}: a transcription error is corrected."
)

ROWS = (
    "Rows: published by the paper; measured in this run; shipped, that is measured before and installed with the "
    f"package. In parentheses: difference to the published value. {LEGEND} [skipped.md](skipped.md) lists what was "
    "not measured and how to get it."
)


@dataclass(frozen=True)
class CellText:
    """The content of a cell.

    Attributes:
        published: as printed, or corrected; empty for methods that are not in the paper.
        measured: with as many decimals; empty if there is none.
        difference: measured minus published, signed.
        corrected: whether the published value differs from the print.
        shipped: whether the measured value comes with the package.
        published_place: 1 or 2 for the best and the second best published value of the column, else 0.
        measured_place: the same among the measured values.
    """

    published: str
    measured: str
    difference: str
    corrected: bool
    shipped: bool
    published_place: int
    measured_place: int


def cell_texts(comparison: Comparison) -> dict[tuple[str, str], CellText]:
    """The texts of all cells by method and metric."""
    published_places, measured_places = comparison.marks(comparison.published), comparison.marks(comparison.rankable)
    texts = {}
    for metric in comparison.metrics:
        digits = comparison.decimals(metric)
        for method in comparison.methods:
            value = comparison.value(method, metric)
            number, mean = lookup(comparison.published, method, metric), lookup(comparison.means, method, metric)
            both = not math.isnan(number) and not math.isnan(mean)
            texts[method, metric] = CellText(
                published="" if value is None else value.text or NOTHING,
                measured="" if math.isnan(mean) else f"{mean:.{digits}f}",
                difference=f"{mean - number:+.{digits}f}" if both else "",
                corrected=value is not None and value.corrected,
                shipped=(method, metric) in comparison.used,
                published_place=int(lookup(published_places, method, metric)),
                measured_place=int(lookup(measured_places, method, metric)),
            )
    return texts


def tau_text(comparison: Comparison, metric: str) -> str:
    """Kendall's tau with its number of methods; '-' if these are too few."""
    tau, count = comparison.tau(metric)
    return f"{NOTHING} ({count})" if tau is None or count < TAU_FROM else f"{tau:.2f} ({count})"


@dataclass(frozen=True)
class Line:
    """A row of a table with published and measured values below each other.

    Attributes:
        method: the method.
        origin: 'published', 'measured' in this run, or 'shipped' with the package.
        images: number of images of the mean; 0 if unknown.
        cells: text by metric; metrics without a value are absent.
    """

    method: str
    origin: str
    images: int
    cells: Mapping[str, CellText]


def lines_of(one: Comparison) -> list[Line]:
    """The rows of a block: published, measured and shipped values of each method."""
    texts = cell_texts(one)
    found = []
    for method in one.methods:
        cells = {metric: texts[method, metric] for metric in one.metrics}
        by_origin = {
            "published": {metric: cell for metric, cell in cells.items() if cell.published},
            "measured": {metric: cell for metric, cell in cells.items() if cell.measured and not cell.shipped},
            "shipped": {metric: cell for metric, cell in cells.items() if cell.shipped},
        }
        for origin, part in by_origin.items():
            counts = [int(lookup(one.counts, method, metric)) for metric in part if one.block.dataset]
            if part:
                found.append(Line(method, origin, 0 if origin == "published" else max(counts, default=0), part))
    return found
