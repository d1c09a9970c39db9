"""Files of every kind: what a file says of itself is followed, and what is not read is refused with its reason."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fusionbench.images.files import image_size, read_image, read_infrared
from fusionbench.images.options import ReadOptions, UnclearImageError

from .handmade import FLOAT, RGB, SIGNED, WHITE_IS_ZERO, png, tiff

STEPS = (np.arange(12, dtype=np.uint16) * 5957).reshape(3, 4)
"""All of 16 bits in 12 steps, as 8-bit levels about 23 apart."""

LEVELS = (STEPS.astype(int) * 255 + 32767) // 65535
COLOUR = np.random.default_rng(0).integers(256, size=(4, 6, 3), dtype=np.uint8)


@pytest.fixture
def put(tmp_path):
    """Writes bytes as a file and gives its path."""

    def write(data: bytes, suffix: str = ".tif"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data)
        return path

    return write


def encoded(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
def test_low_values_are_bright_where_the_file_says_so_with_16_bits_as_with_8(put, order):
    np.testing.assert_array_equal(read_image(put(tiff(STEPS, order=order))), LEVELS)
    inverted = read_image(put(tiff(STEPS, order=order, photometric=WHITE_IS_ZERO)))
    np.testing.assert_array_equal(inverted, 255 - LEVELS)
    eight = LEVELS.astype(np.uint8)
    np.testing.assert_array_equal(read_image(put(tiff(eight, photometric=WHITE_IS_ZERO))), 255 - LEVELS)


def test_twelve_bits_are_scaled_by_twelve_bits_where_the_file_says_so(put):
    rows = bytes([0xFF, 0xF0, 0x00, 0x80, 0x00, 0x01] * 3)  # 4095, 0, 2048, 1
    read = read_image(put(tiff(STEPS, bits=12, data=rows)))
    np.testing.assert_array_equal(read, [[255, 0, 128, 0]] * 3)


@pytest.mark.parametrize(("suffix", "form"), [(".jpg", "JPEG"), (".png", "PNG"), (".webp", "WEBP"), (".tif", "TIFF")])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright_whatever_their_exif_orientation(put, suffix, form, orientation):
    shown = np.zeros((16, 24, 3), np.uint8)
    shown[:4, :8] = 250  # in the upper left corner
    shown[8:, 16:, 0] = 250
    stored = {
        1: shown, 2: shown[:, ::-1], 3: shown[::-1, ::-1], 4: shown[::-1], 5: shown.swapaxes(0, 1),
        6: np.rot90(shown), 7: np.rot90(shown.swapaxes(0, 1), 2), 8: np.rot90(shown, -1),
    }[orientation]  # fmt: skip
    tag = Image.Exif()
    tag[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
    path = put(encoded(Image.fromarray(np.ascontiguousarray(stored)), form, exif=tag, **options), suffix)
    read = read_image(path)
    assert image_size(path) == read.shape[:2] == (16, 24)
    np.testing.assert_allclose(read.astype(int), shown, atol=6)


def test_an_orientation_that_cannot_be_followed_is_a_reason(put):
    deep = np.dstack([STEPS, STEPS, STEPS])
    with pytest.raises(ValueError, match=r"a\.tif as an image: its EXIF orientation is 6, .* save it upright"):
        read_image(put(tiff(deep, photometric=RGB, orientation=6)))


@pytest.mark.parametrize("marks", [(0, 0), (0, 2), (0, 0, 1)])
def test_pages_are_never_dropped(put, marks):
    with pytest.raises(ValueError, match="it holds 2 pages; save the intended one as a separate file"):
        read_image(put(tiff(STEPS, marks=marks)))


def test_small_copies_and_masks_are_no_pages(put):
    np.testing.assert_array_equal(read_image(put(tiff(STEPS, marks=(0, 1, 4)))), LEVELS)


@pytest.mark.parametrize(("suffix", "form"), [(".gif", "GIF"), (".webp", "WEBP"), (".png", "PNG")])
def test_animations_are_refused_and_single_pictures_read(put, suffix, form):
    frames = [Image.fromarray(np.full((4, 6), level, np.uint8)) for level in (0, 200)]
    with pytest.raises(ValueError, match=f"a{suffix} as an image: it holds 2 images; save the intended one"):
        read_image(put(encoded(frames[0], form, save_all=True, append_images=frames[1:]), suffix))
    options = {"lossless": True} if form == "WEBP" else {}
    single = read_image(put(encoded(frames[1], form, **options), suffix), channels=1)
    np.testing.assert_array_equal(single, np.full((4, 6), 200))


def test_the_first_picture_of_a_jpeg_of_several_is_the_picture(put):
    pictures = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (200, 0)]
    data = encoded(pictures[0], "MPO", save_all=True, append_images=pictures[1:])
    np.testing.assert_allclose(read_image(put(data, ".jpg")), 200, atol=2)


def test_jpeg_2000_is_read_with_8_and_16_bits(put):
    np.testing.assert_array_equal(read_image(put(encoded(Image.fromarray(COLOUR), "JPEG2000"), ".jp2")), COLOUR)
    deep = encoded(Image.fromarray(STEPS), "JPEG2000")
    np.testing.assert_array_equal(read_image(put(deep, ".jp2")), LEVELS)


def test_inverted_inks_of_a_jpeg_come_out_right(put):
    data = encoded(Image.fromarray(np.full((8, 8, 3), (200, 100, 50), np.uint8)).convert("CMYK"), "JPEG", quality=100)
    np.testing.assert_allclose(read_image(put(data, ".jpg"))[4, 4], (200, 100, 50), atol=4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_temperatures_need_a_range(put, dtype, order):
    celsius = np.array([[20, 25], [30, 40]], dtype)
    path = put(tiff(celsius, kind=FLOAT, order=order))
    with pytest.raises(
        UnclearImageError, match=r"a\.tif holds floating-point values from 20 to 40; .*--ir-range 20,40"
    ):
        read_infrared(path)
    np.testing.assert_array_equal(read_infrared(path, ReadOptions((20, 40))), [[0, 64], [128, 255]])
    np.testing.assert_array_equal(read_infrared(path, ReadOptions((25, 30))), [[0, 0], [255, 255]])
    with pytest.raises(UnclearImageError, match="floating-point values from 20 to 40; convert it to 8 bits"):
        read_image(path)
    celsius[0, 0] = np.nan
    with pytest.raises(ValueError, match="holds 1 NaN or infinite values"):
        read_infrared(put(tiff(celsius, kind=FLOAT)), ReadOptions("auto"))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_signed_values_are_not_taken_for_unsigned_ones(put, dtype):
    path = put(tiff(np.array([[-100, 0], [50, 100]], dtype), kind=SIGNED))
    with pytest.raises(UnclearImageError, match="signed or 32-bit values from -100 to 100"):
        read_infrared(path)
    np.testing.assert_array_equal(read_infrared(path, ReadOptions((-100, 100))), [[0, 128], [191, 255]])


def test_32_bits_have_no_white_of_their_own(put):
    with pytest.raises(UnclearImageError, match="signed or 32-bit values from 0 to 200"):
        read_image(put(tiff(np.array([[0, 200]], np.uint32))))
    huge = put(tiff(np.array([[0, 4_000_000_000]], np.uint32)))
    np.testing.assert_array_equal(read_infrared(huge, ReadOptions((0, 4e9))), [[0, 255]])


def test_more_than_four_channels_are_named(put):
    with pytest.raises(ValueError, match="it has 5 channels; save the intended ones as a gray or an RGB image"):
        read_image(put(tiff(np.zeros((3, 4, 5), np.uint8), photometric=RGB, extra=0)))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_what_opencv_reads_is_refused_where_it_is_cut_short(put, share):
    whole = tiff(np.zeros((40, 40), np.float64), kind=FLOAT)
    with pytest.raises(ValueError, match=r"cannot read .*a\.tif as an image: image file is truncated"):
        read_image(put(whole[: 200 + int(len(whole) * share) // 2]))


def test_images_too_large_to_decode_name_a_way_out(put):
    path = put(png(np.zeros((2, 2, 1), np.uint8), colour=0, size=(50_000, 50_000)), ".png")
    for read in (read_image, image_size):
        with pytest.raises(ValueError, match=r"a\.png as an image: it has more than 178,956,970 pixels; cut it into"):
            read(path)


@pytest.mark.parametrize(("colour", "channels"), [(4, 1), (6, 3)])
def test_sixteen_bits_with_transparency_are_rounded_as_those_without(put, colour, channels):
    # 255 is 0.99 of a gray level: the high byte alone, which Pillow keeps, would give 0.
    values = np.zeros((2, 3, channels + 1), np.uint16)
    values[..., :channels] = np.array([[65535, 255, 32768]] * 2)[..., None]
    values[..., channels] = 65535
    read = read_image(put(png(values, colour), ".png"), channels=1)
    np.testing.assert_array_equal(read, [[255, 1, 128]] * 2)
