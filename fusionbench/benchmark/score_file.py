"""The scores of one cell on disk: `scores.csv`, and `provenance.csv` with the provenance of each row.

Both grow by a line per image, so that the cost of a row does not depend on their number, and are sorted when a cell is
complete. Until then the last line of an image counts. A line of `provenance.csv` has an image's name, the digest of its
sources, the SHA-256 of the fused image and a digest of the row. One with only sources means that the image is fused
from them again: its earlier rows are invalid.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

from fusionbench.files import Journal, csv_line, read_csv, unfit_name

T = TypeVar("T")

OK = "ok"

SCORES = "scores.csv"

IMAGE, STATUS = "image", "status"
"""The first columns of scores.csv; metrics follow."""

PROVENANCE = csv_line(["image", "sources", "fused", "scores"])


@dataclass
class ImageScores:
    """The scores of one image.

    Attributes:
        status: 'ok', or why the image or some of its scores are missing.
        values: score by metric; metrics that could not be computed are absent.
        digest: SHA-256 of the scored image file; empty if there is none.
        sources: digest of the pair that it was scored against; empty if unknown.
    """

    image: str
    status: str = OK
    values: dict[str, float] = field(default_factory=dict)
    digest: str = ""
    sources: str = ""

    def fingerprint(self) -> str:
        """A digest of status and scores, independent of other columns."""
        values = sorted(self.values.items())
        text = csv_line([one_line(self.status), *(f"{name}={value!r}" for name, value in values)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Record(NamedTuple):
    """One line of provenance.csv, without the image's name."""

    sources: str
    fused: str
    scores: str


@dataclass
class _Content:
    """The content of both files.

    Attributes:
        metrics: columns of scores.csv.
        rows: the trusted rows, by image.
        made: digest of the sources that an image was last fused from or scored against.
        faults: one sentence for each part of scores.csv that cannot be trusted.
    """

    metrics: list[str] = field(default_factory=list)
    rows: dict[str, ImageScores] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class ScoreFile:
    """Reads and writes both files. One process writes them at a time."""

    def __init__(self, folder: Path) -> None:
        self._scores = Journal(folder / SCORES)
        self._provenance = Journal(folder / "provenance.csv")

    @cached_property
    def _content(self) -> _Content:
        return _read(self._scores.path, self._provenance.path)

    def read(self) -> ScoreFile:
        """Read both files again, because another run of the same settings may have written them."""
        self.__dict__.pop("_content", None)
        self.__dict__.pop("_known", None)
        return self

    @cached_property
    def _known(self) -> _Content:
        """The content without rows of an earlier version, which have no provenance and are computed again."""
        content = self._content
        if unknown := content.rows.keys() - content.made.keys():
            content.rows = {image: row for image, row in content.rows.items() if image not in unknown}
            content.faults.append("rows of an earlier version")
        return content

    @property
    def metrics(self) -> list[str]:
        """The metric columns of the file."""
        return list(self._content.metrics)

    @property
    def rows(self) -> Mapping[str, ImageScores]:
        """The trusted rows, by image."""
        return self._content.rows

    @property
    def made(self) -> Mapping[str, str]:
        """Digest of the sources that an image was fused from, by image."""
        return self._content.made

    @property
    def faults(self) -> list[str]:
        """One sentence for each part of the file that cannot be trusted."""
        return list(self._content.faults)

    def begin(self, image: str, sources: str) -> None:
        """Record that an image is about to be fused from these sources, which invalidates its row."""
        content = self._known
        self._record([_provenance_line(image, _Record(sources, "", ""))], sync=False)
        content.made[image] = sources
        content.rows.pop(image, None)

    def add(self, row: ImageScores, metrics: Sequence[str]) -> None:
        """Add or replace the row of one image; `metrics` are the required columns of the file."""
        content = self._known
        # The record is written first: a row without a record is computed again, a record without a row is harmless.
        self._record([_row_line(row)])
        added = [name for name in dict.fromkeys([*metrics, *row.values]) if name not in content.metrics]
        content.rows[row.image] = row
        content.made[row.image] = row.sources
        if added or content.faults or not self._scores.path.exists():
            content.metrics += added
            content.faults.clear()
            self._scores.replace(self._text())
        else:
            self._scores.append(csv_line(_cells(row, content.metrics)))

    def name_columns(self, metrics: Sequence[str]) -> None:
        """Add a column for each metric, even if there are no rows to add."""
        content = self._known
        if added := [name for name in metrics if name not in content.metrics]:
            content.metrics += added
            self._scores.replace(self._text())

    def sort_rows(self, order: Iterable[str], known: Collection[str] | None = None) -> None:
        """Sort both files, so that equal runs give equal files.

        Args:
            order: images in order; others follow them.
            known: images of the dataset; records of others are dropped.
        """
        content = self._known
        places = list(order)
        content.rows = ordered(content.rows, places, known)
        content.made = ordered(content.made, places, known)
        content.faults.clear()
        # scores.csv is written first: dropped rows still have records, and every remaining row has one.
        self._scores.replace(self._text())
        self._provenance.replace(PROVENANCE + "".join(self._records()))

    def shard(self, other: ScoreFile, images: Iterable[str]) -> None:
        """Copy the records of some images from another file."""
        content = self._known
        for image in images:
            if image in other.rows:
                content.rows[image] = other.rows[image]
            if image in other.made:
                content.made[image] = other.made[image]
        content.metrics = other.metrics
        if content.made or content.rows:
            self.sort_rows(content.made)

    def merge(self, others: Sequence[ScoreFile]) -> None:
        """Copy all records from other files, replacing existing ones of the same images."""
        content = self._known
        for other in others:
            content.metrics += [name for name in other.metrics if name not in content.metrics]
            for image in other.made:
                content.rows.pop(image, None)
            content.rows.update(other.rows)
            content.made.update(other.made)
        self._record(list(self._records()))
        self._scores.replace(self._text())

    def _records(self) -> Iterable[str]:
        for image, sources in self._content.made.items():
            row = self._content.rows.get(image)
            yield _provenance_line(image, _Record(sources, "", "")) if row is None else _row_line(row)

    def _record(self, lines: Sequence[str], *, sync: bool = True) -> None:
        heading = "" if self._provenance.path.exists() else PROVENANCE
        self._provenance.append(heading + "".join(lines), sync=sync)

    def _text(self) -> str:
        content = self._content
        lines = (csv_line(_cells(row, content.metrics)) for row in content.rows.values())
        return csv_line([IMAGE, STATUS, *content.metrics]) + "".join(lines)


