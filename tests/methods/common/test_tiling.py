"""Tiles: equal to the whole image where the method looks no farther than the margin, and smooth elsewhere."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fusionbench import methods
from fusionbench.methods.common.tiling import fuse_tiled
from fusionbench.methods.method import Method


class Blur(Method):
    """The mean of both sources over 9 x 9: a receptive field of 4 pixels."""

    def fuse(self, batch):
        self.largest = max(getattr(self, "largest", 0), *batch["ir"].shape[-2:])
        return F.avg_pool2d((batch["ir"] + batch["vi"]) / 2, 9, 1, 4, count_include_pad=False)


class TileMean(Method):
    """Looks at the whole of what it is given."""

    def fuse(self, batch):
        return batch["vi"].mean(dim=(-2, -1), keepdim=True).expand_as(batch["vi"])


@pytest.mark.parametrize(("height", "width"), [(100, 140), (64, 64), (65, 31), (129, 200), (40, 300)])
@pytest.mark.parametrize(("tile", "overlap"), [(64, 16), (64, 32), (50, 17)])
def test_local_methods_give_the_same_pixels(pairs, height, width, tile, overlap):
    batch = pairs(height, width, count=2)
    method = Blur()
    tiled = fuse_tiled(method, batch, tile=tile, overlap=overlap)
    assert method.largest <= tile
    torch.testing.assert_close(tiled, Blur().fuse(batch), atol=1e-6, rtol=0)


def test_real_methods_agree_away_from_their_reach(pairs):
    batch = pairs(150, 170)
    lap = methods.load("lap", levels=2)  # reaches 2 * (1 + 2) pixels down and as many up
    torch.testing.assert_close(fuse_tiled(lap, batch, tile=96, overlap=48), lap.fuse(batch), atol=1e-5, rtol=0)


def test_tiles_are_blended_without_steps():
    ramp = torch.linspace(0, 1, 256).expand(1, 3, 64, 256)
    batch = {"name": ["a"], "degradation": ["clean"], "ir": ramp[:, :1], "vi": ramp, "ir_scale": [1], "vi_scale": [1]}
    tiled = fuse_tiled(TileMean(), batch, tile=128, overlap=64)
    assert tiled[0, 0, 0, -1] - tiled[0, 0, 0, 0] > 0.4
    # The means of neighbouring tiles differ by 0.25; over a ramp of 32 pixels that is under 0.01 per pixel.
    assert tiled.diff(dim=-1).abs().max() < 0.01


def test_an_image_that_fits_is_fused_whole(pairs):
    batch = pairs(32, 40)
    method = TileMean()
    assert torch.equal(fuse_tiled(method, batch, tile=40, overlap=8), method.fuse(batch))


def test_clean_references_are_not_needed_and_may_be_there(pairs):
    batch = pairs(60, 60)
    batch["vi_clean"], batch["ir_clean"] = batch["vi"], batch["ir"]
    torch.testing.assert_close(fuse_tiled(Blur(), batch, tile=32, overlap=16), Blur().fuse(batch), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("tile", "overlap"), [(0, 0), (64, 33), (64, -1)])
def test_impossible_tiles_are_refused(pairs, tile, overlap):
    with pytest.raises(ValueError, match="cannot overlap"):
        fuse_tiled(Blur(), pairs(80, 80), tile=tile, overlap=overlap)
