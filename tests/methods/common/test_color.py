"""Luma and chroma: by hand, and exactly inverse."""

from __future__ import annotations

import pytest
import torch

from fusionbench.methods.common.color import chroma, luma, minmax_normalize, rgb


@pytest.mark.parametrize(
    ("color", "y", "cb", "cr"),
    [
        ((1.0, 1.0, 1.0), 1.0, 0.0, 0.0),
        ((0.0, 0.0, 0.0), 0.0, 0.0, 0.0),
        ((1.0, 0.0, 0.0), 0.299, -0.299 / 1.772, 0.5),
        ((0.0, 1.0, 0.0), 0.587, -0.587 / 1.772, -0.587 / 1.402),
        ((0.0, 0.0, 1.0), 0.114, 0.5, -0.114 / 1.402),
    ],
)
def test_primaries_by_hand(color, y, cb, cr):
    image = torch.tensor(color).view(3, 1, 1)
    torch.testing.assert_close(luma(image).flatten(), torch.tensor([y]), atol=1e-6, rtol=0)
    torch.testing.assert_close(chroma(image).flatten(), torch.tensor([cb, cr]), atol=1e-6, rtol=0)


def test_luma_and_chroma_give_the_image_back(generator):
    image = torch.rand(2, 3, 20, 30, generator=generator)
    torch.testing.assert_close(rgb(luma(image), chroma(image)), image, atol=5e-7, rtol=0)


def test_all_eight_bit_colors_survive_rounding():
    values = torch.arange(0, 256, 5).float() / 255
    image = torch.cartesian_prod(values, values, values).T.reshape(3, 52, -1)
    back = (rgb(luma(image), chroma(image)) * 255).round()
    assert torch.equal(back, (image * 255).round())


def test_stretched_uses_each_images_own_extremes():
    images = torch.stack([torch.tensor([0.2, 0.4, 0.6]), torch.tensor([0.5, 0.5, 0.5])]).view(2, 1, 1, 3)
    expected = torch.tensor([[0.0, 0.5, 1.0], [0.0, 0.0, 0.0]]).view(2, 1, 1, 3)
    torch.testing.assert_close(minmax_normalize(images), expected)
