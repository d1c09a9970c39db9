"""`fusionbench list`."""

from __future__ import annotations

from typing import Literal

from fusionbench.console import EXIT_OK
from fusionbench.report.columns import Format


def show_list(
    what: Literal["tables", "methods", "datasets", "degradations", "metrics", "protocols"],
    match: str = "",
    all: bool = False,  # noqa: A002 - the option's name
    format: Format = "text",  # noqa: A002
) -> int:
    """List methods, datasets, degradations, metrics or protocols.

    Args:
        what: the table to list; `fusionbench list` alone lists the tables.
        match: pattern of the names to list, such as 'lure*'.
        all: include variants and ablations of methods.
        format: text fits the terminal; csv and json are for programs and have every column in full.
    """
    from fusionbench.api.listing import LISTINGS, overview
    from fusionbench.console import make_console
    from fusionbench.report.columns import show

    console = make_console()
    if what == "tables":
        show(overview(), console, long="what", form=format)
        return EXIT_OK
    listing = LISTINGS[what]
    rows = listing.chosen(match, every=all or format != "text")
    if not rows:
        raise ValueError(f"--match {match!r} fits none of the {what}; fusionbench list {what} shows them")
    show(rows, console, long=listing.long, least=listing.least, cut=listing.cut, below=listing.below, form=format)
    if format == "text" and (note := listing.note()) and not (match or all):
        console.print(f"\n{note}", style="dim", soft_wrap=True)
    return EXIT_OK
