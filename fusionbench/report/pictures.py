"""The comparison pictures of a run, drawn from what its folder holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fusionbench.benchmark.results import INPUTS, REFERENCES, UNABLE, CellFolder, cells_of, pictured
from fusionbench.benchmark.sources import Sources
from fusionbench.data.table import modality_labels
from fusionbench.files import path_name
from fusionbench.images.files import read_image
from fusionbench.report.crops import salient_crops
from fusionbench.report.figure import Absent, FigureRow, LabelledImage, comparison
from fusionbench.report.tables import NOT_APPLICABLE


def draw_run(out: Path) -> list[Path]:
    """Write `report/<dataset>_<image>.{png,pdf}` for every pictured image of a run.

    One row per degradation: the sources as the methods saw them, then what each method made of them.
    """
    written = []
    for dataset in sorted(path.parent for path in out.glob(f"*/{REFERENCES}")):
        by_degradation: dict[Path, list[CellFolder]] = {}
        for cell in cells_of(out):
            if cell.folder.is_relative_to(dataset):
                by_degradation.setdefault(cell.folder.parent, []).append(cell)
        sources = Sources.read(dataset)
        for image in pictured(dataset):
            rows = list(_rows(dataset, image, by_degradation, sources))
            path = out / "report" / f"{dataset.name}_{path_name(image)}"
            drawn = "".join(sign if sign.isprintable() else "?" for sign in image)
            written += comparison(rows, path, title=f"{dataset.name}, {drawn}")
    return written


def _rows(
    dataset: Path, image: str, by_degradation: Mapping[Path, Sequence[CellFolder]], sources: Sources
) -> Iterator[FigureRow]:
    references = _sources(dataset / REFERENCES, image, dataset.name)
    crops = salient_crops(references[0].image, references[1].image)
    if not any(folder.name == "clean" for folder in by_degradation):
        yield FigureRow("references", references, crops)
    for folder, cells in by_degradation.items():
        if not (folder / INPUTS / "vi" / f"{image}.png").exists():
            continue  # The pair could not be read; its cells say why.
        seen = _sources(folder / INPUTS, image, dataset.name)
        fused = [_fused(cell, image, sources) for cell in cells]
        yield FigureRow(cells[0].meta()["settings"]["degradation"], [*seen, *fused], crops)


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
        # Damaged or missing; the table says why its scores are.
        return Absent(folder.folder.name, "no image")
