"""`fusionbench report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.console import print_missing

if TYPE_CHECKING:
    from rich.console import Console

    from fusionbench.report.tables import Results


def report(run: Path, html: bool = False) -> int:
    """Print and rewrite the tables of a run, and list what is missing.

    Args:
        run: the run's folder.
        html: also write report/index.html, a page with charts and a gallery.
    """
    from fusionbench.console import make_console

    console = make_console()
    results = show_report(run, console)
    if html:
        from fusionbench.report.html import write_html

        console.print(f"written: {write_html(results)}", highlight=False, soft_wrap=True)
    return print_missing(console, results.problems)


def show_report(out: Path, console: Console) -> Results:
    from fusionbench.report.pictures import draw_run
    from fusionbench.report.tables import read_results
    from fusionbench.report.text import show, write_report

    results = read_results(out)
    show(results.blocks, console)
    paths = [*write_report(results), *draw_run(results)]
    console.print("written: " + ", ".join(str(path) for path in paths), highlight=False, soft_wrap=True)
    return results
