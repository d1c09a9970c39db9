"""Renew the measured values that come with the package, `measured/<paper>.csv`.

Runs each paper's tables with the methods that run here, as `fusionbench bench` does, and takes the means from the run's
folder. An interrupted run goes on. Values of more images than a new run has stay; delete a file to begin it anew.
`--from` takes a folder that is there already, of `fusionbench run` or `measure`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from fusionbench.benchmark.options import parse_data_roots, parse_names, parse_paths
from fusionbench.benchmark.spec import Selection
from fusionbench.console import make_console
from fusionbench.papers.measure import MeasureSettings, measure, print_result
from fusionbench.papers.measured import Measurement, collect, read_file, renewed, write_file
from fusionbench.papers.requirements import Inputs
from fusionbench.papers.tables import MEASURED, PAPERS, load_paper

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Measure what is not done yet and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="folder that holds datasets, and NAME=DIR,... for those elsewhere")
    parser.add_argument("--weights", default="", help="METHOD=FILE,... in place of the files that methods look for")
    parser.add_argument("--papers", default=",".join(PAPERS), help="which papers' tables")
    parser.add_argument("--table", default="", help="which tables of them; all without")
    parser.add_argument("--methods", default="", help="which methods; all of the tables' and their baselines without")
    parser.add_argument("--limit", type=int, help="at most so many images of each dataset")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "measured", help="folder of the runs")
    parser.add_argument("--to", type=Path, default=ROOT / "benchmarks" / MEASURED, help="folder of the files")
    parser.add_argument("--from", dest="source", type=Path, help="a run's folder; nothing is run then")
    options = parser.parse_args()
    for paper in parse_names(options.papers):
        if options.source is None:
            _measure(paper, options)
        run = options.source or options.out / paper
        write(options.to / f"{paper}.csv", list(collect(run, f"{datetime.now(timezone.utc):%Y-%m-%d}")), paper)


def _measure(name: str, options: argparse.Namespace) -> None:
    paper = load_paper(name)
    supplies = Inputs(*parse_data_roots(options.data), weights=parse_paths(options.weights, "--weights"))
    settings = MeasureSettings(tuple(parse_names(options.methods)), Selection(options.limit))
    console = make_console()
    tables = paper.choose(parse_names(options.table))
    print_result(measure(paper, options.out / name, tables, supplies, settings, console=console), console)


def write(path: Path, measured: Sequence[Measurement], name: str) -> None:
    """Put the values of a paper's protocol into its file, which keeps the others."""
    protocol = load_paper(name).protocol
    known = read_file(path) if path.is_file() else []
    lines = renewed(known, [line for line in measured if line.protocol == protocol])
    current = [line for line in lines if not line.outdated]
    write_file(path, current)
    print(f"{path}: {len(current)} values")


if __name__ == "__main__":
    main()
