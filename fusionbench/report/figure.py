"""Comparison figures for papers and web pages: a grid of images with enlarged details, as PNG and PDF.

Lengths are in inches; the layout is computed here, so that cells of any aspect ratio have the same width and there is
no blank space as from a layout engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from fusionbench.files import whole_file
from fusionbench.report.crops import Crop, Image, salient_crops

COLOURS = ("#ff3b30", "#19b3ff", "#ffcc00", "#34c759")
"""Colours of the rectangles, in order; distinct for colour-blind readers and from most scenes."""

FORMATS = ("png", "pdf")

_GAP, _HEADER, _NOTE, _SIDE, _TITLE, _MARGIN = 0.045, 0.19, 0.15, 0.22, 0.30, 0.06
_FONT, _SMALL, _SMALLEST = 8.0, 6.5, 4.0
_ROUNDING = 0.12  # tolerance for crops of smaller images, whose shape is rounded to whole pixels
_INK, _FAINT = "#1a1a1a", "#5c5c5c"


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image of the grid.

    Attributes:
        image: (H, W) or (H, W, 3) uint8.
        label: its origin ('infrared', 'lap'), shown above the column.
        note: shown below the image, such as a score.
    """

    image: Image
    label: str
    note: str = ""

    def __post_init__(self) -> None:
        shape = self.image.shape
        gray_or_rgb = len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)
        if self.image.dtype != np.uint8 or not gray_or_rgb or 0 in shape:
            raise ValueError(
                f"panel {self.label!r} is {self.image.dtype} of shape {shape}; give uint8 (H, W) or (H, W, 3)"
            )


@dataclass(frozen=True)
class Absent:
    """A cell of the grid without an image.

    Attributes:
        label: the missing origin.
        why: shown instead of the image.
    """

    label: str
    why: str


@dataclass(frozen=True, eq=False)
class FigureRow:
    """One row of the grid.

    Attributes:
        label: what its images have in common (image name, degradation), shown on the left.
        panels: from left to right; None leaves a cell empty, without a label.
        crops: the crops of this row, instead of those of the whole figure.
    """

    label: str
    panels: Sequence[LabelledImage | Absent | None]
    crops: Sequence[Crop] | None = None

    @property
    def shown(self) -> list[LabelledImage]:
        """The panels that have an image."""
        return [panel for panel in self.panels if isinstance(panel, LabelledImage)]


@dataclass(frozen=True)
class _Line:
    """The layout of a row: heights of its images and of the details below them, and its labels."""

    row: FigureRow
    crops: Sequence[Crop]
    image: float
    detail: float
    header: bool
    notes: bool

    @property
    def height(self) -> float:
        return self.image + (self.detail + _GAP if self.detail else 0) + _HEADER * self.header + _NOTE * self.notes


def comparison(
    rows: Sequence[FigureRow],
    path: str | Path,
    *,
    zoom: Sequence[Crop] | Literal["auto"] | None = "auto",
    title: str | None = None,
    cell: float = 1.55,
    dpi: int = 200,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write a grid of images, each with enlarged details below it.

    Labels are shown above the first row and above every row whose labels differ from the previous one's.

    Args:
        rows: rows of the grid; images may differ in size, between rows and within a row.
        path: the figure's path without suffix; '.png' and '.pdf' are replaced.
        zoom: rectangles to enlarge in every row; 'auto' compares the first two panels of a row, infrared and visible,
            and chooses two rectangles in which one shows what the other does not; None enlarges nothing.
        title: shown above the grid.
        cell: width of an image on the page in inches.
        dpi: dots per inch of the PNG; the PDF has at least 300.
        formats: 'png', 'pdf' or both.

    Returns:
        The files written.

    Raises:
        ValueError: no rows, an empty row, an unknown format, or 'auto' with a row that does not start with a pair.
    """
    if not rows or not all(row.shown for row in rows):
        raise ValueError("a figure needs at least one row, and every row at least one image")
    wrong = [suffix for suffix in formats if suffix not in FORMATS]
    if wrong:
        raise ValueError(f"cannot write figures as {wrong[0]!r}; choose from {', '.join(FORMATS)}")
    figure = _draw(
        [_line(row, before, zoom, cell) for before, row in zip([None, *rows], rows, strict=False)], title, cell
    )
    return _save(figure, Path(path), formats, dpi)


def _line(
    row: FigureRow, before: FigureRow | None, zoom: Sequence[Crop] | Literal["auto"] | None, cell: float
) -> _Line:
    panels, crops = row.shown, _crops(row, zoom)
    tall = max(panel.image.shape[0] / panel.image.shape[1] for panel in panels)
    detail = 0.0
    if crops:
        inner = (cell - _GAP * (len(crops) - 1)) / len(crops)
        largest = max((panel.image for panel in panels), key=lambda image: image.shape[0] * image.shape[1])
        cuts = [crop.of(largest).shape for crop in crops]
        detail = min(max(inner * cut[0] / cut[1] for cut in cuts), cell)
    header = before is None or _labels(before) != _labels(row)
    return _Line(row, crops, cell * tall, detail, header, any(panel.note for panel in panels))


def _crops(row: FigureRow, zoom: Sequence[Crop] | Literal["auto"] | None) -> Sequence[Crop]:
    if row.crops is not None:
        return row.crops
    if zoom is None or not isinstance(zoom, str):
        return zoom or ()
    if zoom != "auto":
        raise ValueError(f"unknown zoom {zoom!r}; give crops, 'auto' or None")
    pair = [panel for panel in row.panels[:2] if isinstance(panel, LabelledImage)]
    if len(pair) < 2:
        raise ValueError(f"row {row.label!r} does not start with infrared and visible; give its crops or zoom=None")
    return salient_crops(pair[0].image, pair[1].image)


def _labels(row: FigureRow) -> list[str]:
    return [panel.label if panel else "" for panel in row.panels]


class _Page:
    """A figure with coordinates in inches from its upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), facecolor="white")
        self.renderer: Any = FigureCanvasAgg(self.figure).get_renderer()  # type: ignore[no-untyped-call]

    def image(self, image: Image, x: float, y: float, width: float, height: float, smooth: str = "auto") -> Any:
        """Show an image in a box, centred and as large as its aspect ratio allows."""
        tall = image.shape[0] / image.shape[1]
        if abs(height / width / tall - 1) < _ROUNDING:
            tall = height / width
        fitted = min(width, height / tall)
        x, y = x + (width - fitted) / 2, y + (height - fitted * tall) / 2
        place = (
            x / self.width,
            1 - (y + fitted * tall) / self.height,
            fitted / self.width,
            fitted * tall / self.height,
        )
        axes = self.figure.add_axes(place)
        axes.set_axis_off()
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation=smooth, aspect="auto")
        return axes

    def text(self, words: str, x: float, y: float, room: float, size: float, **style: Any) -> None:
        """Write text centred on a point, reduced or cut if it needs more room."""
        made = self.figure.text(x / self.width, 1 - y / self.height, words, fontsize=size, va="center", **style)
        while self._length(made) > room and size > _SMALLEST:
            size -= 0.5
            made.set_fontsize(size)
        while self._length(made) > room and len(made.get_text()) > 2:
            made.set_text(made.get_text()[:-2] + "…")

    def _length(self, made: Text) -> float:
        box = made.get_window_extent(self.renderer)
        return float(max(box.width, box.height)) / float(self.figure.dpi)


