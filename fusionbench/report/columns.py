"""Tables of text: one line per row for terminals of any width, CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table

Row = Mapping[str, str]
Format = Literal["text", "csv", "json"]

GAP = 2
"""Spaces between two columns."""


def show(
    rows: Sequence[Row],
    console: Console,
    *,
    long: str,
    least: int = 40,
    cut: bool = False,
    below: str = "",
    form: Format = "text",
) -> None:
    """Print rows.

    Args:
        rows: texts by column, with the same columns in each row; the first is the name.
        long: the column that gets the remaining width.
        least: its minimum width; the last columns are hidden if the terminal is too narrow.
        cut: whether its texts are shortened to one line instead of wrapped.
        below: a column of sentences for a few rows, printed below the table at any width.
        form: 'csv' and 'json' contain every row and column in full.
    """
    if form == "json":
        console.print(json.dumps([dict(row) for row in rows], indent=2, ensure_ascii=False), soft_wrap=True)
        return
    if form == "csv":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        console.print(stream.getvalue().rstrip("\n"), soft_wrap=True)
        return
    sentences = {next(iter(row.values())): row[below] for row in rows if below and row[below]}
    rows = [{column: text for column, text in row.items() if column != below} for row in rows]
    columns, room = fitting(rows, long, console.width, least)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=column != long, style="bold" if index == 0 else "")
    for row in rows:
        table.add_row(*(shortened(row[column], room) if cut and column == long else row[column] for column in columns))
    console.print(table)
    if rows and (hidden := [column for column in rows[0] if column not in columns]):
        console.print(
            f"hidden for lack of space: {', '.join(hidden)} (--format csv shows all)", style="dim", soft_wrap=True
        )
    for name, sentence in sentences.items():
        console.print(f"\n{name}: {sentence}")


def show_facts(facts: Mapping[str, str], console: Console) -> None:
    """Print headings with their texts; the terminal wraps them, so that URLs can be copied whole."""
    width = max(map(len, facts)) + GAP
    for heading, text in facts.items():
        for index, line in enumerate(text.splitlines()):
            console.print(f"{heading if index == 0 else '':{width}}{line}", soft_wrap=True)


def fitting(rows: Sequence[Row], long: str, width: int, least: int) -> tuple[list[str], int]:
    """The columns that fit into a terminal, and the remaining width for the long one.

    Example:
        >>> fitting([{"name": "gff", "paper": "x" * 90, "licence": "Apache-2.0"}], "paper", 80, 40)
        (['name', 'paper', 'licence'], 60)
    """
    columns = list(rows[0]) if rows else []
    widths = {column: max(len(column), *(len(row[column]) for row in rows)) + GAP for column in columns}
    while True:
        room = width - sum(widths[column] for column in columns if column != long) - GAP
        dropped = next((column for column in reversed(columns[1:]) if column != long), None)
        if room >= min(widths.get(long, 0) - GAP, least) or dropped is None:
            return columns, max(room, 1)
        columns.remove(dropped)


def shortened(text: str, width: int) -> str:
    """A text shortened to at most `width` characters between two words.

    Example:
        >>> shortened("Burt, Adelson, The Laplacian pyramid", 24)
        'Burt, Adelson, The…'
    """
    if len(text) <= width:
        return text
    short = textwrap.shorten(text, width, placeholder="…", break_on_hyphens=False)
    return short if len(short) > 1 else f"{text[: width - 1]}…"
