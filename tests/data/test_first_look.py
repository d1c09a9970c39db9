"""A first look at a set of pairs: refused once, or told once, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fusionbench.data.first_look import LOOKED_AT
from fusionbench.data.sources.folders import FolderSource, match_by_name
from fusionbench.images.options import ImageWarning, ReadOptions, UnclearImageError, read_options

RAW = 7800 + np.arange(768, dtype=np.uint16).reshape(24, 32)
RGB = np.random.default_rng(0).integers(256, size=(24, 32, 3), dtype=np.uint8)


@pytest.fixture
def folders(tmp_path, make_pairs):
    """Pairs of 32x24 pixels, as many as are asked for."""

    def make(count: int = 1):
        make_pairs(tmp_path / "ir", tmp_path / "vi", [f"{index:02d}" for index in range(count)])
        return tmp_path / "ir", tmp_path / "vi"

    return make


def opened(ir, vi, resize: bool = False, **reading) -> FolderSource:
    options = read_options(**reading)
    return FolderSource("folder", match_by_name(ir, vi, reading=options), resize=resize, reading=options)


def turned(path, orientation: int, size=(24, 32)) -> None:
    tag = Image.Exif()
    tag[0x0112] = orientation
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path, exif=tag)


def test_raw_frames_are_refused_once_and_read_with_a_range(folders, save):
    ir, vi = folders(20)
    for path in ir.iterdir():
        save(path, RAW)
    with pytest.raises(UnclearImageError, match=r"00\.png holds values from 7800 to 8567 .*--ir-range 7800,8567"):
        opened(ir, vi)
    source = opened(ir, vi, ir_range="7800,8567")
    assert len(np.unique(source.read(3).ir)) == 256


def test_few_pairs_are_looked_at_and_all_are_checked_when_they_are_read(folders, save):
    ir, vi = folders(20)
    save(ir / "01.png", RAW)
    source = opened(ir, vi)
    with pytest.raises(UnclearImageError, match=r"01\.png"):
        source.read(1)
    save(ir / f"{20 // LOOKED_AT}.png".rjust(6, "0"), RAW)
    with pytest.raises(UnclearImageError, match=r"04\.png"):
        opened(ir, vi)


def test_false_colour_is_told_with_the_first_file_and_the_count(folders, save):
    ir, vi = folders(10)
    for name in ("02", "03", "04", "06"):
        save(ir / f"{name}.png", RGB)
    with pytest.warns(ImageWarning, match=r"3 of 5 examined infrared images are in colour, first .*02\.png; .*luma"):
        opened(ir, vi)
    opened(ir, vi, ir_channel="luma")
    opened(ir, vi, ir_channel=0)


def test_one_folder_holds_both_where_a_channel_is_the_infrared_image(tmp_path, save):
    four = np.dstack([RGB, RGB[::-1, :, 1]])
    save(tmp_path / "images" / "a.png", four)
    folder = tmp_path / "images"
    with pytest.raises(ValueError, match=r"given for both modalities; .*\(--ir-channel 3 for the fourth\)"):
        opened(folder, folder)
    raw = opened(folder, folder, ir_channel=3).read(0)
    np.testing.assert_array_equal(raw.ir, four[..., 3])
    np.testing.assert_array_equal(raw.vi, RGB)


def test_half_transparent_visible_images_are_refused(folders, save):
    ir, vi = folders()
    save(vi / "00.png", np.dstack([RGB, RGB[..., 0]]))
    with pytest.raises(UnclearImageError, match=r"vi/00\.png: its last channel is not opaque"):
        opened(ir, vi)


@pytest.mark.parametrize("resize", [False, True])
def test_a_photograph_that_fits_once_it_is_upright_is_turned_and_told(folders, resize):
    ir, vi = folders(3)
    turned(vi / "01.png", 6, size=(32, 24))
    with pytest.warns(
        ImageWarning, match=r"rotates one image of 1 of 3 pairs, first .*01\.png \(orientation 6\); remove"
    ):
        source = opened(ir, vi, resize)
    assert source.size(1) == source.read(1).vi.shape[:2] == (24, 32)


@pytest.mark.parametrize("resize", [False, True])
def test_a_photograph_that_fits_only_as_it_is_stored_is_refused(folders, resize):
    ir, vi = folders(2)
    turned(vi / "01.png", 8)
    with pytest.raises(
        ValueError, match=r"'01' fit only without the rotation .*vi/01\.png \(orientation 8\); remove the tag"
    ):
        opened(ir, vi, resize)


def test_images_that_are_both_turned_are_no_question(folders):
    ir, vi = folders()
    for folder in (ir, vi):
        turned(folder / "00.png", 6, size=(32, 24))
    assert opened(ir, vi).read(0).vi.shape == (24, 32, 3)


def test_stretching_by_resize_is_told(folders, save):
    ir, vi = folders(2)
    save(ir / "01.png", np.zeros((12, 20), np.uint8))
    with pytest.warns(
        ImageWarning,
        match=(
            r"1 of 2 pairs differ in aspect ratio, .* infrared 20x12 .*; crop them to the "
            r"same "
            r"view"
        ),
    ):
        opened(ir, vi, resize=True)
    save(ir / "01.png", np.zeros((12, 16), np.uint8))
    opened(ir, vi, resize=True)


def test_what_cannot_be_opened_waits_until_it_is_read(folders):
    ir, vi = folders(2)
    (ir / "00.png").write_bytes(b"")
    (vi / "01.png").write_bytes((vi / "01.png").read_bytes()[:60])
    source = opened(ir, vi)
    for index in range(2):
        with pytest.raises(ValueError, match="cannot read"):
            source.read(index)


def test_options_reach_what_is_read(folders, save):
    ir, vi = folders()
    save(ir / "00.png", np.full((24, 32), 50, np.uint8))
    assert (opened(ir, vi, ir_range="0,100").read(0).ir == 128).all()
    assert FolderSource("folder", match_by_name(ir, vi)).reading == ReadOptions()
