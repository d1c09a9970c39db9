"""What DRFusion does with batches: sizes, colours, degradations, independence, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from fusionbench.degradations import parse
from fusionbench.methods.common.color import chroma, luma
from fusionbench.methods.common.tiling import fuse_tiled
from fusionbench.methods.drfusion.diffusion import ALPHA_MARGIN
from fusionbench.methods.drfusion.method import DRFusion
from fusionbench.types import Batch

SAME = {"rtol": 0.0, "atol": 2e-5}


def batch_of(*degradations, size=(24, 32), seed=0, scales=(1, 1)):
    """Smooth random pairs; what they are said to have suffered need not be true."""
    generator = torch.Generator().manual_seed(seed)
    count = len(degradations)
    coarse = torch.rand(count, 8, 5, 6, generator=generator)
    images = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    parsed = [parse(degradation) for degradation in degradations]
    return Batch(
        name=[f"{index}" for index in range(count)],
        degradation=[str(degradation) for degradation in parsed],
        ir=images[:, :1],
        vi=images[:, 1:4],
        ir_clean=images[:, 4:5],
        vi_clean=images[:, 5:],
        ir_scale=[scales[0] * degradation.scale("ir") for degradation in parsed],
        vi_scale=[scales[1] * degradation.scale("vi") for degradation in parsed],
    )


def single(batch, index):
    return Batch(**{key: value[index : index + 1] for key, value in batch.items()})


@pytest.fixture(scope="module")
def method():
    """Untrained, but as calm as a trained one: the noise it sees in its state is small."""
    torch.manual_seed(0)
    method = DRFusion(size="small").eval()
    with torch.no_grad():
        method.diffusion.unet.outBlock[2].weight.mul_(0.1)
    return method


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 9), (31, 33), (48, 64)])
@pytest.mark.parametrize("degradation", ["noise", "blur", "composite", "composite-pet", "clean", "ir:sr8+vi:rn"])
def test_any_size_keeps_size_and_range(method, size, degradation):
    batch = batch_of(degradation, size=size)
    fused = method.fuse(batch)
    assert fused.shape == batch["vi"].shape
    assert torch.isfinite(fused).all()
    assert fused.min() >= 0
    assert fused.max() <= 1


def test_a_mixed_batch_equals_its_single_images(method):
    batch = batch_of("noise", "blur", "noise", "composite", "clean", "vi:lr(2)+vi:noise(5)")
    fused = method.fuse(batch)
    for index in range(len(batch["name"])):
        torch.testing.assert_close(fused[index : index + 1], method.fuse(single(batch, index)), **SAME)


def test_the_same_batch_gives_the_same_bits_whatever_happens_between(method):
    batch = batch_of("blur", "noise")
    torch.manual_seed(1)
    first = method.fuse(batch)
    method.fuse(batch_of("composite", seed=3, size=(33, 31)))
    torch.manual_seed(2)
    assert torch.equal(method.fuse(batch), first)


def test_two_runs_can_be_interleaved(method):
    batches = [batch_of("noise", seed=1), batch_of("composite", seed=2, size=(20, 28))]
    expected = [method.restored(batch) for batch in batches]
    runs = [method.diffusion.run(method.observed(batch)) for batch in batches]
    for _ in range(method.diffusion.steps):
        last = [next(run) for run in runs]
    for step, state in zip(last, expected, strict=True):
        assert torch.equal(step.state, state)


def test_inputs_are_left_as_they_are(method):
    batch = batch_of("composite")
    before = {key: value.clone() for key, value in batch.items() if isinstance(value, torch.Tensor)}
    method.fuse(batch)
    assert all(torch.equal(batch[key], value) for key, value in before.items())


def test_chroma_is_that_of_the_second_source(method):
    batch = batch_of("noise")
    batch["vi"] = 0.4 + 0.2 * batch["vi"]
    fused = method.fuse(batch)
    inside = ((fused > 1e-4) & (fused < 1 - 1e-4)).all(dim=1, keepdim=True).expand(-1, 2, -1, -1)
    assert inside.float().mean() > 0.5
    torch.testing.assert_close(chroma(fused)[inside], chroma(batch["vi"])[inside], rtol=0.0, atol=1e-6)


def test_clean_sources_are_mixed_by_the_weights_and_by_nothing_else(method):
    batch = batch_of("clean")
    last = list(method.diffusion.run(method.observed(batch)))[-1]
    ir, vi = batch["ir"], luma(batch["vi"])
    mixed = last.weights * ir + (1 - last.weights) * vi
    torch.testing.assert_close(last.state, torch.cat([ir, vi, mixed], dim=1), **SAME)


def test_restored_sources_agree_with_noise_free_observations(method):
    batch = batch_of("ir:lr(4)")
    state = method.restored(batch)
    pooled = torch.nn.functional.avg_pool2d(torch.cat([state[:, :1], batch["ir"]]), 4)
    torch.testing.assert_close(pooled[:1], pooled[1:], **SAME)


def test_a_source_that_was_stored_small_is_treated_as_low_resolution(method):
    stored, told = batch_of("clean", scales=(4, 1)), batch_of("ir:lr(4)")
    torch.testing.assert_close(method.fuse(stored), method.fuse(told), **SAME)
    assert (method.fuse(stored) - method.fuse(batch_of("clean"))).abs().max() > 1e-3


def test_a_scale_that_the_degradation_accounts_for_is_not_counted_twice(method):
    batch = batch_of("composite")
    assert batch["ir_scale"] == [4]
    plain = {**batch, "ir_scale": [1]}
    assert torch.equal(method.fuse(batch), method.fuse(plain))


def test_the_operators_change_the_result(method):
    results = [method.fuse(batch_of(spec)) for spec in ("clean", "noise", "blur", "composite", "composite-pet")]
    for index, first in enumerate(results):
        for second in results[index + 1 :]:
            assert (first - second).abs().max() > 1e-3


def test_skipping_invisible_weights_at_inference_is_invisible(method):
    batch = batch_of("noise", "composite")
    observation = method.observed(batch)
    with torch.enable_grad():
        every = list(method.diffusion.run(observation))
    with torch.no_grad():
        some = list(method.diffusion.run(observation))
    assert [step.weights is None for step in every] == [False, False, False]
    assert [step.weights is None for step in some] == [False, False, True]
    torch.testing.assert_close(some[-1].state, every[-1].state, rtol=0.0, atol=5e-5)


def test_without_constraint_the_degradation_is_not_looked_at():
    torch.manual_seed(0)
    method = DRFusion(size="small", constrained=False).eval()
    torch.testing.assert_close(method.fuse(batch_of("noise")), method.fuse(batch_of("clean")), **SAME)


def test_tiles_come_near_the_whole_image(method):
    batch = batch_of("composite", size=(96, 128))
    tiled = fuse_tiled(method, batch, tile=64, overlap=32)
    assert tiled.shape == batch["vi"].shape
    # Not equal, because normalisations and channel gates look at all of what they are given.
    assert (tiled - method.fuse(batch)).abs().mean() < 0.05


@pytest.mark.parametrize("spec", ["ll+lc", "rain+sn", "vi:haze+vi:noise"])
def test_what_has_no_operator_is_refused(method, spec):
    with pytest.raises(ValueError, match="has no linear operator that could be inverted"):
        method.fuse(batch_of(spec))


def test_an_untold_degradation_is_refused(method):
    batch = batch_of("clean")
    batch["degradation"] = ["unknown"]
    with pytest.raises(ValueError, match=r"DRFusion is not blind.*give noise, blur"):
        method.fuse(batch)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "smal"}, "did you mean 'small'"),
        ({"objective": "visble"}, "did you mean 'visible'"),
        ({"order": "paprika"}, "did you mean 'paper'"),
        ({"steps": 0}, "at least one step"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DRFusion(**{"size": "small", **options})


def test_a_schedule_loads_to_the_bit_and_a_diverged_one_is_refused():
    method = DRFusion(size="small")
    state = method.diffusion.state_dict()
    alpha = torch.tensor([0.6234567, 0.9999, 1e-3])
    method.diffusion.load_state_dict({**state, "alpha": alpha})
    assert torch.equal(method.diffusion.alpha, alpha)
    torch.testing.assert_close(method.diffusion.kept()[1:], alpha.cumprod(0))
    for wrong in ([0.5, 1.2, 0.5], [0.5, -0.1, 0.5], [float("nan"), 0.5, 0.5], [0.5, 0.5, 1.0]):
        with pytest.raises(ValueError, match=r"leaves \(0, 1\)"):
            method.diffusion.load_state_dict({**state, "alpha": torch.tensor(wrong)})


def test_a_schedule_that_runs_away_is_brought_back_and_goes_on_learning():
    torch.manual_seed(0)
    method = DRFusion(size="small").train()
    with torch.no_grad():
        method.diffusion.alpha.copy_(torch.tensor([1.4, 0.5, -0.2]))
    assert all(torch.isfinite(value) for value in method.terms(batch_of("noise")).values())
    method.on_train_batch_end(None, batch_of("noise"), 0)
    expected = torch.tensor([1 - ALPHA_MARGIN, 0.5, ALPHA_MARGIN])
    torch.testing.assert_close(method.diffusion.alpha.detach(), expected, rtol=0.0, atol=1e-7)
    sum(method.terms(batch_of("noise")).values()).backward()
    assert torch.isfinite(method.diffusion.alpha.grad).all()
    assert (method.diffusion.alpha.grad != 0).all()


@pytest.mark.parametrize("options", [{}, {"constrained": False}, {"steps": 1}, {"objective": "medical"}])
def test_every_trained_parameter_gets_a_gradient(options):
    torch.manual_seed(0)
    method = DRFusion(size="small", **options).train()
    sum(method.terms(batch_of("noise", "blur")).values()).backward()
    without = [name for name, value in method.named_parameters() if value.requires_grad and value.grad is None]
    assert without == []


def test_recomputing_changes_memory_and_not_gradients():
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        method = DRFusion(size="small", checkpointing=checkpointing).train()
        torch.manual_seed(1)
        sum(method.terms(batch_of("composite", "noise")).values()).backward()
        gradients.append([value.grad for value in method.parameters() if value.grad is not None])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second)


def test_learning_without_clean_sources_is_refused(method):
    batch = batch_of("noise")
    del batch["vi_clean"]
    with pytest.raises(ValueError, match="learns from clean sources"):
        method.terms(batch)


def test_autocast_stays_close_and_keeps_the_state_in_full_precision(method):
    batch = batch_of("composite", "noise")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        state = method.restored(batch)
        fused = method.fuse(batch)
    assert state.dtype == torch.float32
    assert (fused - method.fuse(batch)).abs().mean() < 0.02


@pytest.mark.gpu
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
def test_cuda_gives_what_the_cpu_gives(precision):
    torch.manual_seed(0)
    method = DRFusion(size="small").eval()
    batch = batch_of("noise", "blur", "composite", "clean", size=(64, 80))
    expected = method.fuse(batch)
    there = Batch(**{key: value.cuda() if isinstance(value, torch.Tensor) else value for key, value in batch.items()})
    method.cuda()
    with torch.autocast("cuda", dtype=precision, enabled=precision != torch.float32):
        found = method.fuse(there).cpu()
    torch.testing.assert_close(found, expected, rtol=0.0, atol=2e-3 if precision == torch.float32 else 0.1)
