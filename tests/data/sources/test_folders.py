from __future__ import annotations

import numpy as np
import pytest

from fusionbench.data.sources.folders import FolderSource, Matching, match_by_name, read_prompts, resized
from fusionbench.images.folders import image_files
from fusionbench.images.options import ImageWarning


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "ir", tmp_path / "vi"


def test_pairs_share_their_stem_whatever_the_suffix(folders, save):
    ir, vi = folders
    gray = np.zeros((4, 4), np.uint8)
    for name in ("b.png", "a.bmp", "c.JPG"):
        save(ir / name, gray)
    for name in ("a.jpg", "b.tif", "c.png"):
        save(vi / name, gray)
    (ir / "Thumbs.db").write_bytes(b"x")
    (vi / ".a.png.123.tmp").write_bytes(b"x")
    (vi / "._a.png").write_bytes(b"x")
    pairs = match_by_name(ir, vi)
    assert [(pair.name, pair.ir.name, pair.vi.name) for pair in pairs] == [
        ("a", "a.bmp", "a.jpg"),
        ("b", "b.png", "b.tif"),
        ("c", "c.JPG", "c.png"),
    ]


def test_subfolders_are_part_of_the_name(folders, make_pairs):
    ir, vi = folders
    make_pairs(ir, vi, ["day/001", "night/001", "001"])
    assert [pair.name for pair in match_by_name(ir, vi)] == ["001", "day__001", "night__001"]


def test_case_is_overlooked_where_nothing_else_fits(folders, save):
    ir, vi = folders
    gray = np.zeros((4, 4), np.uint8)
    save(ir / "IMG_1.png", gray)
    save(vi / "img_1.png", gray)
    (pair,) = match_by_name(ir, vi)
    assert (pair.name, pair.ir.name, pair.vi.name) == ("img_1", "IMG_1.png", "img_1.png")


@pytest.mark.parametrize(("first", "second"), [("a.png", "a.jpg"), ("a.png", "A.png"), ("x/a.png", "x__a.png")])
def test_two_files_of_one_name_are_refused(folders, save, first, second):
    ir, _ = folders
    save(ir / first, np.zeros((4, 4), np.uint8))
    save(ir / second, np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="must differ in more than suffix and case"):
        image_files(ir)


def test_unmatched_files_are_refused_with_counts_and_names(folders, make_pairs, save):
    ir, vi = folders
    make_pairs(ir, vi, ["both"])
    for name in ("i1", "i2", "i3", "i4"):
        save(ir / f"{name}.png", np.zeros((4, 4), np.uint8))
    save(vi / "v1.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(
        ValueError, match=r"1 pairs, but 4 images only in .*ir \(i1, i2, i3, \.\.\.\) and 1 only in .*v1"
    ):
        match_by_name(ir, vi)
    assert [pair.name for pair in match_by_name(ir, vi, Matching(unmatched="skip"))] == ["both"]


def test_folders_without_any_pair_are_refused_even_when_skipping(folders, save):
    ir, vi = folders
    save(ir / "a.png", np.zeros((4, 4), np.uint8))
    save(vi / "b.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="0 pairs"):
        match_by_name(ir, vi, Matching(unmatched="skip"))


def test_missing_and_empty_folders_are_named(folders, make_pairs):
    ir, vi = folders
    with pytest.raises(FileNotFoundError, match=r"no folder .*ir"):
        match_by_name(ir, vi)
    make_pairs(ir, ir.parent / "elsewhere", ["a"])
    vi.mkdir()
    (vi / "a.txt").write_text("x")
    with pytest.raises(FileNotFoundError, match=r"no image in .*vi; supported suffixes"):
        match_by_name(ir, vi)


def test_one_folder_for_both_or_inside_the_other_is_refused(folders, make_pairs):
    ir, _ = folders
    make_pairs(ir, ir / "vi", ["a"])
    with pytest.raises(ValueError, match="both modalities"):
        match_by_name(ir, ir)
    with pytest.raises(ValueError, match="contains the other"):
        match_by_name(ir, ir / "vi")


def test_pairs_are_read_as_gray_and_colour(folders, save):
    ir, vi = folders
    red = np.zeros((6, 8, 3), np.uint8)
    red[..., 0] = 255
    save(ir / "a.png", red)
    save(vi / "a.png", np.full((6, 8), 9, np.uint8))
    with pytest.warns(ImageWarning, match="1 of 1 examined infrared images are in colour"):
        source = FolderSource("folder", match_by_name(ir, vi))
    raw = source.read(0)
    assert (raw.name, raw.degradation, raw.ir_scale, raw.vi_scale) == ("a", "clean", 1, 1)
    np.testing.assert_array_equal(raw.ir, np.full((6, 8), 76))
    np.testing.assert_array_equal(raw.vi, np.full((6, 8, 3), 9))
    assert raw.ir_clean is None
    assert raw.prompt is None
    assert source.size(0) == (6, 8)


def test_differing_sizes_are_refused_and_both_named(folders, make_pairs, save):
    ir, vi = folders
    make_pairs(ir, vi, ["a", "b", "c"])
    save(ir / "b.png", np.zeros((12, 16), np.uint8))
    save(ir / "c.png", np.zeros((12, 16), np.uint8))
    with pytest.raises(ValueError, match=r"'b' differ in size: infrared 16x12 .*visible 32x24 .*1 other.*resize=True"):
        FolderSource("folder", match_by_name(ir, vi))


def test_resizing_brings_infrared_to_the_visible_size_and_records_the_scale(folders, save):
    ir, vi = folders
    ramp = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (12, 1))
    save(ir / "a.png", ramp)
    save(vi / "a.png", np.zeros((48, 64, 3), np.uint8))
    raw = FolderSource("folder", match_by_name(ir, vi), resize=True).read(0)
    assert raw.ir.shape == (48, 64)
    assert raw.ir_scale == 4
    # Pixel centres: column x of the large image lies at (x + 0.5) / 4 - 0.5 of the small one; a ramp stays a ramp.
    expected = 10 * ((np.arange(64) + 0.5) / 4 - 0.5)
    np.testing.assert_allclose(raw.ir[20, 8:-8], expected[8:-8], atol=1)


