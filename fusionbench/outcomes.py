"""How a command ends: its exit status, and the lines that say what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

DONE, INCOMPLETE = 0, 3
"""Exit statuses of a command that ran: everything is there, or something is missing and was listed."""


def finish(console: Console, problems: Iterable[str], *, label: str = "missing: ") -> int:
    """Print one line for each problem; the exit status."""
    status = DONE
    for problem in problems:
        console.print(f"{label}{problem}", style="yellow", highlight=False, soft_wrap=True, markup=False)
        status = INCOMPLETE
    return status


def note(console: Console, sentences: Iterable[str]) -> None:
    """Print what runs otherwise than a person may expect, before it runs."""
    for sentence in sentences:
        console.print(f"note: {sentence}", style="yellow", highlight=False, soft_wrap=True, markup=False)


def warn(console: Console, warning: str) -> None:
    """Print what a person should know, though nothing is missing."""
    console.print(f"warning: {warning}", style="yellow", highlight=False, soft_wrap=True, markup=False)
