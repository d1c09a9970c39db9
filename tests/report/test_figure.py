"""Comparison figures: where the details are taken, and what reaches the page."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fusionbench.report.crops import Crop, salient_crops
from fusionbench.report.figure import COLOURS, FigureRow, LabelledImage, comparison


def textured(height, width, channels=None):
    rng = np.random.default_rng(0)
    shape = (height, width) if channels is None else (height, width, channels)
    return rng.integers(90, 110, shape).astype(np.uint8)


@pytest.fixture
def pair():
    """A warm body that the visible image does not show, and a bright sign that infrared does not show."""
    ir, vi = textured(120, 160), textured(120, 160, 3)
    ir[70:90, 120:128] = 250
    vi[20:40, 20:40] = 250
    return ir, vi


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def drawn_in(path, colour):
    return np.abs(picture(path) - rgb(colour)).max(axis=2) < 12


def test_first_crop_holds_what_infrared_alone_shows_and_second_what_visible_alone_shows(pair):
    warm, sign = salient_crops(*pair)
    top, left, bottom, right = warm.pixels(pair[0])
    assert top <= 70 < 90 <= bottom
    assert left <= 120 < 128 <= right
    top, left, bottom, right = sign.pixels(pair[1])
    assert top < 30 < bottom
    assert left < 30 < right


def test_crops_do_not_overlap_and_stay_inside(pair):
    seen = np.zeros(pair[0].shape, int)
    crops = salient_crops(*pair, count=4)
    assert len(crops) == 4
    for crop in crops:
        crop.of(seen)[...] += 1
    assert seen.max() == 1


def test_tiny_images_get_as_many_crops_as_have_room():
    crops = salient_crops(textured(3, 3), textured(3, 3, 3), count=50)
    assert 1 <= len(crops) < 50


def test_crop_means_the_same_place_at_any_size():
    crop = Crop(0.25, 0.5, 0.25, 0.25)
    assert crop.pixels(textured(400, 800)) == (100, 400, 200, 600)
    assert crop.pixels(textured(100, 200)) == (25, 100, 50, 150)
    assert crop.of(textured(2, 2)).size > 0


def test_png_and_pdf_are_written_and_show_the_images(pair, tmp_path):
    ir, vi = pair
    panels = [
        LabelledImage(ir, "infrared"),
        LabelledImage(vi, "visible"),
        LabelledImage(np.full_like(vi, (10, 200, 30)), "green", "VIF 0.5"),
    ]
    written = comparison([FigureRow("first", panels)], tmp_path / "new" / "figure", title="A title", dpi=100)
    assert [path.name for path in written] == ["figure.png", "figure.pdf"]
    assert written[1].read_bytes().startswith(b"%PDF")
    assert picture(written[0]).shape[1] == pytest.approx(100 * (3 * 1.55 + 0.22 + 0.12 + 0.09), abs=2)
    assert drawn_in(written[0], "#0ac81e").sum() > 155 * 100
    assert not list(tmp_path.glob("**/.*"))


def test_each_detail_is_framed_in_its_colour_in_every_cell(pair, tmp_path):
    panels = [LabelledImage(pair[0], "infrared"), LabelledImage(pair[1], "visible")]
    (plain,) = comparison([FigureRow("", panels)], tmp_path / "plain", zoom=None, formats=["png"])
    (framed,) = comparison([FigureRow("", panels)], tmp_path / "framed", formats=["png"])
    for colour in COLOURS[:2]:
        assert not drawn_in(plain, colour).any()
        hits = drawn_in(framed, colour)
        half = hits.shape[1] // 2
        assert hits[:, :half].sum() > 300
        assert hits[:, half:].sum() > 300
    assert len(picture(framed)) > len(picture(plain))


def test_detail_shows_the_crop(pair, tmp_path):
    ir = np.zeros_like(pair[0])
    ir[30:60, 40:80] = 200
    row = FigureRow("", [LabelledImage(ir, "infrared")], crops=[Crop(0.25, 0.25, 0.25, 0.25)])
    (path,) = comparison([row], tmp_path / "detail", formats=["png"], dpi=100)
    image = picture(path)[..., 0]
    # The crop is 40x30 pixels of one gray; a cell wide, it fills 155 x 116 of the page.
    assert ((image > 195) & (image < 205)).sum() > 0.8 * 155 * 116


def test_rows_of_other_sizes_and_labels_fit_one_grid(tmp_path):
    rows = [
        FigureRow("a", [LabelledImage(textured(60, 80), "infrared"), LabelledImage(textured(60, 80, 3), "visible")]),
        FigureRow(
            "b",
            [
                LabelledImage(textured(97, 41), "infrared"),
                None,
                LabelledImage(textured(24, 10, 3), "a label that is far too long " * 4),
            ],
        ),
    ]
    crops = [Crop(0.1, 0.1, 0.3, 0.4)]
    (path,) = comparison(rows, tmp_path / "mixed.png", zoom=crops, formats=["png"], dpi=60)
    assert path.name == "mixed.png"
    height, width = picture(path).shape[:2]
    assert height > width


def test_name_with_dots_is_kept(pair, tmp_path):
    row = FigureRow("", [LabelledImage(pair[0], "infrared")])
    (path,) = comparison([row], tmp_path / "vi-rain(0.7)", zoom=None, formats=["png"], dpi=40)
    assert path.name == "vi-rain(0.7).png"


def test_same_figure_has_the_same_bytes(pair, tmp_path):
    row = FigureRow("x", [LabelledImage(pair[0], "infrared"), LabelledImage(pair[1], "visible")])
    first = [path.read_bytes() for path in comparison([row], tmp_path / "first", dpi=60)]
    again = [path.read_bytes() for path in comparison([row], tmp_path / "again", dpi=60)]
    assert first == again


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: comparison([], p), "at least one row"),
        (lambda p: comparison([FigureRow("x", [None])], p), "at least one row"),
        (lambda p: LabelledImage(np.zeros((4, 4)), "x"), "'x' is float64 of shape"),
        (lambda p: LabelledImage(np.zeros((4, 4, 2), np.uint8), "x"), "shape \\(4, 4, 2\\)"),
        (
            lambda p: comparison([FigureRow("r", [LabelledImage(textured(9, 9), "ir")])], p),
            "row 'r' does not start with infrared",
        ),
        (
            lambda p: comparison([FigureRow("r", [LabelledImage(textured(9, 9), "ir")])], p, zoom="people"),
            "unknown zoom 'people'",
        ),
        (
            lambda p: comparison([FigureRow("r", [LabelledImage(textured(9, 9), "ir")])], p, formats=["svg"]),
            "'svg'; choose from png",
        ),
        (lambda p: Crop(0.5, 0.5, 0.6, 0.1), "exceeds the image"),
        (lambda p: Crop(0.5, 0.5, 0.0, 0.1), "exceeds the image"),
        (lambda p: salient_crops(textured(9, 9), textured(9, 8, 3)), "crops need equal sizes"),
    ],
)
def test_bad_input_gets_its_sentence(make, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "figure")
