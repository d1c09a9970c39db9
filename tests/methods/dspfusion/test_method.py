"""Inference: any size, noise by name, batches, stretching, half precision."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from fusionbench.methods.common.padding import reflect
from fusionbench.methods.common.tiling import fuse_tiled
from fusionbench.methods.dspfusion.denoiser import start_noise
from fusionbench.methods.dspfusion.method import DSPFusion
from fusionbench.nn.cpu import chunked
from tests.methods.dspfusion.conftest import TINY

SIZES = [(1, 1), (1, 9), (3, 2), (8, 8), (13, 7), (24, 40), (57, 33)]


def sensitive(size=TINY, **options):
    """A method with weights under which every prior and every source moves the result."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        method = DSPFusion(size=size, **options)
        with torch.no_grad():
            for parameter in method.parameters():
                parameter.add_(torch.randn(parameter.shape), alpha=0.15)
    return method.eval()


@pytest.fixture(scope="module")
def method():
    return sensitive()


def picked(batch, *indices):
    return {
        key: [value[i] for i in indices] if isinstance(value, list) else value[list(indices)]
        for key, value in batch.items()
    }


@pytest.mark.parametrize("size", SIZES)
def test_any_size_gives_an_image_of_that_size(method, pairs, size):
    batch = pairs(*size, count=2)
    fused = method.fuse(batch)
    assert fused.shape == batch["vi"].shape
    assert fused.isfinite().all()
    assert fused.min() >= 0
    assert fused.max() <= 1


def test_padding_mirrors_at_the_right_and_the_bottom(method, pairs):
    batch = pairs(29, 34)
    whole = {**batch, "ir": reflect(batch["ir"], 0, 6, 0, 3), "vi": reflect(batch["vi"], 0, 6, 0, 3)}
    assert_close(method.fuse(batch), method.fuse(whole)[..., :29, :34], atol=0, rtol=0)


def test_order_and_batch_change_nothing_and_names_do(method, pairs):
    batch = pairs(20, 28, count=3)
    together = method.fuse(batch)
    turned = method.fuse(picked(batch, 2, 0, 1))
    alone = torch.cat([method.fuse(picked(batch, i)) for i in range(3)])
    assert_close(turned, together[[2, 0, 1]], atol=5e-5, rtol=0)
    assert_close(alone, together, atol=5e-5, rtol=0)
    renamed = method.fuse({**batch, "name": ["x", "y", "z"]})
    assert (renamed - together).abs().amax(dim=(1, 2, 3)).min() > 1e-5


def test_noise_is_of_the_name_and_the_seed(generator):
    noise = start_noise(["a", "b", "a"], 0, 8)
    assert_close(noise[0], noise[2], atol=0, rtol=0)
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(start_noise(["a"], 1, 8), noise[:1])
    assert noise.shape == (3, 16, 8)
    many = start_noise([str(i) for i in range(200)], 0, 64)
    assert abs(many.mean().item()) < 0.01
    assert many.std().item() == pytest.approx(1, abs=0.01)


def test_noise_is_the_same_on_every_machine():
    expected = torch.tensor([-0.9706021, -0.5793650, 0.0756500, -0.6439720])
    assert_close(start_noise(["00537D"], 0, 256)[0, 0, :4], expected, atol=1e-6, rtol=0)


