"""`fusionbench bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fusionbench.benchmark.options import (
    Names,
    parse_commands,
    parse_data_roots,
    parse_names,
    parse_paths,
    parse_restorers,
)
from fusionbench.benchmark.spec import Execution, Selection, restorers_by_modality
from fusionbench.console import EXIT_OK, EXIT_PARTIAL, warn
from fusionbench.images.options import read_options
from fusionbench.methods import METHODS
from fusionbench.registry import lookup

if TYPE_CHECKING:
    from rich.console import Console

    from fusionbench.papers.measure import MeasureResult


def bench(
    paper: Literal["dspfusion", "lure", "drfusion"],
    table: Names = "",
    methods: Names = "",
    data: str = "",
    weights: str = "",
    strict: bool = False,
    fused: str = "",
    cmd: Names = "",
    pre: Names = "",
    timeout: float = 600.0,
    names: str = "",
    resize: bool = False,
    unmatched: Literal["refuse", "skip"] = "refuse",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    limit: int | None = None,
    seed: int = 0,
    tile: int = 0,
    efficiency: bool = False,
    benchmarks: Path | None = None,
    out: Path | None = None,
    batch_size: int = 1,
    workers: int = 0,
    accelerator: str = "auto",
    devices: int | str = 1,
    precision: str = "32-true",
    wandb: Literal["offline", "online"] | None = None,
) -> int:
    """Measure a paper's tables and show them beside the published values.

    Args:
        paper: whose tables.
        table: which of them, separated by commas; all without.
        methods: which methods, in print or in `fusionbench list methods`; without it all of the tables', the small
            networks and three classical methods. Others are added.
        data: folder that holds datasets in folders of their names, and NAME=DIR,... for those elsewhere.
        weights: METHOD=FILE,... in place of the files that the methods look for.
        strict: leave a method without its own weights out, instead of adding a row of the small network that comes with
            the package.
        fused: METHOD=DIR,... images made elsewhere; {dataset} and {degradation} in DIR stand for both.
        cmd: METHOD=COMMAND,... that external methods run, with {ir}, {vi} and {out} in it.
        pre: restoration commands such as 'vi:restore {in} {out}', where the paper restores images before fusion.
        timeout: seconds for one call of such a command.
        names: NAME=FILE,... text files with the names of the pairs to use of a dataset, one a line.
        resize: bring infrared images to the size of the visible ones where they differ.
        unmatched: 'refuse' leaves a dataset out in which images have no partner, 'skip' leaves the images out.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
        limit: use only the first so many pairs of each dataset.
        seed: what degradations and methods draw from, together with each image's name.
        tile: side of the tiles to fuse at a time, in pixels; 0 fuses whole images.
        efficiency: measure size, operations and time too; without it only in tables that --table names.
        benchmarks: folder of the tables' files, in place of those that come with the package.
        out: where images, scores and tables go, runs/bench/<paper> without; an interrupted bench goes on there.
        batch_size: images of one size to fuse at a time on a GPU; a CPU fuses one after the other.
        workers: processes that read and degrade images.
        accelerator: Lightning's accelerator (auto, cpu, gpu).
        devices: how many devices, or which.
        precision: Lightning's precision (32-true, 16-mixed, bf16-mixed).
        wandb: show the scores on Weights and Biases too, at once or from `wandb sync` later.
    """
    from fusionbench.console import make_console
    from fusionbench.papers.measure import MeasureSettings, print_result
    from fusionbench.papers.measure import measure as bench_paper
    from fusionbench.papers.measured import read_measured
    from fusionbench.papers.requirements import Inputs
    from fusionbench.papers.tables import MEASURED, folder, load_paper

    described = load_paper(paper, benchmarks)
    home, homes = parse_data_roots(data)
    entries = parse_restorers(pre)
    restorers_by_modality(entries)
    inputs = Inputs(
        home,
        homes,
        _by_method(weights, "--weights"),
        _by_method(fused, "--fused"),
        parse_commands(cmd, parse_names(methods)),
        entries,
        strict,
        parse_paths(names, "--names", "dataset"),
        resize,
        unmatched,
        read_options(ir_range, ir_channel),
    )
    tables = parse_names(table)
    settings = MeasureSettings(
        tuple(parse_names(methods)),
        Selection(limit, seed, tile),
        Execution(batch_size, workers, accelerator, devices, precision),
        timeout,
        efficiency or bool(tables),
    )
    console = make_console()
    place = Path("runs") / "bench" / paper if out is None else out
    known = read_measured((benchmarks or folder()) / MEASURED)
    outcome = bench_paper(described, place, described.choose(tables), inputs, settings, known=known, console=console)
    print_result(outcome, console, everything=bool(tables))
    if wandb is not None:
        _publish(outcome, place, wandb, paper, console)
    return EXIT_PARTIAL if outcome.problems or outcome.skipped else EXIT_OK


def _by_method(text: str, option: str) -> dict[str, Path]:
    """The paths that 'METHOD=PATH,...' gives to methods of the package."""
    return {lookup("method", name, METHODS): path for name, path in parse_paths(text, option).items()}


def _publish(
    outcome: MeasureResult, place: Path, mode: Literal["offline", "online"], paper: str, console: Console
) -> None:
    """Show on Weights and Biases what was measured in this run."""
    from fusionbench.report.tables import read_results
    from fusionbench.report.wandb import publish

    if not any(one.measured and one.panel.dataset for one in outcome.comparisons):
        warn(console, "nothing was measured in this run, so nothing is sent to Weights and Biases")
    elif warning := publish(read_results(place), mode, group=f"bench {paper}"):
        warn(console, warning)
