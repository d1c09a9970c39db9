"""Tables name their functions and classes as 'module:attribute', so that listing them imports nothing heavy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from typing import Any


def resolve(target: str) -> Any:
    """Import what 'package.module:attribute' names.

    Raises:
        ImportError: the module needs a package that is not installed.
    """
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def unknown(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for a name that a table does not have, with the nearest names it has.

    Args:
        kind: what the table holds, in the singular ('metric').
    """
    choices = sorted(known)
    lowered = {choice.lower(): choice for choice in choices}
    near = [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(repr(match) for match in near)}?" if near else f"known: {', '.join(choices)}"
    return ValueError(f"unknown {kind} {name!r}; {hint}")
