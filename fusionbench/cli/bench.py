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
    """Measure a paper's tables and compare them with the published values.

    Args:
        paper: the paper.
        table: its tables to measure, separated by commas; by default all.
        methods: methods by their name in the paper or in `fusionbench list methods`; others are added as rows. By
            default those of the tables, the small networks and three classical methods.
        data: folder that contains datasets under their names, and NAME=DIR,... for those elsewhere.
        weights: METHOD=FILE,... weight files to use instead of the default ones.
        strict: leave out a method without its own weights, instead of adding a row of the small network that comes with
            the package.
        fused: METHOD=DIR,... folders of images fused elsewhere; {dataset} and {degradation} in DIR are replaced by
            their names.
        cmd: METHOD=COMMAND,... commands of external methods, which contain {ir}, {vi} and {out}.
        pre: restoration commands such as 'vi:restore {in} {out}', if the paper restores images before fusion.
        timeout: time limit in seconds for one call of an external command.
        names: NAME=FILE,... text files with the names of the pairs to use of a dataset, one per line.
        resize: resize infrared images to the size of the visible ones if they differ.
        unmatched: 'refuse' leaves out a dataset with images that have no partner, 'skip' leaves out these images.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image separately. By default the full range of the file's bit depth.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma converts colours to
            gray.
        limit: use only the first N pairs of each dataset.
        seed: random seed; degradations and methods derive their random numbers from it and each image's name.
        tile: tile size in pixels, to fuse large images in tiles; 0 fuses whole images.
        efficiency: measure model size, operations and time too; by default only in tables that --table names.
        benchmarks: folder of the files that describe the tables, instead of those that come with the package.
        out: folder for images, scores and tables, by default runs/bench/<paper>; an interrupted bench resumes there.
        batch_size: images of equal size to fuse at a time on a GPU; on a CPU they are fused one at a time.
        workers: processes that read and degrade images.
        accelerator: Lightning's accelerator (auto, cpu, gpu).
        devices: number of devices, or which ones.
        precision: Lightning's precision (32-true, 16-mixed, bf16-mixed).
        wandb: also log the scores to Weights and Biases, now or later with `wandb sync`.
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
    """The paths of 'METHOD=PATH,...' by the methods' names in the package."""
    return {lookup("method", name, METHODS): path for name, path in parse_paths(text, option).items()}


def _publish(
    outcome: MeasureResult, place: Path, mode: Literal["offline", "online"], paper: str, console: Console
) -> None:
    """Log what was measured in this run to Weights and Biases."""
    from fusionbench.report.tables import read_results
    from fusionbench.report.wandb import publish

    if not any(one.measured and one.block.dataset for one in outcome.comparisons):
        warn(console, "nothing was measured in this run, so nothing is logged to Weights and Biases")
    elif warning := publish(read_results(place), mode, group=f"bench {paper}"):
        warn(console, warning)
