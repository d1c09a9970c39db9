"""Before anything is fused: which weight files are lacking, where they were looked for, and how to get them.

Needs no torch and no network, and takes a moment. A method without its weights is replaced by its fallback, under the
fallback's name, or stops the run where it has none; a lacking score becomes a column of '-' with its reason. A strict
run stops in either case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.spec import Benchmark, MethodChoice, restorers_by_modality
from fusionbench.degradations import parse
from fusionbench.methods import METHODS, fallback, fallback_notice, lacking, spelled, weight_files
from fusionbench.metrics import INPUT
from fusionbench.metrics.pyiqa.preflight import find_files
from fusionbench.metrics.pyiqa.rows import pyiqa_name
from fusionbench.weights.card import PUBLISHED
from fusionbench.weights.checksums import sha256
from fusionbench.weights.store import IN_PACKAGE, snapshots, verify

METRICS, MISSING, WEIGHTS = "metrics", "missing", "weights"
"""Entries of meta.json: what scores were computed with, why others were not, what speaks for a method's files."""

OPTION = "weights=FILE"
"""How Python spells the option that names a weight file; the command line has its own."""

HUB_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of a model's numbers on Hugging Face."""


@dataclass(frozen=True)
class Preflight:
    """What a run may count on.

    Attributes:
        missing: why a score cannot be computed here, by its name on the command line.
        metrics: package, version and hashes of the files behind a score, likewise.
        weights: files of each method that are not the published ones, with what speaks for them.
        unable: why a method cannot fuse images that are so degraded, by its name and the spec.
    """

    missing: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unable: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """One sentence for each score that cannot be computed."""
        return list(self.missing.values())

    @property
    def exceptions(self) -> list[str]:
        """One sentence for each method and degradation that do not go together."""
        return [f"{method}, {spec}: {why}" for (method, spec), why in self.unable.items()]

    def record(self, folder: CellFolder, method: str = "") -> None:
        """Tell a cell what its scores are computed with; what it knows of other scores is kept.

        Raises:
            ValueError: it holds scores that were computed with other files.
        """
        meta = folder.meta()
        known: dict[str, Any] = meta.get(METRICS, {})
        for name in sorted(known.keys() & self.metrics.keys()):
            scored = any(name in row.values for row in folder.rows().values())
            if scored and known[name] != self.metrics[name]:
                raise ValueError(
                    f"{folder.folder} holds {name} of {_brief(known[name])}, now it would be of "
                    f"{_brief(self.metrics[name])}; choose another --out"
                )
        metrics = {**known, **self.metrics}
        missing = {name: why for name, why in {**meta.get(MISSING, {}), **self.missing}.items() if name not in metrics}
        entries = {METRICS: metrics, MISSING: missing, WEIGHTS: self.weights.get(method, {})}
        folder.update_meta({key: dict(value) for key, value in entries.items() if value or key in meta})


def _brief(identity: Mapping[str, Any]) -> str:
    files = ", ".join(f"{name}@{digest[:8]}" for name, digest in identity["files"].items())
    return f"pyiqa {identity['version']} with {files or 'no files'}"


def settle(
    choices: Sequence[MethodChoice], *, strict: bool = False, option: str = OPTION
) -> tuple[tuple[MethodChoice, ...], list[str]]:
    """The methods that will run: those whose own weights are missing give way to their fallbacks.

    A method with a file of its own choice never falls back, and a fallback that was chosen as well runs once.

    Args:
        strict: leave every method as it is.
        option: how the caller spells the option that names a weight file.

    Returns:
        The methods, and one sentence for each that fell back.

    Raises:
        ValueError: a name is unknown.
    """
    choices = [replace(one, name=spelled(one.name)) for one in choices]
    if strict:
        return tuple(choices), []
    small = {one.name: name for one in choices if (name := fallback(one.name, one.weights))}
    chosen = {one.name for one in choices}
    settled = [replace(one, name=small.get(one.name, one.name)) for one in choices if small.get(one.name) not in chosen]
    return tuple(settled), [fallback_notice(name, option.format(name=name)) for name in small]


