"""The images of a report page: small JPEG copies below `report/assets`, so that the page can be moved and sent."""

from __future__ import annotations

import filecmp
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from fusionbench.benchmark.results import INPUTS, REFERENCES
from fusionbench.data.table import modality_labels
from fusionbench.files import path_name, whole_file
from fusionbench.images.files import image_size, read_image
from fusionbench.report.crops import salient_crops
from fusionbench.report.tables import Results

FULL, THUMB = 1600, 360
"""Longest side in pixels of a gallery image and of a thumbnail."""

QUALITY = 92
SHOWN = 4
"""Number of images of each dataset in the gallery; those whose sources are kept come first, and all of them are
shown."""

ZOOM = 4.0


class Album:
    """Copies images of a run into its report; copies that are up to date are kept.

    Args:
        results: results of the run.
        hidden: images that are not shown.
    """

    def __init__(self, results: Results, hidden: Collection[Path] = ()) -> None:
        self.results, self.run, self.page, self.hidden = results, results.out, results.out / "report", set(hidden)
        self._used: set[Path] = set()

    def copy(self, source: Path, side: int) -> str | None:
        """The address of a copy for the page; None if the image does not exist.

        Args:
            side: the longest side of the copy in pixels; smaller images keep their size.
        """
        target = (self.page / "assets" / str(side) / source.relative_to(self.run)).with_suffix(".jpg")
        if target not in self._used:
            if source in self.hidden or not source.exists():
                return None
            if not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns:
                try:
                    _shrink(source, target, side)
                except (ValueError, OSError):
                    return None  # A damaged image; the table says why its scores are missing.
            self._used.add(target)
        return quote(target.relative_to(self.page).as_posix())

    def prune(self) -> None:
        """Remove copies that the page no longer shows."""
        for path in (self.page / "assets").rglob("*.jpg"):
            if path not in self._used:
                path.unlink()


def _shrink(source: Path, target: Path, side: int) -> None:
    copy = Image.fromarray(read_image(source))
    copy.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=None)
    with whole_file(target) as unfinished:
        # No chroma subsampling, because these images are compared at several times their size.
        copy.save(unfinished, format="JPEG", quality=QUALITY, subsampling=0)


def gallery(album: Album, cells: dict[str, dict[str, list[str]]], images: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The data of the gallery.

    Args:
        cells: methods by dataset and degradation.
        images: names by dataset.
    """
    entries = []
    for dataset, names in images.items():
        kept = {path.stem for path in (album.run / dataset / REFERENCES / "vi").glob("*.png")}
        pictured = [name for name in names if name in kept]
        others = [name for name in names if name not in kept]
        for name in [*pictured, *others[: max(SHOWN - len(pictured), 0)]]:
            degradations = {
                degradation: pictures
                for degradation, methods in cells[dataset].items()
                if (pictures := list(_pictures(album, dataset, degradation, methods, name)))
            }
            if degradations:
                entries.append(_entry(album, dataset, name, degradations, sources=name in kept))
    return entries


def _entry(
    album: Album, dataset: str, image: str, degradations: dict[str, list[tuple[str, str]]], *, sources: bool
) -> dict[str, Any]:
    references = album.run / dataset / REFERENCES
    crop = (0.5, 0.5, ZOOM)
    if sources:
        ir, vi = (read_image(references / modality / f"{image}.png") for modality in ("ir", "vi"))
        width, height = vi.shape[1], vi.shape[0]
        if found := salient_crops(ir, vi, count=1):
            (box,) = found
            zoom = min(1 / max(box.width, box.height), ZOOM)
            crop = (box.left + box.width / 2, box.top + box.height / 2, zoom)
    else:
        first = next(iter(degradations))
        method = degradations[first][0][0]
        fused = album.results.cells[dataset, first, method]
        height, width = image_size(fused.image(image))
    return {
        "dataset": dataset,
        "image": image,
        "sources": sources,
        "width": width,
        "height": height,
        "crop": crop,
        "degradations": degradations,
    }


def _pictures(
    album: Album, dataset: str, degradation: str, methods: list[str], image: str
) -> Iterator[tuple[str, str]]:
    """Labels and addresses of all pictures of one image under one degradation: sources, references, results."""
    block = album.run / dataset / path_name(degradation)
    seen, clean = block / INPUTS, album.run / dataset / REFERENCES
    names = modality_labels(dataset)
    labelled = [(label, seen / modality / f"{image}.png") for modality, label in names.items()]
    for modality, label in names.items():
        reference, source = clean / modality / f"{image}.png", seen / modality / f"{image}.png"
        if reference.exists() and source.exists() and not filecmp.cmp(reference, source, shallow=False):
            labelled.append((f"{label}, reference", reference))
    labelled += [(method, album.results.cells[dataset, degradation, method].image(image)) for method in methods]
    for label, path in labelled:
        if address := album.copy(path, FULL):
            yield label, address
