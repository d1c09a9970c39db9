"""Measured means that come with the package, in `benchmarks/measured/*.csv`: one line per cell of a run and metric.

A line is known by what it was measured on (dataset, split, degradation, seed, protocol, method, metric) and says what
with (weights, versions, date) and over which images. `make measured` renews the files from runs.
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
        dataset: in DATASETS.
        split: of the dataset.
        degradation: its spec in canonical form.
        seed: of the degradation.
        protocol: in PROTOCOLS; the variant of a metric that names none.
        method: in METHODS.
        weights: `<method>@<8 hex of sha256>`; empty for methods without.
        metric: as on the command line.
        mean: over the images that have a value.
        std: their standard deviation (n - 1); 0 for a single image.
        images: how many these are.
        image_set: which these are: lines of equal sets speak of the same images.
        version: of fusionbench.
        torch: its version.
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
        """What it was measured on."""
        return (self.dataset, self.split, self.degradation, self.seed, self.protocol, self.method, self.metric)

    @property
    def outdated(self) -> bool:
        """Whether its method's weights come with the package, and are other ones by now."""
        path = PRETRAINED / self.method / MODEL
        return path.is_file() and self.weights != f"{self.method}@{digest8(path)}"


COLUMNS = tuple(field.name for field in fields(Measurement))


def image_set(names: Iterable[str]) -> str:
    """Eight hex digits that are equal for equal sets of image names.

    Example:
        >>> image_set(["b", "a"]) == image_set(["a", "b"])
        True
    """
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:8]


def read_measured(folder: Path) -> list[Measurement]:
    """The lines of all files of a folder.

    Raises:
        ValueError: a line is not of the form, or two lines have one key.
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
    """The lines of one file.

    Raises:
        ValueError: it has other columns, or a line is not of the form.
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
        raise ValueError(f"{place} is no measurement: {error}") from error
    if spec != row["degradation"]:
        raise ValueError(f"{place} has the degradation {row['degradation']!r}; in canonical form it is {spec!r}")
    return Measurement(**{**row, **numbers, **means})


def write_file(path: Path, lines: Iterable[Measurement]) -> None:
    """Write lines, sorted by what they were measured on."""
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
    """The lines of one dataset and degradation by method and metric, without those of earlier weights."""
    wanted = (dataset, split, str(parse(degradation)), seed, protocol)
    return {(line.method, line.metric): line for line in lines if line.key[:5] == wanted and not line.outdated}
