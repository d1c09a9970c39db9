"""Both phases of training: three official steps, what is frozen, what is logged, what is refused."""

from __future__ import annotations

import pytest
import torch
from lightning import Callback, Trainer
from safetensors.torch import load_file
from torch.testing import assert_close
from torch.utils.data import DataLoader

from fusionbench.methods.dspfusion.method import DSPFusion
from fusionbench.nn.schedules import constant_then_cosine
from tests.methods.dspfusion.conftest import TINY

# Lightning's own: it still asks torch's tree utilities the old way, and would like workers for one batch in memory.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec:FutureWarning")

OFFICIAL_NAMES = {
    "intensity": "loss_intensity_max",
    "gradient": "loss_grad",
    "consistency": "loss_intensity_consist",
    "color": "loss_color",
    "ssim": "loss_ssim",
    "contrastive": "l_contra",
    "prior": "l_pix_diff",
}


class Diary(Callback):
    """Every step's losses, learning rate and gradient norm; seeds each step as the official run was."""

    def __init__(self, first_seed):
        self.first_seed = first_seed
        self.steps = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        torch.manual_seed(self.first_seed + batch_idx)

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        gradients = [p.grad.norm() for p in pl_module.parameters() if p.grad is not None]
        self.steps.append({"norm": torch.stack(gradients).norm().item(), "lr": optimizer.param_groups[0]["lr"]})

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        logged = {name.removeprefix("train/"): value.item() for name, value in trainer.logged_metrics.items()}
        self.steps[-1] |= logged


def trainer(steps, *callbacks):
    return Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        callbacks=list(callbacks),
    )


def loader(batch, length=3):
    return DataLoader([batch] * length, batch_size=None)


def fit(method, batch, steps, *callbacks):
    validation = loader({key: value for key, value in batch.items() if not key.endswith("tives")}, 1)
    trainer(steps, *callbacks).fit(method, loader(batch, steps), validation)


@pytest.fixture
def official_batch(training_inputs):
    """The official run's batch of two; its infrared images have three channels."""
    fields = {"ir": "lq_ir", "vi": "lq_vi", "ir_clean": "gt_ir", "vi_clean": "gt_vi"}
    batch = {field: training_inputs[f"train.{name}"] for field, name in fields.items()}
    views = {"ir_positives": "pos_ir", "vi_positives": "pos_vi", "negatives": "neg"}
    for field, name in views.items():
        batch[field] = training_inputs[f"train.{name}"].unflatten(1, (-1, 3))
    return {**batch, "name": ["first", "second"], "degradation": ["clean", "clean"]}


@pytest.fixture
def batch(generator):
    """A batch of this package: infrared images have one channel."""
    sizes = {"ir": (1,), "vi": (3,), "ir_clean": (1,), "vi_clean": (3,)}
    sizes |= {"ir_positives": (3, 1), "vi_positives": (3, 3), "negatives": (6, 3)}
    tensors = {name: torch.rand(2, *size, 32, 40, generator=generator) for name, size in sizes.items()}
    return {**tensors, "name": ["a", "b"], "degradation": ["clean", "clean"]}


def official(reference):
    method = DSPFusion(size=TINY, iterations=500_000)
    for name in ("g", "dp", "sp", "dm"):
        method.get_submodule(f"net_{name}").load_state_dict(load_file(reference / f"tiny_net_{name}.safetensors"))
    return method


def checksum(module):
    values = torch.cat([parameter.detach().double().flatten() for parameter in module.parameters()])
    return {"sum": values.sum().item(), "l2": values.norm().item()}


def three_steps(method, phase, batch, first_seed=0):
    method.begin_phase(phase)
    diary = Diary(first_seed)
    fit(method, batch, 3, diary)
    return diary.steps


@pytest.mark.shared
def test_three_steps_of_the_first_phase_are_the_official_ones(reference, official_batch, expected_training):
    method = official(reference)
    steps = three_steps(method, "priors", official_batch)
    _assert_steps(steps, expected_training["stage1_steps"])
    state = load_file(reference / "tiny_stage1_after3_dp_sp.safetensors")
    for name in ("dp", "sp"):
        ours = method.get_submodule(f"net_{name}").state_dict()
        assert_close(ours, {key: state[f"{name}.{key}"] for key in ours}, atol=1e-4, rtol=0)
    for name in ("g", "dp", "sp"):
        found, expected = checksum(method.get_submodule(f"net_{name}")), expected_training["stage1_checksums_after_3"]
        assert found["l2"] == pytest.approx(expected[name]["l2"], rel=1e-5)
        assert found["sum"] == pytest.approx(expected[name]["sum"], abs=0.02)


