"""One cell of a run on disk: `<out>/<dataset>/<degradation>/<method>/{meta.json, images/, scores.csv}`.

Whole files are written to a temporary name and renamed. `scores.csv` grows by one line per image; a line that a
killed run left unfinished is dropped when the file is read. `scored.sha256` remembers which bytes each row speaks
of, so that no row outlives the image it was computed from.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

OK = "ok"

REFERENCES, INPUTS = "references", "inputs"
"""Folders of the sources of pictured images: `<dataset>/references` and `<dataset>/<degradation>/inputs`."""

PARTS = ".parts"
"""Folder of a cell with what each of several processes has written of it so far."""

POSITION = "position"
"""Entry of meta.json: the cell's place in the run's tables."""


def path_name(text: str) -> str:
    """A degradation spec or method name as a folder name: ':' becomes '-', other unsafe characters '_'."""
    return re.sub(r"[^\w.+()=~,-]", "_", text.replace(":", "-"))


def write_atomically(path: Path, text: str) -> None:
    """Replace a text file so that a reader or a killed run sees the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass
class Row:
    """The scores of one image.

    Attributes:
        status: 'ok', or why the image or some of its scores are missing.
        values: score by metric name; a metric that could not be computed is absent.
        digest: sha256 of the image file that was scored; empty where there is none.
    """

    image: str
    status: str = OK
    values: dict[str, float] = field(default_factory=dict)
    digest: str = ""


