"""Every published mode against tensors computed by the released network, per unit, per step and in the end."""

from __future__ import annotations

import copy
import json

import pytest
import torch

from fusionbench.degradations.linear import LinearModel
from fusionbench.degradations.operators import Blur, Downsample, Identity, Pixelate, compose
from fusionbench.methods.drfusion.data_consistency import Observation
from fusionbench.methods.drfusion.diffusion import Diffusion, strength
from fusionbench.methods.drfusion.network import NoisePredictor, time_embedding

pytestmark = pytest.mark.shared

UNIT = {"rtol": 0.0, "atol": 1e-5}
# The released code itself differs by 7e-5 between one thread and two or without oneDNN; values reach 7.
CHAIN = {"rtol": 0.0, "atol": 5e-4}

NOISY = LinearModel(Identity(), Identity(), noisy=True)
STEP_FIELDS = {"eps": "noise", "W1": "weights", "x0_hat": "estimate", "x0_bar": "corrected", "x_prev": "state"}


def assert_steps(diffusion, observation, tensors, prefix=""):
    steps = list(diffusion.run(observation))
    for number, step in zip(range(len(steps), 0, -1), steps, strict=True):
        for key, field in STEP_FIELDS.items():
            torch.testing.assert_close(getattr(step, field), tensors[f"{prefix}step{number}.{key}"], **CHAIN)
    torch.testing.assert_close(steps[-1].state, tensors[f"{prefix}out"], **CHAIN)


def test_state_dict_has_the_released_keys_and_shapes(shared, official_state):
    with (shared / "reference" / "drfusion" / "state_dict_keys.json").open() as file:
        keys = json.load(file)["keys"]
    assert {name: list(value.shape) for name, value in official_state.items()} == {
        k: v["shape"] for k, v in keys.items()
    }
    assert sum(value.numel() for value in official_state.values()) == 31_773_121


def test_recipe_weights_have_the_published_checksums(shared, official_state):
    with (shared / "reference" / "drfusion" / "weights_recipe_checksums.json").open() as file:
        sums = json.load(file)["per_key_[sum,abs_sum]_float64"]
    for name, value in official_state.items():
        assert [value.double().sum().item(), value.double().abs().sum().item()] == pytest.approx(sums[name], rel=1e-9)


@pytest.mark.parametrize("name", ["official_noise_T3_64x64", "official_noise_T3_b2_62x58", "official_noise_T3_34x50"])
def test_released_noise_mode_step_by_step(official, reference, name):
    tensors = reference(name)
    observation = Observation(tensors["y1"], tensors["y2"], [NOISY] * len(tensors["y1"]))
    torch.testing.assert_close(official.kept(), tensors["alpha_bar"], rtol=0.0, atol=1e-6)
    assert_steps(official, observation, tensors)
    with torch.no_grad():
        torch.testing.assert_close(official(observation), tensors["out"], **CHAIN)


@pytest.mark.parametrize("mode", ["noise_simultaneous", "blur", "sr2_ir", "composite_x4"])
def test_modes_of_the_paper_step_by_step(official, reference, mode):
    tensors = reference("paper_derived_modes_T3_64x64")
    blur = Blur(tensors["kernel"], gamma=0.01)
    model = {
        "noise_simultaneous": NOISY,
        "blur": LinearModel(blur, blur, noisy=False),
        "sr2_ir": LinearModel(Pixelate(2), Identity(), noisy=False),
        "composite_x4": LinearModel(compose([Pixelate(4), blur]), blur, noisy=True),
    }[mode]
    small, vi = tensors[f"{mode}.y1"], tensors[f"{mode}.y2"]
    enlarged = Downsample(64 // small.shape[-1]).pinv(small, (64, 64))
    observation = Observation(enlarged, vi, [model], order="paper")
    start = official.kept()[-1].sqrt() * observation.start()
    torch.testing.assert_close(start, tensors[f"{mode}.x_T"], **UNIT)
    assert_steps(official, observation, tensors, prefix=f"{mode}.")


@pytest.mark.parametrize("steps", [1, 2, 4, 5])
def test_released_noise_mode_with_other_numbers_of_steps(official, reference, steps):
    """In double precision: five steps in single precision differ more between processors than the tolerance allows."""
    tensors = {name: tensor.double() for name, tensor in reference("official_noise_Tsweep_64x64").items()}
    diffusion = Diffusion(steps, copy.deepcopy(official.unet)).eval().double()
    diffusion.alpha.data = tensors[f"T{steps}.alpha"]
    with torch.no_grad():
        out = diffusion(Observation(tensors["y1"], tensors["y2"], [NOISY]))
    torch.testing.assert_close(out, tensors[f"T{steps}.out"], **CHAIN)


def test_large_images_take_the_fast_way_to_the_same_result(official, generator):
    size = (112, 128)
    y1, y2 = (torch.rand(1, 1, *size, generator=generator) for _ in range(2))
    observation = Observation(y1, y2, [NOISY])
    expected = list(official.run(observation))[-1].state.detach()
    with torch.no_grad():
        found = official(observation)
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, **CHAIN)


@torch.no_grad()
def test_units_of_the_noise_predictor(official, reference):
    tensors = reference("official_units")
    unet: NoisePredictor = official.unet
    x = tensors["res_64_64.in"]
    embedded = torch.cat([time_embedding(int(step), 64, x) for step in tensors["time_embedding.t"]])
    time = unet.time_embed(time_embedding(2, 64, x))
    units = {
        "time_embedding.out": embedded,
        "time_embed.t2": time,
        "res_64_64.out(downBlock.0.0)": unet.downBlock[0][0](x, time),
        "res_64_128.out(downBlock.3.0)": unet.downBlock[3][0](x, time),
        "down.out(downBlock.2.0)": unet.downBlock[2][0](x, time),
        "up.out(upBlock.7.0)": unet.upBlock[7][0](x, time),
        "att.out(attention_block.0)": unet.attention_block[0](x, torch.zeros_like(x)),
        "att1.out(attention_block_1.0)": unet.attention_block_1[0](x, torch.zeros_like(x)),
        "outBlock.out": unet.outBlock(x),
        "fusion_outBlock.out": unet.fusion_outBlock(x),
    }
    for key, value in units.items():
        torch.testing.assert_close(value, tensors[key], **UNIT, msg=lambda text, key=key: f"{key}: {text}")


def test_strength_is_that_of_the_released_code(reference):
    table = reference("official_units")["ddnm_plus.table[abar_t,abar_prev,sigma_y,lambda,gamma,sigma_t,a_t]"]
    for kept, kept_before, sigma, expected, *_ in table:
        torch.testing.assert_close(strength(kept, kept_before, sigma), expected, rtol=1e-5, atol=1e-7)


def test_operators_of_the_reference(reference):
    tensors = reference("paper_derived_modes_T3_64x64")
    units = reference("official_units")
    image = tensors["wiener.in"]
    blur = Blur(tensors["kernel"], gamma=0.01)
    torch.testing.assert_close(blur.pinv(image, (64, 64)), tensors["wiener.out"], **UNIT)
    torch.testing.assert_close(blur.pinv(blur.apply(image), (64, 64)), tensors["wiener_of_blur.out"], **UNIT)
    torch.testing.assert_close(Downsample(4).apply(image), tensors["down4.out"], **UNIT)
    torch.testing.assert_close(Pixelate(4).apply(image), tensors["up4_down4.out"], **UNIT)
    torch.testing.assert_close(
        Downsample(2).pinv(units["patch_upsample.in"], (6, 8)), units["patch_upsample.out_s2"], **UNIT
    )