@pytest.mark.shared
def test_three_steps_of_the_second_phase_are_the_official_ones(reference, official_batch, expected_training):
    method = official(reference)
    steps = three_steps(method, "diffusion", official_batch, first_seed=9001)
    _assert_steps(steps, expected_training["stage2_steps"])
    expected = load_file(reference / "tiny_stage2_after3_dm.safetensors")
    assert_close(method.net_dm.state_dict(), expected, atol=1e-4, rtol=0)
    for name in ("g", "dp", "sp"):
        frozen = load_file(reference / f"tiny_net_{name}.safetensors")
        assert_close(method.get_submodule(f"net_{name}").state_dict(), frozen, atol=0, rtol=0)


def _assert_steps(steps, expected):
    for ours, theirs in zip(steps, expected, strict=True):
        assert ours["lr"] == theirs["lr"][0]
        assert ours["norm"] == pytest.approx(theirs["total_grad_norm_before_clip"], rel=1e-2)
        terms = {name: key for name, key in OFFICIAL_NAMES.items() if key in theirs}
        assert terms.keys() | {"loss"} == ours.keys() - {"norm", "lr"}
        for name, key in terms.items():
            assert ours[name] == pytest.approx(theirs[key], rel=1e-3), name
        fusion = ours["loss"] - ours.get("contrastive", 0) - ours.get("prior", 0)
        assert fusion == pytest.approx(theirs["loss_fusion"], rel=1e-3)


@pytest.mark.shared
def test_learning_rates_are_the_official_ones(expected_training):
    for iteration, expected in expected_training["lr_at_iter"].items():
        done = (int(iteration) - 1) / 500_000
        assert 2e-4 * constant_then_cosine(done, 0.6, 1e-6 / 2e-4) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("phase", "trained"), [("priors", {"net_g", "net_dp", "net_sp"}), ("diffusion", {"net_dm"})])
def test_a_phase_trains_its_networks_only_and_all_of_them(batch, phase, trained):
    method = DSPFusion(size=TINY)
    method.begin_phase(phase)
    terms, fused = method.learn(batch, contrast=True)
    torch.stack(list(terms.values())).sum().backward()
    assert fused.shape == batch["vi"].shape
    for name, network in method.named_children():
        received = {parameter.grad is not None for parameter in network.parameters()}
        assert received == {name in trained}, name


def test_the_degradation_encoder_can_begin_blind_to_brightness_and_learn_at_a_rate_of_its_own():
    method = DSPFusion(size=TINY, blind_start=True, learning_rate=1e-3, degradation_rate=3e-4)
    filters = method.net_dp.conv1[0].weight
    answers = filters.sum((1, 2, 3)).abs()
    blind = len(filters) * 3 // 4
    assert answers[:blind].max() < 1e-5 < answers[blind:].max()
    method.iterations = 10
    method.begin_phase("priors")
    rates = {
        id(parameter): group["initial_lr"]
        for group in method.configure_optimizers()["optimizer"].param_groups
        for parameter in group["params"]
    }
    assert {rates[id(parameter)] for parameter in method.net_dp.parameters()} == {3e-4}
    assert {rates[id(parameter)] for parameter in method.net_g.parameters()} == {1e-3}
    assert not any(id(parameter) in rates for parameter in method.net_dm.parameters())


def test_a_degradation_encoder_without_a_rate_stays_as_it_is_and_needs_no_contrasts(batch):
    torch.manual_seed(0)
    method = DSPFusion(size=TINY, iterations=1, degradation_rate=0)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    method.begin_phase("priors")
    assert not method.needs_contrastive
    fit(method, {name: value for name, value in batch.items() if not name.endswith("tives")}, 1)
    after = method.state_dict()
    moved = {name.split(".")[0] for name, value in after.items() if not value.equal(before[name])}
    assert moved == {"net_g", "net_sp"}


