"""Renew the measured values that come with the package, `measured/<paper>.csv`.

Runs each paper's tables with the methods that run here, as `fusionbench bench` does, and takes the means from the run's
folder. An interrupted run goes on. Values of more images than a new run has stay; delete a file to begin it anew.
`--from` takes a folder that is there already, of `fusionbench run` or `measure`.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fusionbench.benchmark.options import parse_data_roots, parse_names, parse_paths
from fusionbench.benchmark.results import CellFolder, cells_of
from fusionbench.benchmark.spec import Selection
from fusionbench.console import make_console
from fusionbench.papers.measure import MeasureSettings, measure, print_result
from fusionbench.papers.measured import Measurement, image_set, read_file, write_file
from fusionbench.papers.requirements import Inputs
from fusionbench.papers.tables import MEASURED, PAPERS, load_paper

ROOT = Path(__file__).parents[1]

PLAIN: Mapping[str, Any] = {
    "resize": False,
    "ir_range": None,
    "ir_channel": None,
    "tile": 0,
    "prompt": None,
    "pre": [],
    "folder": None,
    "command": None,
}
"""The settings of cells whose means a file can hold; it has no columns for others."""


def main() -> None:
    """Measure what is not done yet and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="folder that holds datasets, and NAME=DIR,... for those elsewhere")
    parser.add_argument("--weights", default="", help="METHOD=FILE,... weight files to use instead of the default ones")
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


def collect(run: Path, date: str) -> Iterator[Measurement]:
    """The means of a run's or bench's folder; cells of other than the plain settings are passed over.

    Args:
        run: the folder.
        date: of the lines.
    """
    for cell in cells_of(run):
        meta = cell.meta()
        if all(meta["settings"].get(name) == value for name, value in PLAIN.items()):
            yield from _means(cell, meta, date)


def _means(cell: CellFolder, meta: Mapping[str, Any], date: str) -> Iterator[Measurement]:
    settings, rows = meta["settings"], cell.rows()
    for metric in cell.scores.metrics:
        values = {name: row.values[metric] for name, row in rows.items() if metric in row.values}
        if not values:
            continue
        yield Measurement(
            dataset=settings["dataset"],
            split=settings["split"],
            degradation=settings["spec"],
            seed=settings["seed"],
            protocol=settings["protocol"],
            method=settings["method"],
            weights=settings["weights"] or "",
            metric=metric,
            mean=statistics.fmean(values.values()),
            std=statistics.stdev(values.values()) if len(values) > 1 else 0.0,
            images=len(values),
            image_set=image_set(values),
            version=settings["version"],
            torch=str(meta["environment"].get("torch", "")),
            date=date,
        )


def renewed(known: Iterable[Measurement], measured: Iterable[Measurement]) -> list[Measurement]:
    """Known lines, replaced by measured ones of the same key where these are over as many images or of other weights.

    A line whose numbers stay keeps its date and versions, so that files change only where numbers do.
    """
    lines = {line.key: line for line in known}
    for new in measured:
        old = lines.get(new.key)
        if old is None or old.weights != new.weights or (new.images >= old.images and not _same(old, new)):
            lines[new.key] = new
    return list(lines.values())


def _same(old: Measurement, new: Measurement) -> bool:
    numbers = [f"{value:.6g}" for value in (old.mean, old.std, new.mean, new.std)]
    return old.image_set == new.image_set and numbers[:2] == numbers[2:]


if __name__ == "__main__":
    main()
