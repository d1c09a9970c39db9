"""Published and measured numbers side by side: the texts of the cells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fusionbench.papers.compare import Comparison, lookup
from fusionbench.report.significance import Difference

NOTHING = "-"

MENDED = "†"
"""Marks numbers that differ from what is printed; the notes say how."""

SHIPPED = "‡"
"""Marks measured numbers that come with the package, where they stand in a row with others."""

TAU_FROM = 4
"""Methods that a ranking must have before its agreement with another one is shown."""

GAP = 2
"""Characters between columns of the terminal's tables."""

LEGEND = (
    "Bold: best, underlined: second best of the published numbers, and of those measured on the same images. "
    f"{MENDED}: a reading error of the print is mended."
)

ROWS = (
    "Rows: published by the paper; measured in this run; shipped, that is measured before and installed with the "
    f"package. In brackets: difference to the published number. {LEGEND} [skipped.md](skipped.md) says what was not "
    "measured and how to get it."
)


@dataclass(frozen=True)
class CellText:
    """What a cell shows.

    Attributes:
        published: as printed, or mended; empty for methods that the paper does not have.
        measured: with as many decimals; empty where there is none.
        difference: measured minus published, signed.
        mended: whether the published number differs from what is printed.
        shipped: whether the measured number comes with the package.
        published_place: 1 or 2 for the best and the second best published number of the column, else 0.
        measured_place: the same among the measured ones.
    """

    published: str
    measured: str
    difference: str
    mended: bool
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
                mended=value is not None and value.mended,
                shipped=(method, metric) in comparison.used,
                published_place=int(lookup(published_places, method, metric)),
                measured_place=int(lookup(measured_places, method, metric)),
            )
    return texts


def tau_text(comparison: Comparison, metric: str) -> str:
    """Kendall's tau with the number of methods it is over; none where these are too few to say anything."""
    tau, count = comparison.tau(metric)
    return f"{NOTHING} ({count})" if tau is None or count < TAU_FROM else f"{tau:.2f} ({count})"


def difference_texts(found: Difference, around: str = "") -> list[str]:
    """Number of images, mean and interval of a difference between methods, its p-value and the adjusted one.

    Args:
        around: what numbers with a sign stand between.
    """
    interval = [end for end in (found.low, found.high) if end is not None]
    mean, *ends = [f"{around}{number:+.3g}{around}" for number in (found.mean, *interval)]
    return [str(found.images), mean, " to ".join(ends) or NOTHING, _p(found.p), _p(found.adjusted)]


def _p(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


@dataclass(frozen=True)
class Line:
    """A row of a table that shows published and measured numbers one below the other.

    Attributes:
        method: whose numbers.
        origin: 'published', 'measured' in this run, or 'shipped' with the package.
        images: how many the mean is over; 0 where it is not told.
        cells: text by metric; metrics without a number are absent.
    """

    method: str
    origin: str
    images: int
    cells: Mapping[str, CellText]


def lines_of(one: Comparison) -> list[Line]:
    """The rows of a panel: of each method what is published, what was measured in this run, what is shipped."""
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
            counts = [int(lookup(one.counts, method, metric)) for metric in part if one.panel.dataset]
            if part:
                found.append(Line(method, origin, 0 if origin == "published" else max(counts, default=0), part))
    return found
