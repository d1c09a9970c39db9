"""The papers' tables, measured with what is at hand and set beside what was printed."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from fusionbench.benchmark.inputs import load_pairs
from fusionbench.benchmark.profile import Profile, Request, parse_size, profile_all
from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.run import run
from fusionbench.benchmark.spec import ALL_PAIRS, ONE_DEVICE, Benchmark, Cell, Execution, Selection, check_timeout
from fusionbench.console import print_missing
from fusionbench.files import path_name, write_atomically
from fusionbench.methods import METHODS
from fusionbench.papers.compare import Comparison, Measured
from fusionbench.papers.latex import document
from fusionbench.papers.measured import Measurement
from fusionbench.papers.requirements import Available, Inputs, check_available, rows_of, select_methods, shipped
from fusionbench.papers.tables import Paper, Table, TableBlock
from fusionbench.papers.text import show, write_table
from fusionbench.registry import lookup
from fusionbench.report.provenance import origins
from fusionbench.report.skipped import Skipped, group_by_reason, page, summary
from fusionbench.version import __version__
from fusionbench.weights.entry import depends_on_cell

REPORT = "report"

SKIPPED = "skipped.md"
"""The list of what was not measured, among the reports."""

EFFICIENCY: dict[str, Callable[[Profile], float]] = {
    "Params (M)": lambda cost: cost.parameters / 1e6,
    # What DSPFusion prints as FLOPs are multiply-adds: its own 254.34 G is what thop counts.
    "FLOPs (G)": lambda cost: cost.macs / 1e9,
    "Time (s)": lambda cost: cost.seconds,
    "Runtime (s)": lambda cost: cost.seconds,
}
"""Printed columns that measure a method and not its images."""

ALLOWED = 30.0
"""Seconds for the timed calls of one method; three are made in any case."""


@dataclass(frozen=True)
class MeasureSettings:
    """How to measure.

    Attributes:
        only: methods to measure, in print or in METHODS; all without.
        selection: how many pairs of each block, the seed of the degradations, and tiles.
        execution: on which devices.
        timeout: seconds for one call of a command.
        efficiency: measure size, operations and time too.

    Raises:
        ValueError: a number is out of range.
    """

    only: tuple[str, ...] = ()
    selection: Selection = ALL_PAIRS
    execution: Execution = ONE_DEVICE
    timeout: float = 600.0
    efficiency: bool = False

    def __post_init__(self) -> None:
        check_timeout(self.timeout)


@dataclass
class MeasureResult:
    """What a bench leaves behind.

    Attributes:
        comparisons: published and measured blocks.
        skipped: what was not measured, and what to get for it.
        problems: one sentence per image or score that failed.
        files: reports.
    """

    comparisons: list[Comparison] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def measure(
    paper: Paper,
    out: Path,
    tables: Sequence[Table],
    inputs: Inputs,
    settings: MeasureSettings,
    *,
    known: Sequence[Measurement] = (),
    console: Console | None = None,
) -> MeasureResult:
    """Measure tables as far as possible and write them next to the published values, below `out/report`.

    An interrupted bench with the same settings is resumed in the same folder. Blocks with the same dataset, degradation
    and method share its images and scores.

    Args:
        known: values that were measured before, shown where this bench measures none.
        console: where progress is shown, if given.

    Raises:
        ValueError: an input is invalid, or the folder has other settings.
    """
    settings = replace(settings, only=check_only(paper, settings.only))
    bench_ = _Bench(paper, out, inputs, settings, console)
    outcome = MeasureResult()
    skips: list[Skipped] = []
    for table in tables:
        found = []
        for block in table.blocks:
            measured, skipped = bench_.measure(table, block)
            rows = rows_of(paper, block, inputs, settings.only)
            found.append(
                Comparison(paper, table, block, measured, shipped(paper, block, known, rows, settings.selection.seed))
            )
            skips += [replace(entry, tables=(table.name,)) for entry in skipped]
        outcome.comparisons += found
        outcome.files += write_table(table, found, out / REPORT)
    outcome.problems = bench_.problems
    outcome.skipped = group_by_reason(skips)
    outcome.files += _write_summary(paper, outcome.skipped, out / REPORT)
    return outcome


class _Bench:
    """Measures one block after the other with the available inputs.

    Attributes:
        problems: one sentence for each image or metric that failed so far.
    """

    def __init__(
        self, paper: Paper, out: Path, inputs: Inputs, settings: MeasureSettings, console: Console | None
    ) -> None:
        self.paper, self.out, self.inputs, self.settings, self.console = paper, out, inputs, settings, console
        self.problems: list[str] = []

    def measure(self, table: Table, block: TableBlock) -> tuple[Measured | None, list[Skipped]]:
        """Measure a block as far as possible, and list what cannot be measured."""
        if block.unmeasured:
            return None, [Skipped("unpublished", (block.title,), block.unmeasured)]
        if block.size and not self.settings.efficiency:
            return None, [Skipped("efficiency", (block.title,), f"`--efficiency`, or `--table {table.name}`")]
        if block.size:
            return self._efficiency(table, block)
        available = check_available(self.paper, block, self.inputs, self.settings.only)
        return self._scores(table, block, available), available.skipped

    def _tell(self, table: Table, block: TableBlock) -> None:
        if self.console is not None:
            self.console.print(f"table {table.name}: {block.title}", style="dim", highlight=False)

    def _scores(self, table: Table, block: TableBlock, available: Available) -> Measured | None:
        if not (available.data and available.methods and available.metrics):
            return None
        self._tell(table, block)
        benchmark = self._benchmark(block, available)
        restored = self.inputs.pre if block.restored else ()
        whole = [
            choice for printed, choice in available.methods.items() if printed in available.end_to_end or not restored
        ]
        two_step = [choice for choice in available.methods.values() if choice not in whole]
        for choices, pre in ((whole, ()), (two_step, restored)):
            if choices:
                part = replace(benchmark, methods=tuple(choices), pre=pre)
                done = run(part, self.out, execution=self.settings.execution, console=self.console)
                self.problems += done.problems
        names = load_pairs(benchmark.datasets[0], benchmark.degradations)[block.degradation].source.names
        return _collect(benchmark, available, self.out, names, restored)

    def _benchmark(self, block: TableBlock, available: Available) -> Benchmark:
        selection = self.settings.selection
        limits = [count for count in (selection.limit, block.images) if count is not None]
        return Benchmark(
            datasets=(self.inputs.dataset(block),),
            degradations=(block.degradation,),
            methods=tuple(available.methods.values()),
            metrics=tuple(available.metrics.values()),
            protocol=self.paper.protocol,
            name=f"{self.paper.name}: {block.title}",
            seed=selection.seed,
            limit=min(limits, default=None),
            tile=selection.tile,
            timeout=self.settings.timeout,
        )

    def _efficiency(self, table: Table, block: TableBlock) -> tuple[Measured | None, list[Skipped]]:
        self._tell(table, block)
        height, width = parse_size(block.size)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        found: dict[str, Profile] = {}
        skipped: list[Skipped] = []
        for printed, name in select_methods(self.paper, block, self.settings.only).items():
            try:
                weights = self.inputs.weights.get(name)
                # Neither time nor size depends on the numbers.
                weights = None if depends_on_cell(weights) else weights
                request = Request(name, weights, height, width, device, allowed=ALLOWED)
            except ValueError as error:
                skipped.append(Skipped("refused", (printed,), str(error)))
                continue
            cost, failed = _profiled(request, self.out / "efficiency", self.console)
            self.problems += failed
            if cost is not None:
                found[printed] = cost
        return (_costs(block, found) if found else None), skipped


def check_only(paper: Paper, only: Sequence[str]) -> tuple[str, ...]:
    """The methods to measure, named as in the paper or in METHODS.

    Raises:
        ValueError: a name is in neither.
    """
    printed = {name for table in paper.tables.values() for block in table.blocks for name in block.methods}
    # A printed name often differs from the package's only in case; both select the same method.
    either = {name.casefold(): name for name in (*printed, *METHODS)}.values()
    return tuple(name if name in printed else lookup("method", name, either) for name in only)


def _collect(
    benchmark: Benchmark, available: Available, out: Path, names: Sequence[str], restored: Sequence[str]
) -> Measured:
    """The scores of a block's cells, under the printed names."""
    lines: list[dict[str, object]] = []
    remarks: list[str] = []
    asked = names[: benchmark.limit]
    for printed, choice in available.methods.items():
        folder = CellFolder(out / Cell(benchmark.datasets[0], benchmark.degradations[0], choice).path)
        rows, meta = folder.rows(), folder.meta()
        for image in asked:
            values = rows[image].values if image in rows else {}
            named = {metric: values.get(score, math.nan) for metric, score in available.metrics.items()}
            lines.append({"method": printed, "image": image, **named})
        if choice.folder is not None or choice.command is not None:
            remarks.append(f"{printed}: images made elsewhere.")
        elif weights := meta["settings"]["weights"]:
            remarks.append(f"{printed}: weights {weights}.")
        remarks += origins(meta)
    return Measured(pd.DataFrame(lines), len(asked), len(names), restored, tuple(dict.fromkeys(remarks)))


