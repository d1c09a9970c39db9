"""The main job: check everything, then fuse and score cell by cell, then report what is missing."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from fusionbench import methods
from fusionbench.benchmark.inputs import load_method, load_pairs
from fusionbench.benchmark.parallel import Notify, Shard, make_shards, run_in_processes
from fusionbench.benchmark.predict import fuse_cell
from fusionbench.benchmark.preflight import Preflight, check
from fusionbench.benchmark.restore import Restorer
from fusionbench.benchmark.results import INPUTS, REFERENCES, UNABLE, CellFolder, assign_order, cells_of
from fusionbench.benchmark.score import score_cell
from fusionbench.benchmark.score_file import OK
from fusionbench.benchmark.settings import (
    check_plugins,
    check_settings,
    drop_pictured,
    plugins_of,
    record_plugins,
    sources_of,
    with_files,
)
from fusionbench.benchmark.sources import Sources, listed
from fusionbench.benchmark.spec import ONE_DEVICE, Benchmark, Cell, Execution, MethodChoice, restorers_by_modality
from fusionbench.console import progress
from fusionbench.data.sources.base import digests
from fusionbench.files import exclusive, path_name, remove_unfinished
from fusionbench.images.files import write_image
from fusionbench.images.options import ImageWarning
from fusionbench.images.tensors import to_bytes
from fusionbench.methods.baselines.external import External
from fusionbench.methods.common.template import check_program
from fusionbench.version import __version__
from fusionbench.weights.read import WeightsWarning
from fusionbench.weights.store import WeightFile

if TYPE_CHECKING:
    from fusionbench.data.pairs import Pairs
    from fusionbench.methods.method import Method


LOGS, RESTORED = "logs", "restored"
"""Folders in the run's folder: output of external commands, and images after restoration commands."""

PICTURED = 2
"""Number of images of each dataset whose sources are kept for figures."""


@dataclass
class RunResult:
    """The result of a run.

    Attributes:
        out: the run's folder.
        problems: one sentence for each image or metric that is missing.
        exceptions: one sentence for each method with an unsupported degradation, whose cells stay empty.
    """

    out: Path
    problems: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)


def settings_of(benchmark: Benchmark, cell: Cell, weights: str, precision: str) -> dict[str, Any]:
    """The settings that make two results comparable; a folder holds results of a single set.

    The sources of the images belong to them, too, but are recorded in separate files: see `sources`.
    """
    return {
        "dataset": cell.dataset.name,
        **cell.dataset.settings,
        "degradation": cell.degradation,
        "spec": str(benchmark.parsed[cell.degradation]),
        "method": cell.method.name,
        "weights": weights,
        "folder": None if cell.method.folder is None else str(cell.method.folder.resolve()),
        "command": cell.method.command,
        "seed": benchmark.seed,
        "protocol": benchmark.protocol,
        "tile": benchmark.tile,
        "prompt": benchmark.prompt,
        "pre": list(benchmark.pre),
        "precision": precision,
        "version": __version__,
    }


def environment() -> dict[str, Any]:
    """Where numbers were computed: recorded with them, but not compared."""
    cuda = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(0) if cuda else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
    }


def run(
    benchmark: Benchmark,
    out: Path,
    *,
    execution: Execution = ONE_DEVICE,
    strict: bool = False,
    console: Console | None = None,
) -> RunResult:
    """Fuse and score every cell of a benchmark that is not complete yet.

    Args:
        out: the run's folder; an interrupted run with the same settings is resumed there.
        execution: the devices; images are divided among as many processes, with the same files as a result.
        strict: refuse to start if a metric cannot be computed, instead of leaving its column empty; if a method does
            not support a degradation, instead of leaving its cell empty; or if its weights are missing, instead of
            running its fallback with a warning.
        console: where progress is shown, if given.

    Raises:
        FileNotFoundError: a dataset, a weight file or a folder is missing; nothing has been run.
        ValueError: an input is invalid or the folder has other settings; nothing has been run. Or one of several
            processes was killed; the same call resumes the run.
    """
    benchmark, checked = check(benchmark, strict=strict)
    for notice in checked.notices:
        warnings.warn(notice, stacklevel=2)
    return run_checked(benchmark, checked, out, execution=execution, console=console)


def run_checked(
    benchmark: Benchmark,
    checked: Preflight,
    out: Path,
    *,
    execution: Execution = ONE_DEVICE,
    console: Console | None = None,
) -> RunResult:
    """As `run`, of what `preflight.check` gives, which takes no time and says more before torch is imported."""
    shards = make_shards(execution)
    job = _Job.open(benchmark, out, checked)
    with exclusive(out):
        return _run_job(job, shards, out, execution, console)


