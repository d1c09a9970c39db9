"""Importing the released checkpoints, and the rows of the table."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import pytest
import torch

from fusionbench import methods
from fusionbench.cli.main import main
from fusionbench.methods.dspfusion.import_weights import import_official
from fusionbench.methods.dspfusion.method import DSPFusion
from fusionbench.methods.dspfusion.table import DSPFUSION, PARTS, RELEASED
from fusionbench.registry import import_object
from fusionbench.training.fit import _begun
from fusionbench.training.recipe import Recipe
from fusionbench.weights.checksums import sha256
from fusionbench.weights.safetensors import read_metadata

from ...server import Behaviour


@pytest.fixture(scope="module")
def original():
    torch.manual_seed(3)
    return DSPFusion()


@pytest.fixture
def release(original, tmp_path):
    """Files as released: wrapped, one from data-parallel training, with the counters of thop in two of them."""
    folder = tmp_path / "release"
    folder.mkdir()
    for part in PARTS:
        state = dict(original.get_submodule(part).state_dict())
        if part in ("net_g", "net_dm"):
            state |= {"total_ops": torch.zeros(1), "blocks.0.total_params": torch.zeros(1)}
        if part == "net_g":
            state = {f"module.{key}": value for key, value in state.items()}
        torch.save({"params": state}, folder / f"{part}.pth")
    return folder


def changed(path, change):
    state = torch.load(path, weights_only=True)
    change(state["params"])
    torch.save(state, path)


def test_four_files_become_one_that_loads(original, release, tmp_path):
    target = import_official(release, tmp_path / "new" / "dspfusion.safetensors")
    loaded = methods.load("dspfusion", weights=target)
    for name, value in original.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    assert loaded.stretch
    assert not methods.load("dspfusion-unstretched", weights=target).stretch
    assert read_metadata(target)["sha256"]["net_g.pth"] == sha256(release / "net_g.pth")
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_equal_files_give_equal_bytes_so_that_the_name_in_results_is_one(release, tmp_path):
    targets = [import_official(release, tmp_path / f"{index}.safetensors") for index in range(3)]
    assert len({sha256(target) for target in targets}) == 1


def test_cards_tell_the_bytes_of_the_tensors(original):
    for card in RELEASED:
        state = original.get_submodule(card.submodule).state_dict()
        assert card.approximate_size == sum(tensor.numel() * tensor.element_size() for tensor in state.values())


def test_files_of_an_official_training_are_found(release, tmp_path):
    for part in PARTS:
        (release / f"{part}.pth").rename(release / f"{part}_latest.pth")
    assert import_official(release, tmp_path / "dspfusion.safetensors").is_file()


def test_both_phases_of_an_official_training_are_found_below_one_folder(release, tmp_path):
    for part, folder in zip(PARTS, ("S1", "S1", "S1", "S2"), strict=True):
        (release / folder / "models").mkdir(parents=True, exist_ok=True)
        (release / f"{part}.pth").rename(release / folder / "models" / f"{part}_latest.pth")
    assert import_official(release, tmp_path / "dspfusion.safetensors").is_file()
    shutil.copytree(release / "S2", release / "S3")
    with pytest.raises(ValueError, match=r"holds several net_dm: .*S2.*, .*S3.*; give one of them"):
        import_official(release, tmp_path / "dspfusion.safetensors")


def test_the_second_phase_starts_from_an_official_first_one(original, release, capsys):
    (release / "net_dm.pth").unlink()
    assert main(["weights", "import", "dspfusion", "--from", str(release)]) == 2
    said = capsys.readouterr().err
    assert "no net_dm.pth in" in said
    command = re.search(r"`fusionbench (train .*? --init-from .*?--phases\.priors\.trainer\.max_epochs 0)`", said)
    assert command
    method = _begun(Recipe("dspfusion", init_from=str(release)))
    for part in ("net_g", "net_dp", "net_sp"):
        for name, value in original.get_submodule(part).state_dict().items():
            assert torch.equal(method.get_submodule(part).state_dict()[name], value)
    assert method.weights_name.startswith("dspfusion@")
    (release / "net_g.pth").unlink()
    with pytest.raises(FileNotFoundError, match=r"no net_g\.pth in"):
        _begun(Recipe("dspfusion", init_from=str(release)))


def test_whatever_differs_is_named_in_one_message(release, tmp_path):
    changed(release / "net_g.pth", lambda state: state.pop("module.output.weight"))
    changed(release / "net_sp.pth", lambda state: state.update(stray=torch.zeros(2)))
    changed(release / "net_dm.pth", lambda state: state.update(time_mlp=torch.zeros(2)))
    with pytest.raises(ValueError, match="1 missing") as caught:
        import_official(release, tmp_path / "dspfusion.safetensors")
    message = str(caught.value)
    assert "1 missing (output.weight)" in message
    assert "1 surplus (stray)" in message
    assert "time_mlp is (2,) instead of (1,)" in message
    assert not (tmp_path / "dspfusion.safetensors").exists()


def test_missing_files_and_folders_are_named(release, tmp_path):
    (release / "net_dp.pth").unlink()
    with pytest.raises(FileNotFoundError, match=r"no net_dp\.pth in .*; download it from https://github.com/"):
        import_official(release, tmp_path / "x.safetensors")
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        import_official(release / "nowhere", tmp_path / "x.safetensors")


def test_files_that_run_code_are_refused(release, tmp_path):
    torch.save({"params": {"weight": print}}, release / "net_g.pth")
    with pytest.raises(ValueError, match="code from a weight file is never executed"):
        import_official(release, tmp_path / "x.safetensors")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_weights_import_makes_the_file_that_the_method_reads(original, release, home, capsys):
    assert main(["weights", "import", "dspfusion", "--from", str(release)]) == 0
    place = home / "weights" / "dspfusion" / "dspfusion.safetensors"
    assert capsys.readouterr().out.split() == [str(place)]
    loaded = methods.load("dspfusion")
    assert loaded.weights_name == f"dspfusion@{sha256(place)[:8]}"
    assert torch.equal(loaded.net_dm.state_dict()["time_mlp"], original.net_dm.state_dict()["time_mlp"])


def test_weights_import_names_missing_and_surplus_keys_of_every_file(release, home, capsys):
    changed(release / "net_g.pth", lambda state: state.pop("module.output.weight"))
    changed(release / "net_sp.pth", lambda state: state.update(stray=torch.zeros(2)))
    assert main(["weights", "import", "dspfusion", "--from", str(release)]) == 2
    error = capsys.readouterr().err
    assert f"{release / 'net_g.pth'} has weights of another architecture" in error
    assert "1 missing (output.weight)" in error
    assert f"{release / 'net_sp.pth'} has weights of another architecture" in error
    assert "1 surplus (stray)" in error
    assert error.count("\n") == 1
    (release / "net_dp.pth").unlink()
    assert main(["weights", "import", "dspfusion", "--from", str(release)]) == 2
    assert "no net_dp.pth in" in capsys.readouterr().err
    assert not home.exists()


def test_weights_download_fetches_the_four_files_and_imports_them(release, home, serve, monkeypatch):
    served = tuple(
        replace(card, urls=(serve("/gone"), serve(f"/{card.file}", Behaviour((release / card.file).read_bytes()))))
        for card in DSPFUSION["dspfusion"].published
    )
    monkeypatch.setitem(methods.METHODS, "dspfusion", replace(DSPFUSION["dspfusion"], published=served))
    assert main(["weights", "download", "dspfusion"]) == 0
    notes = read_metadata(home / "weights" / "dspfusion" / "dspfusion.safetensors")
    assert notes["sha256"] == {card.file: sha256(release / card.file) for card in served}


@pytest.mark.parametrize("name", DSPFUSION)
def test_rows_build_what_they_name(name):
    card = methods.card_of(name)
    method = methods.build(name)
    assert hasattr(method, "net_sp") != ("no-semantic" in name or "no-priors" in name)
    assert hasattr(method, "net_dp") != ("no-degradation" in name or "no-priors" in name)
    if name == "dspfusion-s":
        assert sum(parameter.numel() for parameter in method.parameters()) == 1_017_935
    assert not card.importer or import_object(card.importer) is import_official
