"""Markdown tables, and marks of the best values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A table with texts aligned to the left and numbers to the right.

    Args:
        head: headings of the columns.
        rows: texts, one for each column.
        left: number of leading columns with texts.

    Example:
        >>> print(markdown_table(["method", "EN"], [["gff", "6.90"]]))
        | method | EN |
        | --- | ---: |
        | gff | 6.90 |
    """
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def ranked(text: str, place: int) -> str:
    """The best value of a column in bold, the second underlined, others unchanged."""
    return {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(place, text)
