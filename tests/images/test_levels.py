"""Values that a file leaves open: refused with the way out, and read right once somebody says how."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fusionbench.images.files import (
    is_false_colour,
    read_image,
    read_infrared,
    read_visible,
    write_image,
)
from fusionbench.images.levels import luma
from fusionbench.images.options import ReadOptions, UnclearImageError, read_options

from .handmade import RGB, tiff

RAMP = np.arange(1024, dtype=np.uint16).reshape(32, 32)
NOISE = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)


@pytest.fixture
def put(tmp_path):
    """Writes an array as a file and gives its path."""

    def write(values: np.ndarray, suffix: str = ".png"):
        path = tmp_path / f"a{suffix}"
        Image.fromarray(values).save(path)
        return path

    return write


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize(
    ("values", "levels", "advice"),
    [
        (7800 + RAMP, "from 7800 to 8823 of 65535, which would leave 4 of 256", "--ir-range 7800,8823"),
        (RAMP // 4, "from 0 to 255 of 65535, which would leave 1 of 256", "--ir-range 0,255"),
        (RAMP * 4, "from 0 to 4092 of 65535, which would leave 16 of 256", "--ir-range 0,4095"),
        (RAMP * 16, "from 0 to 16368 of 65535, which would leave 64 of 256", "--ir-range 0,16383"),
        (29000 + RAMP, "from 29000 to 30023 of 65535, which would leave 4 of 256", "--ir-range 29000,30023"),
    ],
    ids=["raw 14 bits", "8 bits", "12 bits", "14 bits", "hundredths of a kelvin"],
)
def test_sixteen_bits_that_are_hardly_used_are_refused_with_the_range_to_name(put, suffix, values, levels, advice):
    path = put(values, suffix)
    with pytest.raises(UnclearImageError, match=f"a{suffix} holds values {levels} gray levels; .*{advice}.*auto"):
        read_infrared(path)
    for read in (read_image, read_visible):
        with pytest.raises(UnclearImageError, match=f"{levels} gray levels; convert it to 8 bits, or scale it"):
            read(path)
    low, high = (float(end) for end in advice.split()[1].split(","))
    expected = np.floor(np.clip((values - low) / (high - low), 0, 1) * 255 + 0.5)
    np.testing.assert_array_equal(read_infrared(path, read_options(advice.split()[1])), expected)


@pytest.mark.parametrize(
    "values",
    [
        RAMP * 64,
        RAMP * 9 + 20000,
        RAMP // 4 * 257,
        RAMP // 64 * 257,
        np.zeros_like(RAMP),
        np.full_like(RAMP, 8000),
    ],
    ids=["all", "a seventh, not dark", "8 bits twice", "few levels, 8 bits twice", "black", "one value"],
)
def test_sixteen_bits_that_lose_nothing_are_read_as_they_are(put, values):
    expected = (values.astype(int) * 255 + 32767) // 65535
    for read in (read_image, read_infrared):
        np.testing.assert_array_equal(read(put(values)), expected)


def test_auto_leaves_out_dead_pixels_and_not_a_small_hot_object(put):
    values = 7800 + RAMP
    values[0, 0], values[31, 31] = 0, 16383
    image = read_infrared(put(values), ReadOptions("auto"))
    assert len(np.unique(image)) > 200
    cold = np.full((100, 100), 7800, np.uint16)
    cold[:2, :2] = 8800  # 0.04 % of the image
    np.testing.assert_array_equal(read_infrared(put(cold), ReadOptions("auto")) == 255, cold == 8800)
    assert not read_infrared(put(np.full_like(cold, 9)), ReadOptions("auto")).any()


def test_a_range_is_of_the_files_own_numbers_whatever_its_depth(put):
    eight = put(np.array([[10, 20, 30]], np.uint8))
    np.testing.assert_array_equal(read_infrared(eight, ReadOptions((10, 30))), [[0, 128, 255]])
    inverted = tiff(np.array([[7800, 8200, 8600]], np.uint16), photometric=0)
    eight.write_bytes(inverted)
    np.testing.assert_array_equal(read_infrared(eight, ReadOptions((7800, 8600))), [[255, 127, 0]])


def test_low_contrast_of_8_bits_stays_as_it_is(put):
    np.testing.assert_array_equal(read_infrared(put(np.array([[7, 8]], np.uint8))), [[7, 8]])


@pytest.mark.parametrize("channels", [2, 4])
def test_a_last_channel_that_is_not_opaque_is_refused(put, channels):
    values = NOISE[..., [0, 1, 2, 0][:channels]]
    path = put(np.ascontiguousarray(values))
    told = "a.png: its last channel is not opaque; if it is the infrared image, read it with --ir-channel"
    words = f"{told} {channels - 1};"
    for read in (read_infrared, read_visible):
        with pytest.raises(UnclearImageError, match=words):
            read(path)
    with pytest.raises(UnclearImageError, match="its last channel is not opaque; save the image without transp"):
        read_image(path)
    half = np.dstack([NOISE[..., 0], np.full((32, 32), 128, np.uint8)])
    with pytest.raises(UnclearImageError, match="not opaque"):
        read_image(put(half))


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_last_channel_that_says_nothing_is_dropped(put, alpha):
    path = put(np.dstack([NOISE, np.full((32, 32), alpha, np.uint8)]))
    np.testing.assert_array_equal(read_image(path), NOISE)
    np.testing.assert_array_equal(read_visible(path), NOISE)


@pytest.mark.parametrize("suffix", [".png", ".tif", "unspecified"])
def test_infrared_in_the_fourth_channel_is_read_and_left_out_of_the_visible_image(put, suffix, tmp_path):
    values = np.dstack([NOISE, NOISE[::-1, :, 0]])
    if suffix == "unspecified":
        path = tmp_path / "a.tif"
        path.write_bytes(tiff(values, photometric=RGB, extra=0))
    else:
        path = put(values, suffix)
    options = read_options(ir_channel="3")
    np.testing.assert_array_equal(read_infrared(path, options), NOISE[::-1, :, 0])
    np.testing.assert_array_equal(read_visible(path, options), NOISE)
    with pytest.raises(UnclearImageError, match="not opaque"):
        read_visible(path)


def test_a_channel_of_a_coloured_file_is_read_and_a_missing_one_named(put):
    path = put(NOISE)
    for channel in range(3):
        np.testing.assert_array_equal(read_infrared(path, ReadOptions(ir_channel=channel)), NOISE[..., channel])
    np.testing.assert_array_equal(read_infrared(path, ReadOptions(ir_channel="luma")), luma(NOISE))
    with pytest.raises(
        UnclearImageError, match=r"a\.png has 3 channels, counted from 0, and no channel 3 for --ir-channel"
    ):
        read_infrared(path, ReadOptions(ir_channel=3))
    gray = put(NOISE[..., 0])
    np.testing.assert_array_equal(read_infrared(gray, ReadOptions(ir_channel=0)), NOISE[..., 0])
    with pytest.raises(UnclearImageError, match=r"a\.png has 1 channel, counted from 0"):
        read_infrared(gray, ReadOptions(ir_channel=1))


def test_transparency_of_a_palette_or_a_key_colour_is_seen(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(NOISE).quantize(16).save(path, transparency=3)
    with pytest.raises(UnclearImageError, match="not opaque"):
        read_image(path)
    Image.fromarray(NOISE // 64 * 64).save(path, transparency=(0, 0, 0))
    with pytest.raises(UnclearImageError, match="not opaque"):
        read_image(path)
    Image.fromarray(NOISE).save(path, transparency=(1, 2, 3))  # of no pixel
    assert not (NOISE == (1, 2, 3)).all(axis=2).any()
    np.testing.assert_array_equal(read_image(path), NOISE)


def test_false_colour_is_told_from_gray_that_compression_tinted(tmp_path):
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    gray, rainbow = np.dstack([ramp] * 3), np.dstack([ramp, 255 - ramp, ramp // 2])
    write_image(tmp_path / "rainbow.png", rainbow)
    write_image(tmp_path / "gray.png", gray)
    Image.fromarray(np.clip(gray + np.array([3, 0, -3]), 0, 255).astype(np.uint8)).save(
        tmp_path / "tinted.jpg", quality=60
    )
    assert is_false_colour(tmp_path / "rainbow.png")
    assert not is_false_colour(tmp_path / "rainbow.png", ReadOptions(ir_channel="luma"))
    assert not is_false_colour(tmp_path / "gray.png")
    assert not is_false_colour(tmp_path / "tinted.jpg")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("5", "--ir-range: the range '5' is neither LOW,HIGH nor auto; write it like 7800,8800"),
        ("a,b", "'a,b' is neither"),
        ("1,2,3", "'1,2,3' is neither"),
        ("9,8", "does not go from a lower to a higher value"),
        ("nan,8", "does not go from"),
        ("0,inf", "does not go from"),
    ],
)
def test_a_range_that_is_none_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        read_options(given)


@pytest.mark.parametrize("given", ["4", "-1", "red", 7])
def test_a_channel_that_is_none_is_named(given):
    with pytest.raises(ValueError, match=r"--ir-channel: the channel .* is not one of 0, 1, 2, 3 .* or luma"):
        read_options(ir_channel=given)


def test_settings_say_what_results_depend_on():
    assert read_options("auto", "3").settings == {"ir_range": "auto", "ir_channel": 3}
    assert read_options((0, 9)).settings == {"ir_range": [0.0, 9.0], "ir_channel": None}
