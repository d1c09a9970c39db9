"""Published and measured numbers side by side: the texts of the cells, markdown, and the files of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table as Terminal

from fusionbench.published import Table
from fusionbench.report.comparison import (
    TESTS,
    Comparison,
    Measured,
    at,
    caption,
    long,
    long_differences,
    notes,
    title,
    verdict,
)
from fusionbench.report.statistics import Difference
from fusionbench.results import write_atomically

NOTHING = "-"

MENDED = "†"
"""Marks numbers that differ from what is printed; the notes say how."""


@dataclass(frozen=True)
class CellText:
    """What a cell shows.

    Attributes:
        published: as printed, or mended; empty for methods that the paper does not have.
        measured: with as many decimals; empty where there is none.
        difference: measured minus published, signed.
        mended: whether the published number differs from what is printed.
        published_place: 1 or 2 for the best and the second best published number of the column, else 0.
        measured_place: the same among the measured ones.
    """

    published: str
    measured: str
    difference: str
    mended: bool
    published_place: int
    measured_place: int


def cell_texts(comparison: Comparison) -> dict[tuple[str, str], CellText]:
    """The texts of all cells by method and metric."""
    published_places, measured_places = comparison.marks(comparison.published), comparison.marks(comparison.means)
    texts = {}
    for metric in comparison.metrics:
        digits = comparison.decimals(metric)
        for method in comparison.methods:
            value = comparison.value(method, metric)
            number, mean = at(comparison.published, method, metric), at(comparison.means, method, metric)
            both = not math.isnan(number) and not math.isnan(mean)
            texts[method, metric] = CellText(
                published="" if value is None else value.text or NOTHING,
                measured="" if math.isnan(mean) else f"{mean:.{digits}f}",
                difference=f"{mean - number:+.{digits}f}" if both else "",
                mended=value is not None and value.mended,
                published_place=int(at(published_places, method, metric)),
                measured_place=int(at(measured_places, method, metric)),
            )
    return texts


def tau_text(comparison: Comparison, metric: str) -> str:
    """Kendall's tau with the number of methods it is over."""
    tau, count = comparison.tau(metric)
    return f"{NOTHING} ({count})" if tau is None else f"{tau:.2f} ({count})"


def p_text(p: float | None) -> str:
    """A p-value with three decimals."""
    if p is None:
        return NOTHING
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def number_text(value: float) -> str:
    """A difference with three significant digits."""
    return f"{value:+.3g}"


def interval_text(difference: Difference, around: str = "") -> str:
    """The ends of a difference's interval, each between two signs."""
    if difference.low is None or difference.high is None:
        return NOTHING
    return " to ".join(f"{around}{number_text(end)}{around}" for end in (difference.low, difference.high))


def arrow(comparison: Comparison, metric: str) -> str:
    """Which way is better."""
    return "↑" if comparison.higher_is_better(metric) else "↓"


def markdown(table: Table, comparisons: Sequence[Comparison]) -> str:
    """All panels of a table, each with its caption, the agreement of its rankings, its notes and differences."""
    first = comparisons[0]
    parts = [f"# {first.paper.title}, Table {table.name}: {table.caption}", f"{first.paper.citation}."]
    for one in comparisons:
        parts += [f"## {one.panel.title}", caption(one), _grid(one)]
        if remarks := notes(one):
            parts.append("\n".join(f"- {remark}" for remark in remarks))
        if one.differences:
            parts.append(_details(one.differences))
    return "\n\n".join(parts) + "\n"


def _grid(one: Comparison) -> str:
    texts = cell_texts(one)
    measured = one.measured is not None
    heads = [f"{metric} {arrow(one, metric)}" for metric in one.metrics]
    lines = [_row(["method", *heads]), _row(["---", *("---:" for _ in heads)])]
    for method in one.methods:
        lines.append(_row([method, *(_cell(texts[method, metric], measured) for metric in one.metrics)]))
    if measured:
        lines.append(_row(["Kendall tau (methods)", *(tau_text(one, metric) for metric in one.metrics)]))
        lines.append("\nCells: published / measured / difference.")
    lines.append(f"Bold: best, underlined: second best. {MENDED}: a reading error of the print is mended.")
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: CellText, measured: bool) -> str:
    published = _emphasis(text.published, text.published_place) + (MENDED if text.mended else "")
    if not measured:
        return published
    parts = (published, _emphasis(text.measured, text.measured_place), text.difference)
    return " / ".join(part or NOTHING for part in parts)


def _emphasis(text: str, place: int) -> str:
    return {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(place, text)


def _details(found: Sequence[Difference]) -> str:
    lines = [
        f"<details><summary>{len(found)} measured differences between methods</summary>\n",
        TESTS + "\n",
        _row(["metric", "first", "second", "images", "difference", "95 % interval", "p", "p (Holm)"]),
        _row(["---", "---", "---", *["---:"] * 5]),
    ]
    for d in found:
        numbers = [str(d.images), number_text(d.mean), interval_text(d), p_text(d.p), p_text(d.adjusted)]
        lines.append(_row([d.metric, d.first, d.second, *numbers]))
    return "\n".join([*lines, "\n</details>"])


def show(comparisons: Sequence[Comparison], console: Console) -> None:
    """Print the panels of which something was measured, those rows only."""
    for one in comparisons:
        if one.measured is None:
            continue
        console.print(f"\n{title(one)}", style="bold", highlight=False)
        console.print(_terminal(one, one.measured))
        console.print(verdict(one), style="dim", highlight=False)


def _terminal(one: Comparison, measured: Measured) -> Terminal:
    texts = cell_texts(one)
    table = Terminal()
    table.add_column("method", overflow="fold")
    for metric in one.metrics:
        table.add_column(f"{metric} {arrow(one, metric)}\npublished / measured", justify="right")
    for method in dict.fromkeys(measured.scores["method"]):
        cells = [texts[method, metric] for metric in one.metrics]
        table.add_row(method, *(f"{cell.published or NOTHING} / {cell.measured or NOTHING}" for cell in cells))
    return table


def write_table(table: Table, comparisons: Sequence[Comparison], folder: Path) -> list[Path]:
    """Write `table<N>.{md,csv,tex}`, and `table<N>_differences.{csv,tex}` where methods can be compared."""
    from fusionbench.report.latex import difference_tables, fragment

    stem = f"table{table.name}"
    texts = {
        f"{stem}.md": markdown(table, comparisons),
        f"{stem}.csv": long(comparisons).to_csv(index=False),
        f"{stem}.tex": fragment(comparisons),
    }
    found = long_differences(comparisons)
    for name in (f"{stem}_differences.csv", f"{stem}_differences.tex"):
        (folder / name).unlink(missing_ok=True)  # of a run that measured more
    if len(found):
        texts |= {
            f"{stem}_differences.csv": found.to_csv(index=False),
            f"{stem}_differences.tex": difference_tables(comparisons),
        }
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return [folder / name for name in texts]