def test_larger_infrared_is_averaged_down(folders, save):
    ir, vi = folders
    checks = np.indices((8, 8)).sum(axis=0) % 2 * 200
    save(ir / "a.png", checks.astype(np.uint8))
    save(vi / "a.png", np.zeros((4, 4, 3), np.uint8))
    raw = FolderSource("folder", match_by_name(ir, vi), resize=True).read(0)
    np.testing.assert_array_equal(raw.ir, np.full((4, 4), 100))
    assert raw.ir_scale == 1


def test_damaged_image_waits_until_it_is_read_and_spares_the_others(folders, make_pairs):
    ir, vi = folders
    make_pairs(ir, vi, ["a", "b"])
    (ir / "a.png").write_bytes(b"no image")
    source = FolderSource("folder", match_by_name(ir, vi))
    with pytest.raises(ValueError, match=r"ir/a\.png"):
        source.read(0)
    assert source.read(1).name == "b"


def test_prompts_come_from_a_table_beside_the_folders(folders, make_pairs):
    ir, vi = folders
    make_pairs(ir, vi, ["a", "b"])
    (ir.parent / "prompts.csv").write_text('name,prompt\na,"dark, noisy"\n', encoding="utf-8")
    source = FolderSource("folder", match_by_name(ir, vi), prompts=read_prompts([ir.parent]))
    assert source.read(0).prompt == "dark, noisy"
    assert source.read(1).prompt is None


def test_prompt_table_without_its_columns_is_refused(tmp_path):
    (tmp_path / "prompts.csv").write_text("file,text\na,b\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has the columns file, text; the table needs the columns 'name' and 'prompt'"):
        read_prompts([tmp_path])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,prompt\na,dark, noisy\n", "line 2: 3 cells where the heading has 2"),
        ("name,prompt\na\n", "line 2: 1 cells"),
        ("name,prompt\na,dark\nb,bright\na,noisy\n", "line 4: a second row for 'a'"),
        ('name,prompt\na,"dark\n', "a quote is not closed|unexpected end"),
        ("name,prompt\na,\udcff\n", "no UTF-8 text"),
    ],
)
def test_a_table_of_prompts_that_cannot_be_read_is_named(text, sentence, tmp_path):
    (tmp_path / "prompts.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ValueError, match=rf"prompts\.csv.*({sentence}).*'name' and 'prompt'"):
        read_prompts([tmp_path])


@pytest.mark.parametrize(
    "text", ["name,prompt\na,dark", "\ufeffname,prompt\r\na,dark\r\n\r\n", "prompt,x,name\ndark,,a\n"]
)
def test_a_table_of_prompts_may_come_from_any_program(text, tmp_path):
    (tmp_path / "prompts.csv").write_bytes(text.encode())
    assert read_prompts([tmp_path]) == {"a": "dark"}


def test_resizing_keeps_a_constant():
    for size in ((8, 8), (64, 64), (8, 64)):
        np.testing.assert_array_equal(resized(np.full((16, 16), 200, np.uint8), size), np.full(size, 200))
