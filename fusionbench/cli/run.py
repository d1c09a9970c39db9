"""`fusionbench run` and `fusionbench demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fusionbench.benchmark.options import (
    WEIGHTS,
    Names,
    choose_datasets,
    choose_methods,
    choose_metrics,
    parse_names,
    parse_restorers,
)
from fusionbench.benchmark.spec import Benchmark, DatasetChoice, Execution, MethodChoice
from fusionbench.cli.report import show_report
from fusionbench.console import print_missing, warn
from fusionbench.images.options import read_options

if TYPE_CHECKING:
    from rich.console import Console


DEMO = {
    "clean": ("lap", "gff", "dspfusion-s", "lure-s"),
    "ll+lc": ("lap", "gff", "dspfusion-s", "lure-s"),
    "noise": ("lap", "gff", "dspfusion-s", "drfusion-s"),
}
"""What the demo shows of each degradation: two classical methods, and the small networks that were trained for it."""


DEMO_METRICS = ("EN", "SF", "MI", "SSIM", "VIF", "Qabf")


DEMO_SCENES = 3


def run(
    method: Names = "average,lap",
    dataset: Names = "",
    data: str = "",
    split: str = "test",
    degradation: Names = "clean",
    metrics: Names = "",
    protocol: str = "exact",
    out: Path = Path("runs/run"),
    seed: int = 0,
    limit: int | None = None,
    ir: Path | None = None,
    vi: Path | None = None,
    resize: bool = False,
    unmatched: Literal["refuse", "skip"] = "refuse",
    names: str = "",
    ir_suffix: str = "",
    vi_suffix: str = "",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    weights: str = "",
    fused: str = "",
    cmd: Names = "",
    pre: Names = "",
    timeout: float = 600.0,
    prompt: str | None = None,
    tile: int = 0,
    strict: bool = False,
    batch_size: int = 1,
    workers: int = 0,
    accelerator: str = "auto",
    devices: int | str = 1,
    precision: str = "32-true",
    wandb: Literal["offline", "online"] | None = None,
) -> int:
    """Degrade, fuse and score images; print and write the tables.

    Args:
        method: methods, separated by commas; see `fusionbench list methods`.
        dataset: datasets, separated by commas; see `fusionbench list datasets`. When none is named, those that --data
            or $FUSIONBENCH_DATA holds, and without any, the generated scenes that come with the package.
        data: a dataset's folder, one that holds datasets under their names, or NAME=DIR,NAME=DIR.
        split: which pairs of the dataset.
        degradation: specs, separated by commas, such as clean,ll+lc,vi:rain+ir:sn.
        metrics: scores, separated by commas; MI@tang picks a variant, CC@input compares with the degraded sources.
            Eleven common ones, as far as the protocol has them, when none are named.
        protocol: which variant a score without one means.
        out: the run's folder; an interrupted run of the same settings goes on there.
        seed: what degradations and methods draw from, together with each image's name.
        limit: use only the first so many pairs; the table is marked partial.
        ir: folder of infrared images of your own.
        vi: folder of visible images of your own.
        resize: bring the infrared image to the size of the visible one where they differ.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        names: text file with the names of the pairs to use, one a line; NAME=FILE,... for datasets with lists of their
            own.
        ir_suffix: what infrared file names have behind the name of their pair, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same of visible file names.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
        weights: METHOD=FILE,... in place of the files that the methods look for.
        fused: METHOD=DIR,... folders of images made elsewhere.
        cmd: NAME=COMMAND,... that external methods run, with {ir}, {vi} and {out} in it; one alone needs no NAME.
        pre: restoration commands before fusion, such as 'vi:restore {in} {out}'.
        timeout: seconds for one call of such a command.
        prompt: what a person says about the degradation, for methods that read text.
        tile: side of the tiles to fuse at a time, in pixels; 0 fuses whole images.
        strict: do not start where a score cannot be computed, instead of leaving its column empty, or where a
            method's own weights are missing, instead of running the small network that comes with the package.
        batch_size: images of one size to fuse at a time on a GPU; a CPU fuses one after the other.
        workers: processes that read and degrade images.
        accelerator: Lightning's accelerator (auto, cpu, gpu).
        devices: how many devices, or which; on a processor, how many processes. Each takes its part of the images.
        precision: Lightning's precision (32-true, 16-mixed, bf16-mixed).
        wandb: show the results on Weights and Biases too, at once or from `wandb sync` later.
    """
    from fusionbench.console import make_console

    details: dict[str, Any] = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    details |= {"names": names, "ir_suffix": ir_suffix, "vi_suffix": vi_suffix}
    chosen = choose_datasets(dataset, data, split=split, ir=ir, vi=vi, **details)
    benchmark = Benchmark(
        datasets=chosen.datasets,
        degradations=tuple(parse_names(degradation)),
        methods=choose_methods(parse_names(method), weights, fused, cmd),
        metrics=tuple(choose_metrics(metrics, protocol)),
        protocol=protocol,
        seed=seed,
        limit=limit,
        tile=tile,
        pre=parse_restorers(pre),
        timeout=timeout,
        prompt=prompt,
    )
    execution = Execution(batch_size, workers, accelerator, devices, precision)
    console = make_console()
    chosen.announce(console)
    return _run(benchmark, out, execution, console, wandb=wandb, strict=strict)


def demo(out: Path = Path("runs/demo"), limit: int = DEMO_SCENES) -> int:
    """Fuse, score and picture generated scenes with five small methods.

    Args:
        out: where images, scores, tables and the picture go.
        limit: how many scenes; there are six.
    """
    from fusionbench.benchmark.run import run as run_benchmark
    from fusionbench.console import make_console

    console = make_console()
    problems: list[str] = []
    for degradation, methods in DEMO.items():
        benchmark = Benchmark(
            datasets=(DatasetChoice("synthetic"),),
            degradations=(degradation,),
            methods=tuple(MethodChoice(name) for name in methods),
            metrics=DEMO_METRICS,
            limit=limit,
        )
        problems += run_benchmark(benchmark, out, console=console).problems
    show_report(out, console)
    return print_missing(console, problems)


def _run(
    benchmark: Benchmark,
    out: Path,
    execution: Execution,
    console: Console,
    *,
    wandb: Literal["offline", "online"] | None,
    strict: bool,
) -> int:
    from fusionbench.benchmark.preflight import check

    # What is lacking is said at once; the import of torch alone takes seconds.
    benchmark, checked = check(benchmark, strict=strict, option=WEIGHTS)
    warn(console, *checked.notices)
    print_missing(console, checked.exceptions, label="n/a: ")
    print_missing(console, checked.problems)

    from fusionbench.benchmark.run import run_checked

    outcome = run_checked(benchmark, checked, out, execution=execution, console=console)
    results = show_report(out, console)
    if wandb is not None:
        from fusionbench.report.wandb import publish

        if warning := publish(results, wandb):
            warn(console, warning)
    return print_missing(console, outcome.problems)
