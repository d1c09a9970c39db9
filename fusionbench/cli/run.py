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
"""Methods of the demo for each degradation: two classical ones, and the small networks that were trained for it."""


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
        dataset: datasets, separated by commas; see `fusionbench list datasets`. By default those in --data or
            $FUSIONBENCH_DATA, or else the generated scenes that come with the package.
        data: a dataset's folder, a folder that contains datasets under their names, or NAME=DIR,NAME=DIR.
        split: the split of the datasets.
        degradation: specs, separated by commas, such as clean,ll+lc,vi:rain+ir:sn.
        metrics: metrics, separated by commas; MI@tang selects a variant, CC@input compares with the degraded sources.
            By default eleven common ones, as far as the protocol has them.
        protocol: decides the variant of metrics without one; see `fusionbench list protocols`.
        out: the run's folder; an interrupted run with the same settings resumes there.
        seed: random seed; degradations and methods derive their random numbers from it and each image's name.
        limit: use only the first N pairs; the table is marked partial.
        ir: folder of your own infrared images.
        vi: folder of your own visible images.
        resize: resize infrared images to the size of the visible ones if they differ.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        names: text file with the names of the pairs to use, one per line; NAME=FILE,... for separate lists per dataset.
        ir_suffix: what follows the name of the pair in infrared file names, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same for visible file names.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image separately. By default the full range of the file's bit depth.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma converts colours to
            gray.
        weights: METHOD=FILE,... weight files to use instead of the default ones.
        fused: METHOD=DIR,... folders of images fused elsewhere.
        cmd: NAME=COMMAND,... commands of external methods, which contain {ir}, {vi} and {out}; a single command needs
            no NAME.
        pre: restoration commands before fusion, such as 'vi:restore {in} {out}'.
        timeout: time limit in seconds for one call of an external command.
        prompt: description of the degradation in words, for methods that read text.
        tile: tile size in pixels, to fuse large images in tiles; 0 fuses whole images.
        strict: stop before the run if a metric cannot be computed, instead of leaving its column empty, or if a
            method's own weights are missing, instead of falling back to the small network that comes with the package.
        batch_size: images of equal size to fuse at a time on a GPU; on a CPU they are fused one at a time.
        workers: processes that read and degrade images.
        accelerator: Lightning's accelerator (auto, cpu, gpu).
        devices: number of devices, or which ones; on a CPU, number of processes. Images are sharded across them.
        precision: Lightning's precision (32-true, 16-mixed, bf16-mixed).
        wandb: also log the results to Weights and Biases, now or later with `wandb sync`.
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
    """Fuse, score and plot generated scenes with five small methods.

    Args:
        out: output folder of images, scores, tables and figures.
        limit: number of scenes, at most six.
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

    # Missing files are reported before torch is imported, which takes seconds.
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
