"""Training under Lightning, and the proof that correcting helps."""

from __future__ import annotations

import pytest
import torch
from lightning import Trainer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

from fusionbench import methods, metrics
from fusionbench.data import load
from fusionbench.data.crops import TrainingPairs
from fusionbench.data.pairs import Pairs, collate
from fusionbench.methods.common.color import luma
from fusionbench.methods.drfusion.config import Architecture
from fusionbench.methods.drfusion.diffusion import ALPHA_MARGIN
from fusionbench.methods.drfusion.method import DRFusion

TINY = Architecture(base=8, multipliers=(1, 2), blocks=1, groups=4, dropout=0.0)
NARROW = Architecture(base=16, multipliers=(1, 2, 4, 4), groups=8, dropout=0.0)
"""A million parameters that learn four pairs in 150 steps; `small` is wider and slower to begin."""
SCENARIOS = ("noise", "blur", "composite")


def part(pair, side):
    """The top left of a pair."""
    return {key: value[..., :side, :side] if isinstance(value, torch.Tensor) else value for key, value in pair.items()}


@pytest.fixture(scope="module")
def scenes():
    """Four generated scenes, undegraded."""
    return load("synthetic", limit=4)


def batch_of(source, degradation, side):
    pairs = Pairs(source, degradation, seed=0)
    return collate([part(pairs[index], side) for index in range(len(pairs))])


def fit(method, pairs, tmp_path, **options):
    loader = DataLoader(pairs, batch_size=2, collate_fn=collate)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        num_sanity_val_steps=0,
        **options,
    )
    method.train()
    method.begin_phase("fusion")
    trainer.fit(method, loader, DataLoader(pairs[:2], batch_size=1, collate_fn=collate))
    return trainer


@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning")
@pytest.mark.parametrize("options", [{}, {"constrained": False}, {"objective": "medical", "checkpointing": True}])
def test_a_fit_learns_logs_and_keeps_the_schedule(scenes, tmp_path, options):
    torch.manual_seed(0)
    method = DRFusion(size=TINY, learning_rate=1e-2, milestones=(1,), **options)
    before = {name: value.clone() for name, value in method.named_parameters()}
    pairs = [
        part(pair, 16) for spec in ("noise", "composite") for pair in (Pairs(scenes, spec)[0], Pairs(scenes, spec)[1])
    ]
    trainer = fit(method, pairs, tmp_path, max_epochs=2)
    logged = set(trainer.logged_metrics)
    third = "ssim" if options.get("objective") == "medical" else "gradient"
    assert {f"train/{name}" for name in ("loss", "restoration", "intensity", third)} <= logged
    assert {"val/loss", "val/psnr_ir", "val/psnr_vi", "val/psnr"} <= logged
    changed = {name for name, value in method.named_parameters() if not torch.equal(value, before[name])}
    trained = {name for name, value in method.named_parameters() if value.requires_grad}
    assert changed == trained
    assert "diffusion.alpha" in changed
    assert "diffusion.input_help_scale_factor" not in changed
    assert ("diffusion.unet.fusionBlock.0.0.conv1.2.weight" in changed) == options.get("constrained", True)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(5e-3)


@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning")
def test_the_schedule_is_brought_back_during_a_fit(scenes, tmp_path):
    method = DRFusion(size=TINY, learning_rate=10.0)
    pairs = [part(pair, 16) for pair in Pairs(scenes, "noise")]
    fit(method, pairs, tmp_path, max_steps=1, limit_val_batches=0)
    alpha = method.diffusion.alpha.detach()
    assert ((alpha - ALPHA_MARGIN).abs().lt(1e-7) | (alpha - (1 - ALPHA_MARGIN)).abs().lt(1e-7)).all()


@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning")
def test_sources_may_be_restored_first_in_every_step(scenes, tmp_path):
    """Nothing but the errors of the steps moves the network at first, and then everything does."""
    torch.manual_seed(0)
    method = DRFusion(size=TINY, deep_supervision=2.0, restore_first=2)
    weigher = method.diffusion.unet.fusionBlock[0][0].conv1[2].weight
    pairs = [part(pair, 16) for pair in Pairs(scenes, "noise")]
    *_, last = method.diffusion.run(method.observed(collate(pairs)))
    errors = method.train().terms(collate(pairs))
    assert errors["steps"].item() > 2 * (last.estimate[:, :2] - clean_of(pairs)).square().mean().item() > 0
    trainer = fit(method, pairs, tmp_path, max_steps=1, limit_val_batches=0)
    assert trainer.logged_metrics["train/loss"] == trainer.logged_metrics["train/steps"] > 0
    assert trainer.logged_metrics["train/gradient"] == 0
    trainer = fit(method, pairs, tmp_path, max_steps=3, limit_val_batches=0)
    assert trainer.logged_metrics["train/gradient"] > 0
    assert weigher.grad is not None