def _run_job(job: _Job, shards: Sequence[Shard], out: Path, execution: Execution, console: Console | None) -> RunResult:
    """Fuse and score the cells of a job in a folder that no other command writes into."""
    benchmark, checked = job.benchmark, job.checked
    folders = _claim(job, out, execution.precision, console)
    for cell, folder in zip(job.cells, folders, strict=True):
        # Several processes may have been interrupted before.
        folder.merge(job.names(cell), job.pairs_of(cell).source.names)
        checked.record(folder, cell.method.files or ())
        if why := checked.unable.get((cell.method.name, cell.degradation)):
            folder.update_meta({UNABLE: why})
            folder.scores.name_columns(benchmark.metrics)
        if folder.meta().get("images") != job.images(cell):
            folder.update_meta({"images": None})  # Until the cell is complete, its table covers the existing images.
    outcome = RunResult(out, checked.problems, checked.exceptions)
    for dataset, by_degradation in job.pairs.items():
        for degradation, pairs in by_degradation.items():
            keep_inputs(pairs, pairs.source.names[: benchmark.limit], out, dataset, degradation)
    with progress(console, 2 * sum(len(job.names(cell)) for cell in job.cells)) as (describe, done):

        def ended(place: int) -> None:
            cell, folder = job.cells[place], folders[place]
            names = job.names(cell)
            folder.merge(names, job.pairs_of(cell).source.names)
            folder.update_meta({"images": job.images(cell)})
            outcome.problems += problems(_label(cell), folder, names)
            begin(place + 1)

        def begin(place: int) -> None:
            if place < len(job.cells):
                describe(f"{place + 1}/{len(job.cells)} {_label(job.cells[place])}")

        begin(0)
        if len(shards) == 1:
            for place, (cell, folder) in enumerate(zip(job.cells, folders, strict=True)):
                job.fuse_and_score(cell, folder, shards[0], done)
                ended(place)
        else:
            job.methods.clear()  # Each process loads its own.
            work = partial(_run_shard, benchmark, out, checked)
            run_in_processes(work, shards, jobs=len(folders), done=done, ended=ended)
    return outcome


MethodKey = tuple[str, tuple[WeightFile, ...]]
"""A method with its weights, which may be others for each dataset and degradation."""


def _key(choice: MethodChoice) -> MethodKey:
    return choice.name, choice.files or ()


@dataclass(frozen=True)
class _Job:
    """All cells of a benchmark, with the pairs and methods of this process."""

    benchmark: Benchmark
    cells: list[Cell]
    pairs: dict[str, dict[str, Pairs]]
    methods: dict[MethodKey, Method]
    restore: Restorer | None
    checked: Preflight

    @classmethod
    def open(cls, benchmark: Benchmark, out: Path, checked: Preflight) -> _Job:
        opened = {each.name: load_pairs(each, benchmark.degradations, benchmark.seed) for each in benchmark.datasets}
        cells = list(benchmark.cells())
        # Without files are only those that cannot fuse a cell and have weights for each.
        used = {_key(cell.method): cell.method for cell in cells if cell.method.files is not None}
        loaded = {
            key: load_method(choice, log=out / LOGS / f"{choice.name}.txt", timeout=benchmark.timeout)
            for key, choice in used.items()
        }
        return cls(benchmark, cells, opened, loaded, _restorer(benchmark, out), checked)

    def weights_name(self, cell: Cell) -> str:
        """What results call the weights of a cell; empty without, also where the method cannot fuse it."""
        method = self.methods.get(_key(cell.method))
        return "" if method is None else methods.weights_name(method)

    def pairs_of(self, cell: Cell) -> Pairs:
        """All pairs of a cell."""
        return self.pairs[cell.dataset.name][cell.degradation]

    def names(self, cell: Cell) -> list[str]:
        """The requested pairs of a cell, in order."""
        return self.pairs_of(cell).source.names[: self.benchmark.limit]

    def images(self, cell: Cell) -> dict[str, int]:
        """The number of requested pairs of a cell, and of all its pairs."""
        return {"scored": len(self.names(cell)), "available": len(self.pairs_of(cell).source.names)}

    def fuse_and_score(self, cell: Cell, folder: CellFolder, shard: Shard, done: Notify) -> None:
        """Complete a process's shard of a cell, in separate files if there are several processes."""
        if (cell.method.name, cell.degradation) in self.checked.unable:
            done(2 * len(shard.of(len(self.names(cell)))))
            return
        pairs, names, method = self.pairs_of(cell), self.names(cell), self.methods[_key(cell.method)]
        if shard.processes > 1:
            own = shard.of(len(names))
            folder = folder.shard(shard.process, [names[index] for index in own])
            pairs = pairs.some(own)
        sources = digests(pairs.source, self.benchmark.limit)
        if isinstance(method, External) and method.folder is not None:
            sources = with_files(sources, method, str(self.benchmark.parsed[cell.degradation]))
        fuse_cell(
            method,
            pairs,
            folder,
            self.benchmark.selection,
            shard.execution,
            # Images that were made elsewhere already exist, whatever they were made from.
            restore=self.restore if cell.method.folder is None else None,
            sources=sources,
            done=done,
        )
        score_cell(
            pairs,
            folder,
            self.benchmark.metrics,
            self.benchmark.selection,
            protocol=self.benchmark.protocol,
            sources=sources,
            skip=self.checked.missing,
            done=done,
        )


