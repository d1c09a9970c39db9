"""The callback that makes steps faster: what it sets, where, and that it puts back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fusionbench import methods
from fusionbench.training.speed import Speed


def on(device: str) -> SimpleNamespace:
    return SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)))


@pytest.mark.parametrize("name", ["drfusion-s", "dspfusion-s", "lure-s"])
def test_the_networks_of_a_step_are_compiled_and_keep_their_names(name, monkeypatch):
    compiled = []
    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: compiled.append((self, options)))
    method = methods.build(name)
    names, before = list(method.state_dict()), torch.get_float32_matmul_precision()
    speed = Speed(compile=True, tf32=True, channels_last=True, device="cpu", backend="eager")
    speed.setup(on("cpu"), method, "fit")
    assert [options for _, options in compiled] == [{"backend": "eager"}] * len(method.networks())
    assert torch.get_float32_matmul_precision() == "high"
    wide = next(each for each in method.networks()[0].parameters() if each.ndim == 4 and min(each.shape) > 1)
    assert wide.is_contiguous(memory_format=torch.channels_last)
    assert list(method.state_dict()) == names
    speed.teardown(on("cpu"), method, "fit")
    assert torch.get_float32_matmul_precision() == before
    trained = sum(each.numel() for network in method.networks() for each in network.parameters())
    assert trained > 0.9 * sum(each.numel() for each in method.parameters())


def test_elsewhere_nothing_changes(monkeypatch):
    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: pytest.fail("compiled"))
    method, before = methods.build("drfusion-s"), torch.get_float32_matmul_precision()
    Speed(compile=True, tf32=True, channels_last=True).setup(on("cpu"), method, "fit")
    Speed(compile=True, tf32=True, device="cpu").setup(on("cpu"), method, "test")
    assert torch.get_float32_matmul_precision() == before
