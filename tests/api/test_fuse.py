"""`fusionbench.fuse` in Python: what it takes for an image, and what it says of everything else."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from PIL import Image

import fusionbench
from fusionbench.methods import load
from fusionbench.weights.store import PRETRAINED


@pytest.fixture
def pair(tmp_path, make_pairs):
    make_pairs(tmp_path / "ir", tmp_path / "vi", ["a"])
    return tmp_path / "ir" / "a.png", tmp_path / "vi" / "a.png"


def as_array(path):
    return np.asarray(Image.open(path))


KINDS = {
    "text": str,
    "Pillow": Image.open,
    "bytes": as_array,
    "floats": lambda path: as_array(path) / 255,
    "float32": lambda path: as_array(path).astype(np.float32) / 255,
    "tensor": lambda path: torch.from_numpy(as_array(path).copy()),
    "channels first": lambda path: torch.from_numpy(np.atleast_3d(as_array(path)).transpose(2, 0, 1) / 255),
}


@pytest.mark.parametrize("kind", KINDS)
def test_paths_pillow_images_arrays_and_tensors_give_the_same_image(kind, pair):
    expected = fusionbench.fuse("lap", *pair)
    fused = fusionbench.fuse("lap", *(KINDS[kind](path) for path in pair))
    torch.testing.assert_close(fused, expected, rtol=0, atol=1e-6)
    scores = fusionbench.evaluate(fused, *(KINDS[kind](path) for path in pair), ["EN", "MI"])
    for name, value in fusionbench.evaluate(expected, *pair, ["EN", "MI"]).items():
        torch.testing.assert_close(scores[name], value, rtol=0, atol=1e-4)


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "I;16", "CMYK"])
def test_a_pillow_image_is_read_as_its_file_is(mode, pair, tmp_path):
    image = Image.open(pair[1]).convert("L" if mode == "I;16" else mode.replace("CMYK", "RGB"))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    if mode == "CMYK":
        image = image.convert("CMYK")
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    image.save(path)
    expected = fusionbench.fuse("average", pair[0], path)
    torch.testing.assert_close(fusionbench.fuse("average", pair[0], Image.open(path)), expected, rtol=0, atol=0)


def test_a_turned_photograph_that_pillow_opened_is_upright(pair, tmp_path):
    turned = Image.new("RGB", (24, 32), "red")
    turned.getexif()[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=turned.getexif())
    assert fusionbench.fuse("average", pair[0], Image.open(tmp_path / "turned.png")).shape == (3, 24, 32)


def test_what_pillow_does_not_tell_of_an_image_is_refused(pair, tmp_path):
    Image.fromarray(np.zeros((24, 32), np.uint16)).save(tmp_path / "ir.tif")
    with Image.open(tmp_path / "ir.tif") as tiff, pytest.raises(ValueError, match="give the path of its file"):
        fusionbench.fuse("average", tiff, pair[1])
    glass = Image.new("RGBA", (32, 24), (9, 9, 9, 9))
    glass.putpixel((0, 0), (9, 9, 9, 255))
    with pytest.raises(ValueError, match="Pillow image of mode RGBA and 32x24: its last channel is not opaque"):
        fusionbench.fuse("average", pair[0], glass)


def test_folders_and_missing_files_get_a_sentence_with_the_way_out(pair, tmp_path):
    for images in ((tmp_path / "ir", tmp_path / "vi"), (pair[0], str(tmp_path / "vi"))):
        with pytest.raises(
            ValueError, match=r"is a folder, and fuse takes one pair.*fusionbench\.run\(METHOD, ir=FOLDER"
        ):
            fusionbench.fuse("average", *images)
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path} is a folder; give an image file")):
        fusionbench.read_image(tmp_path)
    for call in (
        lambda path: fusionbench.fuse("average", path, pair[1]),
        lambda path: fusionbench.fuse("average", pair[0], path),
        lambda path: fusionbench.evaluate(path, None, None, ["EN"]),
        fusionbench.read_image,
    ):
        with pytest.raises(FileNotFoundError, match=r"none\.png does not exist; give an image file that does"):
            call(tmp_path / "none.png")
    with pytest.raises(ValueError, match="ir is a list; give the path of a file, a Pillow image, an array or a tensor"):
        fusionbench.fuse("average", [[0]], pair[1])


def test_a_method_without_its_weights_falls_back_with_a_warning_or_is_refused(pair, monkeypatch, tmp_path):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    with pytest.warns(UserWarning, match="the weights of 'lure' are missing, so 'lure-s' runs"):
        fused = fusionbench.fuse("lure", *pair)
    torch.testing.assert_close(fused, fusionbench.fuse("lure-s", *pair), rtol=0, atol=0)
    with pytest.raises(FileNotFoundError, match="no weights for 'lure'"):
        fusionbench.fuse("lure", *pair, strict=True)


def test_the_ways_out_of_missing_weights_exist(pair, monkeypatch, tmp_path):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    with pytest.raises(FileNotFoundError, match="or pass weights=FILE"):
        fusionbench.fuse("lure-cc", *pair)
    with pytest.raises(FileNotFoundError, match=r"nope\.safetensors; give a file that exists"):
        fusionbench.fuse("lure-s", *pair, weights=tmp_path / "nope.safetensors")
    folders = {"ir": tmp_path / "ir", "vi": tmp_path / "vi"}
    with pytest.raises(FileNotFoundError, match=re.escape("or pass weights={'lure-cc': FILE}")):
        fusionbench.run("lure-cc", **folders, out=None)
    given = fusionbench.fuse("lure-s", *pair, weights=str(PRETRAINED / "lure-s"))
    torch.testing.assert_close(given, fusionbench.fuse(load("lure-s"), *pair), rtol=0, atol=0)
