"""`fusionbench report`, and `fusionbench results`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.console import print_missing

if TYPE_CHECKING:
    from rich.console import Console

    from fusionbench.report.tables import Results

MERGED = Path("runs/merged")


def report(runs: list[Path], out: Path | None = None, html: bool = False, differences: bool = False) -> int:
    """Print and rewrite the tables of a run, and list what is missing.

    Args:
        runs: the run's folder; several are merged, as by `fusionbench results merge`.
        out: where several runs are merged (default: runs/merged).
        html: also write report/index.html, a page with charts and a gallery.
        differences: also write report/differences.md and .csv: which differences between methods are significant, by
            bootstrap intervals and Wilcoxon's test over the common images.

    Raises:
        ValueError: --out is given with one run, or the runs cannot be merged.
    """
    from fusionbench.console import make_console

    console = make_console()
    if len(runs) == 1 and out is not None:
        raise ValueError("--out is for several runs; the tables of one are written into its own folder")
    results = show_report(runs[0] if len(runs) == 1 else _merged(runs, out or MERGED), console, differences=differences)
    if html:
        from fusionbench.report.html import write_html

        console.print(f"written: {write_html(results)}", highlight=False, soft_wrap=True)
    return print_missing(console, results.problems)


def merge(runs: list[Path], out: Path = MERGED) -> int:
    """Write the results of several runs into one folder, for a benchmark that was divided among machines.

    Args:
        runs: the runs' folders.
        out: the folder to write, new or of an earlier merge.
    """
    from fusionbench.console import make_console

    make_console().print(f"written: {_merged(runs, out)}", highlight=False, soft_wrap=True)
    return 0


def _merged(runs: list[Path], out: Path) -> Path:
    from fusionbench.benchmark.merge import merge_runs

    merge_runs(runs, out)
    return out


def show_report(out: Path, console: Console, *, differences: bool = False) -> Results:
    from fusionbench.report.pictures import draw_run
    from fusionbench.report.tables import read_results
    from fusionbench.report.text import show, write_report

    results = read_results(out)
    show(results.blocks, console)
    paths = [*write_report(results), *draw_run(results)]
    if differences:
        from fusionbench.report.differences import write_differences

        paths += write_differences(results)
    console.print("written: " + ", ".join(str(path) for path in paths), highlight=False, soft_wrap=True)
    return results


COMMANDS = {"_help": "Folders of results: merge those of several machines.", "merge": merge}
