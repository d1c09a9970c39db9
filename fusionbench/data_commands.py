"""`fusionbench data ...`: what is known about data sets, getting them, checking them."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from fusionbench.outcomes import DONE, finish


def list_all() -> int:
    """Print every data set: what it shows, its splits, its licence."""
    from fusionbench.listing import datasets

    Console().print(datasets())
    return DONE


def info(name: str) -> int:
    """Print what is known about one data set.

    Args:
        name: the data set; see `fusionbench data list`.
    """
    from fusionbench.data import describe

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for heading, text in describe(name).items():
        if text:
            table.add_row(heading, text)
    Console().print(table)
    return DONE


def download(name: str, root: Path | None = None) -> int:
    """Fetch a data set, or say what to put where when that needs a browser; an interrupted transfer goes on.

    Args:
        name: the data set; see `fusionbench data list`.
        root: its folder, or the one that shall hold it; $FUSIONBENCH_DATA without it.
    """
    from fusionbench.data import download as fetch

    for sentence in fetch(name, root):
        Console().print(sentence, highlight=False, soft_wrap=True, markup=False)
    return DONE


def check(name: str, root: Path | None = None) -> int:
    """Read every image of a data set and count its pairs by split.

    Args:
        name: the data set; see `fusionbench data list`.
        root: its folder, or the one that holds it; $FUSIONBENCH_DATA without it.
    """
    from fusionbench.data import check as check_all

    console = Console()
    problems = []
    for split in check_all(name, root):
        published = "" if split.published is None else f" of {split.published} published"
        console.print(f"{split.split}: {split.pairs} pairs{published}", highlight=False)
        problems += [f"{split.split}: {problem}" for problem in split.problems]
    return finish(console, problems, label="problem: ")


COMMANDS = {"list": list_all, "info": info, "download": download, "check": check}
