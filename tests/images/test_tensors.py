"""What may be given as an image in Python: one rule of types, ranges and shapes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbench.images.files import write_image
from fusionbench.images.tensors import as_batch, as_image

GRAY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
RGB = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], axis=2)
TENSOR = torch.from_numpy(RGB).permute(2, 0, 1).float() / 255

SAME = {
    "bytes": RGB,
    "floats": RGB / 255,
    "32-bit floats": (RGB / 255).astype(np.float32),
    "16-bit floats": (RGB / 255).astype(np.float16),
    "floats of the other order": (RGB / 255).astype(">f4"),
    "long floats": (RGB / 255).astype(np.longdouble),
    "channels first": RGB.transpose(2, 0, 1),
    "a view from behind": RGB[::-1][::-1],
    "a tensor": TENSOR,
    "a tensor of bytes": torch.from_numpy(RGB).permute(2, 0, 1),
    "a tensor with channels last": torch.from_numpy(RGB),
    "a batch of one": TENSOR[None],
    "a batch of bytes": RGB[None],
}


@pytest.mark.parametrize("kind", SAME)
def test_bytes_and_floats_in_any_order_are_one_image(kind):
    image = as_image(SAME[kind])
    assert image.is_floating_point()
    torch.testing.assert_close(image.float(), TENSOR, atol=5e-4 if "16" in kind else 1e-7, rtol=0)


@pytest.mark.parametrize("given", [GRAY, GRAY / 255, GRAY[..., None], GRAY[None], torch.from_numpy(GRAY)])
def test_gray_images_have_one_channel(given):
    torch.testing.assert_close(as_image(given).float(), torch.from_numpy(GRAY)[None] / 255)


def test_a_file_is_an_image(tmp_path):
    write_image(tmp_path / "a.png", RGB)
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        torch.testing.assert_close(as_image(path), TENSOR)
    with pytest.raises(FileNotFoundError):
        as_image(tmp_path / "b.png")


REFUSED = {
    "tensors up to 255": (TENSOR * 255, r"ir goes from 0 to 230; give uint8 .* 0 to 1: divide it by 255"),
    "arrays up to 255": (RGB.astype(np.float32), "ir goes from 0 to 230; .*: divide it by 255"),
    "from -1 to 1": (TENSOR * 2 - 1, "ir goes from -1 to 0.80.*: scale or clamp it"),
    "16 bits": (GRAY.astype(np.uint16) * 257, "ir holds uint16 values from 0 to 59110; .* divide by the value that is"),
    "64 bits": (torch.from_numpy(RGB).long(), "ir holds int64 values from 0 to 230; give uint8 from 0 to 255 or"),
    "truth": (GRAY > 9, "ir holds bool values from 0 to 1; give uint8"),
    "complex": (RGB * 1j, "ir is an array of complex128; give uint8"),
    "objects": (np.array([["a", "b"]]), "ir is an array of <U1"),
    "a list": ([[0.5]], "ir is a list; give the path of a file, a Pillow image, an array or a tensor"),
    "four channels": (np.dstack([RGB, GRAY]), r"ir has shape \(4, 6, 4\); give \(H, W\), \(H, W, 3\)"),
    "one dimension": (GRAY[0], r"ir has shape \(6,\)"),
    "nothing": (GRAY[:0], r"ir has shape \(0, 6\)"),
    "a batch": (TENSOR.expand(2, -1, -1, -1), "ir is a batch of 2; give one image at a time"),
    "not a number": (TENSOR * float("nan"), "ir holds 72 NaN or infinite values"),
    "infinity": (np.full((2, 3), np.inf), "ir holds 6 NaN or infinite values"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_anything_else_is_refused_with_what_was_found(kind):
    given, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message):
        as_image(given, "ir")


def test_values_that_rounding_to_bytes_takes_away_are_let_pass():
    image = as_image(torch.tensor([[-0.001, 0.5, 1.001]]))
    assert (image.min(), image.max()) == (0, 1)


def test_batches_pass_as_they_are():
    batch = TENSOR.expand(5, -1, -1, -1)
    assert as_batch(batch) is batch
    assert as_batch(np.stack([GRAY] * 5)[..., None]).shape == (5, 1, 4, 6)
