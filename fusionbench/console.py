"""What is shown in a terminal or written to a job's log: plain text, how far a job is, and how much of it.

On a terminal, a bar shows how far a job of minutes is; elsewhere, or with --verbose, each of its steps is a line with
the time, in the logger `fusionbench`.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LOG = logging.getLogger("fusionbench")
WIDE = 10_000
"""Columns of what is no terminal: a program that reads a table wants its lines whole."""

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


def plain_console(*, stderr: bool = False) -> Console:
    """A console that prints text as it is: brackets in a path are no markup, and `:x:` is no picture.

    Example:
        >>> plain_console().print("runs/[red]a")
        runs/[red]a
    """
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False, quiet=_QUIET.get() and not stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console


@contextmanager
def showing(*, quiet: bool = False, verbose: bool = False) -> Iterator[None]:
    """How much a command shows while the block runs.

    Args:
        quiet: nothing but warnings and errors.
        verbose: every step as a line with the time, on a terminal too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    level, before = logging.INFO if verbose or not (quiet or sys.stdout.isatty()) else logging.WARNING, LOG.level
    token = _QUIET.set(quiet)
    LOG.addHandler(handler)
    LOG.setLevel(level)
    try:
        yield
    finally:
        LOG.setLevel(before)
        LOG.removeHandler(handler)
        _QUIET.reset(token)


@contextmanager
def progress(console: Console | None, total: int) -> Iterator[tuple[Callable[[str], None], Callable[[int], None]]]:
    """Show how far a job is while the block runs; it gives a function that names a step and one that counts.

    Args:
        console: where a bar is shown; none is shown without, or where the steps are logged.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = console is None or console.quiet or LOG.isEnabledFor(logging.INFO)
    steps = _Steps(total)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=total)

        def describe(text: str) -> None:
            steps.begin(text)
            bar.update(task, description=text)

        def done(count: int) -> None:
            steps.counted += count
            bar.advance(task, count)

        yield describe, done
    steps.end()


class _Steps:
    """The steps of a job, of which each is logged when it ends."""

    def __init__(self, total: int) -> None:
        self.total, self.counted = total, 0
        self.name, self.began, self.before = "", 0.0, 0

    def begin(self, name: str) -> None:
        self.end()
        self.name, self.began, self.before = name, time.monotonic(), self.counted

    def end(self) -> None:
        if self.counted > self.before:
            seconds, share = time.monotonic() - self.began, 100 * self.counted / max(self.total, 1)
            LOG.info("%s: %.1f s; %.0f %% of everything is done", self.name, seconds, share)
