"""The classical methods by hand, in their limits, and against independent NumPy and SciPy counterparts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from fusionbench import methods
from fusionbench.methods.baselines import table
from fusionbench.methods.baselines.classical import (
    diffused,
    diffusion_fusion,
    guided_fusion,
    larger_magnitude,
    pyramid_fusion,
    wavelet_fusion,
)
from fusionbench.methods.common.color import luma
from fusionbench.methods.common.wavelet import WAVELETS
from fusionbench.types import Batch

CLASSICAL = sorted(table.CLASSICAL)


def gray(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows)[None, None]


def batch_of(ir: Tensor, vi: Tensor) -> Batch:
    count = len(ir)
    return Batch(
        name=["pair"] * count, degradation=["clean"] * count, ir=ir, vi=vi, ir_scale=[1] * count, vi_scale=[1] * count
    )


@pytest.mark.parametrize("name", CLASSICAL)
def test_equal_sources_give_the_visible_image(name, pairs):
    batch = pairs(37, 54, count=2)
    batch["ir"] = luma(batch["vi"])
    torch.testing.assert_close(methods.load(name).fuse(batch), batch["vi"], atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", CLASSICAL)
def test_gray_visible_images_stay_gray(name, pairs):
    batch = pairs(24, 31)
    batch["vi"] = luma(batch["vi"]).expand(-1, 3, -1, -1)
    r, g, b = methods.load(name).fuse(batch).unbind(1)
    torch.testing.assert_close(r, g, atol=1e-6, rtol=0)
    torch.testing.assert_close(g, b, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", sorted(set(CLASSICAL) - {"max"}))
def test_constant_sources_give_their_mean(name):
    """Constant images hold no detail; every method averages bases (GFF shares where saliency ties)."""
    batch = batch_of(torch.full((1, 1, 40, 40), 0.2), torch.full((1, 3, 40, 40), 0.6))
    expected = torch.full((1, 3, 40, 40), 0.4)
    torch.testing.assert_close(methods.load(name).fuse(batch), expected, atol=2e-6, rtol=0)


def test_average_by_hand():
    vi = torch.tensor([0.8, 0.4, 0.2]).view(1, 3, 1, 1)
    ir = torch.full((1, 1, 1, 1), 0.3)
    y = 0.299 * 0.8 + 0.587 * 0.4 + 0.114 * 0.2
    shift = (0.3 + y) / 2 - y
    expected = vi + shift
    torch.testing.assert_close(methods.load("average").fuse(batch_of(ir, vi)), expected)


def test_maximum_by_hand():
    ir = gray([[0.1, 0.9]])
    vi = gray([[0.5, 0.5]]).expand(-1, 3, -1, -1)
    expected = gray([[0.5, 0.9]]).expand(-1, 3, -1, -1)
    torch.testing.assert_close(methods.load("max").fuse(batch_of(ir, vi)), expected)


def test_larger_magnitude_keeps_the_sign():
    picked = larger_magnitude(torch.tensor([-3.0, 1.0, 2.0]), torch.tensor([2.0, -4.0, -2.0]))
    assert picked.tolist() == [-3.0, -4.0, 2.0]


def test_haar_fusion_by_hand():
    """One level on 2 x 2: the bases are twice the means, the details half-differences of opposite corners."""
    ir = gray([[1.0, 0.0], [0.0, 0.0]])
    vi = gray([[0.25, 0.25], [0.25, 0.25]])
    # ir: base 0.5, every detail of magnitude 0.5; vi: base 0.5, no details. Base 0.5 and ir's details give ir back.
    torch.testing.assert_close(wavelet_fusion(ir, vi, WAVELETS["haar"], 1), ir)
    # With a brighter constant only the base moves: (0.5 + 1) / 2 = 0.75 adds 0.125 to each pixel.
    torch.testing.assert_close(wavelet_fusion(ir, vi + 0.25, WAVELETS["haar"], 1), ir + 0.125)


@pytest.mark.parametrize("fusion", ["lap", "dwt"])
def test_detail_comes_from_the_source_that_has_it(fusion, generator):
    """Texture in one source on a flat other one survives at full strength; averaging would halve it."""
    texture = 0.2 * torch.rand(1, 1, 64, 64, generator=generator)
    ir = 0.4 + texture - texture.mean()
    vi = torch.full((1, 1, 64, 64), 0.4)
    fused = pyramid_fusion(ir, vi, 4) if fusion == "lap" else wavelet_fusion(ir, vi, WAVELETS["bior2.2"], 4)
    assert fused.std() > 0.95 * ir.std()
    assert torch.corrcoef(torch.stack([fused.flatten(), ir.flatten()]))[0, 1] > 0.99


def test_guided_fusion_agrees_with_an_independent_implementation(pairs):
    batch = pairs(70, 83)
    ir, vi = batch["ir"], luma(batch["vi"])
    expected = naive_guided_fusion(ir[0, 0].double().numpy(), vi[0, 0].double().numpy())
    fused = guided_fusion(ir.double(), vi.double())[0, 0].numpy()
    np.testing.assert_allclose(fused, expected, atol=1e-8)


def naive_guided_fusion(ir: np.ndarray, vi: np.ndarray) -> np.ndarray:
    """Li, Kang, Hu 2013 in NumPy and SciPy; windows are summed one by one."""
    laplacian = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    line = np.exp(-0.5 * (np.arange(-5, 6) / 5.0) ** 2)
    gaussian = np.outer(line, line) / line.sum() ** 2
    sources = (ir, vi)
    saliency = [
        ndimage.correlate(np.abs(ndimage.correlate(s, laplacian, mode="reflect")), gaussian, mode="reflect")
        for s in sources
    ]
    wins = [(s == np.maximum(*saliency)).astype(float) for s in saliency]
    bases = [ndimage.uniform_filter(s, 31, mode="reflect") for s in sources]
    details = [s - base for s, base in zip(sources, bases, strict=True)]
    fused = np.zeros_like(ir)
    for layers, radius, eps in ((bases, 45, 0.3), (details, 7, 1e-6)):
        weights = [np.maximum(naive_guided_filter(s, w, radius, eps), 0) for s, w in zip(sources, wins, strict=True)]
        fused += (weights[0] * layers[0] + weights[1] * layers[1]) / (weights[0] + weights[1])
    return fused


def naive_guided_filter(guide: np.ndarray, source: np.ndarray, radius: int, eps: float) -> np.ndarray:
    height, width = guide.shape

    def window(i: int, j: int) -> tuple[slice, slice]:
        return slice(max(0, i - radius), i + radius + 1), slice(max(0, j - radius), j + radius + 1)

    slope, offset = np.empty_like(guide), np.empty_like(guide)
    for i in range(height):
        for j in range(width):
            g, s = guide[window(i, j)], source[window(i, j)]
            slope[i, j] = ((g * s).mean() - g.mean() * s.mean()) / (g.var() + eps)
            offset[i, j] = s.mean() - slope[i, j] * g.mean()
    out = np.empty_like(guide)
    for i in range(height):
        for j in range(width):
            out[i, j] = slope[window(i, j)].mean() * guide[i, j] + offset[window(i, j)].mean()
    return out


def test_one_step_of_diffusion_by_hand():
    """A step of height 60 / 255 with kappa 30: the flow is 60/255 * exp(-4), a fifth of which moves."""
    image = gray([[0.0, 60 / 255]])
    flow = 0.2 * 60 / 255 * math.exp(-4)
    torch.testing.assert_close(diffused(image, 1, 0.2, 30.0), gray([[flow, 60 / 255 - flow]]))


def test_diffusion_smooths_ripples_and_keeps_edges():
    row = torch.arange(64) % 2 * 0.02 + (torch.arange(64) >= 32) * 0.5
    image = row.expand(1, 1, 16, 64)
    smooth = diffused(image, 10, 0.15, 30.0)
    torch.testing.assert_close(smooth.mean(), image.mean())
    assert smooth[..., 4:28].std() < 0.2 * image[..., 4:28].std()
    assert smooth[..., 40].mean() - smooth[..., 20].mean() > 0.49


def test_diffusion_fusion_agrees_with_an_independent_implementation(pairs):
    batch = pairs(33, 41)
    sources = [batch["ir"][0, 0].double().numpy(), luma(batch["vi"])[0, 0].double().numpy()]
    bases = []
    for source in sources:
        image = source * 255
        for _ in range(10):
            padded = np.pad(image, 1, mode="edge")
            moves = [
                padded[:-2, 1:-1] - image,
                padded[2:, 1:-1] - image,
                padded[1:-1, :-2] - image,
                padded[1:-1, 2:] - image,
            ]
            image = image + 0.15 * sum(move * np.exp(-((move / 30) ** 2)) for move in moves)
        bases.append(image / 255)
    details = [source - base for source, base in zip(sources, bases, strict=True)]
    _, vectors = np.linalg.eigh(np.cov(details[0].ravel(), details[1].ravel()))
    principal = np.abs(vectors[:, -1])
    share = principal / principal.sum()
    expected = sum(bases) / 2 + share[0] * details[0] + share[1] * details[1]
    fused = diffusion_fusion(*(torch.from_numpy(source)[None, None] for source in sources), 10, 0.15, 30.0)
    np.testing.assert_allclose(fused[0, 0].numpy(), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lap", {"levels": 0}, "levels is 0"),
        ("dwt", {"wavelet": "bior22"}, "did you mean 'bior2.2'"),
        ("dwt", {"levels": -1}, "levels is -1"),
        ("adf", {"rate": 0.3}, "stable between 0 and 0.25"),
        ("adf", {"kappa": 0.0}, "kappa is 0.0"),
        ("adf", {"iterations": 0}, "iterations is 0"),
    ],
)
def test_impossible_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        methods.load(name, **options)