def test_global_random_state_is_left_alone_and_not_read(method, pairs):
    batch = pairs(16, 16)
    torch.manual_seed(1)
    first = method.fuse(batch)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert_close(method.fuse(batch), first, atol=0, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_source_counts(method, pairs):
    batch = pairs(24, 24)
    fused = method.fuse(batch)
    for name in ("ir", "vi"):
        other = method.fuse({**batch, name: 1 - batch[name]})
        assert (other - fused).abs().max() > 1e-3


def test_seed_and_steps_are_options(pairs):
    batch = pairs(16, 24)
    results = [sensitive(**options).fuse(batch) for options in ({}, {"seed": 1}, {"steps": 3})]
    assert (results[0] - results[1]).abs().max() > 1e-5
    assert (results[0] - results[2]).abs().max() > 1e-5


def test_stretching_is_the_official_test(method, pairs):
    """The official test stretches the padded image, crops it, and stretches what is left."""
    batch = pairs(21, 30, count=2)
    padded = {**batch, "ir": reflect(batch["ir"], 0, 2, 0, 3), "vi": reflect(batch["vi"], 0, 2, 0, 3)}
    raw = method.fuse(padded)
    for image, ours in zip(raw, sensitive(stretch=True).fuse(batch), strict=True):
        once = (image - image.min()) / (image.max() - image.min())
        cut = once[:, :21, :30]
        twice = (cut - cut.min()) / (cut.max() - cut.min())
        assert_close(ours, twice, atol=1e-6, rtol=0)
        assert (ours.min(), ours.max()) == (0, 1)


def test_half_precision_on_a_cpu_stays_near(method, pairs):
    batch = pairs(24, 32)
    exact = method.fuse(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = method.fuse(batch)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < 0.02


def test_tiles_cover_the_image_and_each_is_fused_as_an_image_of_its_own(method, pairs):
    batch = pairs(64, 72)
    tiled = fuse_tiled(method, batch, tile=40, overlap=16)
    assert tiled.shape == batch["vi"].shape
    corner = {**batch, "ir": batch["ir"][..., :40, :40], "vi": batch["vi"][..., :40, :40]}
    assert_close(tiled[..., :20, :20], method.fuse(corner)[..., :20, :20], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("size", "numbers"), [(TINY, 500), (TINY, 1_000_000), ("small", 5_000)])
def test_training_on_whole_images_and_inference_in_strips_are_equal(generator, monkeypatch, size, numbers):
    """In double precision, where nothing but a mistake is larger than the tolerance."""
    monkeypatch.setattr(chunked, "CHUNK_ELEMENTS", numbers)
    method = sensitive(size).double()
    ir, vi = torch.rand(2, 2, 3, 24, 32, generator=generator, dtype=torch.float64)
    degradation, semantic = method.degradation_priors(ir, vi), method.semantic_prior(ir, vi)
    whole = method.net_g(ir, vi, semantic, degradation)
    assert whole.requires_grad
    with torch.no_grad():
        assert_close(method.net_g(ir, vi, semantic, degradation), whole, atol=1e-9, rtol=0)


@pytest.mark.gpu
def test_cuda_gives_what_the_cpu_gives(method, pairs):
    batch = pairs(50, 61, count=2)
    expected = method.fuse(batch)
    there = DSPFusion(size=TINY).eval().cuda()
    there.load_state_dict(method.state_dict())
    moved = {key: value.cuda() if isinstance(value, torch.Tensor) else value for key, value in batch.items()}
    assert_close(there.fuse(moved).cpu(), expected, atol=1e-3, rtol=0)
    for dtype in (torch.float16, torch.bfloat16):
        with torch.autocast("cuda", dtype=dtype):
            rough = there.fuse(moved)
        assert rough.isfinite().all()
        assert (rough.cpu() - expected).abs().mean() < 0.02


@pytest.mark.gpu
@pytest.mark.parametrize("phase", ["priors", "diffusion"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_training_step_on_cuda_in_half_precision_is_finite(pairs, generator, phase, dtype):
    batch = pairs(64, 64, count=2)
    clean = {"ir_clean": batch["ir"], "vi_clean": batch["vi"]}
    views = {"ir_positives": (3, 1), "vi_positives": (3, 3), "negatives": (6, 3)}
    drawn = {name: torch.rand(2, *size, 64, 64, generator=generator) for name, size in views.items()}
    whole = {**batch, **clean, **drawn}
    moved = {key: value.cuda() if isinstance(value, torch.Tensor) else value for key, value in whole.items()}
    method = DSPFusion(size="small").cuda()
    method.begin_phase(phase)
    with torch.autocast("cuda", dtype=dtype):
        terms, _ = method.learn(moved, contrast=True)
    torch.stack(list(terms.values())).sum().backward()
    trained = [parameter.grad for parameter in method.parameters() if parameter.requires_grad]
    assert all(gradient.isfinite().all() for gradient in trained)
