"""Losses and their gradients."""

from __future__ import annotations

import copy
import json

import pytest
import torch
import torch.nn.functional as F

from fusionbench.degradations.linear import LinearModel
from fusionbench.degradations.operators import Identity
from fusionbench.methods.drfusion.data_consistency import Observation
from fusionbench.methods.drfusion.losses import OBJECTIVES, gradient, maxima, restoration, visible_released
from fusionbench.nn.losses import ssim

EXACT = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def tensors(reference):
    return {key.removeprefix("loss."): value for key, value in reference("official_units").items()}


def state_of(tensors):
    return torch.cat([tensors["ir"], tensors["vi"], tensors["f"]], dim=1)


@pytest.mark.shared
def test_terms_are_those_of_the_released_code(tensors):
    intensity, edges = maxima(tensors["f"], tensors["ir"], tensors["vi"])
    torch.testing.assert_close(intensity[None], tensors["int"], **EXACT)
    torch.testing.assert_close(edges[None], tensors["grad"], **EXACT)
    torch.testing.assert_close(gradient(tensors["f"]), tensors["sobelmag_f"], **EXACT)
    source = restoration(state_of(tensors), tensors["gt1"], tensors["gt2"])
    torch.testing.assert_close(source[None], tensors["source"], **EXACT)
    for label in ("gt1", "gt2"):
        similarity = ssim(tensors["f"], tensors[label], padding=5).mean()
        torch.testing.assert_close(similarity[None], tensors[f"ssim.f_{label}"], **EXACT)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("objective", "key"),
    [("visible", "total_ivif(5int+grad+5src)"), ("medical", "total_medical(10pix+10src+ssim)")],
)
def test_totals_are_those_of_the_released_code(tensors, objective, key):
    terms = OBJECTIVES[objective](state_of(tensors), tensors["gt1"], tensors["gt2"])
    torch.testing.assert_close(sum(terms.values())[None], tensors[key], **EXACT)


def test_the_papers_objectives_weigh_the_terms_as_its_equations_do(generator):
    ir, vi, fused = (torch.rand(2, 1, 16, 16, generator=generator) for _ in range(3))
    state = torch.cat([ir, vi, fused], dim=1)
    labels = [torch.rand(2, 1, 16, 16, generator=generator) for _ in range(2)]
    restored = F.l1_loss(ir, labels[0]) + F.l1_loss(vi, labels[1])
    edges = F.l1_loss(gradient(fused), torch.maximum(*map(gradient, labels)))
    visible = restored + 10 * (F.l1_loss(fused, torch.maximum(*labels)) + 20 * edges)
    torch.testing.assert_close(sum(OBJECTIVES["visible-paper"](state, *labels).values()), visible)
    dissimilar = [1 - ssim(fused, label, padding=5).mean() for label in labels]
    medical = restored + 10 * sum(F.l1_loss(fused, label) + 10 * d for label, d in zip(labels, dissimilar, strict=True))
    torch.testing.assert_close(sum(OBJECTIVES["medical-paper"](state, *labels).values()), medical)


@pytest.mark.parametrize("objective", ["visible-paper", "visible"])
def test_a_perfect_fusion_costs_nothing(objective):
    ir, vi = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 0.5)
    state = torch.cat([ir, vi, vi], dim=1)
    assert sum(OBJECTIVES[objective](state, ir, vi).values()).item() == pytest.approx(0.0, abs=1e-7)


@pytest.mark.shared
@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_are_those_of_the_released_code(shared, official, reference, checkpointing):
    """In double precision: in single precision, rounding alone exceeds the tolerance on some processors."""
    tensors = {name: tensor.double() for name, tensor in reference("official_noise_T3_64x64_grads").items()}
    with (shared / "reference" / "drfusion" / "official_noise_T3_64x64_gradnorms.json").open() as file:
        norms = json.load(file)["grad_norms"]
    diffusion = copy.deepcopy(official).double()
    diffusion.checkpointing = checkpointing
    observation = Observation(tensors["y1"], tensors["y2"], [LinearModel(Identity(), Identity(), noisy=True)])
    terms = visible_released(diffusion(observation), tensors["gt1"], tensors["gt2"])
    sum(terms.values()).backward()
    torch.testing.assert_close(sum(terms.values()).detach()[None], tensors["loss.total"], rtol=1e-4, atol=0.0)
    found = {name: parameter.grad for name, parameter in diffusion.named_parameters() if parameter.requires_grad}
    for key in (key for key in tensors if key.startswith("grad.")):
        largest = tensors[key].abs().max().item()
        torch.testing.assert_close(found[key.removeprefix("grad.")], tensors[key], rtol=1e-3, atol=1e-4 * largest)
    for name, norm in norms.items():
        if name in found:
            assert found[name].norm().item() == pytest.approx(norm, rel=5e-3, abs=1e-6), name