def ordered(entries: Mapping[str, T], order: Iterable[str], known: Collection[str] | None = None) -> dict[str, T]:
    """Entries by name in the given order, followed by the others; without unknown ones."""
    place = {name: index for index, name in enumerate(order)}
    names = set(entries) if known is None else set(known)
    kept = ((name, entry) for name, entry in entries.items() if name in names)
    return dict(sorted(kept, key=lambda entry: place.get(entry[0], len(place))))


def one_line(reason: str) -> str:
    """A message without line breaks, as a cell of a table."""
    return " ".join(reason.split())


def _cells(row: ImageScores, metrics: Sequence[str]) -> list[str]:
    values = [repr(row.values[name]) if name in row.values else "" for name in metrics]
    return [row.image, one_line(row.status), *values]


def _row_line(row: ImageScores) -> str:
    return _provenance_line(row.image, _Record(row.sources, row.digest, row.fingerprint()))


def _provenance_line(image: str, record: _Record) -> str:
    return csv_line([image, *record])


def _read(scores: Path, provenance: Path) -> _Content:
    """Rows with their provenance.

    Without provenance.csv, the rows are of an earlier version, which recorded no provenance.
    """
    lines, faults = read_csv(scores)  # First, because a row's record is written before the row.
    content = _Content(faults=faults)
    live, void, content.made = _read_records(provenance)
    known = provenance.exists()
    if not lines:
        if scores.exists() and not faults:
            content.faults.append(
                f"{scores} is empty or cut in its first line, which names {IMAGE}, {STATUS} and the metrics"
            )
        return content
    heading = lines[0].cells
    if heading[:2] != [IMAGE, STATUS] or "" in heading or len(set(heading)) < len(heading):
        content.faults.append(f"{scores} does not start with {IMAGE},{STATUS} and distinct names of metrics")
        return content
    content.metrics = heading[2:]
    for number, cells in lines[1:]:
        row = _row(cells, heading)
        if isinstance(row, str):
            content.faults.append(f"{scores}, line {number}: {row}")
            continue
        digest = row.fingerprint()
        match = next((record for record in reversed(live.get(row.image, [])) if record.scores == digest), None)
        if match is not None:
            row.sources, row.digest = match.sources, match.fused
        elif known and digest in void.get(row.image, ()):
            continue
        elif known:
            content.faults.append(f"{scores}, line {number}: the row of {row.image!r} was changed after it was scored")
            continue
        elif row.image in content.rows:
            content.faults.append(f"{scores}, line {number}: {row.image!r} has a second row")
            continue
        content.rows[row.image] = row
    if content.faults:  # The columns cannot be trusted either.
        used = {metric for row in content.rows.values() for metric in row.values}
        content.metrics = [metric for metric in content.metrics if metric in used]
    return content


def _read_records(path: Path) -> tuple[dict[str, list[_Record]], dict[str, set[str]], dict[str, str]]:
    """Records of rows by image, digests of invalid rows, and the sources of every image."""
    live: dict[str, list[_Record]] = {}
    void: dict[str, set[str]] = {}
    made: dict[str, str] = {}
    for _, cells in read_csv(path)[0]:
        if len(cells) != 1 + len(_Record._fields) or csv_line(cells) == PROVENANCE:
            continue  # A row without a record is not trusted, so a broken line needs no message.
        image, record = cells[0], _Record(*cells[1:])
        if record.scores:
            live.setdefault(image, []).append(record)
        else:
            void.setdefault(image, set()).update(each.scores for each in live.pop(image, []))
        made[image] = record.sources
    return live, void, made


def _row(cells: Sequence[str], heading: Sequence[str]) -> ImageScores | str:
    """A row of scores.csv, or what is wrong with it."""
    if len(cells) != len(heading):
        return f"{len(cells)} cells where the heading has {len(heading)}"
    image, status, *texts = cells
    if not image or not status:
        return f"no {STATUS if image else IMAGE}"
    if why := unfit_name(image):
        return f"no pair can have the name {image[:80]!r}, which {why}"
    values: dict[str, float] = {}
    for metric, text in zip(heading[2:], texts, strict=True):
        if text:
            try:
                values[metric] = float(text)
            except ValueError:
                return f"{metric} is {text!r}, not a number"
            if not math.isfinite(values[metric]):
                return f"{metric} is {text}"
    return ImageScores(image, status, values)
