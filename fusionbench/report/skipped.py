"""What could not be measured and how to get it: one line per kind of reason in the terminal, details in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from fusionbench.report.markdown import markdown_table

Kind = Literal["data", "fallback", "weights", "elsewhere", "metrics", "efficiency", "unpublished", "refused"]

KINDS: dict[Kind, tuple[str, str]] = {
    "data": (
        "datasets",
        "`fusionbench data info NAME` says where to get one; give its folder with DATA=DIR or --data DIR",
    ),
    "fallback": (
        "small network",
        "the network that comes with the package has a separate row; `fusionbench weights info METHOD` says how to "
        "get the full network's weights",
    ),
    "weights": ("weights", "`fusionbench weights info METHOD` says how to get them"),
    "elsewhere": (
        "authors' code",
        "give a method's images with --fused METHOD=DIR, or its command with --cmd 'METHOD=COMMAND'",
    ),
    "metrics": ("metrics", "`fusionbench weights download METRIC` downloads what one needs"),
    "efficiency": ("efficiency", "measured on request: --efficiency, or --table with its number"),
    "unpublished": ("not possible", "the paper does not say enough to measure parts of these"),
    "refused": ("refused", "these methods cannot be measured this way"),
}
"""What is missing and what to do, for each kind of reason, in the order in which they are shown."""

PARTS = ("efficiency", "unpublished")
"""Kinds that prevent parts of a table from being measured for all methods."""


@dataclass(frozen=True)
class Skipped:
    """What is not measured for a single reason.

    Attributes:
        kind: kind of the reason.
        what: datasets, methods, metrics or parts of tables, as printed in the paper.
        why: what is missing and how to get it.
        tables: the tables concerned.
        name: the method's name in the package, if it is a single method.
        code: address of that method's code, if it is external.
        licence: licence of that code.
    """

    kind: Kind
    what: tuple[str, ...]
    why: str
    tables: tuple[str, ...] = ()
    name: str = ""
    code: str = ""
    licence: str = ""


def group_by_reason(entries: Iterable[Skipped]) -> list[Skipped]:
    """Merge entries with the same reason, in order of first appearance.

    Example:
        >>> first = Skipped("metrics", ("EN",), "x", ("2",))
        >>> group_by_reason([first, Skipped("metrics", ("SF",), "x", ("5",))])[0].what
        ('EN', 'SF')
    """
    found: dict[tuple[str, str], list[Skipped]] = {}
    for entry in entries:
        found.setdefault((entry.kind, entry.why), []).append(entry)
    return [_joined(same) for same in found.values()]


def _joined(same: Sequence[Skipped]) -> Skipped:
    first = same[0]
    what = tuple(dict.fromkeys(name for entry in same for name in entry.what))
    tables = tuple(dict.fromkeys(table for entry in same for table in entry.tables))
    return Skipped(first.kind, what, first.why, tables, first.name, first.code, first.licence)


def summary(entries: Sequence[Skipped]) -> Iterator[tuple[str, str]]:
    """For each kind of reason: what is missing, and what to do."""
    for kind, (heading, way_out) in KINDS.items():
        same = [entry for entry in entries if entry.kind == kind]
        if kind in PARTS:
            names = list(dict.fromkeys(f"table {table}" for entry in same for table in entry.tables))
        else:
            names = list(dict.fromkeys(name for entry in same for name in entry.what))
        if names:
            yield heading, f"{', '.join(names)}: {way_out}"


def page(title: str, entries: Sequence[Skipped]) -> str:
    """All details as markdown.

    Args:
        title: the paper's title.
    """
    parts = [f"# {title}: what was not measured, and how to get it"]
    for kind, (heading, way_out) in KINDS.items():
        if same := [entry for entry in entries if entry.kind == kind]:
            parts += [f"## {heading.capitalize()}", f"{way_out[0].upper()}{way_out[1:]}.", _listed(kind, same)]
    return "\n\n".join(parts if entries else [*parts, "Everything was measured."]) + "\n"


def _listed(kind: Kind, entries: Sequence[Skipped]) -> str:
    if kind != "elsewhere":
        return "\n".join(f"- {', '.join(entry.what)} ({_tables(entry)}): {entry.why}" for entry in entries)
    head = ["method", "METHOD", "tables", "code", "licence"]
    rows = [
        [", ".join(entry.what), entry.name, ", ".join(entry.tables), entry.code or "-", entry.licence or "-"]
        for entry in entries
    ]
    return markdown_table(head, rows, left=len(head))


def _tables(entry: Skipped) -> str:
    return f"table{'s' if len(entry.tables) > 1 else ''} {', '.join(entry.tables)}"