class CellFolder:
    """Reads and writes the files of one (dataset, degradation, method). One process writes a cell at a time."""

    def __init__(self, folder: Path, images: Path | None = None) -> None:
        self.folder = folder
        self.images = folder / "images" if images is None else images
        self._scores = folder / "scores.csv"
        self._digests = folder / "scored.sha256"
        self._failures = folder / "failures.csv"

    def claim(self, settings: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Bind the folder to its settings, or check that it is bound to the same ones.

        Raises:
            ValueError: the folder holds results of other settings.
        """
        wanted = json.loads(json.dumps(settings))
        meta = self.meta()
        if not meta:
            self.note({"settings": wanted, "environment": dict(environment)})
            return
        found = meta["settings"]
        if differing := sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key)):
            changes = "; ".join(f"{key} was {found.get(key)!r}, now {wanted.get(key)!r}" for key in differing)
            raise ValueError(f"{self.folder} holds results of other settings ({changes}); choose another --out")

    def meta(self) -> dict[str, Any]:
        """What meta.json holds, or nothing where the folder is new.

        Raises:
            ValueError: meta.json is not what this program writes.
        """
        path = self.folder / "meta.json"
        if not path.exists():
            return {}
        try:
            meta = json.loads(path.read_text(encoding="utf-8"))
            meta["settings"], meta["environment"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error}); delete the folder to compute it again") from error
        return dict(meta)

    def note(self, entries: Mapping[str, Any]) -> None:
        """Add entries to meta.json beside the settings."""
        text = json.dumps({**self.meta(), **entries}, indent=2, sort_keys=True)
        write_atomically(self.folder / "meta.json", text + "\n")

    def image(self, name: str) -> Path:
        """Where the fused image of a pair is, or will be."""
        return self.images / f"{name}.png"

    def fused(self) -> set[str]:
        """Names of the pairs whose fused image is there."""
        return {path.stem for path in self.images.glob("*.png") if not path.name.startswith(".")}

    def failures(self) -> dict[str, str]:
        """Why a pair has no fused image, by name; an image that came since removes its entry."""
        done = self.fused()
        lines = csv.reader(_whole_lines(self._failures))
        return {line[0]: line[1] for line in lines if len(line) == 2 and line[0] not in done}

    def fail(self, name: str, reason: str) -> None:
        """Record that a pair could not be fused; an image of an earlier attempt must not pass for this one's."""
        self.image(name).unlink(missing_ok=True)
        _append(self._failures, _line([name, one_line(reason)]))

    def forget_failures(self) -> None:
        """Let a resumed run try the failed pairs again."""
        self._failures.unlink(missing_ok=True)

    @cached_property
    def _rows(self) -> dict[str, Row]:
        digests = dict(_digest_line(line) for line in _whole_lines(self._digests))
        reader = csv.DictReader(_whole_lines(self._scores))
        rows = {record["image"]: _row(record) for record in reader}
        for name, row in rows.items():
            row.digest = digests.get(name, "")
        return rows

    @property
    def metrics(self) -> list[str]:
        """The metric columns that the file has."""
        return next(csv.reader(_whole_lines(self._scores)), [])[2:]

    def rows(self) -> dict[str, Row]:
        """The scored images by name."""
        return dict(self._rows)

    def add(self, row: Row, metrics: Sequence[str]) -> None:
        """Append or replace the row of one image; `metrics` names every column that the file shall have."""
        # The digest goes first: a row without its digest is computed again, a digest without its row does nothing.
        _append(self._digests, f"{row.digest or '-'}  {row.image}\n")
        known = self.metrics if self._rows else []
        columns = [*known, *(name for name in metrics if name not in known)]
        replaces = row.image in self._rows
        self._rows[row.image] = row
        if replaces or columns != known:
            self._write(columns)
        else:
            _append(self._scores, _line(_record(row, columns)))

    def arrange(self, order: Iterable[str]) -> None:
        """Sort the rows by image and rewrite the file, so that equal runs give equal files."""
        rows = _ordered(self._rows, order)
        self._rows.clear()
        self._rows.update(rows)
        self._write(self.metrics)

    def drop(self, name: str) -> None:
        """Forget the scores of one image, because it is about to be written anew."""
        if self._rows.pop(name, None) is not None:
            self._write(self.metrics)

    def part(self, number: int, names: Iterable[str]) -> CellFolder:
        """Files of one process's own, beside those of others, with what is known of its images.

        The images lie in one folder for all processes. `gather` puts the parts together again.
        """
        part = CellFolder(self.folder / PARTS / str(number), images=self.images)
        rows = {name: self._rows[name] for name in names if name in self._rows}
        if rows:
            part._keep(rows, self.metrics)
        return part

    def gather(self, order: Iterable[str]) -> None:
        """Put the parts of several processes, finished or interrupted, where one process would have written them."""
        parts = [CellFolder(folder, self.images) for folder in sorted((self.folder / PARTS).glob("*"))]
        columns = list(dict.fromkeys(name for cell in (self, *parts) for name in cell.metrics))
        rows = {name: row for cell in (self, *parts) for name, row in cell.rows().items()}
        failures = {name: why for cell in (self, *parts) for name, why in cell.failures().items()}
        if parts and rows:
            self._keep(_ordered(rows, order), columns)
        if parts and failures:
            text = "".join(_line([name, why]) for name, why in _ordered(failures, order).items())
            write_atomically(self._failures, text)
        elif parts:
            self.forget_failures()
        shutil.rmtree(self.folder / PARTS, ignore_errors=True)

    def _keep(self, rows: Mapping[str, Row], columns: Sequence[str]) -> None:
        """Write these rows in place of all others."""
        self.__dict__["_rows"] = dict(rows)
        # The digests go first, as in `add`.
        lines = (f"{row.digest or '-'}  {name}\n" for name, row in rows.items())
        write_atomically(self._digests, "".join(lines))
        self._write(columns)

    def _write(self, columns: Sequence[str]) -> None:
        header = _line(["image", "status", *columns])
        write_atomically(self._scores, header + "".join(_line(_record(row, columns)) for row in self._rows.values()))


def cells_of(out: Path) -> list[CellFolder]:
    """The cells of a run in the order in which they were asked for, in a copy of its folder too."""
    folders = [CellFolder(path.parent) for path in out.glob("*/*/*/meta.json")]
    return sorted(folders, key=lambda cell: (cell.meta().get(POSITION, math.inf), cell.folder))


def give_places(cells: Iterable[CellFolder], out: Path) -> None:
    """Note where cells that have no place yet stand in the run's tables: after those that have one."""
    following = 1 + max((cell.meta().get(POSITION, 0) for cell in cells_of(out)), default=0)
    for cell in cells:
        if POSITION not in cell.meta():
            cell.note({POSITION: following})
            following += 1


def _ordered(entries: Mapping[str, T], order: Iterable[str]) -> dict[str, T]:
    """Entries by name in the given order, those that it lacks behind the others."""
    place = {name: index for index, name in enumerate(order)}
    return dict(sorted(entries.items(), key=lambda entry: place.get(entry[0], len(place))))


def one_line(reason: str) -> str:
    """A message without line breaks, as a cell of a table."""
    return " ".join(reason.split())


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _heal(path)
    with path.open("a", encoding="utf-8", newline="") as stream:
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def _heal(path: Path) -> None:
    """Cut an unfinished last line off, so that the next one does not continue it."""
    if not path.exists():
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        with path.open("r+b") as stream:
            stream.truncate(data.rfind(b"\n") + 1)


def _whole_lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    # Not splitlines: a name may hold one of the rarer separators that it splits at.
    *lines, _unfinished = path.read_text(encoding="utf-8").split("\n")
    return [f"{line}\n" for line in lines]


def _digest_line(line: str) -> tuple[str, str]:
    digest, _, name = line.rstrip("\n").partition("  ")
    return name, "" if digest == "-" else digest


def _line(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _record(row: Row, columns: Sequence[str]) -> list[str]:
    values = [repr(row.values[name]) if name in row.values else "" for name in columns]
    return [row.image, one_line(row.status), *values]


def _row(record: Mapping[str, str | None]) -> Row:
    values = {name: float(text) for name, text in record.items() if name not in ("image", "status") and text}
    return Row(str(record["image"]), record["status"] or OK, values)
