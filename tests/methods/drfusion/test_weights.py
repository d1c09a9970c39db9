"""Rows, the released checkpoints, and files of one's own training."""

from __future__ import annotations

import io
import logging

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from fusionbench import methods
from fusionbench.images.tensors import to_bytes, to_tensor
from fusionbench.methods.drfusion.import_weights import import_official
from fusionbench.methods.drfusion.method import released_colour
from fusionbench.methods.drfusion.table import DRFUSION
from fusionbench.training.fit import _begun
from fusionbench.training.recipe import Recipe
from fusionbench.weights.safetensors import read_metadata


@pytest.fixture
def release(official_state, tmp_path):
    """A folder as the authors fill it, with the recipe's weights."""
    folder = tmp_path / "models_M3FD_noise"
    folder.mkdir()
    torch.save(official_state, folder / "net_params.pkl")
    return folder


def test_rows_are_sorted_and_name_every_study():
    assert list(DRFUSION) == sorted(DRFUSION)
    suffixes = ["", "-medical", "-t1", "-t2", "-t4", "-t5", "-unconstrained"]
    assert set(DRFUSION) == {base + suffix for base in ("drfusion", "drfusion-s") for suffix in suffixes} | {
        "drfusion-released-colour"
    }
    assert set(DRFUSION) <= set(methods.METHODS)


@pytest.mark.parametrize("name", [name for name in DRFUSION if name.startswith("drfusion-s")])
def test_every_small_row_builds_and_has_about_a_million_parameters(name):
    method = methods.build(name)
    assert 0.9e6 < sum(value.numel() for value in method.parameters()) < 1.2e6


def test_a_released_checkpoint_fills_every_key(release, official_state, tmp_path):
    target = tmp_path / "new" / "drfusion.safetensors"
    assert import_official(release, target) == target
    written = load_file(target)
    assert {name.removeprefix("diffusion.") for name in written} == set(official_state)
    for name, value in official_state.items():
        assert torch.equal(written[f"diffusion.{name}"], value)
    assert list(read_metadata(target)["sha256"]) == ["net_params.pkl"]
    loaded = methods.load("drfusion", weights=target)
    assert loaded.weights_name.startswith("drfusion@")
    assert not loaded.training
    assert torch.equal(loaded.diffusion.alpha, official_state["alpha"])


def test_the_file_itself_can_be_named(release, tmp_path):
    assert import_official(release / "net_params.pkl", tmp_path / "drfusion.safetensors").is_file()


def test_the_last_epoch_of_an_official_training_is_taken(official_state, tmp_path):
    for epoch in (10, 100, 20):
        scaled = {name: tensor * epoch / 100 for name, tensor in official_state.items()}
        torch.save(scaled, tmp_path / f"net_params_{epoch}.pkl")
    target = import_official(tmp_path, tmp_path / "new.safetensors")
    assert list(read_metadata(target)["sha256"]) == ["net_params_100.pkl"]
    method = _begun(Recipe("drfusion", init_from=str(tmp_path)))
    assert torch.equal(method.diffusion.alpha, official_state["alpha"])


def test_both_rows_of_colour_read_the_same_file():
    cards = [DRFUSION[name].weights[0] for name in ("drfusion", "drfusion-released-colour")]
    assert cards[0] == cards[1]


def test_the_released_colour_is_that_of_the_released_script():
    rng = np.random.default_rng(0)
    vi = rng.integers(256, size=(16, 24, 3), dtype=np.uint8)
    fused = rng.random((16, 24))
    ycbcr = np.array(Image.fromarray(vi).convert("YCbCr"))
    ycbcr[:, :, 0] = fused * 255
    written = cv2.imencode(".png", cv2.cvtColor(ycbcr, cv2.COLOR_YCrCb2RGB))[1]
    expected = np.array(Image.open(io.BytesIO(written.tobytes())))
    found = released_colour(torch.tensor(fused).view(1, 1, 16, 24), to_tensor(vi)[None].double())
    assert np.array_equal(to_bytes(found[0]), expected)


def test_what_the_network_has_no_place_for_is_named_and_left_out(release, official_state, tmp_path, caplog):
    torch.save({**official_state, "kernel": torch.zeros(3)}, release / "net_params.pkl")
    with caplog.at_level(logging.WARNING):
        target = import_official(release, tmp_path / "drfusion.safetensors")
    assert "left out: kernel" in caplog.text
    assert read_metadata(target)["left_out"] == ["kernel"]


def test_a_checkpoint_with_a_hole_is_refused_by_name(release, official_state, tmp_path):
    holed = {name: value for name, value in official_state.items() if name != "unet.inBlock.bias"}
    torch.save(holed, release / "net_params.pkl")
    with pytest.raises(ValueError, match=r"1 missing \(diffusion.unet.inBlock.bias\)"):
        import_official(release, tmp_path / "drfusion.safetensors")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no net_params\.pkl"):
        import_official(tmp_path, tmp_path / "drfusion.safetensors")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "net_params.pkl")
    with pytest.raises(ValueError, match="no schedule 'alpha'"):
        import_official(tmp_path, tmp_path / "drfusion.safetensors")


def test_a_released_file_is_not_read_without_import(release):
    with pytest.raises(ValueError, match="fusionbench weights import drfusion"):
        methods.load("drfusion", weights=release / "net_params.pkl", verify=False)


def test_weights_of_another_number_of_steps_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(methods.build("drfusion-s-t2").state_dict(), path)
    assert methods.load("drfusion-s-t2", weights=path, verify=False).diffusion.steps == 2
    with pytest.raises(ValueError, match="2 diffusion steps and not for 3"):
        methods.load("drfusion-s", weights=path, verify=False)


def test_the_released_weights_are_told_to_need_a_person(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"drfusion\.safetensors"):
        methods.load("drfusion", strict=True)
    with pytest.raises(ValueError, match="Google Drive"):
        methods.download("drfusion", progress=False)
