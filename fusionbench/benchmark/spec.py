"""What to run and how: datasets x degradations x methods x metrics, from a command line or a YAML file.

Every name is looked up when a value is created, so that a typo is reported at once, and is stored as the tables spell
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from fusionbench.data import DATASETS
from fusionbench.data.table import check_limit
from fusionbench.degradations import Degradation, parse
from fusionbench.files import digest_of, path_name
from fusionbench.images.options import AS_STORED, ReadOptions
from fusionbench.methods import METHODS
from fusionbench.methods.common.template import check_template
from fusionbench.metrics import INPUT, PROTOCOLS, canonical, choose
from fusionbench.registry import lookup
from fusionbench.weights.store import WeightFile

LEAST_TILE = 128
"""Smallest side of tiles in pixels: twice their overlap."""

PRECISIONS = {"16": "16-mixed", "32": "32-true", "64": "64-true", "bf16": "bf16-mixed"}
"""Lightning's names of precisions by their aliases."""

OTHER_PRECISIONS = ("16-true", "bf16-true", "transformer-engine", "transformer-engine-float16")


def restorers_by_modality(pre: Iterable[str]) -> dict[str, str]:
    """The restoration command of each modality from 'vi:COMMAND' entries.

    Raises:
        ValueError: an entry has another form, its command has placeholders other than {in} and {out} or an open quote,
            or it repeats a modality.
    """
    commands: dict[str, str] = {}
    for entry in pre:
        modality, colon, command = entry.partition(":")
        if modality not in ("ir", "vi") or not colon:
            raise ValueError(f"--pre {entry!r} does not say which images it restores; write ir:COMMAND or vi:COMMAND")
        try:
            check_template(command, ("in", "out"))
        except ValueError as error:
            raise ValueError(f"--pre: {error}; write for example '{modality}:restore {{in}} {{out}}'") from error
        if modality in commands:
            raise ValueError(f"--pre gives two commands for {modality!r}; combine them in a script")
        commands[modality] = command.strip()
    return commands


def check_tile(tile: int) -> None:
    """Refuse tiles that are too small to overlap.

    Raises:
        ValueError: they are too small.
    """
    if tile and tile < LEAST_TILE:
        raise ValueError(f"tile is {tile}; it must be 0 (whole images) or at least {LEAST_TILE} pixels")


def check_timeout(timeout: float) -> None:
    """Refuse a time limit that is not positive.

    Raises:
        ValueError: it is not positive.
    """
    if timeout <= 0:
        raise ValueError(f"timeout is {timeout:g}; it must be above 0 seconds")


@dataclass(frozen=True)
class Selection:
    """Which pairs of a dataset are fused and scored, and the hints given to methods.

    Attributes:
        limit: at most this many pairs, the first ones; None for all.
        seed: seed of degradations and methods, together with the image's name.
        tile: side of the tiles that a method fuses at a time, in pixels; 0 fuses whole images.
        prompt: a description of the degradation in words, for methods that read text.
        degradation: the degradation as a spec; by default methods get the dataset's.

    Raises:
        ValueError: no images are left, or tiles are too small to overlap.
    """

    limit: int | None = None
    seed: int = 0
    tile: int = 0
    prompt: str | None = None
    degradation: str | None = None

    def __post_init__(self) -> None:
        check_limit(self.limit)
        check_tile(self.tile)


ALL_PAIRS = Selection()


@dataclass(frozen=True)
class Execution:
    """How the work is done: devices, processes and precision.

    Only the precision changes results.

    Attributes:
        batch_size: images of equal size that a method fuses at a time on a GPU; a CPU fuses them one by one.
        workers: processes per device that read and degrade images.
        accelerator: Lightning's accelerator (auto, cpu, gpu).
        devices: number or list of devices; on a CPU, number of processes. Each takes a part of the images.
        precision: Lightning's precision (32-true, 16-mixed, bf16-mixed), in its canonical name.

    Raises:
        ValueError: a number is out of range.
    """

    batch_size: int = 1
    workers: int = 0
    accelerator: str = "auto"
    devices: int | str | Sequence[int] = 1
    precision: str = "32-true"

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"the batch size is {self.batch_size}; it must be 1 or more")
        if self.workers < 0:
            raise ValueError(f"workers is {self.workers}; it must be 0 (only this process) or more")
        precision = PRECISIONS.get(str(self.precision), str(self.precision))
        known = (*PRECISIONS.values(), *OTHER_PRECISIONS)
        if precision not in known:
            raise ValueError(f"precision is {precision!r}; it must be one of {', '.join(known)}")
        object.__setattr__(self, "precision", precision)


ONE_DEVICE = Execution()


