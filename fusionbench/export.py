"""Degraded test sets on disk, with a manifest that says how to make them again."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from torch.utils.data import DataLoader, Dataset

from fusionbench.benchmark import DatasetChoice
from fusionbench.degradations import parse
from fusionbench.images.files import write_image
from fusionbench.images.tensors import to_bytes
from fusionbench.progress import progress
from fusionbench.results import path_name, sha256_of
from fusionbench.scoring import open_pairs
from fusionbench.version import __version__

if TYPE_CHECKING:
    from fusionbench.data.pairs import Pairs

COLUMNS = (
    "degradation", "name", "ir", "vi", "ir_sha256", "vi_sha256",
    "ir_scale", "vi_scale", "dataset", "split", "seed", "version",
)  # fmt: skip


def export_degraded(
    choice: DatasetChoice,
    degradations: Sequence[str],
    folder: Path,
    *,
    seed: int = 0,
    workers: int = 0,
    limit: int | None = None,
    console: Console | None = None,
) -> tuple[Path, list[str]]:
    """Write `<folder>/<degradation>/{ir,vi}/<name>.png` and `<folder>/manifest.csv`.

    Args:
        workers: processes that read, degrade and write; the bytes do not depend on how many.

    Returns:
        The manifest, and one sentence per pair that could not be written.

    Raises:
        FileNotFoundError: the data set is missing.
        ValueError: a spec is wrong.
    """
    degradations = [spec.lower() for spec in degradations]
    for spec in degradations:
        parse(spec)
    opened = open_pairs(choice, degradations, seed)
    folder.mkdir(parents=True, exist_ok=True)
    manifest, problems = folder / "manifest.csv", []
    total = sum(len(pairs.source.names[:limit]) for pairs in opened.values())
    with manifest.open("w", encoding="utf-8", newline="") as stream, progress(console, total) as (describe, done):
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for spec, pairs in opened.items():
            describe(spec)
            shared = {"dataset": choice.name, "split": choice.split, "seed": seed, "version": __version__}
            for record in _written(pairs, folder, spec, limit, workers):
                done(1)
                if isinstance(record, str):
                    problems.append(record)
                else:
                    writer.writerow(record | shared)
    return manifest, problems


class _Writing(Dataset[Any]):
    """Reading an item degrades a pair and writes it; what comes back is its line of the manifest, or the reason."""

    def __init__(self, pairs: Pairs, folder: Path, spec: str, limit: int | None) -> None:
        self.pairs, self.folder, self.spec = pairs, folder, spec
        self.count = len(pairs.source.names[:limit])

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any] | str:
        name = self.pairs.source.names[index]
        try:
            pair = self.pairs[index]
        except (ValueError, OSError) as error:
            return f"{self.spec}, {name}: {error}"
        record: dict[str, Any] = {"degradation": self.spec, "name": name}
        for modality, image in (("ir", pair["ir"]), ("vi", pair["vi"])):
            path = Path(path_name(self.spec)) / modality / f"{name}.png"
            write_image(self.folder / path, to_bytes(image))
            record |= {modality: path.as_posix(), f"{modality}_sha256": sha256_of(self.folder / path)}
        return record | {"ir_scale": pair["ir_scale"], "vi_scale": pair["vi_scale"]}


def _written(pairs: Pairs, folder: Path, spec: str, limit: int | None, workers: int) -> Iterator[dict[str, Any] | str]:
    yield from DataLoader(_Writing(pairs, folder, spec, limit), batch_size=None, num_workers=workers)