def clean_of(pairs):
    batch = collate(pairs)
    return torch.cat([batch["ir_clean"], luma(batch["vi_clean"])], dim=1)


def test_a_quiet_start_lets_sources_pass(scenes):
    batch = batch_of(scenes, "noise", 16)
    method = DRFusion(size=TINY, zero_init=True).eval()
    with torch.no_grad():
        state = method.restored(batch)
    torch.testing.assert_close(state[:, :1], batch["ir"], rtol=0.0, atol=1e-5)
    torch.testing.assert_close(state[:, 1:2], luma(batch["vi"]), rtol=0.0, atol=1e-5)


class Waits(TorchDispatchMode):
    """Counts the numbers that Python asks a tensor for, upon each of which the host waits for a device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("spec", ["blur", "composite", "noise"])
def test_a_step_waits_for_no_number(spec):
    pairs = TrainingPairs(load("synthetic", limit=2), spec, crop=48)
    batch, method = collate([pairs[0], pairs[1]]), DRFusion(TINY)
    method.begin_phase("fusion")
    with Waits() as waits:
        sum(method.terms(batch).values()).backward()
    assert waits.count == 0
    batch.pop("crop")
    with Waits() as waits:
        method.terms(batch)
    assert (waits.count > 0) == (spec != "noise")  # Where a crop was is then found in its pixels.


def test_what_is_made_of_a_kernel_is_made_once_and_can_be_trained_with():
    batch, method = collate([TrainingPairs(load("synthetic", limit=1), "blur", crop=48)[0]]), DRFusion(TINY)
    with torch.inference_mode():
        method.fuse(batch)
    first, again = (method.observed(batch).models[0].ir for _ in range(2))
    assert first._made is again._made
    assert {key[0] for key in first._made} == {"kernel", "inverse"}
    method.begin_phase("fusion")
    sum(method.terms(batch).values()).backward()


def test_restoring_first_needs_something_to_minimise():
    with pytest.raises(ValueError, match="set it to a positive weight"):
        DRFusion(size=TINY, restore_first=5)


def overfitted(batch, size, steps, rate, *, constrained):
    """First and last loss, and what was learned."""
    torch.manual_seed(0)
    method = DRFusion(size=size, constrained=constrained).train()
    method.begin_phase("fusion")
    trained = [value for value in method.parameters() if value.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    losses = []
    for _ in range(steps):
        loss = torch.stack(list(method.terms(batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        method.diffusion.project()
        losses.append(loss.item())
    return losses[0], losses[-1], method.eval()


def quality(batch, method):
    fused = method.fuse(batch)
    return metrics.evaluate(fused, batch["ir_clean"], batch["vi_clean"], ["Qabf"])["Qabf"].mean().item()


def test_correcting_helps_a_small_network_that_learned_little(scenes):
    batch = batch_of(scenes, "noise", 40)
    first, last, corrected = overfitted(batch, TINY, 30, 5e-3, constrained=True)
    _, _, free = overfitted(batch, TINY, 30, 5e-3, constrained=False)
    assert last < 0.5 * first
    assert quality(batch, corrected) > quality(batch, free) + 0.02


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_correcting_helps_on_four_real_pairs(shared, scenario):
    """Table 3 in small: Qabf of the corrected network is higher in every scenario."""
    source = load("msrs", root=shared / "data" / "msrs", split="train", limit=4)
    batch = batch_of(source, scenario, 96)
    first, last, corrected = overfitted(batch, NARROW, 150, 2e-3, constrained=True)
    _, _, free = overfitted(batch, NARROW, 150, 2e-3, constrained=False)
    assert last < 0.2 * first
    assert quality(batch, corrected) > quality(batch, free)
    # The visible image is restored, too: nearer to the clean one than it came.
    restored = corrected.restored(batch)[:, 1:2].detach()
    clean, given = luma(batch["vi_clean"]), luma(batch["vi"])
    # Inside only: deblurring takes what lies beyond the border from the opposite side.
    inside = (..., slice(16, -16), slice(16, -16))
    assert (restored - clean)[inside].square().mean() < (given - clean)[inside].square().mean()


@pytest.mark.shared
def test_the_small_network_of_the_package_takes_most_noise_out(shared):
    source = load("msrs", root=shared / "data" / "msrs", split="test", limit=2)
    batch = batch_of(source, "noise", 256)
    with torch.no_grad():
        ir, vi, _ = methods.load("drfusion-s").restored(batch).split(1, dim=1)
    pairs = ((ir, batch["ir"], batch["ir_clean"]), (vi, luma(batch["vi"]), luma(batch["vi_clean"])))
    for restored, given, clean in pairs:
        assert (restored - clean).square().mean() < 0.5 * (given - clean).square().mean()
