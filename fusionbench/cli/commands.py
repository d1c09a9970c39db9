"""What each sub-command does. Signatures become options, so heavy imports stay inside the functions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fusionbench.benchmark.options import (
    WEIGHTS,
    Names,
    choose_dataset,
    choose_datasets,
    choose_methods,
    choose_metrics,
    split_names,
    split_restorers,
)
from fusionbench.benchmark.spec import Benchmark, DatasetChoice, MethodChoice
from fusionbench.cli import bench, embed, fuse, train
from fusionbench.cli import data as data_commands
from fusionbench.cli import weights as weights_commands
from fusionbench.console import DONE, finish, warn
from fusionbench.data.table import ANY, DRAWN
from fusionbench.images.options import read_options
from fusionbench.report.columns import Format

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
        dataset: data sets, separated by commas; see `fusionbench list datasets`. When none is named, those that --data
            or $FUSIONBENCH_DATA holds, and without any, the generated scenes that come with the package.
        data: a data set's folder, one that holds data sets under their names, or NAME=DIR,NAME=DIR.
        split: which pairs of the data set.
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
    from fusionbench.console import plain_console

    details = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    chosen = choose_datasets(dataset, data, split=split, ir=ir, vi=vi, **details)
    benchmark = Benchmark(
        datasets=chosen.datasets,
        degradations=tuple(split_names(degradation)),
        methods=choose_methods(split_names(method), weights, fused, cmd),
        metrics=tuple(choose_metrics(metrics, protocol)),
        protocol=protocol,
        seed=seed,
        limit=limit,
        tile=tile,
        pre=split_restorers(pre),
        timeout=timeout,
        prompt=prompt,
    )
    trainer = {"accelerator": accelerator, "devices": devices, "precision": precision}
    options: dict[str, Any] = {"strict": strict, "batch_size": batch_size, "workers": workers, "trainer": trainer}
    console = plain_console()
    chosen.tell(console)
    return _run(benchmark, out, console, wandb=wandb, **options)


def demo(out: Path = Path("runs/demo"), limit: int = DEMO_SCENES) -> int:
    """Fuse, score and picture generated scenes with five small methods.

    Args:
        out: where images, scores, tables and the picture go.
        limit: how many scenes; there are six.
    """
    from fusionbench.benchmark.run import run as run_benchmark
    from fusionbench.console import plain_console

    console = plain_console()
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
    _report(out, console)
    return finish(console, problems)


def score(
    fused: Path | None = None,
    ir: Path | None = None,
    vi: Path | None = None,
    dataset: str = "",
    data: str = "",
    split: str = "test",
    metrics: Names = "",
    protocol: str = "exact",
    resize: bool = False,
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    out: Path = Path("runs/score"),
    unmatched: Literal["refuse", "skip"] = "refuse",
    limit: int | None = None,
) -> int:
    """Score a folder of fused images, made anywhere, against its sources.

    Args:
        fused: folder of fused images; they pair with the sources by name.
        ir: folder of infrared images.
        vi: folder of visible images.
        dataset: a known data set in place of --ir and --vi.
        data: the data set's folder, or one that holds it under its name.
        split: which pairs of the data set.
        metrics: scores, separated by commas; MI@tang picks a variant. Eleven common ones, as far as the protocol has
            them, when none are named.
        protocol: which variant a score without one means.
        resize: bring infrared images to the size of the visible ones where they differ.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
        out: where scores.csv goes; an interrupted run goes on there.
        unmatched: 'refuse' refuses files without a partner, 'skip' leaves them out and says so.
        limit: use only the first so many pairs.
    """
    from fusionbench.benchmark.score_folder import score_folder
    from fusionbench.console import plain_console
    from fusionbench.report.tables import folder_block
    from fusionbench.report.text import show

    if fused is None:
        raise ValueError("score needs --fused, the folder of fused images")
    details = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    chosen = choose_dataset(dataset, data, ANY, split=split, ir=ir, vi=vi, **details)
    console = plain_console()
    choice = chosen.tell(console)
    problems = score_folder(
        fused,
        choice,
        choose_metrics(metrics, protocol),
        protocol,
        out,
        unmatched=unmatched,
        limit=limit,
        console=console,
    )
    show([folder_block(out, fused.name)], console)
    return finish(console, problems)


def report(run: Path, html: bool = False) -> int:
    """Print the tables of a run and write them again.

    Args:
        run: the run's folder.
        html: write report/index.html too, a page with charts and a gallery.
    """
    from fusionbench.console import plain_console

    console = plain_console()
    _report(run, console)
    if html:
        from fusionbench.report.html import write_html

        console.print(f"written: {write_html(run)}", highlight=False, soft_wrap=True)
    return DONE


def degrade(
    dataset: str = "",
    data: str = "",
    split: str = "test",
    degradation: Names = "ll+lc",
    seed: int = 0,
    workers: int = 0,
    limit: int | None = None,
    out: Path = Path("degraded"),
    ir: Path | None = None,
    vi: Path | None = None,
    resize: bool = False,
    unmatched: Literal["refuse", "skip"] = "refuse",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
) -> int:
    """Write a degraded test set with a manifest of checksums.

    Args:
        dataset: one data set; see `fusionbench list datasets`. When none is named, the one that --data holds, or else
            the generated scenes that come with the package.
        data: the data set's folder, or one that holds it under its name.
        split: which pairs of the data set.
        degradation: specs, separated by commas.
        seed: what degradations draw from, together with each image's name.
        workers: processes that read and degrade images.
        limit: only the first so many pairs.
        out: folder that gets <degradation>/{ir,vi}/<name>.png and manifest.csv.
        ir: folder of infrared images of your own.
        vi: folder of visible images of your own.
        resize: bring infrared images to the size of the visible ones where they differ.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
    """
    from fusionbench.benchmark.export import export_degraded
    from fusionbench.console import plain_console

    details = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    chosen = choose_dataset(dataset, data, DRAWN, split=split, ir=ir, vi=vi, **details)
    console = plain_console()
    choice = chosen.tell(console)
    manifest, problems = export_degraded(
        choice, split_names(degradation), out, seed=seed, workers=workers, limit=limit, console=console
    )
    console.print(f"written: {manifest}", highlight=False, soft_wrap=True)
    return finish(console, problems)


def show_list(
    what: Literal["tables", "methods", "datasets", "degradations", "metrics", "protocols"],
    match: str = "",
    all: bool = False,  # noqa: A002 - the option's name
    format: Format = "text",  # noqa: A002
) -> int:
    """List methods, datasets, degradations, metrics or protocols.

    Args:
        what: which of them; `fusionbench list` alone says what there is.
        match: a pattern that names must fit, such as 'lure*'.
        all: show variants and ablations of methods, too.
        format: text fits the terminal; csv and json are for programs and hold everything.
    """
    from fusionbench.api.listing import LISTINGS, overview
    from fusionbench.console import plain_console
    from fusionbench.report.columns import show

    console = plain_console()
    if what == "tables":
        show(overview(), console, long="what", form=format)
        return DONE
    listing = LISTINGS[what]
    rows = listing.chosen(match, every=all or format != "text")
    if not rows:
        raise ValueError(f"--match {match!r} fits none of the {what}; fusionbench list {what} shows them")
    show(rows, console, long=listing.long, least=listing.least, cut=listing.cut, form=format)
    if format == "text" and listing.note and not (match or all):
        console.print(f"\n{listing.note}", style="dim", soft_wrap=True)
    return DONE


def _run(
    benchmark: Benchmark,
    out: Path,
    console: Console,
    *,
    wandb: Literal["offline", "online"] | None,
    strict: bool = False,
    **options: Any,
) -> int:
    from fusionbench.benchmark.preflight import check, settle

    # What is lacking is said at once; the import of torch alone takes seconds.
    methods, notices = settle(benchmark.methods, strict=strict, option=WEIGHTS)
    warn(console, *notices)
    benchmark = replace(benchmark, methods=methods)
    checked = check(benchmark, strict=strict, option=WEIGHTS)
    finish(console, checked.exceptions, label="n/a: ")
    finish(console, checked.problems)

    from fusionbench.benchmark.run import run as run_benchmark

    outcome = run_benchmark(benchmark, out, console=console, strict=strict, **options)
    _report(out, console)
    if wandb is not None:
        from fusionbench.report.wandb import publish

        if warning := publish(out, wandb):
            warn(console, warning)
    return finish(console, outcome.problems)


def _report(out: Path, console: Console) -> None:
    from fusionbench.report.pictures import draw_run
    from fusionbench.report.tables import read_results
    from fusionbench.report.text import show, write_report

    results = read_results(out)
    show(results.blocks, console)
    paths = [*write_report(out, results), *draw_run(out)]
    console.print("written: " + ", ".join(str(path) for path in paths), highlight=False, soft_wrap=True)


COMMANDS: dict[str, Any] = {
    "run": run,
    "fuse": fuse.fuse_images,
    "score": score,
    "degrade": degrade,
    "report": report,
    "list": show_list,
    "demo": demo,
    "data": data_commands.COMMANDS,
    "weights": weights_commands.COMMANDS,
    "train": train.train,
    "bench": bench.bench,
    "profile": bench.profile,
    "embed": embed.embed,
}
