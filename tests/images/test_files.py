from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from fusionbench.images.decoding import plain_png
from fusionbench.images.files import decode_image, image_size, read_image, write_image
from fusionbench.images.levels import luma
from fusionbench.images.tensors import to_bytes, to_tensor

GRAY = np.arange(256, dtype=np.uint8).reshape(8, 32)
RGB = np.stack([GRAY, 255 - GRAY, GRAY // 2], axis=2)
TURNED = Image.Exif()
TURNED[0x0112] = 6


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".PNG"])
@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "rgb"])
def test_lossless_formats_come_back_unchanged(tmp_path, save, suffix, pixels):
    read = read_image(save(tmp_path / f"a{suffix}", pixels))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels)


def test_jpeg_is_read_as_pillow_decodes_it(tmp_path, save):
    path = save(tmp_path / "a.jpg", RGB)
    with Image.open(path) as image:
        np.testing.assert_array_equal(read_image(path), np.asarray(image))


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "P", "1", "LA", "PA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_fits_either_slot(tmp_path, mode, channels):
    suffix = ".tif" if mode in ("CMYK", "PA") else ".png"
    image = Image.fromarray(np.full((4, 6, 3), 255, np.uint8))
    if mode == "PA":
        image = image.convert("P")
        image.putalpha(255)
        suffix = ".tif"
    image.convert(mode).save(tmp_path / f"a{suffix}")
    read = read_image(tmp_path / f"a{suffix}", channels=channels)
    assert read.shape == ((4, 6) if channels == 1 else (4, 6, 3))
    assert (read >= 254).all()


def test_palette_keeps_its_colours(tmp_path):
    image = Image.fromarray(RGB).quantize(256)
    image.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as stored:
        assert stored.mode == "P"
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_alpha_is_dropped_not_blended(tmp_path):
    Image.fromarray(np.dstack([RGB, np.zeros_like(GRAY)])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_gray_is_scaled_by_its_full_range(tmp_path, suffix):
    values = np.array([[0, 128, 129, 257, 32768, 65407, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / f"a{suffix}"), values)
    expected = [[round(int(value) * 255 / 65535) for value in values[0]]]
    assert expected == [[0, 0, 1, 1, 128, 255, 255]]
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), expected)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_colour_is_rounded_not_truncated(tmp_path, suffix, channels):
    # 255 is 0.99 of a grey level: the high byte alone would give 0.
    bgr = np.zeros((2, 3, channels), np.uint16)
    bgr[..., 0], bgr[..., 1], bgr[..., 2] = 255, 257, 65535
    cv2.imwrite(str(tmp_path / f"a{suffix}"), bgr)
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), np.broadcast_to([255, 1, 1], (2, 3, 3)))


def test_thirty_two_bit_and_float_values_are_refused(tmp_path):
    Image.fromarray(np.full((2, 2), 70000, np.int32)).save(tmp_path / "wide.tif")
    Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"wide\.tif.*from 70000 to 70000; convert"):
        read_image(tmp_path / "wide.tif")
    with pytest.raises(ValueError, match=r"float\.tif.*floating-point"):
        read_image(tmp_path / "float.tif")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.6])
def test_damaged_files_are_named(tmp_path, save, suffix, share):
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"broken{suffix}", noise)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=r"cannot read .*broken"):
        read_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # about the end of the file, before the error
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_colour_cut_short_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(65536, size=(64, 64, 3)).astype(np.uint16))
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ValueError, match="cannot read"):
        read_image(path)


