"""Loading the inputs of a benchmark: the pairs of a dataset, a method with its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench import methods
from fusionbench.benchmark.score import CACHE_BYTES
from fusionbench.benchmark.spec import DatasetChoice, MethodChoice
from fusionbench.data import DATASETS, load
from fusionbench.data.pairs import Pairs
from fusionbench.data.sources.cache import CachedSource

if TYPE_CHECKING:
    from fusionbench.data.sources.base import Source
    from fusionbench.methods.method import Method


def load_pairs(choice: DatasetChoice, degradations: Sequence[str] = ("clean",), seed: int = 0) -> dict[str, Pairs]:
    """The pairs of a dataset by degradation: degraded on the fly, or as they are on disk.

    Args:
        degradations: specs; a dataset that is degraded on disk provides its pairs with that degradation.

    Raises:
        FileNotFoundError: the folder or its images are missing.
        ValueError: the files do not form pairs.
    """
    if DATASETS[choice.name].degraded:
        return {spec: Pairs(_source(choice, only=[spec]), seed=seed) for spec in degradations}
    source = _source(choice)
    return {spec: Pairs(source, spec, seed=seed) for spec in degradations}


def _source(choice: DatasetChoice, only: Sequence[str] | None = None) -> Source:
    source = load(
        choice.name,
        root=choice.root,
        split=choice.split,
        resize=choice.resize,
        ir_dir=choice.ir_dir,
        vi_dir=choice.vi_dir,
        names=choice.names,
        unmatched=choice.unmatched,
        ir_suffix=choice.ir_suffix,
        vi_suffix=choice.vi_suffix,
        only=only,
        reading=choice.reading,
    )
    return CachedSource(source, CACHE_BYTES)


def load_method(choice: MethodChoice, *, log: Path | None = None, timeout: float = 600.0) -> Method:
    """The method, in evaluation mode, with its weights: the files that were found for it, or those that it looks for.

    Args:
        log: log file for the output of a method's command.
        timeout: time limit of one call in seconds.

    Raises:
        FileNotFoundError: its weights or its folder of images are missing.
        ValueError: the file contains other weights.
    """
    options = {key: value for key in ("folder", "command") if (value := getattr(choice, key)) is not None}
    if choice.command is not None:
        options |= {"log": log, "timeout": timeout}
    files = None if choice.files is None else [file.path for file in choice.files]
    return methods.load(choice.name, weights=choice.weights, files=files, **options)
