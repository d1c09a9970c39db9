"""Published and measured values side by side, as markdown, in the terminal, and in files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as Terminal

from fusionbench.files import write_atomically
from fusionbench.papers.cells import (
    CORRECTED,
    GAP,
    NOTHING,
    ROWS,
    TAU_FROM,
    Line,
    lines_of,
    tau_text,
)
from fusionbench.papers.compare import (
    Comparison,
    comparability,
    conditions,
    is_measured,
    notes,
    tidy,
    tidy_differences,
    title,
)
from fusionbench.papers.latex import difference_tables, fragment
from fusionbench.papers.tables import Table
from fusionbench.report.markdown import markdown_table, ranked
from fusionbench.report.significance import TESTS, Difference, difference_texts
from fusionbench.report.text import column_runs


def markdown(table: Table, comparisons: Sequence[Comparison]) -> str:
    """All blocks of a table, each with its caption, the agreement of its rankings, its notes and differences."""
    first = comparisons[0]
    parts = [f"# {first.paper.title}, Table {table.name}: {table.caption}", f"{first.paper.citation}.", ROWS]
    for one in comparisons:
        parts += [f"## {one.block.title}", conditions(one), _grid(one)]
        if remarks := notes(one):
            parts.append("\n".join(f"- {remark}" for remark in remarks))
        if one.differences:
            parts.append(_details(one.differences))
    return "\n\n".join(parts) + "\n"


def _grid(one: Comparison) -> str:
    rows = [
        [_label(line), str(line.images or ""), *(_cell(line, metric) for metric in one.metrics)]
        for line in lines_of(one)
    ]
    if any(one.tau(metric)[1] >= TAU_FROM for metric in one.metrics):
        rows.append(["Kendall tau (methods)", "", *(tau_text(one, metric) for metric in one.metrics)])
    return markdown_table(["method", "images", *(one.head(metric) for metric in one.metrics)], rows)


def _cell(line: Line, metric: str) -> str:
    text = line.cells.get(metric)
    if text is None:
        return NOTHING
    if line.origin == "published":
        return ranked(text.published, text.published_place) + (CORRECTED if text.corrected else "")
    difference = f" ({text.difference})" if text.difference else ""
    return ranked(text.measured, text.measured_place) + difference


def _details(found: Sequence[Difference]) -> str:
    rows = [[d.metric, d.first, d.second, *difference_texts(d)] for d in found]
    summary = f"<details><summary>{len(found)} measured differences between methods</summary>"
    head = ["metric", "first", "second", "images", "difference", "95 % interval", "p", "p (Holm)"]
    return "\n\n".join([summary, TESTS, markdown_table(head, rows, left=3), "</details>"])


def show(comparisons: Sequence[Comparison], console: Console, *, everything: bool = False) -> None:
    """Print the blocks with a measured value, and list the others in one line.

    Args:
        everything: print the others too.
    """
    shown = [one for one in comparisons if everything or is_measured(one)]
    for place, one in enumerate(shown):
        console.print(f"\n{title(one)}", style="bold", highlight=False)
        for metrics in _fitting(one, console.width):
            console.print(_terminal(one, metrics))
        # Neighbouring blocks often share it.
        if is_measured(one) and comparability(one) not in map(comparability, shown[place + 1 : place + 2]):
            console.print(comparability(one), style="dim", highlight=False)
    bare = Counter(one.table.name for one in comparisons if not (everything or is_measured(one)))
    parts = [f"{name} ({count} part{'s' if count > 1 else ''})" for name, count in bare.items()]
    if parts:
        console.print(f"\nPublished values only, which --table shows: table {', '.join(parts)}", highlight=False)


def _fitting(one: Comparison, width: int) -> list[list[str]]:
    """The metrics, divided into groups of columns that fit next to the methods' names."""
    lines = lines_of(one)
    needed = {
        metric: max(len(text) for text in (one.head(metric), *(_plain(line, metric) for line in lines)))
        for metric in one.metrics
    }
    return column_runs(needed, GAP, width - max(len(_label(line)) for line in lines) - len("images") - GAP)


def _label(line: Line) -> str:
    return line.method if line.origin == "published" else f"{line.method}, {line.origin}"


def _plain(line: Line, metric: str) -> str:
    text = line.cells.get(metric)
    return NOTHING if text is None else text.published if line.origin == "published" else text.measured


def _terminal(one: Comparison, metrics: Sequence[str]) -> Terminal:
    table = Terminal(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for head in ("method", "images", *(one.head(metric) for metric in metrics)):
        table.add_column(head, justify="left" if head == "method" else "right", no_wrap=True)
    for line in lines_of(one):
        style = "" if line.origin == "published" else "cyan"
        cells = [_plain(line, metric) for metric in metrics]
        table.add_row(_label(line), str(line.images or ""), *cells, style=style)
    return table


def write_table(table: Table, comparisons: Sequence[Comparison], folder: Path) -> list[Path]:
    """Write `table<N>.{md,csv,tex}`, and `table<N>_differences.{csv,tex}` if methods can be compared."""
    stem = f"table{table.name}"
    texts = {
        f"{stem}.md": markdown(table, comparisons),
        f"{stem}.csv": tidy(comparisons).to_csv(index=False),
        f"{stem}.tex": fragment(comparisons),
    }
    found = tidy_differences(comparisons)
    for name in (f"{stem}_differences.csv", f"{stem}_differences.tex"):
        (folder / name).unlink(missing_ok=True)  # left by a run that measured more
    if len(found):
        texts |= {
            f"{stem}_differences.csv": found.to_csv(index=False),
            f"{stem}_differences.tex": difference_tables(comparisons),
        }
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return [folder / name for name in texts]
