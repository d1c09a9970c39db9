"""Tables name their functions and classes as 'module:attribute', so that listing them imports nothing heavy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")

LISTED = {
    "dataset": "fusionbench list datasets",
    "degradation": "fusionbench list degradations",
    "method": "fusionbench list methods",
    "metric": "fusionbench list metrics",
    "protocol": "fusionbench list protocols",
    "method or metric with weights": "fusionbench weights list",
}
"""The command that shows a whole table, by what the table holds."""

SHOWN = 8
"""Names that an error shows of a table that no command lists."""


def import_object(target: str) -> Any:
    """Import what 'package.module:attribute' names.

    Raises:
        ImportError: the module needs a package that is not installed.
    """
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def lookup(kind: str, name: str, known: Iterable[str]) -> str:
    """A name in the table's own spelling, in whatever case it is written.

    Args:
        kind: what the table holds, in the singular ('metric').

    Raises:
        ValueError: the table has no such name, or several that differ in case alone.

    Example:
        >>> lookup("metric", "qabf", ["EN", "Qabf"])
        'Qabf'
    """
    choices = dict.fromkeys(known)
    if name in choices:
        return name
    found = [choice for choice in choices if choice.casefold() == name.casefold()]
    if not found:
        raise unknown_name(kind, name, choices)
    if len(found) > 1:
        raise ValueError(f"{kind} {name!r} may be {join_or(map(repr, found))}; write one of them in its own case")
    return found[0]


def pick(kind: str, name: str, table: Mapping[str, T]) -> T:
    """What a table holds under a name, which is written as it stands there.

    Raises:
        ValueError: the table has no such name.

    Example:
        >>> pick("size", "small", {"small": 1})
        1
    """
    check_known(kind, name, table)
    return table[name]


def check_known(kind: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that a table does not have.

    Raises:
        ValueError: it has none of that name.
    """
    if name not in (choices := list(known)):
        raise unknown_name(kind, name, choices)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for a name that a table does not have, with the nearest names it has or the command that lists them.

    Args:
        kind: what the table holds, in the singular ('metric').
    """
    choices = sorted(known)
    if alike := similar_names(name, choices):
        hint = f"did you mean {join_or(map(repr, alike))}?"
    elif kind in LISTED:
        hint = f"{LISTED[kind]} shows them all"
    else:
        hint = f"known: {', '.join(choices[:SHOWN])}{', ...' if len(choices) > SHOWN else ''}"
    return ValueError(f"unknown {kind} {name!r}; {hint}")


def similar_names(name: str, known: Iterable[str]) -> list[str]:
    """The names of a table that resemble one that it does not have, the most alike first."""
    lowered = {choice.casefold(): choice for choice in known}
    # A slip in a name of two letters leaves half of it.
    cutoff = 0.5 if len(name) < 4 else 0.6
    return [lowered[match] for match in difflib.get_close_matches(name.casefold(), lowered, n=3, cutoff=cutoff)]


def join_or(names: Iterable[str]) -> str:
    """Some names as a choice.

    Example:
        >>> join_or(["a", "b", "c"])
        'a, b or c'
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