# Pillow warns of a huge image or of odd tags in a damaged header before the reading fails.
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning", "ignore::UserWarning:PIL")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_no_damage_escapes_as_another_error(tmp_path, save, suffix):
    rng = np.random.default_rng(1)
    path = save(tmp_path / f"a{suffix}", rng.integers(256, size=(16, 16, 3), dtype=np.uint8))
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    refused = 0
    for _ in range(150):
        broken = whole.copy()
        broken[rng.integers(len(whole), size=6)] = rng.integers(256, size=6)
        path.write_bytes(broken.tobytes())
        try:
            assert read_image(path, channels=3).shape[2] == 3
        except ValueError:
            refused += 1
    assert refused > 0


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning", "ignore::UserWarning:PIL")
@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("GIF", "P", {}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"exif": TURNED}),
        ("JPEG2000", "RGB", {}),
        ("PNG", "LA", {}),
        ("PNG", "RGB", {"exif": TURNED}),
        ("TIFF", "F", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("TIFF", "I;16", {}),
        ("WEBP", "RGB", {"exif": TURNED}),
    ],
)
def test_damage_of_any_kind_names_the_file(tmp_path, form, mode, options):
    rng = np.random.default_rng(2)
    path = tmp_path / "a.bin"
    pixels = rng.integers(256, size=(16, 16), dtype=np.uint8)
    image = Image.fromarray(pixels.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    image.save(path, form, **options)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    unnamed = []
    for attempt in range(40):
        broken = whole.copy()
        broken[rng.integers(len(whole), size=4)] ^= 255
        path.write_bytes(broken[: rng.integers(len(whole)) if attempt % 2 else None].tobytes())
        for read in (read_image, image_size):
            try:
                read(path)
            except ValueError as error:
                unnamed += [] if str(path) in str(error) else [str(error)]
    assert not unnamed


def test_other_files_are_no_images(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(ValueError, match=r"cannot read .*a\.png"):
        read_image(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "b.png")


def test_gray_stored_as_colour_comes_back_exactly(tmp_path, save):
    path = save(tmp_path / "a.png", np.repeat(GRAY[:, :, None], 3, axis=2))
    np.testing.assert_array_equal(read_image(path, channels=1), GRAY)


def test_luma_is_that_of_bt601():
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], np.uint8)
    np.testing.assert_array_equal(luma(colours), [[76, 150, 29, 18]])


def test_size_is_read_without_decoding(tmp_path, save):
    path = save(tmp_path / "a.png", np.random.default_rng(0).integers(256, size=(60, 40, 3), dtype=np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    assert image_size(path) == (60, 40)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.png"):
        image_size(path)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "rgb"])
def test_what_is_written_is_read(tmp_path, suffix, pixels):
    path = tmp_path / "new" / f"a{suffix}"
    write_image(path, pixels)
    np.testing.assert_array_equal(read_image(path), pixels)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_failed_write_leaves_the_old_image_and_no_other_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, GRAY)

    def full_disk(self, file, *args, **options):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_image(path, 255 - GRAY)
    np.testing.assert_array_equal(read_image(path), GRAY)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("name", "pixels", "message"),
    [
        ("a.jpg", GRAY, "without loss"),
        ("a", GRAY, "without loss"),
        ("a.png", GRAY.astype(np.float32), "float32"),
        ("a.png", np.zeros((2, 2, 4), np.uint8), r"\(2, 2, 4\)"),
    ],
)
def test_writing_refuses_what_would_lose_something(tmp_path, name, pixels, message):
    with pytest.raises(ValueError, match=message):
        write_image(tmp_path / name, pixels)


def test_bytes_to_floats_and_back_is_the_identity():
    for pixels in (GRAY, RGB):
        tensor = to_tensor(pixels)
        assert tensor.dtype == torch.float32
        assert tensor.shape == (1 if pixels.ndim == 2 else 3, 8, 32)
        assert tensor.is_contiguous()
        np.testing.assert_array_equal(to_bytes(tensor), pixels)
    assert to_tensor(GRAY).max() == 1


def test_floats_are_clamped_and_rounded():
    tensor = torch.tensor([-0.1, 0.0, 0.49 / 255, 0.51 / 255, 254.49 / 255, 1.0, 1.7]).view(1, 1, 7)
    np.testing.assert_array_equal(to_bytes(tensor), [[0, 0, 0, 1, 254, 255, 255]])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_makes_no_image(value):
    with pytest.raises(ValueError, match="NaN or infinity"):
        to_bytes(torch.full((3, 2, 2), value))


@pytest.mark.parametrize("shape", [(37, 50), (37, 50, 3)])
@pytest.mark.parametrize("level", [0, 9])
def testplain_png_is_decoded_as_pillow_decodes_it(shape, level, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png", compress_level=level)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)
    np.testing.assert_array_equal(decode_image((tmp_path / "a.png").read_bytes(), "it"), image)


def test_no_damage_to_a_png_goes_unseen_by_the_fast_decoder(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    np.testing.assert_array_equal(plain_png(whole), image)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        assert plain_png(damaged) is None, place
        assert plain_png(whole[:place]) is None, place
    with pytest.raises(ValueError, match="cannot read half of it as an image"):
        decode_image(whole[: len(whole) // 2], "half of it")
