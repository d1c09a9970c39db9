"""Weight files: found or named, checked by hash, read without running code, put in whole."""

from __future__ import annotations

import ast
import hashlib
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fusionbench import methods
from fusionbench.methods.baselines.mmdrfuse import MMDRFuseNetwork
from fusionbench.weights.card import WeightsCard
from fusionbench.weights.checksums import digest8, sha256
from fusionbench.weights.read import load_strict, read_state
from fusionbench.weights.store import PRETRAINED, download, home, require, verify

STUDENT = methods.METHODS["mmdrfuse"].weights[0]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


@pytest.fixture
def own_file(tmp_path) -> Path:
    """Random numbers in a file of the right architecture."""
    torch.manual_seed(3)
    path = tmp_path / "own.pth"
    torch.save(MMDRFuseNetwork().state_dict(), path)
    return path


def test_home_follows_the_environment(monkeypatch, tmp_path):
    assert home() == tmp_path / "home"
    monkeypatch.delenv("FUSIONBENCH_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home() == tmp_path / ".cache" / "fusionbench"


@pytest.mark.parametrize(
    "name", [name for name, card in methods.METHODS.items() if card.weights and not (PRETRAINED / name).is_dir()]
)
def test_missing_weights_are_named_with_place_and_way_out(name, place):
    card = methods.METHODS[name].weights[0]
    with pytest.raises(FileNotFoundError) as caught:
        methods.load(name, strict=True)
    message = str(caught.value)
    assert str(place / (card.folder or name) / card.file) in message
    assert message.endswith(f"with {methods.ways(name)}, or pass weights=FILE")


def test_a_file_is_found_in_its_place_and_where_a_person_says(place, tmp_path):
    card = WeightsCard("net.pth", folder="family")
    for path in (place / "family" / "net.pth", tmp_path / "net.pth", tmp_path / "other.bin"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert require("member", card) == place / "family" / "net.pth"
    assert require("member", card, tmp_path) == tmp_path / "net.pth"
    assert require("member", card, tmp_path / "other.bin") == tmp_path / "other.bin"
    with pytest.raises(FileNotFoundError, match=r"net\.pth is not at .*gone"):
        require("member", card, tmp_path / "gone")


def test_another_file_is_refused_until_accepted(own_file):
    with pytest.raises(ValueError, match=r"is not the published student\.model .* --unverified"):
        methods.load("mmdrfuse", weights=own_file)
    method = methods.load("mmdrfuse", weights=own_file, verify=False)
    assert method.weights_name == f"mmdrfuse@{hashlib.sha256(own_file.read_bytes()).hexdigest()[:8]}"
    for key, value in read_state(own_file).items():
        assert torch.equal(method.network.state_dict()[key], value)


def test_an_altered_file_is_refused(shared, tmp_path):
    path = tmp_path / "student.model"
    content = bytearray((shared / "weights" / "mmdrfuse" / "student.model").read_bytes())
    path.write_bytes(content)
    assert methods.load("mmdrfuse", weights=path).weights_name.startswith("mmdrfuse@e5ad5bab")
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not the published"):
        methods.load("mmdrfuse", weights=path)


def test_a_card_without_checksum_accepts_own_training(own_file):
    verify("mine", WeightsCard("own.pth"), own_file)


def test_a_method_of_several_files_wants_their_folder(own_file, tmp_path):
    with pytest.raises(ValueError, match=r"reads several files; pass the folder that holds LISTA_Base_Train\.model"):
        methods.load("cscfuse", weights=own_file)
    with pytest.raises(FileNotFoundError, match=r"LISTA_Base_Train\.model is not at"):
        methods.load("cscfuse", weights=tmp_path)


def test_the_hash_is_read_again_after_a_change(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert sha256(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert sha256(path) == hashlib.sha256(b"two").hexdigest()
    assert digest8(path) == sha256(path)[:8]


def test_several_files_have_one_digest_that_depends_on_each(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(path.name.encode())
    first = digest8(*paths)
    paths[1].write_bytes(b"changed")
    assert len(first) == 8
    assert digest8(*paths) != first


def test_all_kinds_of_weight_files_give_the_same_tensors(tmp_path):
    state = MMDRFuseNetwork().state_dict()
    torch.save(state, tmp_path / "zip.pth")
    torch.save(state, tmp_path / "old.model", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "lightning.ckpt")
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "parallel.pth")
    save_file(state, tmp_path / "safe.safetensors")
    for path in tmp_path.iterdir():
        if path.is_file():
            read = read_state(path)
            assert sorted(read) == sorted(state)
            assert all(torch.equal(read[key], state[key]) for key in state)


class Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("new_format", [True, False])
def test_code_in_a_weight_file_is_never_run(tmp_path, new_format):
    mark, path = tmp_path / "mark", tmp_path / "evil.pth"
    torch.save({"weight": Payload(mark)}, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(ValueError, match="code from a weight file is never executed"):
        read_state(path)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04junk", b"\x80\x02}q\x00.", b"<html>not found</html>", bytes(range(256))]
)
def test_damaged_files_are_refused_in_one_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=str(path)) as caught:
        read_state(path)
    assert "\n" not in str(caught.value)


def test_a_cut_file_is_refused(tmp_path, own_file):
    path = tmp_path / "cut.pth"
    path.write_bytes(own_file.read_bytes()[:-200])
    with pytest.raises(ValueError, match="damaged; download it again"):
        read_state(path)


@pytest.mark.parametrize("held", [[torch.zeros(1)], {}, {"a": 1}, torch.zeros(3)])
def test_files_without_a_plain_table_are_refused(tmp_path, held):
    path = tmp_path / "odd.pth"
    torch.save(held, path)
    with pytest.raises(ValueError, match="not contain a plain table of named tensors"):
        read_state(path)


def test_another_architecture_is_told_key_by_key(tmp_path):
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    state = module.state_dict()
    state["head.weight"] = state.pop("1.weight")
    state["0.weight"] = torch.zeros(4, 3, 3, 3)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(ValueError, match="another architecture than Sequential") as caught:
        load_strict(module, state, WeightsCard("x"), tmp_path / "x.pth")
    message = str(caught.value)
    assert "1 missing (1.weight)" in message
    assert "1 surplus (head.weight)" in message
    assert "0.weight is (4, 3, 3, 3) instead of (4, 2, 3, 3)" in message
    assert all(torch.equal(module.state_dict()[key], value) for key, value in before.items())


def test_unused_keys_and_absent_counters_are_passed_over(tmp_path):
    module = nn.BatchNorm2d(4)
    state = {key: value + 2 for key, value in module.state_dict().items() if key != "num_batches_tracked"}
    state["old.weight"] = torch.zeros(1)
    load_strict(module, state, WeightsCard("x", ignored_keys=("old.*",)), tmp_path / "x.pth")
    assert torch.equal(module.weight, torch.full((4,), 3.0))


@pytest.mark.shared
@pytest.mark.weights
def test_cards_agree_with_the_published_files(shared):
    seen = 0
    for name, card in methods.METHODS.items():
        for part in card.weights:
            path = shared / "weights" / (part.folder or name) / part.file
            if part.sha256 and path.is_file():
                assert path.stat().st_size == part.size
                assert sha256(path) == part.sha256
                seen += 1
    assert seen >= 13


@pytest.mark.shared
@pytest.mark.weights
def test_official_weights_are_found_at_home(shared, place):
    (place / "mmdrfuse").mkdir(parents=True)
    (place / "mmdrfuse" / STUDENT.file).write_bytes((shared / "weights" / "mmdrfuse" / STUDENT.file).read_bytes())
    assert methods.load("mmdrfuse").weights_name == "mmdrfuse@e5ad5bab"


def card_for(content: bytes, *urls: str) -> WeightsCard:
    return WeightsCard("net.pth", urls, hashlib.sha256(content).hexdigest(), len(content))


def test_files_are_fetched_to_where_they_are_looked_for(public, place):
    folder, address = public
    (folder / "net.pth").write_bytes(b"numbers")
    card = card_for(b"numbers", f"{address}/gone.pth", f"{address}/net.pth")
    assert download("mine", [card], progress=False) == [place / "mine" / "net.pth"]
    assert require("mine", card).read_bytes() == b"numbers"
    (folder / "net.pth").unlink()
    assert download("mine", [card], progress=False) == [place / "mine" / "net.pth"]


def test_a_file_other_than_the_cards_is_not_kept(public, place):
    folder, address = public
    (folder / "net.pth").write_bytes(b"strange")
    with pytest.raises(ValueError, match="checksum differs"):
        download("mine", [card_for(b"numbers", f"{address}/net.pth")], progress=False)
    assert not (place / "mine" / "net.pth").exists()


def test_what_cannot_be_fetched_is_said(place):
    with pytest.raises(ValueError, match=r"net\.pth of 'mine' has no public address; .*mine/net\.pth"):
        download("mine", [WeightsCard("net.pth")])
    with pytest.raises(ValueError, match="'lap' has no weights"):
        methods.download("lap")


def test_nothing_is_loaded_that_could_run_code():
    """What reads torch's and Lightning's pickles says so itself; defaults differ from version to version."""
    package, found = Path(methods.__file__).parents[1], 0
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if ast.unparse(node.func) == "torch.load" or "ckpt_path" in given:
                assert given.get("weights_only") == "True", f"{path.relative_to(package)}, line {node.lineno}"
                found += 1
    assert found >= 3
