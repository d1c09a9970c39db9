"""Losses of half-precision trainings: in single precision, whatever the network computes in."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from fusionbench import methods
from fusionbench.methods.common.color import luma

PHASES = {
    "drfusion-s": ("fusion", {}),
    "dspfusion-s priors": ("priors", {}),
    "dspfusion-s diffusion": ("diffusion", {}),
    "lure-s representation": ("representation", {"perceptual": "none"}),
    "lure-s fusion": (
        "fusion",
        {"perceptual": "latent", "similarity_weight": 1.0, "selection_weight": 1.0, "information_weight": 1.0},
    ),
}


def batch(count=2, side=48) -> dict:
    draw = torch.Generator().manual_seed(0)
    images = {
        name: torch.rand(*shape, side, side, generator=draw)
        for name, shape in {
            "ir": (count, 1), "vi": (count, 3), "ir_clean": (count, 1), "vi_clean": (count, 3),
            "ir_positives": (count, 3, 1), "vi_positives": (count, 3, 3), "negatives": (count, 6, 3),
        }.items()
    }  # fmt: skip
    told = {"name": ["a", "b"], "degradation": ["ir:noise", "noise"], "ir_scale": [1, 1], "vi_scale": [1, 1]}
    return {**images, **told}


def begun(key: str):
    phase, options = PHASES[key]
    torch.manual_seed(0)
    method = methods.build(key.split()[0], **options)
    method.begin_phase(phase)
    return method.train()


def terms(method, pairs, *, half: bool) -> dict:
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        if hasattr(method, "learn"):
            return method.learn(pairs, contrast=True)[0]
        if method.phases[0] == "representation":
            return method.terms({**pairs, "degradation": ["ll", "ir:lc"]}, 0)
        return method.terms(pairs)


@pytest.mark.parametrize("key", PHASES)
def test_losses_are_in_single_precision_while_the_network_is_in_half(key):
    method, pairs = begun(key), batch()
    whole, half = terms(method, pairs, half=False), terms(method, pairs, half=True)
    assert {name: term.dtype for name, term in half.items()} == dict.fromkeys(whole, torch.float32)
    # The network's own rounding remains: 8 bits, through some tens of layers.
    for name, term in half.items():
        assert_close(term, whole[name], rtol=0.1, atol=0.02, msg=f"{name}: {term} {whole[name]}")
    torch.stack(list(half.values())).sum().backward()
    assert all(each.grad.dtype == torch.float32 for each in method.parameters() if each.grad is not None)


def same_under_autocast(compute) -> None:
    """What is computed of the same images is the same, bit for bit."""
    whole = compute()
    with torch.autocast("cpu", torch.bfloat16):
        half = compute()
    assert whole.keys() == half.keys()
    for name, term in whole.items():
        assert_close(half[name], term, rtol=0, atol=0, msg=name)


def test_lures_fusion_losses_do_not_see_the_autocast():
    method, pairs = begun("lure-s fusion"), batch()
    method.fused = lambda sources: pairs["vi_clean"].bfloat16()
    same_under_autocast(lambda: method.fusion_terms(pairs))
    # In half precision, an image compared with itself had a gradient loss of its own rounding.
    shown = pairs["vi_clean"].bfloat16().float()
    alike = {**pairs, "ir_clean": luma(shown), "vi_clean": shown}
    assert method.fusion_terms(alike)["gradient"] < 1e-6


def test_lures_representation_losses_do_not_see_the_autocast(monkeypatch):
    method, draw = begun("lure-s representation"), torch.Generator().manual_seed(0)
    latents = [torch.rand(4, 8, side, side, generator=draw).bfloat16() for side in (48, 24)]
    restored, logits = (torch.rand(*shape, generator=draw).bfloat16() for shape in ((4, 3, 48, 48), (4, 6)))
    method.network.encode = lambda *sources: latents
    monkeypatch.setattr(method.network.decoder, "forward", lambda levels: restored)
    monkeypatch.setattr(method.text, "logits", lambda text: logits)
    same_under_autocast(lambda: method.terms({**batch(), "degradation": ["ll", "ir:lc"]}, 0))


def test_dspfusions_losses_do_not_see_the_autocast(monkeypatch):
    method, pairs = begun("dspfusion-s diffusion"), batch()
    image, prior = pairs["vi"].bfloat16(), torch.rand(2, 3, 4).bfloat16()
    monkeypatch.setattr(method.net_g, "forward", lambda *sources: image)
    monkeypatch.setattr(method.net_sp, "forward", lambda pair: prior)
    monkeypatch.setattr(method, "_condition", lambda *sources: prior)
    monkeypatch.setattr(method.schedule, "sample", lambda *state: [prior + 1])
    same_under_autocast(lambda: method.learn(pairs, contrast=False)[0])


def test_drfusions_losses_do_not_see_the_autocast(monkeypatch):
    method, pairs = begun("drfusion-s"), batch()
    state = torch.cat([pairs["ir"], luma(pairs["vi"]), pairs["ir"]], dim=1)
    monkeypatch.setattr(method.diffusion, "run", lambda observation: [SimpleNamespace(state=state, estimate=state)])
    same_under_autocast(lambda: method.terms(pairs))