@dataclass(frozen=True)
class DatasetChoice:
    """Which pairs of which dataset.

    Attributes:
        root: the dataset's folder; None if it needs none or is in the default data folder.
        ir_dir: folder of infrared images, for the dataset `folder`.
        vi_dir: folder of visible images, for the dataset `folder`.
        resize: bring infrared images to the size of the visible ones where they differ.
        unmatched: whether images without a partner are refused or left out.
        names: file with the names of the pairs to use; all without.
        ir_suffix: what infrared names have behind the name of their pair, or a pattern of them.
        vi_suffix: the same of visible names.
        reading: how infrared files are read where they leave it open.
    """

    name: str
    root: Path | None = None
    split: str = "test"
    ir_dir: Path | None = None
    vi_dir: Path | None = None
    resize: bool = False
    unmatched: Literal["refuse", "skip"] = "refuse"
    names: Path | None = None
    ir_suffix: str = ""
    vi_suffix: str = ""
    reading: ReadOptions = AS_STORED

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", lookup("dataset", self.name, DATASETS))

    @property
    def settings(self) -> dict[str, Any]:
        """What of it results depend on beside the images themselves, as JSON has it."""
        names = None if self.names is None else digest_of([self.names])[:12]
        return {"split": self.split, "resize": self.resize, "names": names, **self.reading.settings}


@dataclass(frozen=True)
class MethodChoice:
    """Which method, with which weights or folder of outputs.

    Attributes:
        weights: a weight file instead of the one found by the method's card.
        folder: fused images made elsewhere, for external methods.
        command: a command template that creates them.
        files: its weight files, once `preflight.settle` has found and verified them.
        by_cell: likewise where they depend on dataset and degradation, by these.
    """

    name: str
    weights: Path | None = None
    folder: Path | None = None
    command: str | None = None
    files: tuple[WeightFile, ...] | None = None
    by_cell: Mapping[tuple[str, str], tuple[WeightFile, ...]] = field(default_factory=dict, hash=False)

    def of_cell(self, dataset: str, degradation: str) -> MethodChoice:
        """The method with the weights that it has for a dataset and a degradation."""
        return replace(self, files=self.by_cell.get((dataset, degradation), self.files), by_cell={})


@dataclass(frozen=True)
class Cell:
    """One method on one degraded dataset."""

    dataset: DatasetChoice
    degradation: str
    method: MethodChoice

    @property
    def path(self) -> Path:
        """The cell's folder below the run's folder."""
        return Path(self.dataset.name) / path_name(self.degradation) / path_name(self.method.name)


@dataclass(frozen=True)
class Benchmark:
    """Datasets x degradations x methods, and the metrics of each.

    Attributes:
        degradations: specs; results and tables show them as written, in lower case.
        metrics: names as written by the user; `@protocol` selects a variant, `@input` the degraded references.
        protocol: the protocol of metrics without their own.
        seed: seed of degradations and methods, together with the image's name.
        limit: at most this many pairs of each dataset; the table is then marked partial.
        tile: side of the tiles that a method fuses at a time, in pixels; 0 fuses whole images.
        pre: restoration commands to run before fusion, by modality ('vi:COMMAND').
        timeout: time limit in seconds for one call of an external or restoration command.
        prompt: a description of the degradation in words, for methods that read text.
        selection: limit, seed, tile and prompt as one value.
        parsed: the degradation of each spec.

    Raises:
        ValueError: a name is unknown or a list is empty.
    """

    datasets: tuple[DatasetChoice, ...]
    degradations: tuple[str, ...]
    methods: tuple[MethodChoice, ...]
    metrics: tuple[str, ...]
    protocol: str = "exact"
    name: str = "run"
    seed: int = 0
    limit: int | None = None
    tile: int = 0
    pre: tuple[str, ...] = ()
    timeout: float = 600.0
    prompt: str | None = None
    selection: Selection = field(init=False, repr=False, compare=False)
    parsed: Mapping[str, Degradation] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for what in ("datasets", "degradations", "methods"):
            if not getattr(self, what):
                raise ValueError(f"the benchmark {self.name!r} has no {what}; give at least one")
        found = tuple(replace(method, name=lookup("method", method.name, METHODS)) for method in self.methods)
        object.__setattr__(self, "methods", found)
        # Codes and parameters of degradations are lower case; the rest of a spec is kept as written.
        object.__setattr__(self, "degradations", tuple(spec.lower() for spec in self.degradations))
        object.__setattr__(self, "parsed", {spec: parse(spec) for spec in self.degradations})
        object.__setattr__(self, "metrics", tuple(canonical(metric) for metric in self.metrics))
        object.__setattr__(self, "protocol", lookup("protocol", self.protocol, PROTOCOLS))
        for metric in self.metrics:
            choose(metric.removesuffix(INPUT), self.protocol)
        object.__setattr__(self, "selection", Selection(self.limit, self.seed, self.tile, self.prompt))
        check_timeout(self.timeout)
        restorers_by_modality(self.pre)
        self._check_repeats()

    def _check_repeats(self) -> None:
        named = {
            "dataset": [dataset.name for dataset in self.datasets],
            "degradation": [str(self.parsed[spec]) for spec in self.degradations],
            "method": [method.name for method in self.methods],
            "metric": list(self.metrics),
        }
        for what, names in named.items():
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what} {twice[0]!r} is given twice")

    def cells(self) -> Iterator[Cell]:
        """Every cell, in the order in which they are run."""
        for dataset in self.datasets:
            for degradation in self.degradations:
                for method in self.methods:
                    yield Cell(dataset, degradation, method.of_cell(dataset.name, degradation))
