"""The comparison pictures of a run, drawn from what its folder holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from fusionbench.report.crops import salient_crops
from fusionbench.report.figure import Panel, Row, comparison
from fusionbench.results import INPUTS, REFERENCES, CellFolder, path_name


def draw_run(out: Path) -> list[Path]:
    """Write `report/<dataset>_<image>.{png,pdf}` for every pictured image of a run.

    One row per degradation: the sources as the methods saw them, then what each method made of them.
    """
    written = []
    for dataset in sorted(path.parent for path in out.glob(f"*/{REFERENCES}")):
        for reference in sorted((dataset / REFERENCES / "vi").glob("*.png")):
            rows = list(_rows(dataset, reference.stem))
            path = out / "report" / f"{dataset.name}_{path_name(reference.stem)}"
            written += comparison(rows, path, title=f"{dataset.name}, {reference.stem}")
    return written


def _rows(dataset: Path, image: str) -> Iterator[Row]:
    sources = [
        Panel(_read(dataset / REFERENCES / modality / f"{image}.png"), label)
        for modality, label in (("ir", "infrared"), ("vi", "visible"))
    ]
    crops = salient_crops(sources[0].image, sources[1].image)
    degradations = sorted(
        {path.parent for path in dataset.glob(f"*/{INPUTS}")}, key=lambda path: path.stat().st_ctime_ns
    )
    if not any(folder.name == "clean" for folder in degradations):
        yield Row("references", sources, crops)
    for folder in degradations:
        seen = [
            Panel(_read(folder / INPUTS / modality / f"{image}.png"), label)
            for modality, label in (("ir", "infrared"), ("vi", "visible"))
        ]
        cells = sorted(folder.glob("*/meta.json"), key=lambda path: (path.stat().st_ctime_ns, path))
        fused = [_fused(CellFolder(path.parent), image) for path in cells]
        label = CellFolder(cells[0].parent).meta()["settings"]["degradation"] if cells else folder.name
        yield Row(label, [*seen, *fused], crops)


def _fused(folder: CellFolder, image: str) -> Panel | None:
    path = folder.image(image)
    return Panel(_read(path), folder.folder.name) if path.exists() else None


def _read(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(path) as image:
        return np.asarray(image)