def _draw(lines: Sequence[_Line], title: str | None, cell: float) -> Figure:
    side = _SIDE if any(line.row.label for line in lines) else 0.0
    columns = max(len(line.row.panels) for line in lines)
    top = _MARGIN + (_TITLE if title else 0)
    width = 2 * _MARGIN + side + columns * cell + (columns - 1) * _GAP
    page = _Page(width, top + _MARGIN + sum(line.height for line in lines) + 2 * _GAP * (len(lines) - 1))
    if title:
        page.text(title, width / 2, _MARGIN + _TITLE / 2, width, _FONT + 2, ha="center", color=_INK, weight="bold")
    y = top
    for line in lines:
        _draw_line(page, line, side, y, cell)
        y += line.height + 2 * _GAP
    return page.figure


def _draw_line(page: _Page, line: _Line, side: float, top: float, cell: float) -> None:
    body = top + _HEADER * line.header
    if line.row.label:
        room = line.height - _HEADER * line.header
        page.text(
            line.row.label, _MARGIN + side / 2, body + room / 2, room, _FONT, ha="center", color=_INK, rotation=90
        )
    for column, panel in enumerate(line.row.panels):
        if panel is None:
            continue
        x = _MARGIN + side + column * (cell + _GAP)
        if line.header:
            page.text(panel.label, x + cell / 2, top + _HEADER / 2, cell, _FONT, ha="center", color=_INK)
        if isinstance(panel, Absent):
            page.text(panel.why, x + cell / 2, body + line.image / 2, cell, _FONT, ha="center", color=_FAINT)
            continue
        axes = page.image(panel.image, x, body, cell, line.image)
        for colour, crop in zip(_cycle(), line.crops, strict=False):
            _frame(axes, panel.image, crop, colour)
        _draw_details(page, line, panel, x, body + line.image + _GAP, cell)
        if panel.note:
            below = top + line.height - _NOTE / 2
            page.text(panel.note, x + cell / 2, below, cell, _SMALL, ha="center", color=_FAINT)


def _draw_details(page: _Page, line: _Line, panel: LabelledImage, left: float, top: float, cell: float) -> None:
    inner = (cell - _GAP * (len(line.crops) - 1)) / max(len(line.crops), 1)
    for place, (colour, crop) in enumerate(zip(_cycle(), line.crops, strict=False)):
        x = left + place * (inner + _GAP)
        axes = page.image(crop.of(panel.image), x, top, inner, line.detail, smooth="bicubic")
        edge = Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, edgecolor=colour, linewidth=1.6)
        axes.add_patch(edge)


def _frame(axes: Any, image: Image, crop: Crop, colour: str) -> None:
    top, left, bottom, right = crop.pixels(image)
    corner = (left - 0.5, top - 0.5)
    axes.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.1))


def _cycle() -> Iterator[str]:
    while True:
        yield from COLOURS


def _save(figure: Figure, path: Path, formats: Sequence[str], dpi: int) -> list[Path]:
    stem = path.name.removesuffix(".png").removesuffix(".pdf")
    written = []
    for suffix in formats:
        target = path.with_name(f"{stem}.{suffix}")
        # Type 42 embeds fonts as journals require; without dates, equal figures have equal bytes.
        with whole_file(target) as unfinished, mpl.rc_context({"pdf.fonttype": 42}):
            dates: dict[str, Any] = {"CreationDate": None} if suffix == "pdf" else {"Software": None}
            figure.savefig(unfinished, format=suffix, dpi=max(dpi, 300) if suffix == "pdf" else dpi, metadata=dates)
        written.append(target)
    return written
