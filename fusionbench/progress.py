"""What is shown in a terminal: plain text, and one progress bar for the jobs that take minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def plain_console(*, stderr: bool = False) -> Console:
    """A console that prints text as it is: brackets in a path are no markup, and `:x:` is no picture.

    Example:
        >>> plain_console().print("runs/[red]a")
        runs/[red]a
    """
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


@contextmanager
def progress(console: Console | None, total: int) -> Iterator[tuple[Callable[[str], None], Callable[[int], None]]]:
    """Show a bar while the block runs; it gives a function that names the job and one that counts.

    Args:
        console: where it is shown; nothing is shown without.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=console is None) as bar:
        task = bar.add_task("", total=total)
        yield (
            lambda text: bar.update(task, description=text),
            lambda count: bar.advance(task, count),
        )
