"""Measured means that come with the package, in `benchmarks/measured/*.csv`: one line per cell of a run and metric.

A line is identified by what was measured (dataset, split, degradation, seed, protocol, method, metric) and records
weights, versions, date and images. `make measured` updates the files from runs.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fusionbench.degradations import parse
from fusionbench.files import write_atomically
from fusionbench.weights.card import MODEL
from fusionbench.weights.checksums import digest8
from fusionbench.weights.store import PRETRAINED

Key = tuple[str, str, str, int, str, str, str]
"""(dataset, split, degradation, seed, protocol, method, metric)."""


@dataclass(frozen=True)
class Measurement:
    """The mean of one metric over the images of one cell.

    Attributes:
        dataset: a name in DATASETS.
        split: split of the dataset.
        degradation: spec in canonical form.
        seed: seed of the degradation.
        protocol: a name in PROTOCOLS, for metrics without their own.
        method: a name in METHODS.
        weights: `<method>@<8 hex of sha256>`; empty for methods without.
        metric: name as on the command line.
        mean: mean over the images with a value.
        std: their standard deviation (n - 1); 0 for a single image.
        images: number of these images.
        image_set: a hash of their names: equal for the same images.
        version: version of fusionbench.
        torch: version of torch.
        date: when it was measured, YYYY-MM-DD.
    """

    dataset: str
    split: str
    degradation: str
    seed: int
    protocol: str
    method: str
    weights: str
    metric: str
    mean: float
    std: float
    images: int
    image_set: str
    version: str
    torch: str
    date: str

    @property
    def key(self) -> Key:
        """What was measured."""
        return (self.dataset, self.split, self.degradation, self.seed, self.protocol, self.method, self.metric)

    @property
    def outdated(self) -> bool:
        """Whether its method's weights come with the package but have changed since."""
        path = PRETRAINED / self.method / MODEL
        return path.is_file() and self.weights != f"{self.method}@{digest8(path)}"


COLUMNS = tuple(field.name for field in fields(Measurement))


def image_set(names: Iterable[str]) -> str:
    """Eight hex digits that identify a set of image names.

    Example:
        >>> image_set(["b", "a"]) == image_set(["a", "b"])
        True
    """
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:8]


def read_measured(folder: Path) -> list[Measurement]:
    """Read the lines of all files in a folder.

    Raises:
        ValueError: a line is invalid, or two lines have the same key.
    """
    found: dict[Key, Path] = {}
    lines: list[Measurement] = []
    for path in sorted(folder.glob("*.csv")):
        for line in read_file(path):
            if line.key in found:
                where = " and ".join(sorted({str(found[line.key]), str(path)}))
                raise ValueError(f"{where} give {', '.join(map(str, line.key))} twice; keep one of the lines")
            found[line.key] = path
            lines.append(line)
    return lines


def read_file(path: Path) -> list[Measurement]:
    """Read the lines of a file.

    Raises:
        ValueError: it has other columns, or a line is invalid.
    """
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(
                f"{path} has the columns {', '.join(reader.fieldnames or ())}; expected {', '.join(COLUMNS)}"
            )
        return [_line(row, f"{path}, line {reader.line_num}") for row in reader]


def _line(row: Mapping[str, Any], place: str) -> Measurement:
    try:
        numbers = {"seed": int(row["seed"]), "images": int(row["images"])}
        means = {name: float(row[name]) for name in ("mean", "std")}
        spec = str(parse(row["degradation"]))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place} is not a measurement: {error}") from error
    if spec != row["degradation"]:
        raise ValueError(f"{place} has the degradation {row['degradation']!r}; in canonical form it is {spec!r}")
    return Measurement(**{**row, **numbers, **means})


def write_file(path: Path, lines: Iterable[Measurement]) -> None:
    """Write lines, sorted by key."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in sorted(lines, key=lambda line: line.key):
        values = {name: getattr(line, name) for name in COLUMNS}
        texts = {name: f"{values[name]:.6g}" for name in ("mean", "std")}
        writer.writerow({**values, **texts}.values())
    write_atomically(path, buffer.getvalue())


def matching(
    lines: Sequence[Measurement], dataset: str, split: str, degradation: str, protocol: str, seed: int
) -> dict[tuple[str, str], Measurement]:
    """The lines of one dataset and degradation by method and metric, without those of outdated weights."""
    wanted = (dataset, split, str(parse(degradation)), seed, protocol)
    return {(line.method, line.metric): line for line in lines if line.key[:5] == wanted and not line.outdated}
