"""Every tensor that the official networks gave on tiny random weights, and the official names and shapes.

Tolerances: single against double precision moves the official outputs by up to 4e-6 (priors) and 6e-6 (fused).
"""

from __future__ import annotations

import json

import pytest
import torch
from torch.testing import assert_close

from fusionbench.methods.dspfusion.config import Architecture
from fusionbench.methods.dspfusion.denoiser import Denoiser, Schedule
from fusionbench.methods.dspfusion.network import FusionTransformer
from fusionbench.methods.dspfusion.prior_encoder import PriorEncoder

pytestmark = pytest.mark.shared

PRIOR = {"atol": 1e-5, "rtol": 0}
FUSED = {"atol": 5e-5, "rtol": 0}


def fuse(networks, io, prior, degradation):
    return networks["g"](io["lq_ir"], io["lq_vi"], io[prior], degradation)


@pytest.fixture(scope="module")
def degradation(io):
    return torch.cat([io["prior_deg_ir"], io["prior_deg_vi"]])


@pytest.fixture(scope="module")
def features(networks, io, degradation):
    """Outputs of all submodules of the fusion network in training mode, where every module is called."""
    caught = {}

    def catch(name):
        def hook(_module, _args, output):
            caught[name] = output.detach()  # and return nothing, which would replace the output

        return hook

    handles = [module.register_forward_hook(catch(name)) for name, module in networks["g"].named_modules() if name]
    fuse(networks, io, "prior_sem_hq", degradation)
    for handle in handles:
        handle.remove()
    return caught


def feature_names():
    levels = ["encoder_level1", "encoder_level2", "encoder_level3", "latent"]
    inner = ["spmm", "dpmm", "cross_att", "blocks.0", "blocks.0.attn", "blocks.0.ffn"]
    both = ["patch_embed", "type_down_1", "type_down_2", "down1_2", "down2_3", "down3_4", *levels]
    both += [f"encoder_level1.{name}" for name in inner]
    once = ["down_1", "down_2", "fusion_level1", "fusion_level2", "fusion_level3", "fusion_latent", "up4_3"]
    once += ["reduce_chan_level3", "decoder_level3", "up3_2", "reduce_chan_level2", "decoder_level2", "up2_1"]
    once += ["decoder_level1", "refinement", "output"]
    return [f"{name}.call{i}" for name in both for i in (1, 2)] + [f"{name}.call1" for name in once]


def test_official_names_shapes_and_size(reference):
    sizes = Architecture()
    made = {
        "net_g": FusionTransformer(sizes),
        "net_dp": PriorEncoder(3, sizes.degradation, sizes.degradation_blocks, kinds=True),
        "net_sp": PriorEncoder(6, sizes.semantic, sizes.semantic_blocks),
        "net_dm": Denoiser(sizes, sizes.semantic_prior + 2 * sizes.degradation_prior),
    }
    official = json.loads((reference / "state_dict_keys.json").read_text())
    ours = {name: {key: list(value.shape) for key, value in net.state_dict().items()} for name, net in made.items()}
    assert ours == official
    assert sum(parameter.numel() for net in made.values() for parameter in net.parameters()) == 14_012_189


@pytest.mark.parametrize("quality", ["hq", "lq"])
def test_semantic_prior(networks, io, quality):
    sources = ("gt_ir", "gt_vi") if quality == "hq" else ("lq_ir", "lq_vi")
    prior = networks["sp"](torch.cat([io[name] for name in sources], dim=1))
    assert_close(prior, io[f"prior_sem_{quality}"], **PRIOR)


@pytest.mark.parametrize("modality", ["ir", "vi"])
def test_degradation_prior_and_kind(networks, io, modality):
    prior = networks["dp"](io[f"lq_{modality}"])
    assert_close(prior, io[f"prior_deg_{modality}"], **PRIOR)
    assert_close(networks["dp"].kind(prior)[0], io[f"deg_type_{modality}"], **PRIOR)


def test_reference_features_are_all_checked(io):
    elsewhere = {"feat.Tanh.call1", "feat.fusion_level1.sa.call1", "feat.fusion_level1.sa.call2"}
    assert {f"feat.{name}" for name in feature_names()} | elsewhere == {key for key in io if key.startswith("feat.")}


@pytest.mark.parametrize("name", feature_names())
def test_feature(features, io, name):
    module, _, call = name.rpartition(".call")
    output = features[module]
    if output.shape[0] == 2:
        output = output[int(call) - 1 :][:1]
    assert_close(output, io[f"feat.{name}"], **FUSED)


def test_spatial_weights(networks, io):
    weights = networks["g"].fusion_level1.sa
    for call in (1, 2):
        assert_close(weights(io[f"feat.encoder_level1.call{call}"]), io[f"feat.fusion_level1.sa.call{call}"], **FUSED)


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize(("phase", "prior"), [(1, "prior_sem_hq"), (2, "prior_sampled")])
def test_fused(networks, io, degradation, gradient, phase, prior):
    with torch.set_grad_enabled(gradient):
        fused = fuse(networks, io, prior, degradation)
    assert_close(fused, io[f"fused_stage{phase}"], **FUSED)
    if phase == 1:
        assert_close(torch.atanh(2 * fused.double() - 1) - io["lq_vi"], io["head_conv_out_stage1"].double(), **FUSED)
        assert_close(2 * fused - 1, io["feat.Tanh.call1"], **FUSED)


def test_schedule_is_the_official_one():
    schedule = Schedule(10)
    alpha_bar = [0.9, 0.7619524, 0.595733941, 0.420418024, 0.259902894]
    alpha_bar += [0.134970769, 0.055209484, 0.0158676188, 0.00244982657, 2.44982657e-05]
    from_prediction = [1, 0.611285031, 0.47102946, 0.391904593, 0.334492654]
    from_prediction += [0.28329429, 0.229792982, 0.170135364, 0.106780127, 0.0490019657]
    from_state = [0, 0.386526167, 0.520665467, 0.58595854, 0.615731061]
    from_state += [0.616555572, 0.585574627, 0.514672577, 0.387641788, 0.0997574627]
    assert schedule.alpha_bar == pytest.approx(alpha_bar, rel=1e-6)
    assert schedule.from_prediction == pytest.approx(from_prediction, rel=1e-6)
    assert schedule.from_state == pytest.approx(from_state, rel=1e-6)


def test_one_denoiser_step(networks, io):
    condition = torch.cat([io["prior_sem_lq"], io["prior_deg_ir"], io["prior_deg_vi"]], dim=-1)
    assert_close(condition, io["condition"], **PRIOR)
    schedule = Schedule(10)
    prediction = networks["dm"](io["x_T"], condition, 7)
    assert_close(prediction, io["denoise_out_t7"], **PRIOR)
    earlier = schedule.from_prediction[7] * prediction + schedule.from_state[7] * io["x_T"]
    assert_close(earlier, io["posterior_mean_t7"], **PRIOR)


def test_sampling_chain(networks, io):
    states = Schedule(10).sample(networks["dm"], io["x_T"], io["condition"])
    assert_close(states[-1], io["prior_sampled"], **PRIOR)


def test_training_chain(networks, io):
    schedule = Schedule(10)
    start = schedule.noised(io["prior_sem_hq"], io["train_noise"])
    assert_close(start, io["train_x_T"], **PRIOR)
    states = schedule.sample(networks["dm"], start, io["condition"])
    assert_close(torch.stack(states), io["train_prior_steps"], **PRIOR)
    assert_close(states[-1], io["train_prior"], **PRIOR)
