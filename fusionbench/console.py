"""The terminal: plain text, one progress bar, the lines that say what is missing, and exit statuses."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LOG = logging.getLogger("fusionbench")
WIDE = 10_000
"""Columns where the output is no terminal: a program that reads a table needs unbroken lines."""

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)

WORDING: ContextVar[Callable[[str], str]] = ContextVar("wording", default=str)
"""How a command puts a sentence of the library: ways out as its own options."""


def make_console(*, stderr: bool = False) -> Console:
    """A console that prints text literally: brackets in a path are not markup, and `:x:` is not an emoji.

    Example:
        >>> make_console().print("runs/[red]a")
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
        verbose: log every image and file with its time, on a terminal too; without it, the steps of a job are logged
            where there is no terminal for a bar.
    """
    silent = quiet or (sys.stdout.isatty() and not verbose)
    token = _QUIET.set(quiet)
    try:
        with logging_to_stderr(logging.WARNING if silent else logging.DEBUG if verbose else logging.INFO):
            yield
    finally:
        _QUIET.reset(token)


@contextmanager
def logging_to_stderr(level: int) -> Iterator[None]:
    """Write what the package logs to standard error, with the time, while the block runs."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    before = LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(level)
    try:
        yield
    finally:
        LOG.setLevel(before)
        LOG.removeHandler(handler)


def bars_are_shown() -> bool:
    """Whether progress is a bar: on a terminal, unless little is to be shown or all is to be logged."""
    return not (_QUIET.get() or LOG.isEnabledFor(logging.INFO))


@contextmanager
def progress(console: Console | None, total: int) -> Iterator[tuple[Callable[[str], None], Callable[[int], None]]]:
    """Show the progress of a job while the block runs; yields functions that name a step and count.

    Args:
        console: where the bar is shown; no bar without it, or where steps are logged instead.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = console is None or not bars_are_shown()
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
    """The steps of a job; each is logged when it ends."""

    def __init__(self, total: int) -> None:
        self.total, self.counted = total, 0
        self.name, self.began, self.before = "", 0.0, 0

    def begin(self, name: str) -> None:
        self.end()
        self.name, self.began, self.before = name, time.monotonic(), self.counted

    def end(self) -> None:
        if self.counted > self.before:
            seconds, share = time.monotonic() - self.began, 100 * self.counted / max(self.total, 1)
            LOG.info("%s: %.1f s (%.0f %% done)", self.name, seconds, share)


EXIT_OK, EXIT_PARTIAL = 0, 3
"""Exit statuses of a command that ran: complete, or something is missing and was listed."""


def print_missing(console: Console, problems: Iterable[str], *, label: str = "missing: ") -> int:
    """Print one line for each problem, even when quiet, and return the exit status."""
    status, console = EXIT_OK, _audible(console)
    for problem in problems:
        console.print(f"{label}{WORDING.get()(problem)}", style="yellow", highlight=False, soft_wrap=True, markup=False)
        status = EXIT_PARTIAL
    return status


def note(console: Console, sentences: Iterable[str]) -> None:
    """Print the defaults that were chosen, before the command runs."""
    for sentence in sentences:
        console.print(f"note: {WORDING.get()(sentence)}", style="yellow", highlight=False, soft_wrap=True, markup=False)


def warn(console: Console, *warnings: str) -> None:
    """Print warnings, even when quiet."""
    for warning in warnings:
        text = f"warning: {WORDING.get()(warning)}"
        _audible(console).print(text, style="yellow", highlight=False, soft_wrap=True, markup=False)


def _audible(console: Console) -> Console:
    """The console itself, or the one for errors when quiet."""
    return make_console(stderr=True) if console.quiet else console
