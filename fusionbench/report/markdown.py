"""Markdown: tables, and how the best numbers are marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A table; texts stand at the left, numbers at the right.

    Args:
        head: of the columns.
        rows: texts, one for each column.
        left: how many columns hold texts, from the first on.

    Example:
        >>> print(markdown_table(["method", "EN"], [["gff", "6.90"]]))
        | method | EN |
        | --- | ---: |
        | gff | 6.90 |
    """
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def ranked(text: str, place: int) -> str:
    """The best number of a column in bold, the second underlined, others as they are."""
    return {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(place, text)
