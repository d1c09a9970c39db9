"""Tables of a run as CSV, markdown and terminal output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fusionbench.files import write_atomically
from fusionbench.report.markdown import markdown_table, ranked
from fusionbench.report.tables import Results, ScoreTable, arrow, footnotes, ranks

RETURN = "\n\ue000"
"""Stands for a carriage return until a table is written; private use, so in no name."""

STYLES = ("", "bold", "underline")


def write_report(results: Results) -> list[Path]:
    """Write `report/{table.md,table.csv,per_image.csv}` of a run."""
    report = results.out / "report"
    texts = {
        report / "table.md": markdown(results.blocks),
        report / "table.csv": tidy(results.blocks).to_csv(index=False),
        report / "per_image.csv": _csv(results.scores),
    }
    for path, text in texts.items():
        write_atomically(path, text)
    return list(texts)


def tidy(tables: Sequence[ScoreTable]) -> pd.DataFrame:
    """One line per dataset, degradation, method and metric: mean, number of images, why it is not supported."""
    lines: list[dict[str, Any]] = [
        {
            "dataset": block.dataset,
            "degradation": block.degradation,
            "method": method,
            "weights": block.weights.get(str(method), ""),
            "metric": metric,
            "mean": block.means.loc[method, metric],
            "images": block.counts.loc[method, metric],
            "partial": block.images < block.available,
            "unable": block.unable.get(str(method), ""),
        }
        for block in tables
        for method in block.means.index
        for metric in block.means.columns
    ]
    return pd.DataFrame(lines)


def markdown(tables: Sequence[ScoreTable]) -> str:
    """The tables as markdown, with the best values bold, the second underlined, and footnotes."""
    parts = []
    for block in tables:
        marks = ranks(block)
        head = ["method", *(f"{metric} {arrow(metric)}".strip() for metric in block.means.columns)]
        rows = [
            [str(method), *(ranked(block.text(method, metric), int(place)) for metric, place in places.items())]
            for method, places in marks.iterrows()
        ]
        parts.append(f"### {block.title}\n\n{markdown_table(head, rows)}")
    notes = "\n".join(f"- {note}" for note in footnotes(tables))
    return "\n\n".join([*parts, notes]) + "\n"


def show(tables: Sequence[ScoreTable], console: Console) -> None:
    """Print the tables and their footnotes; tables wider than the terminal are split."""
    for block in tables:
        console.print(f"\n{block.title}", style="bold", highlight=False)
        for metrics in _fitting(block, console.width):
            console.print(_terminal(block, metrics))
    for note in footnotes(tables):
        console.print(note, style="dim", highlight=False)


def _fitting(block: ScoreTable, width: int) -> list[list[str]]:
    """The metrics, divided into groups of columns that fit next to the methods' names."""
    methods = block.means.index
    widths = {
        metric: max(map(len, (f"{metric} {arrow(metric)}", *(block.text(method, metric) for method in methods))))
        for metric in block.means.columns
    }
    return column_runs(widths, 3, width - max(len(str(method)) for method in methods) - 4)


def column_runs(widths: Mapping[str, int], gap: int, room: int) -> list[list[str]]:
    """Columns in order, divided into groups that fit into `room` characters.

    Args:
        widths: widths of the columns by name.
        gap: characters between columns.

    Example:
        >>> column_runs({"EN": 4, "MI": 4, "Qabf": 6}, 2, 14)
        [['EN', 'MI'], ['Qabf']]
    """
    runs: list[list[str]] = [[]]
    used = 0
    for column, width in widths.items():
        if runs[-1] and used + width + gap > room:
            runs.append([])
            used = 0
        runs[-1].append(column)
        used += width + gap
    return runs


def _terminal(block: ScoreTable, metrics: Sequence[str]) -> Table:
    marks = ranks(block)
    table = Table()
    table.add_column("method", no_wrap=True)
    for metric in metrics:
        table.add_column(f"{metric} {arrow(metric)}".strip(), justify="right", no_wrap=True)
    for method in block.means.index:
        texts = [Text(block.text(method, metric), style=STYLES[int(marks.loc[method, metric])]) for metric in metrics]
        table.add_row(str(method), *texts)
    return table


def _csv(table: pd.DataFrame) -> str:
    """A table as CSV, in which a carriage return in a name ends no row: pandas puts quotes around line feeds only."""
    text = table.to_csv(index=False)
    if "\r" not in text:
        return text
    marked = table.map(lambda cell: cell.replace("\r", RETURN) if isinstance(cell, str) else cell)
    return marked.to_csv(index=False).replace(RETURN, "\r")
