"""Lookup in tables, whose rows name their targets as 'module:attribute' so that listing imports nothing heavy."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Mapping, Sequence
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
"""The command that lists a whole table, by what the table holds."""

SHOWN = 8
"""How many names an error message shows of a table that no command lists."""


class RenamedWarning(FutureWarning):
    """A name of an earlier version was used; it works for one more."""


def import_object(target: str) -> Any:
    """Import the object that 'package.module:attribute' names.

    Raises:
        ImportError: the module needs a package that is not installed.
    """
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def lookup(kind: str, name: str, known: Iterable[str]) -> str:
    """A name as the table spells it, found regardless of case.

    Args:
        kind: what the table holds, in the singular ('metric').

    Raises:
        ValueError: the table has no such name, or several that differ only in case.

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
        raise ValueError(f"{kind} {name!r} is ambiguous: {join_or(map(repr, found))}; write one of them exactly")
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


def pick_or_make(kind: str, given: str | T | Mapping[str, Any], table: Mapping[str, T]) -> T:
    """A row by its name in a table or by its fields, as checkpoints store it, or one of your own as it is.

    Raises:
        ValueError: the table has no such name.
    """
    if isinstance(given, str):
        return pick(kind, given, table)
    return type(next(iter(table.values())))(**given) if isinstance(given, Mapping) else given


def check_known(kind: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that a table does not have.

    Raises:
        ValueError: it has none of that name.
    """
    if name not in (choices := list(known)):
        raise unknown_name(kind, name, choices)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for an unknown name, with the most similar names or the command that lists all.

    Args:
        kind: what the table holds, in the singular ('metric').
    """
    choices = sorted(known)
    if alike := similar_names(name, choices):
        hint = f"did you mean {join_or(map(repr, alike))}?"
    elif kind in LISTED:
        hint = f"{LISTED[kind]} shows all"
    else:
        hint = f"known: {first_few(choices, SHOWN)}"
    return ValueError(f"unknown {kind} {name!r}; {hint}")


def current_names(kind: str, given: Mapping[str, T], renamed: Mapping[str, str], *, warn: bool = True) -> dict[str, T]:
    """Entries by today's names, where some are given by names of an earlier version.

    Args:
        kind: what the entries are, in the singular ('recipe entry').
        given: entries by name.
        renamed: today's names by the former ones.
        warn: whether a former name is worth a warning; those in a file that the package wrote are not.

    Raises:
        ValueError: an entry is given by both names.

    Example:
        >>> current_names("entry", {"start": "a", "seed": 0}, {"start": "init_from"}, warn=False)
        {'init_from': 'a', 'seed': 0}
    """
    for former in [name for name in given if name in renamed]:
        name = renamed[former]
        if name in given:
            raise ValueError(f"{kind} {former!r} is now called {name!r}, and both are given; give {name!r} alone")
        if warn:
            warn_renamed(kind, former, name, stacklevel=4)
    return {renamed.get(name, name): value for name, value in given.items()}


def warn_renamed(kind: str, former: str, name: str, *, stacklevel: int = 3) -> None:
    """Warn of a name of an earlier version.

    Args:
        kind: what it names, in the singular ('recipe entry').
        stacklevel: of the warning, counted from here; by default that of the caller's caller.
    """
    sentence = f"{kind} {former!r} is now called {name!r}; the former name will be removed in the next version"
    warnings.warn(sentence, RenamedWarning, stacklevel=stacklevel)


def similar_names(name: str, known: Iterable[str]) -> list[str]:
    """The names of a table that resemble an unknown one, most similar first."""
    lowered = {choice.casefold(): choice for choice in known}
    # A typo in a two-letter name leaves half of it.
    cutoff = 0.5 if len(name) < 4 else 0.6
    return [lowered[match] for match in difflib.get_close_matches(name.casefold(), lowered, n=3, cutoff=cutoff)]


def join_or(names: Iterable[str]) -> str:
    """Several names joined as alternatives.

    Example:
        >>> join_or(["a", "b", "c"])
        'a, b or c'
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def first_few(names: Sequence[str], most: int = 5) -> str:
    """The first of some names, for messages.

    Example:
        >>> first_few(["a", "b", "c"], 2)
        'a, b, ...'
    """
    return ", ".join([*names[:most], "..."] if len(names) > most else names)
