"""Published and measured numbers side by side: the texts of the cells, markdown, and the files of a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as Terminal

from fusionbench.files import write_atomically
from fusionbench.papers.compare import (
    TESTS,
    Comparison,
    at,
    conditions,
    is_measured,
    long,
    long_differences,
    notes,
    title,
    verdict,
)
from fusionbench.papers.tables import Table
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
            number, mean = at(comparison.published, method, metric), at(comparison.means, method, metric)
            both = not math.isnan(number) and not math.isnan(mean)
            texts[method, metric] = CellText(
                published="" if value is None else value.text or NOTHING,
                measured="" if math.isnan(mean) else f"{mean:.{digits}f}",
                difference=f"{mean - number:+.{digits}f}" if both else "",
                mended=value is not None and value.mended,
                shipped=(method, metric) in comparison.used,
                published_place=int(at(published_places, method, metric)),
                measured_place=int(at(measured_places, method, metric)),
            )
    return texts


def tau_text(comparison: Comparison, metric: str) -> str:
    """Kendall's tau with the number of methods it is over; none where these are too few to say anything."""
    tau, count = comparison.tau(metric)
    return f"{NOTHING} ({count})" if tau is None or count < TAU_FROM else f"{tau:.2f} ({count})"


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
            counts = [int(at(one.counts, method, metric)) for metric in part if one.panel.dataset]
            if part:
                found.append(Line(method, origin, 0 if origin == "published" else max(counts, default=0), part))
    return found


def markdown(table: Table, comparisons: Sequence[Comparison]) -> str:
    """All panels of a table, each with its caption, the agreement of its rankings, its notes and differences."""
    first = comparisons[0]
    parts = [f"# {first.paper.title}, Table {table.name}: {table.caption}", f"{first.paper.citation}.", ROWS]
    for one in comparisons:
        parts += [f"## {one.panel.title}", conditions(one), _grid(one)]
        if remarks := notes(one):
            parts.append("\n".join(f"- {remark}" for remark in remarks))
        if one.differences:
            parts.append(_details(one.differences))
    return "\n\n".join(parts) + "\n"


def _grid(one: Comparison) -> str:
    heads = [_head(one, metric) for metric in one.metrics]
    lines = [_row(["method", "images", *heads]), _row(["---", *("---:" for _ in ["images", *heads])])]
    for line in lines_of(one):
        cells = [_cell(line, metric) for metric in one.metrics]
        lines.append(_row([_label(line), str(line.images or ""), *cells]))
    if any(one.tau(metric)[1] >= TAU_FROM for metric in one.metrics):
        lines.append(_row(["Kendall tau (methods)", "", *(tau_text(one, metric) for metric in one.metrics)]))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(line: Line, metric: str) -> str:
    text = line.cells.get(metric)
    if text is None:
        return NOTHING
    if line.origin == "published":
        return _emphasis(text.published, text.published_place) + (MENDED if text.mended else "")
    difference = f" ({text.difference})" if text.difference else ""
    return _emphasis(text.measured, text.measured_place) + difference


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


def show(comparisons: Sequence[Comparison], console: Console, *, everything: bool = False) -> None:
    """Print the panels that have a measured number; the others are one line.

    Args:
        everything: print the others too.
    """
    shown = [one for one in comparisons if everything or is_measured(one)]
    for place, one in enumerate(shown):
        console.print(f"\n{title(one)}", style="bold", highlight=False)
        for metrics in _fitting(one, console.width):
            console.print(_terminal(one, metrics))
        # Neighbours often share it.
        if is_measured(one) and verdict(one) not in map(verdict, shown[place + 1 : place + 2]):
            console.print(verdict(one), style="dim", highlight=False)
    bare = Counter(one.table.name for one in comparisons if not (everything or is_measured(one)))
    parts = [f"{name} ({count} part{'s' if count > 1 else ''})" for name, count in bare.items()]
    if parts:
        console.print(f"\nPublished values only, which --table shows: table {', '.join(parts)}", highlight=False)


def _fitting(one: Comparison, width: int) -> list[list[str]]:
    """The metrics, cut into runs of columns that fit beside the methods' names."""
    lines = lines_of(one)
    room = width - max(len(_label(line)) for line in lines) - len("images") - GAP
    runs: list[list[str]] = [[]]
    used = 0
    for metric in one.metrics:
        needed = GAP + max(len(text) for text in (_head(one, metric), *(_plain(line, metric) for line in lines)))
        if runs[-1] and used + needed > room:
            runs.append([])
            used = 0
        runs[-1].append(metric)
        used += needed
    return runs


def _head(one: Comparison, metric: str) -> str:
    return f"{metric} {arrow(one, metric)}"


def _label(line: Line) -> str:
    return line.method if line.origin == "published" else f"{line.method}, {line.origin}"


def _plain(line: Line, metric: str) -> str:
    text = line.cells.get(metric)
    return NOTHING if text is None else text.published if line.origin == "published" else text.measured


def _terminal(one: Comparison, metrics: Sequence[str]) -> Terminal:
    table = Terminal(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for head in ("method", "images", *(_head(one, metric) for metric in metrics)):
        table.add_column(head, justify="left" if head == "method" else "right", no_wrap=True)
    for line in lines_of(one):
        style = "" if line.origin == "published" else "cyan"
        cells = [_plain(line, metric) for metric in metrics]
        table.add_row(_label(line), str(line.images or ""), *cells, style=style)
    return table


def write_table(table: Table, comparisons: Sequence[Comparison], folder: Path) -> list[Path]:
    """Write `table<N>.{md,csv,tex}`, and `table<N>_differences.{csv,tex}` where methods can be compared."""
    from fusionbench.papers.latex import difference_tables, fragment

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
