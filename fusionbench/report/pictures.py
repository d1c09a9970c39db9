"""The comparison figures of a run, drawn from its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fusionbench.benchmark.results import INPUTS, REFERENCES, UNABLE, CellFolder
from fusionbench.benchmark.sources import Sources
from fusionbench.data.table import modality_labels
from fusionbench.files import path_name
from fusionbench.images.files import read_image
from fusionbench.report.crops import salient_crops
from fusionbench.report.figure import Absent, FigureRow, LabelledImage, comparison
from fusionbench.report.tables import NOT_APPLICABLE, Results


def draw_run(results: Results) -> list[Path]:
    """Write `report/<dataset>_<image>.{png,pdf}` for every image of a run whose sources were kept.

    One row per degradation: the sources as the methods read them, then the fused image of each method.
    """
    written = []
    for dataset in sorted({dataset for dataset, _, _ in results.cells}):
        for image in results.pictured(dataset):
            path = results.out / "report" / f"{path_name(dataset)}_{path_name(image)}"
            drawn = "".join(sign if sign.isprintable() else "?" for sign in image)
            written += comparison(list(_rows(results, dataset, image)), path, title=f"{dataset}, {drawn}")
    return written


def _rows(results: Results, dataset: str, image: str) -> Iterator[FigureRow]:
    folder = results.out / path_name(dataset)
    references = _sources(folder / REFERENCES, image, dataset)
    crops = salient_crops(references[0].image, references[1].image)
    by_degradation: dict[str, list[CellFolder]] = {}
    for (of, degradation, _), cell in results.cells.items():
        if of == dataset:
            by_degradation.setdefault(degradation, []).append(cell)
    if "clean" not in by_degradation:
        yield FigureRow("references", references, crops)
    for degradation, cells in by_degradation.items():
        inputs = folder / path_name(degradation) / INPUTS
        if not (inputs / "vi" / f"{image}.png").exists():
            continue  # The pair could not be read; its cells say why.
        fused = [_fused(cell, image, results.sources[dataset]) for cell in cells]
        yield FigureRow(degradation, [*_sources(inputs, image, dataset), *fused], crops)


def _sources(folder: Path, image: str, dataset: str) -> list[LabelledImage]:
    return [
        LabelledImage(read_image(folder / modality / f"{image}.png"), label)
        for modality, label in modality_labels(dataset).items()
    ]


def _fused(folder: CellFolder, image: str, sources: Sources) -> LabelledImage | Absent:
    if UNABLE in folder.meta():
        return Absent(folder.folder.name, NOT_APPLICABLE)
    if sources.contradict(image, folder.scores.made.get(image, "")):
        return Absent(folder.folder.name, "other sources")
    try:
        return LabelledImage(read_image(folder.image(image)), folder.folder.name)
    except (ValueError, OSError):
        # Damaged or missing; the table says why.
        return Absent(folder.folder.name, "no image")