def _costs(block: TableBlock, found: Mapping[str, Profile]) -> Measured:
    lines = [
        {"method": printed, "image": block.size, **{metric: EFFICIENCY[metric](cost) for metric in block.metrics}}
        for printed, cost in found.items()
    ]
    cost = next(iter(found.values()))
    remarks = [
        f"Measured on {cost.hardware}, {cost.threads} threads, torch {torch.__version__}: median time of a call."
    ]
    if random := [printed for printed, cost in found.items() if cost.weights == "random"]:
        remarks.append(f"Random weights, which do not affect these values: {', '.join(random)}.")
    return Measured(pd.DataFrame(lines), notes=remarks)


def _profiled(request: Request, folder: Path, console: Console | None) -> tuple[Profile | None, list[str]]:
    """A method's cost, from an earlier bench of this version if there is one."""
    path = folder / f"{request.height}x{request.width}" / f"{path_name(request.method)}-{request.device}.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.pop("version", "") == __version__:
            return Profile(**kept), []
    found, problems = profile_all([request], console)
    if not found:
        return None, problems
    write_atomically(path, json.dumps({**asdict(found[0]), "version": __version__}, indent=2) + "\n")
    return found[0], []


def _write_summary(paper: Paper, skipped: Sequence[Skipped], folder: Path) -> list[Path]:
    """Write the list of what was skipped, and a document with all tables."""
    # The document includes tables of earlier benches in the same folder.
    parts = sorted(path.name for path in folder.glob("table*.tex"))
    texts = {folder / SKIPPED: page(paper.title, skipped), folder / f"{paper.name}.tex": document(paper, parts)}
    for path, text in texts.items():
        write_atomically(path, text)
    return list(texts)


