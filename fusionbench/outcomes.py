"""How a command ends: its exit status, and the lines that say what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fusionbench.console import plain_console

if TYPE_CHECKING:
    from rich.console import Console

DONE, INCOMPLETE = 0, 3
"""Exit statuses of a command that ran: everything is there, or something is missing and was listed."""


def finish(console: Console, problems: Iterable[str], *, label: str = "missing: ") -> int:
    """Print one line for each problem, however little else is shown; the exit status."""
    status, console = DONE, _audible(console)
    for problem in problems:
        console.print(f"{label}{problem}", style="yellow", highlight=False, soft_wrap=True, markup=False)
        status = INCOMPLETE
    return status


def note(console: Console, sentences: Iterable[str]) -> None:
    """Print what was chosen for a person who left it open, before it runs."""
    for sentence in sentences:
        console.print(f"note: {sentence}", style="yellow", highlight=False, soft_wrap=True, markup=False)


def warn(console: Console, *warnings: str) -> None:
    """Print what a person should know, though nothing is missing, however little else is shown."""
    for warning in warnings:
        _audible(console).print(f"warning: {warning}", style="yellow", highlight=False, soft_wrap=True, markup=False)


def _audible(console: Console) -> Console:
    """The console itself, or that of errors where it is quiet."""
    return plain_console(stderr=True) if console.quiet else console
