"""One cell of a run on disk: `<out>/<dataset>/<degradation>/<method>/{meta.json, images/, scores.csv, provenance.csv}`.

Files are written atomically, except that `scores.csv` grows by one line per image; `provenance.csv` records what each
row and each image was made from, so that outdated ones are detected.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.benchmark.score_file import SCORES, ImageScores, ScoreFile, one_line, ordered
from fusionbench.files import Journal, csv_line, read_csv, whole_file

REFERENCES, INPUTS = "references", "inputs"
"""Folders of the sources of pictured images: `<dataset>/references` and `<dataset>/<degradation>/inputs`."""

PARTS = ".parts"
"""Folder of a cell with the partial results of each of several processes."""

UNABLE = "unable"
"""Entry of meta.json: why the method cannot fuse images with this degradation; such a cell has no images."""

PLUGINS = "plugins"
"""Entry of meta.json: where the dataset, the degradations and the method come from, as far as plugins add them."""

POSITION = "position"
"""Entry of meta.json: the cell's position in the run's tables."""

TABLE = ("protocol", "seed", "version")
"""Settings that all cells of a run share, because its tables state them once."""

BLOCK = ("names", "resize", "split")
"""Settings that all cells of one dataset share."""


class CellFolder:
    """Reads and writes the files of one (dataset, degradation, method). One process writes a cell at a time."""

    def __init__(self, folder: Path, images: Path | None = None) -> None:
        self.folder = folder
        self.images = folder / "images" if images is None else images
        self.scores = ScoreFile(folder)
        self._failures = Journal(folder / "failures.csv")
        self._meta: dict[str, Any] | None = None

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse a folder with results of other settings.

        Raises:
            ValueError: it has results of other settings.
        """
        if found := self.meta():
            refuse_others(self.folder, found["settings"], json.loads(json.dumps(settings)))

    def bind_settings(self, settings: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
        """Bind the folder to settings, or check that it is bound to the same ones.

        Raises:
            ValueError: the folder holds results of other settings.
        """
        self.check(settings)
        if not self.meta():
            self.update_meta({"settings": dict(settings), "environment": dict(environment)})

    def meta(self) -> dict[str, Any]:
        """The content of meta.json, empty if the folder is new; read once.

        Raises:
            ValueError: meta.json does not have the expected form.
        """
        if self._meta is None:
            self._meta = _read_meta(self.folder / "meta.json")
        return self._meta

    def update_meta(self, entries: Mapping[str, Any]) -> None:
        """Add entries to meta.json next to the settings; None removes one. Nothing is written if nothing changes."""
        entries = {key: value for key, value in {**self.meta(), **entries}.items() if value is not None}
        meta = json.loads(json.dumps(entries))
        if meta != self._meta:
            self._meta = meta
            with whole_file(self.folder / "meta.json") as temporary:
                temporary.write_bytes((json.dumps(meta, indent=2, sort_keys=True) + "\n").encode())

    def image(self, name: str) -> Path:
        """The path of the fused image of a pair, which may not exist yet."""
        return self.images / f"{name}.png"

    def fused(self) -> set[str]:
        """Names of the pairs whose fused image exists."""
        return {path.stem for path in self.images.glob("*.png") if not path.name.startswith(".")}

    def keep_made_from(self, sources: Mapping[str, str]) -> set[str]:
        """Names of the pairs whose fused image exists and was made from these sources; other images are removed."""
        there = self.fused() & sources.keys()
        made = self.scores.read().made  # After listing, because an image's record is written before the image.
        kept = {name for name in there if sources[name] and made.get(name) == sources[name]}
        for name in there - kept:
            self.image(name).unlink()
        return kept

    def failures(self) -> dict[str, str]:
        """Why a pair has no fused image, by name; entries of images that exist by now are removed."""
        done = self.fused()
        lines, _ = read_csv(self._failures.path)
        return {cells[0]: cells[1] for _, cells in lines if len(cells) == 2 and cells[0] not in done}

    def fail(self, name: str, reason: str) -> None:
        """Record that a pair could not be fused, and remove its image from an earlier attempt."""
        self.image(name).unlink(missing_ok=True)
        self._failures.append(csv_line([name, one_line(reason)]))

    def forget_failures(self) -> None:
        """Let a resumed run try the failed pairs again."""
        self._failures.path.unlink(missing_ok=True)

    def rows(self) -> dict[str, ImageScores]:
        """The trusted rows of scores.csv by image; others are scored again."""
        return dict(self.scores.rows)

    def checked_rows(self) -> dict[str, ImageScores]:
        """All rows of scores.csv by image.

        Raises:
            ValueError: a row cannot be trusted.
        """
        if faults := self.scores.faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise ValueError(f"{faults[0]}{more}; the command that wrote the folder recomputes such rows")
        return self.rows()

    def shard(self, number: int, names: Iterable[str]) -> CellFolder:
        """Separate files for one process, with the existing results of its images.

        All processes share one folder of images. `merge` combines the shards.
        """
        part = CellFolder(self.folder / PARTS / str(number), images=self.images)
        part.scores.shard(self.scores, names)
        return part

    def merge(self, order: Sequence[str], known: Collection[str] | None = None) -> None:
        """Combine the files of several processes, finished or interrupted, as if a single one had written them.

        Args:
            order: the order of the images.
            known: images of the dataset; records of others are dropped.
        """
        parts = [CellFolder(folder, self.images) for folder in sorted((self.folder / PARTS).glob("*"))]
        if not parts:
            return
        failures = {name: why for cell in (self, *parts) for name, why in cell.failures().items()}
        if scored := [part.scores for part in parts if part.scores.made]:
            self.scores.merge(scored)
            self.scores.sort_rows(order, known)
        if failures:
            self._failures.replace("".join(csv_line(entry) for entry in ordered(failures, order).items()))
        else:
            self.forget_failures()
        shutil.rmtree(self.folder / PARTS, ignore_errors=True)


META: dict[str, type[Any]] = {
    "settings": dict,
    "environment": dict,
    "images": dict,
    "metrics": dict,
    "missing": dict,
    "weights": dict,
    PLUGINS: dict,
    UNABLE: str,
    POSITION: int,
}
IDENTITIES = ({"pyiqa", "version", "files", "unpublished"}, {"plugin"})
"""What an entry of `metrics` says, of a score by pyiqa or of a plugin's."""

NEEDED = ("settings", "environment")
"""Entries of meta.json, and the required ones."""


def cells_of(out: Path) -> list[CellFolder]:
    """The cells of a run in the order in which they were requested, also in a copied folder.

    Raises:
        ValueError: one has scores, and nothing says of what.
    """
    places = {path.parent for file in ("meta.json", SCORES) for path in out.glob(f"*/*/*/{file}")}
    folders = [CellFolder(place) for place in places]
    return sorted(folders, key=lambda cell: (cell.meta().get(POSITION, math.inf), cell.folder))


def assign_order(cells: Iterable[CellFolder], there: Iterable[CellFolder]) -> None:
    """Assign positions in the run's tables to new cells, after the existing ones."""
    following = 1 + max((cell.meta().get(POSITION, 0) for cell in there), default=0)
    for cell in cells:
        if POSITION not in cell.meta():
            cell.update_meta({POSITION: following})
            following += 1


def setting_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The settings that differ, in words; empty if none does."""
    differing = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
    return "; ".join(f"{key} was {found.get(key)!r}, now {wanted.get(key)!r}" for key in differing)


def refuse_others(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse settings that differ from those of the results in a folder.

    Raises:
        ValueError: they differ.
    """
    if changes := setting_differences(found, wanted):
        raise ValueError(f"{folder} holds results of other settings ({changes}); choose another --out")


def refuse_mixed(cells: Sequence[CellFolder]) -> None:
    """Refuse cells of different runs, because a table has one protocol, seed and version.

    Raises:
        ValueError: two cells differ in common settings.
    """
    of_dataset: dict[str, CellFolder] = {}
    for cell in cells:
        own = cell.meta()["settings"]
        for other, shared in ((cells[0], TABLE), (of_dataset.setdefault(own.get("dataset", ""), cell), BLOCK)):
            theirs = other.meta()["settings"]
            for key in shared:
                if key in own and key in theirs and own[key] != theirs[key]:
                    raise ValueError(
                        f"{other.folder} and {cell.folder} are not of the same run: {key} is {theirs[key]!r} and "
                        f"{own[key]!r}; move one of them elsewhere"
                    )


def _read_meta(path: Path) -> dict[str, Any]:
    if not path.exists():
        if (path.parent / SCORES).exists():
            raise ValueError(
                f"{path} is missing, which says what the scores beside it are of; delete the folder {path.parent} to "
                "compute them again"
            )
        return {}
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        _check_meta(meta)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); delete the folder {path.parent} to compute it again") from error
    return dict(meta)


def _check_meta(meta: Any) -> None:
    """Refuse content that neither this nor earlier versions write.

    Raises:
        ValueError: the content is invalid.
    """
    if not isinstance(meta, dict):
        raise ValueError("it is not a table")
    for entry, kind in META.items():
        if not isinstance(meta.get(entry, kind()), kind) or (entry in NEEDED and entry not in meta):
            raise ValueError(f"{entry} is missing or invalid")
    if "images" in meta and not all(isinstance(meta["images"].get(key), int) for key in ("scored", "available")):
        raise ValueError("images is invalid")
    for metric, identity in meta.get("metrics", {}).items():
        if not isinstance(identity, dict) or not any(keys <= identity.keys() for keys in IDENTITIES):
            raise ValueError(f"it does not say with which files {metric} was computed")