def settle_one(choice: MethodChoice, *, strict: bool = False, option: str = OPTION) -> tuple[MethodChoice, list[str]]:
    """As `settle` for a single method, whose weights must then be here.

    Raises:
        FileNotFoundError: they are missing, and the method has no fallback or `strict` forbids it.
    """
    (settled,), notices = settle([choice], strict=strict, option=option)
    require([settled], option=option)
    return settled, notices


def require(choices: Sequence[MethodChoice], *, option: str = OPTION) -> None:
    """Check that the weights of methods are here.

    Raises:
        FileNotFoundError: some are missing; the message names all of them and the ways to get them.
    """
    if missing := [sentence for choice in choices for sentence in _lacking(choice, option)]:
        raise FileNotFoundError("; ".join(missing))


def check(benchmark: Benchmark, *, strict: bool = False, option: str = OPTION) -> Preflight:
    """Look for every weight file that a benchmark needs.

    Args:
        strict: refuse to start where a score cannot be computed, or a method cannot fuse what is degraded so.
        option: as for `settle`.

    Raises:
        FileNotFoundError: a method's files are missing, or, if strict, a score cannot be computed; the message names
            everything that is missing.
        ValueError: a method's file is not the published one; or, if strict, a method cannot fuse what is degraded so.
    """
    unable = unable_of(benchmark)
    missing = [sentence for choice in benchmark.methods for sentence in _lacking(choice, option)]
    checked = check_metrics(benchmark.metrics)
    if missing or (strict and checked.missing):
        raise FileNotFoundError("; ".join([*missing, *checked.problems]))
    weights = {choice.name: _unpublished(choice) for choice in benchmark.methods}
    found = Preflight(checked.missing, checked.metrics, weights, unable)
    if strict and unable:
        raise ValueError("; ".join(found.exceptions))
    return found


def unable_of(benchmark: Benchmark) -> dict[tuple[str, str], str]:
    """Why methods cannot fuse images that are so degraded, by method and spec; those that can are left out."""
    restored = restorers_by_modality(benchmark.pre)
    found = {
        (choice.name, spec): METHODS[choice.name].unable(parse(spec).without(restored))
        for choice in benchmark.methods
        for spec in benchmark.degradations
    }
    return {key: why for key, why in found.items() if why}


def check_metrics(names: Sequence[str]) -> Preflight:
    """Find out which scores can be computed here.

    Args:
        names: as on the command line.
    """
    missing: dict[str, str] = {}
    identities: dict[str, dict[str, Any]] = {}
    for name in names:
        bare = name.removesuffix(INPUT).partition("@")[0]
        metric = pyiqa_name(bare)
        if not metric:
            continue
        try:
            identities[name] = find_files(metric, bare).identity()
        except (ImportError, OSError, ValueError) as error:
            missing[name] = str(error)
    return Preflight(missing, identities)


def _lacking(choice: MethodChoice, option: str) -> list[str]:
    sentence = lacking(choice.name, choice.weights, option=option.format(name=choice.name))
    return [sentence] * bool(sentence) + [
        f"{choice.name!r} lacks {repository} of Hugging Face, searched at "
        f"{' and '.join(map(str, snapshots(repository)))}: hf download {repository}"
        for repository in METHODS[choice.name].backbones
        if not any(_holds_model(folder) for folder in snapshots(repository))
    ]


def _holds_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any((folder / file).is_file() for file in HUB_FILES)


def _unpublished(choice: MethodChoice) -> dict[str, str]:
    parts = zip(METHODS[choice.name].weights, weight_files(choice.name, choice.weights), strict=True)
    spoken = [(path, verify(choice.name, part, path)) for part, path in parts]
    return {path.name: f"{sha256(path)}, {how}" for path, how in spoken if how not in ("", PUBLISHED, IN_PACKAGE)}
