"""Before anything is fused: which weight files are lacking, where they were looked for, and how to get them.

Needs no torch and no network, and takes a moment. A lacking method stops the run; a lacking score becomes a column of
'-' with its reason, unless the run is strict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.benchmark import Benchmark, MethodChoice
from fusionbench.methods import METHODS, weight_files
from fusionbench.metrics import INPUT
from fusionbench.metrics.opinions import pyiqa_name
from fusionbench.metrics.readiness import ready
from fusionbench.results import CellFolder
from fusionbench.weights import PUBLISHED, find, sha256, snapshots, verify

METRICS, MISSING, WEIGHTS = "metrics", "missing", "weights"
"""Entries of meta.json: what scores were computed with, why others were not, what speaks for a method's files."""


HUB_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of a model's numbers on Hugging Face."""


@dataclass(frozen=True)
class Preflight:
    """What a run may count on.

    Attributes:
        missing: why a score cannot be computed here, by its name on the command line.
        metrics: package, version and hashes of the files behind a score, likewise.
        weights: files of each method that are not the published ones, with what speaks for them.
    """

    missing: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """One sentence for each score that cannot be computed."""
        return list(self.missing.values())

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
        folder.note({key: dict(value) for key, value in entries.items() if value or key in meta})


def _brief(identity: Mapping[str, Any]) -> str:
    files = ", ".join(f"{name}@{digest[:8]}" for name, digest in identity["files"].items())
    return f"pyiqa {identity['version']} with {files or 'no files'}"


def check(benchmark: Benchmark, *, strict: bool = False) -> Preflight:
    """Look for every weight file that a benchmark needs.

    Args:
        strict: refuse to start where a score cannot be computed.

    Raises:
        FileNotFoundError: a method's files are missing, or, if strict, a score cannot be computed; the message names
            everything that is missing.
        ValueError: a method's file is not the published one.
    """
    lacking = [sentence for choice in benchmark.methods for sentence in _lacking(choice)]
    checked = check_metrics(benchmark.metrics)
    if lacking or (strict and checked.missing):
        raise FileNotFoundError("; ".join([*lacking, *checked.problems]))
    weights = {choice.name: _unpublished(choice) for choice in benchmark.methods}
    return Preflight(checked.missing, checked.metrics, weights)


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
            identities[name] = ready(metric, bare).identity()
        except (ImportError, OSError, ValueError) as error:
            missing[name] = str(error)
    return Preflight(missing, identities)


def _lacking(choice: MethodChoice) -> list[str]:
    sentences = []
    for part in METHODS[choice.name].weights:
        try:
            find(choice.name, part, choice.weights)
        except FileNotFoundError as error:
            sentences.append(str(error))
    return sentences + [
        f"{choice.name!r} lacks {repository} of Hugging Face, looked for at "
        f"{' and '.join(map(str, snapshots(repository)))}: hf download {repository}"
        for repository in METHODS[choice.name].backbones
        if not any(_holds_model(folder) for folder in snapshots(repository))
    ]


def _holds_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any((folder / file).is_file() for file in HUB_FILES)


def _unpublished(choice: MethodChoice) -> dict[str, str]:
    parts = zip(METHODS[choice.name].weights, weight_files(choice.name, choice.weights), strict=True)
    spoken = [(path, verify(choice.name, part, path)) for part, path in parts]
    return {path.name: f"{sha256(path)}, {how}" for path, how in spoken if how and how != PUBLISHED}