class Coverage(NamedTuple):
    """How many published values have a measured one, and what else was measured.

    Attributes:
        published: number of values in the paper.
        of_run: those that this run measured.
        shipped: those for which only the package has a measured value.
        others: number of measured rows of each method that the paper does not have.
    """

    published: int
    of_run: int
    shipped: int
    others: dict[str, int]

    def __str__(self) -> str:
        covered = (
            f"{self.of_run + self.shipped} of {self.published} published values have a measured one: "
            f"{self.of_run} from this run, {self.shipped} shipped with the package."
        )
        rows = ", ".join(f"{method} {count}" for method, count in self.others.items())
        more = f" Measured rows of methods that the paper does not have: {sum(self.others.values())} ({rows})."
        return covered + (more if rows else "")


def coverage(comparisons: Sequence[Comparison]) -> Coverage:
    """Count the measured values of a paper's tables."""
    published = of_run = both = 0
    others: Counter[str] = Counter()
    for one in comparisons:
        printed = one.published.notna()
        published += int(printed.to_numpy().sum())
        of_run += int((printed & one.run_means.notna()).to_numpy().sum())
        both += int((printed & one.means.notna()).to_numpy().sum())
        own = one.means.drop(index=list(one.block.methods)).dropna(how="all")
        others.update(map(str, own.index))
    return Coverage(published, of_run, both - of_run, dict(others))


def print_result(outcome: MeasureResult, console: Console, *, everything: bool = False) -> None:
    """Print the tables, the written files, and what is missing: one line for each kind of reason.

    Args:
        everything: print also tables without measured values.
    """
    show(outcome.comparisons, console, everything=everything)
    print_missing(console, outcome.problems)
    folder = outcome.files[-1].parent
    if outcome.skipped:
        console.print(f"\nNot measured in this run; {folder / SKIPPED} has the details:", highlight=False)
        lines = Grid.grid(padding=(0, 2))
        for heading, names in summary(outcome.skipped):
            lines.add_row(Text(f"  {heading}", style="bold"), Text(names))
        console.print(lines)
    console.print(f"\nwritten to {folder}: {', '.join(_brief(outcome.files))}", highlight=False)
    console.print(str(coverage(outcome.comparisons)), highlight=False)


def _brief(files: Sequence[Path]) -> list[str]:
    """File names; those that differ only in their suffix are merged.

    Example:
        >>> _brief([Path("a.md"), Path("a.csv"), Path("b.tex")])
        ['a.{md,csv}', 'b.tex']
    """
    suffixes: dict[str, list[str]] = {}
    for path in files:
        suffixes.setdefault(path.stem, []).append(path.suffix[1:])
    return [
        f"{stem}.{found[0]}" if len(found) == 1 else f"{stem}.{{{','.join(found)}}}" for stem, found in suffixes.items()
    ]
