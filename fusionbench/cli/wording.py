"""Words of messages on the command line: arguments as options, types in words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from fusionbench.registry import join_or

WAYS = ("ir", "ir_suffix", "names", "resize", "split", "suffix", "unmatched", "vi", "vi_suffix")
"""Arguments that messages of the library write as in Python, and the command line as options."""

WAY = re.compile(rf"\b({'|'.join(WAYS)})=(?:'([^']*)'|True\b)")

OF_LOADERS = {"ir_suffix", "resize", "unmatched", "vi_suffix"}
"""Those of them that `train` takes as --loader.NAME."""


def in_options(sentence: str, options: Collection[str]) -> str:
    """A message of the library with the suggested arguments as options; suggestions without an option are left out.

    Example:
        >>> in_options("2 have no partner: rename them, or leave them out with unmatched='skip'", {"unmatched"})
        '2 have no partner: rename them, or leave them out with --unmatched skip'
        >>> in_options("2 have no partner: rename them, or leave them out with unmatched='skip'", {"limit"})
        '2 have no partner: rename them'
    """

    def own(name: str) -> str:
        return name if name in options else f"loader.{name}" if name in OF_LOADERS and "loader" in options else ""

    def way_out(clause: re.Match[str]) -> str:
        return clause[0] if all(own(way[1]) for way in WAY.finditer(clause[0])) else ""

    def option(way: re.Match[str]) -> str:
        name, value = f"--{own(way[1]).replace('_', '-')}", "true" if way[2] is None else shlex.quote(way[2])
        if not own(way[1]):
            return way[0]
        switch = way[2] is None and "." not in name
        return name if switch else f"{name}={value}" if value.startswith("-") else f"{name} {value}"

    return WAY.sub(option, re.sub(r", or (?:(?!, or )[^;:])*", way_out, sentence))


def expected(kind: Any) -> str:
    """The values that an option takes, in words.

    Example:
        >>> expected(int | None), expected(Literal["offline", "online"]), expected(bool)
        ('a whole number', 'offline or online', 'true or false')
    """
    if get_origin(kind) in (Union, UnionType):
        parts = [expected(part) for part in get_args(kind) if part is not NoneType and get_origin(part) is not list]
        return " or ".join(dict.fromkeys(parts))
    if get_origin(kind) is Literal:
        return join_or(get_args(kind))
    if get_origin(kind) is dict:
        return "options by name, such as {devices: 2}"
    return {int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}.get(kind, "text")
