"""Checks before anything is fused: which weight files are missing, where they were searched, how to get them.

They need neither torch nor the network and are fast. A method without weights is replaced by its fallback, under the
fallback's name, or stops the run if it has none; a metric that cannot be computed becomes a column of '-' with the
reason. A strict run stops in either case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.spec import Benchmark, MethodChoice, restorers_by_modality
from fusionbench.methods import METHODS, find, spelled, varies, weight_files
from fusionbench.metrics import INPUT, METRICS
from fusionbench.metrics.pyiqa.preflight import find_files
from fusionbench.metrics.pyiqa.rows import pyiqa_name
from fusionbench.weights.card import PUBLISHED
from fusionbench.weights.checksums import sha256
from fusionbench.weights.entry import CellName
from fusionbench.weights.store import IN_PACKAGE, WeightFile, snapshots, verify

COMPUTED, MISSING, WEIGHTS = "metrics", "missing", "weights"
"""Entries of meta.json: the files of metrics, why other metrics are missing, the provenance of a method's weights."""

OPTION = "weights=FILE"
"""The Python argument for a weight file; the command line has its own option."""

HUB_FILES = ("model.safetensors", "pytorch_model.bin")
"""File names of model weights on Hugging Face."""


@dataclass(frozen=True)
class Preflight:
    """The result of the checks.

    Attributes:
        missing: why a metric cannot be computed here, by its name on the command line.
        metrics: package, version and hashes of the files of a metric, likewise.
        unable: why a method cannot fuse images with a degradation, by method and spec.
        notices: one sentence for each method whose fallback runs.
    """

    missing: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unable: Mapping[tuple[str, str], str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        """One sentence for each metric that cannot be computed."""
        return list(self.missing.values())

    @property
    def exceptions(self) -> list[str]:
        """One sentence for each method with an unsupported degradation."""
        return [f"{method}, {spec}: {why}" for (method, spec), why in self.unable.items()]

    def record(self, folder: CellFolder, files: Sequence[WeightFile] = ()) -> None:
        """Record in a cell the files behind its images and scores; records of other metrics are kept.

        Args:
            files: weight files of its method; those that differ from the published ones are recorded.

        Raises:
            ValueError: it has scores that were computed with other files.
        """
        meta = folder.meta()
        known: dict[str, Any] = meta.get(COMPUTED, {})
        for name in sorted(known.keys() & self.metrics.keys()):
            scored = any(name in row.values for row in folder.rows().values())
            if scored and known[name] != self.metrics[name]:
                raise ValueError(
                    f"{folder.folder} holds {name} of {_brief(known[name])}, now it would be of "
                    f"{_brief(self.metrics[name])}; choose another --out"
                )
        metrics = {**known, **self.metrics}
        missing = {name: why for name, why in {**meta.get(MISSING, {}), **self.missing}.items() if name not in metrics}
        weights = {
            path.name: f"{sha256(path)}, {provenance}"
            for path, provenance in files
            if provenance not in ("", PUBLISHED, IN_PACKAGE)
        }
        entries = {COMPUTED: metrics, MISSING: missing, WEIGHTS: weights}
        folder.update_meta({key: dict(value) for key, value in entries.items() if value or key in meta})


def _brief(identity: Mapping[str, Any]) -> str:
    if "plugin" in identity:
        return f"plugin {identity['plugin']}"
    files = ", ".join(f"{name}@{digest[:8]}" for name, digest in identity["files"].items())
    return f"pyiqa {identity['version']} with {files or 'no files'}"


def settle(
    choices: Sequence[MethodChoice],
    *,
    strict: bool = False,
    option: str = OPTION,
    cells: Mapping[str, Sequence[CellName]] | None = None,
) -> tuple[tuple[MethodChoice, ...], list[str]]:
    """The methods that will run, with their weight files, which are located and verified once, here.

    A method whose weights are missing is replaced by its fallback, unless a file was given for it. A fallback that was
    also chosen runs once.

    Args:
        strict: refuse a method whose weights are missing.
        option: the caller's option for a weight file.
        cells: the datasets and degradations that a method is to fuse, by its name, if there are any.

    Returns:
        The methods, and one sentence for each fallback.

    Raises:
        FileNotFoundError: files are missing; the message names all of them and how to get them.
        ValueError: a name is unknown, or a file differs from the published one.
    """
    choices = [replace(choice, name=spelled(choice.name)) for choice in choices]
    chosen = {choice.name for choice in choices}
    found = list[tuple[MethodChoice, list[Path]]]()
    notices, missing = list[str](), list[str]()
    for choice in choices:
        name, own = choice.name, (cells or {}).get(choice.name, ())
        if own and varies(name, choice.weights, own):
            by_cell = _by_cell(choice, own, option.format(name=name), missing)
            found.append((replace(choice, by_cell=by_cell), []))
            continue
        try:
            name, files, notice = find(name, choice.weights, strict=strict, option=option.format(name=name))
        except FileNotFoundError as error:
            missing.append(str(error))
        else:
            notices += [notice] * bool(notice)
            if not notice or name not in chosen:
                found.append((replace(choice, name=name), files))
        missing += _missing_models(name)
    if missing:
        raise FileNotFoundError("; ".join(missing))
    return tuple(
        choice if choice.by_cell else replace(choice, files=_verified(choice.name, files)) for choice, files in found
    ), notices


def _by_cell(
    choice: MethodChoice, cells: Sequence[CellName], option: str, missing: list[str]
) -> dict[tuple[str, str], tuple[WeightFile, ...]]:
    """The weight files of a method for each dataset and degradation; what is missing is added to a list."""
    found = dict[tuple[str, str], tuple[WeightFile, ...]]()
    for cell in cells:
        try:
            found[cell] = _verified(choice.name, weight_files(choice.name, choice.weights, option=option, cell=cell))
        except FileNotFoundError as error:
            missing.append(str(error))
    return found


def _missing_models(name: str) -> list[str]:
    """One sentence for each missing Hugging Face model that a method is built on."""
    return [
        f"{name!r} needs {repository} from Hugging Face, searched at "
        f"{' and '.join(map(str, snapshots(repository)))}: hf download {repository}"
        for repository in METHODS[name].backbones
        if not any(_holds_model(folder) for folder in snapshots(repository))
    ]


def _holds_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any((folder / file).is_file() for file in HUB_FILES)


def _verified(name: str, files: Sequence[Path]) -> tuple[WeightFile, ...]:
    parts = zip(METHODS[name].weights, files, strict=True)
    return tuple(WeightFile(path, verify(name, part, path)) for part, path in parts)


def check(benchmark: Benchmark, *, strict: bool = False, option: str = OPTION) -> tuple[Benchmark, Preflight]:
    """Check everything that a benchmark needs.

    Args:
        strict: refuse to start if a metric cannot be computed, a method does not support a degradation, or its weights
            are missing.
        option: as for `settle`.

    Returns:
        The benchmark with the methods that will run, and the result of the checks.

    Raises:
        FileNotFoundError: a method's files are missing, or, if strict, a metric cannot be computed; the message names
            everything that is missing.
        ValueError: a method's file differs from the published one, or, if strict, a method does not support a
            degradation.
    """
    checked = check_metrics(benchmark.metrics)
    try:
        methods, notices = settle(benchmark.methods, strict=strict, option=option, cells=_cells(benchmark))
    except FileNotFoundError as error:
        raise FileNotFoundError("; ".join([str(error), *checked.problems])) from error
    if strict and checked.missing:
        raise FileNotFoundError("; ".join(checked.problems))
    benchmark = replace(benchmark, methods=methods)
    checked = replace(checked, unable=unable_of(benchmark), notices=tuple(notices))
    if strict and checked.unable:
        raise ValueError("; ".join(checked.exceptions))
    return benchmark, checked


def _cells(benchmark: Benchmark) -> dict[str, list[CellName]]:
    """What each method can fuse of a benchmark: its datasets and degradations."""
    unable = unable_of(benchmark)
    return {
        choice.name: [
            CellName(dataset.name, spec)
            for dataset in benchmark.datasets
            for spec in benchmark.degradations
            if (choice.name, spec) not in unable
        ]
        for choice in benchmark.methods
    }


def unable_of(benchmark: Benchmark) -> dict[tuple[str, str], str]:
    """Why methods cannot fuse images with a degradation, by method and spec; supported ones are left out."""
    restored = restorers_by_modality(benchmark.pre)
    found = {
        (choice.name, spec): METHODS[choice.name].unable(degradation.without(restored))
        for choice in benchmark.methods
        for spec, degradation in benchmark.parsed.items()
    }
    return {key: why for key, why in found.items() if why}


def check_metrics(names: Sequence[str]) -> Preflight:
    """Find out which metrics can be computed here.

    Args:
        names: as on the command line.
    """
    missing: dict[str, str] = {}
    identities: dict[str, dict[str, Any]] = {}
    for name in names:
        bare = name.removesuffix(INPUT).partition("@")[0]
        if origin := METRICS.origin(bare):
            identities[name] = {"plugin": origin}
            continue
        metric = pyiqa_name(bare)
        if not metric:
            continue
        try:
            identities[name] = find_files(metric, bare).identity()
        except (ImportError, OSError, ValueError) as error:
            missing[name] = str(error)
    return Preflight(missing, identities)