def _run_shard(benchmark: Benchmark, out: Path, checked: Preflight, shard: Shard, done: Notify, reach: Notify) -> None:
    """The work of one of several processes: its images of every cell."""
    for kind in (ImageWarning, WeightsWarning):
        warnings.simplefilter("ignore", kind)  # The parent process has warned.
    job = _Job.open(benchmark, out, checked)
    for place, cell in enumerate(job.cells):
        reach(place)
        job.fuse_and_score(cell, CellFolder(out / cell.path), shard, done)
    reach(len(job.cells))


def _label(cell: Cell) -> str:
    return f"{cell.dataset.name}, {cell.degradation}, {cell.method.name}"


def _restorer(benchmark: Benchmark, out: Path) -> Restorer | None:
    commands = restorers_by_modality(benchmark.pre)
    if any(choice.folder is None for choice in benchmark.methods):
        for command in commands.values():
            check_program(command)
    return Restorer(commands, out / RESTORED, benchmark.timeout) if commands else None


def keep_inputs(pairs: Pairs, names: Sequence[str], out: Path, dataset: str, degradation: str) -> None:
    """Write the sources of the first images, so that figures can be drawn from the run's folder alone.

    The folder gets the images as the methods read them, and their clean references if known.
    """
    for index, name in enumerate(names[:PICTURED]):
        inputs = out / dataset / path_name(degradation) / INPUTS
        if (inputs / "vi" / f"{name}.png").exists():
            continue
        try:
            pair = pairs[index]
        except (ValueError, OSError):
            continue  # The cells record why the pair cannot be read.
        for modality, seen, clean in (
            ("ir", pair["ir"], pair.get("ir_clean", pair["ir"])),
            ("vi", pair["vi"], pair.get("vi_clean", pair["vi"])),
        ):
            write_image(out / dataset / REFERENCES / modality / f"{name}.png", to_bytes(clean))
            write_image(inputs / modality / f"{name}.png", to_bytes(seen))


def problems(label: str, folder: CellFolder, names: list[str]) -> list[str]:
    """One sentence for each image of a cell whose status is not 'ok'."""
    rows = folder.rows()
    return [f"{label}, {name}: {rows[name].status}" for name in names if name in rows and rows[name].status != OK]


def _claim(job: _Job, out: Path, precision: str, console: Console | None) -> list[CellFolder]:
    """The cells' folders, bound to their settings and sources.

    Raises:
        ValueError: they have results of other settings or sources; nothing has been written.
    """
    benchmark, changed = job.benchmark, {}
    now = {
        choice.name: sources_of(choice, [pairs.source for pairs in job.pairs[choice.name].values()], benchmark.limit)
        for choice in benchmark.datasets
    }
    before = {dataset: Sources.read(out / dataset) for dataset in now}
    for dataset, sources in now.items():
        changed[dataset] = sources.changed(before[dataset], out / dataset)
    there = cells_of(out)
    known = {cell.folder: cell for cell in there}
    folders = [known.get(out / cell.path) or CellFolder(out / cell.path) for cell in job.cells]
    settings = [settings_of(benchmark, cell, job.weights_name(cell), precision) for cell in job.cells]
    check_settings(there, list(zip(folders, settings, strict=True)))
    plugins = [plugins_of(cell.dataset.name, [cell.degradation], cell.method.name) for cell in job.cells]
    check_plugins(there, {what: origin for each in plugins for what, origin in each.items()})
    remove_unfinished(out)
    for folder, wanted, used in zip(folders, settings, plugins, strict=True):
        folder.bind_settings(wanted, environment())
        record_plugins(folder, used)
    assign_order(folders, there)
    for dataset, sources in now.items():
        if changed[dataset] and console is not None:
            names = listed(changed[dataset])
            console.print(f"{dataset}: sources have changed and are fused again: {names}")
        drop_pictured(out / dataset, changed[dataset])
        sources.write(out / dataset, before[dataset])
    return folders
