"""Weight files in the forms that training programs write: what is unambiguous is loaded, what is not names the way."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fusionbench.weights.card import WeightsCard
from fusionbench.weights.entry import split_entry
from fusionbench.weights.read import WeightsWarning, load_strict, read_state

State = dict[str, Tensor]


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 3))


def state(seed: int = 0) -> State:
    return {name: tensor.clone() for name, tensor in network(seed).state_dict().items()}


def under(prefix: str, tensors: State) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def loaded(path: Path) -> State:
    module = network(9)
    load_strict(module, read_state(path, module), WeightsCard("x"), path)
    return module.state_dict()


def check(path: Path, seed: int = 0) -> None:
    for name, tensor in loaded(path).items():
        torch.testing.assert_close(tensor, state(seed)[name])


OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}

FORMS: dict[str, Callable[[State], Any]] = {
    "plain": lambda own: own,
    **{
        key: lambda own, key=key: {key: own, "epoch": 3, "optimizer": OPTIMIZER}
        for key in ("state_dict", "model", "model_state_dict", "net", "network", "params", "generator", "weights")
    },
    **{prefix: lambda own, prefix=prefix: under(prefix, own) for prefix in ("module.", "_orig_mod.", "net.", "a.b.")},
    "both wrappers": lambda own: under("module._orig_mod.", own),
    "wrapped twice": lambda own: {"model": {"state_dict": own}, "best": 0.3},
    "Lightning": lambda own: {
        "state_dict": under("net.", own),
        "epoch": 1,
        "loops": {"fit_loop": {"state_dict": {}}},
        "optimizer_states": [OPTIMIZER],
        "hyper_parameters": {"lr": 0.1},
    },
    "numbers beside": lambda own: {**own, "epoch": 3},
    "another network too": lambda own: {"net_d": {"conv.weight": torch.zeros(3)}, "net_g": own},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_network_is_found_in_what_programs_save(form, tmp_path):
    path = tmp_path / "net.pth"
    torch.save(FORMS[form](state()), path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(path)


def test_half_precision_is_computed_in_single(tmp_path):
    own = {name: t.half() if t.is_floating_point() else t for name, t in state().items()}
    torch.save({"model": own}, tmp_path / "net.pth")
    found = loaded(tmp_path / "net.pth")
    assert {tensor.dtype for tensor in found.values()} == {torch.float32, torch.int64}
    torch.testing.assert_close(found["0.weight"], state()["0.weight"], rtol=1e-3, atol=1e-4)


PAIRS = {
    "params_ema": lambda plain, averaged: {"params": plain, "params_ema": averaged},
    "ema": lambda plain, averaged: {"model": plain, "ema": averaged},
    "model_ema": lambda plain, averaged: {"state_dict": plain, "model_ema": averaged, "epoch": 1},
    "state_dict_ema": lambda plain, averaged: {"state_dict": plain, "state_dict_ema": under("module.", averaged)},
    "ema.shadow": lambda plain, averaged: {"net": plain, "ema": {"shadow": averaged, "decay": 0.99}},
    "ema_model": lambda plain, averaged: under("online_model.", plain) | under("ema_model.", averaged),
}


@pytest.mark.parametrize("form", PAIRS)
def test_averaged_weights_come_before_plain_ones_and_it_is_said(form, tmp_path):
    path = tmp_path / "net.pth"
    torch.save(PAIRS[form](state(1), state(2)), path)
    with pytest.warns(WeightsWarning, match=r"averaged weights .* the averaged ones are used") as caught:
        check(path, seed=2)
    way = re.search(r"net\.pth#\S+", str(caught[0].message))
    assert way
    check(tmp_path / way[0], seed=1)


def test_several_networks_that_fit_are_named_and_one_can_be_chosen(tmp_path):
    path = tmp_path / "net.pth"
    torch.save({"first": state(1), "second": state(2)}, path)
    with pytest.raises(ValueError, match=r"several tables of weights, first, second; .* such as net\.pth#first"):
        loaded(path)
    check(tmp_path / "net.pth#second", seed=2)
    with pytest.raises(ValueError, match=r"has no entry 'third'; it has first, second"):
        loaded(tmp_path / "net.pth#third")


def test_a_network_of_the_same_names_and_other_shapes_is_passed_over(tmp_path):
    other = {name: torch.zeros(5, *tensor.shape) for name, tensor in state().items()}
    torch.save({"model": other, "small": state()}, tmp_path / "net.pth")
    check(tmp_path / "net.pth")


def test_what_lies_beside_the_network_is_left_out_and_named(tmp_path):
    path = tmp_path / "net.ckpt"
    torch.save({"state_dict": under("net.", state()) | {"loss.vgg.weight": torch.zeros(3)}}, path)
    with pytest.warns(WeightsWarning, match=r"left out: loss\.vgg\.weight"):
        check(path)


def test_surplus_tensors_of_the_network_itself_are_refused(tmp_path):
    torch.save({"model": state() | {"3.weight": torch.zeros(3)}}, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"another architecture than Sequential: 1 surplus \(3\.weight\)"):
        loaded(tmp_path / "net.pth")


def test_another_network_is_told_apart_behind_its_wrapper(tmp_path):
    own = under("module.", {name: tensor for name, tensor in state().items() if not name.startswith("2.")})
    torch.save({"state_dict": own}, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"2 missing \(2\.weight, 2\.bias\)$"):
        loaded(tmp_path / "net.pth")


@pytest.mark.parametrize("content", [{"epoch": 1}, {"optimizer": OPTIMIZER}, [1], {"model": {}}])
def test_a_file_without_weights_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(ValueError, match="does not contain a plain table of named tensors"):
        loaded(tmp_path / "net.pth")


def test_without_a_network_the_usual_key_decides(tmp_path):
    torch.save({"state_dict": state(1), "teacher": state(2)}, tmp_path / "net.pth")
    torch.testing.assert_close(read_state(tmp_path / "net.pth"), state(1))


def test_a_file_may_have_the_sign_in_its_name(tmp_path):
    path = tmp_path / "net#3.pth"
    torch.save(state(), path)
    assert split_entry(path) == (path, "")
    assert split_entry(tmp_path / "net#3.pth#params") == (path, "params")
    check(path)


def test_the_bytes_decide_what_kind_of_file_it_is(tmp_path):
    from safetensors.torch import save_file

    torch.save(state(), tmp_path / "torch.safetensors")
    save_file(state(), tmp_path / "safe.pth")
    check(tmp_path / "torch.safetensors")
    check(tmp_path / "safe.pth")


@pytest.mark.parametrize("length", [0x80, 0x4B50])
def test_a_length_that_looks_like_the_beginning_of_another_kind_is_a_length(length, tmp_path):
    path = tmp_path / "net.safetensors"
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode().ljust(length)
    path.write_bytes(length.to_bytes(8, "little") + header + bytes(4))
    assert list(read_state(path)) == ["a"]