def test_clipped_gradients_have_the_official_norm(batch):
    class Norms(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            gradients = [p.grad.norm() for p in pl_module.parameters() if p.grad is not None]
            self.norm = torch.stack(gradients).norm().item()

    norms = Norms()
    method = DSPFusion(size=TINY)
    method.begin_phase("priors")
    fit(method, batch, 1, norms)
    assert norms.norm == pytest.approx(0.01, rel=1e-3)


def test_validation_reports_losses_and_psnr_on_any_size(batch):
    odd = {name: value[..., :27, :37] if isinstance(value, torch.Tensor) else value for name, value in batch.items()}
    for name in ("ir_positives", "vi_positives", "negatives"):
        del odd[name]
    method = DSPFusion(size=TINY)
    for phase, own in (("priors", set()), ("diffusion", {"prior"})):
        method.begin_phase(phase)
        results = trainer(1).validate(method, loader(odd, 1), verbose=False)[0]
        terms = {"intensity", "gradient", "consistency", "color", "ssim", "loss", "psnr", "psnr_ir", "psnr_vi"}
        assert {name.removeprefix("val/") for name in results} == terms | own
        assert results["val/psnr"] == pytest.approx((results["val/psnr_ir"] + results["val/psnr_vi"]) / 2)


def test_pictures_of_the_first_phase_use_the_prior_it_learns(batch):
    method = DSPFusion(size=TINY)
    method.begin_phase("priors")
    expected = method.learn(batch, contrast=False)[1]
    assert_close(method.fuse(batch), expected, atol=1e-5, rtol=0)
    method.begin_phase("diffusion")
    assert not torch.allclose(method.fuse(batch), expected, atol=1e-5)


def test_progressive_training_sees_smaller_crops_first_and_fewer_pairs_later(batch):
    seen = []

    class Watching(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            learn = type(pl_module).learn

            def watched(given, *, contrast):
                if contrast:
                    seen.append((len(given["name"]), *given["negatives"].shape[-2:], given["ir"].shape[0]))
                return learn(pl_module, given, contrast=contrast)

            pl_module.learn = watched

    method = DSPFusion(size=TINY, early_crop=24, late_batch=1, constant=0.5)
    method.begin_phase("priors")
    fit(method, batch, 4, Watching())
    assert seen == [(2, 24, 24, 2)] * 2 + [(1, 32, 40, 1)] * 2


@pytest.mark.parametrize(
    ("options", "networks", "terms"),
    [
        ({"use_dpen": False}, {"net_g", "net_sp", "net_dm"}, set()),
        ({"use_spen": False}, {"net_g", "net_dp"}, {"contrastive"}),
        ({"use_dpen": False, "use_spen": False}, {"net_g"}, set()),
    ],
)
def test_ablations_drop_networks_and_train_all_that_is_left(batch, options, networks, terms):
    method = DSPFusion(size=TINY, **options)
    assert {name for name, _ in method.named_children()} == networks
    assert method.phases == (("priors", "diffusion") if "net_sp" in networks else ("priors",))
    method.begin_phase("priors")
    learned, _ = method.learn(batch, contrast=True)
    torch.stack(list(learned.values())).sum().backward()
    assert learned.keys() - {"intensity", "gradient", "consistency", "color", "ssim"} == terms
    idle = [name for name, parameter in method.named_parameters() if parameter.requires_grad and parameter.grad is None]
    assert not idle
    if "net_sp" in networks:
        method.begin_phase("diffusion")
        assert "prior" in method.learn(batch, contrast=True)[0]
    fused = method.eval().fuse(batch)
    assert fused.shape == batch["vi"].shape
    assert fused.isfinite().all()


def test_what_cannot_be_learned_is_refused(batch):
    method = DSPFusion(size=TINY)
    with pytest.raises(ValueError, match="no phase has begun"):
        method.learn(batch, contrast=True)
    with pytest.raises(ValueError, match="no phase 'fusion'; its phases are priors, diffusion"):
        method.begin_phase("fusion")
    method.begin_phase("priors")
    with pytest.raises(ValueError, match="'a' has no"):
        method.learn({name: value for name, value in batch.items() if name != "ir_clean"}, contrast=True)
    with pytest.raises(ValueError, match="no ir_positives, vi_positives or negatives"):
        method.learn({name: value for name, value in batch.items() if name != "negatives"}, contrast=True)
    with pytest.raises(ValueError, match="did you mean 'released'"):
        DSPFusion(size=TINY, objective="relesed")
    with pytest.raises(ValueError, match="early_crop of 30 is not divisible by 8"):
        DSPFusion(size=TINY, early_crop=30)
    with pytest.raises(ValueError, match=r"did you mean .small"):
        DSPFusion(size="smal")
    with pytest.raises(ValueError, match="0 sampling steps"):
        DSPFusion(size=TINY, steps=0)
