"""The weights commands, against a server that breaks off, has other bytes, or has nothing."""

from __future__ import annotations

import hashlib
import socket
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from fusionbench.cli.main import main
from fusionbench.hub.catalog import all_owners, install_files, iter_owners, owner_of
from fusionbench.methods import METHODS, build, load
from fusionbench.methods.card import MethodCard
from fusionbench.weights.card import PUBLISHED, WeightsCard
from fusionbench.weights.checksums import accept, accepted_path, digest8
from fusionbench.weights.read import read_state
from fusionbench.weights.store import download, locate, search_paths, verify

from ..server import Behaviour

CONTENT = np.random.default_rng(0).integers(256, size=300_000, dtype=np.uint8).tobytes()
OTHER = CONTENT[::-1]
DIGEST = hashlib.sha256(CONTENT).hexdigest()


Answers = partial(Behaviour, content=CONTENT)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    for variable, folder in {"FUSIONBENCH_HOME": "home", "TORCH_HOME": "torch", "HF_HOME": "hf"}.items():
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return tmp_path / "home" / "weights"


@pytest.fixture
def own(monkeypatch):
    """Makes a method with a card."""

    def make(**fields) -> WeightsCard:
        card = WeightsCard("own.pth", **fields)
        monkeypatch.setitem(METHODS, "own", MethodCard("nowhere:Own", "learned", "a test", weights=(card,)))
        return card

    return make


KINDS = {"whole checksum": DIGEST, "first digits": DIGEST[:8], "none published": ""}


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_comes_from_the_mirror(kind, serve, own, home):
    own(urls=(serve("/nothing"), serve("/own.pth", Answers())), sha256=KINDS[kind])
    assert main(["weights", "download", "own"]) == 0
    assert (home / "own" / "own.pth").read_bytes() == CONTENT
    assert accepted_path(home / "own" / "own.pth").exists() == (kind != "whole checksum")


@pytest.mark.parametrize("kind", ["whole checksum", "first digits"])
def test_other_bytes_are_not_kept_and_the_mirror_is_asked(kind, serve, own, home):
    right = Answers()
    own(urls=(serve("/wrong.pth", Answers(content=OTHER)), serve("/own.pth", right)), sha256=KINDS[kind])
    assert main(["weights", "download", "own"]) == 0
    assert (home / "own" / "own.pth").read_bytes() == CONTENT
    assert right.starts == [0]


@pytest.mark.parametrize("kind", ["whole checksum", "first digits"])
def test_other_bytes_everywhere_are_an_error(kind, serve, own, home, capsys):
    own(urls=(serve("/wrong.pth", Answers(content=OTHER)),), sha256=KINDS[kind])
    assert main(["weights", "download", "own"]) == 2
    assert "own.pth" in capsys.readouterr().err
    assert not (home / "own" / "own.pth").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_transfer_goes_on_where_it_stopped(kind, serve, own, home):
    answers = Answers(cuts=[100_000])
    own(urls=(serve("/own.pth", answers),), sha256=KINDS[kind])
    assert main(["weights", "download", "own"]) == 0
    assert (home / "own" / "own.pth").read_bytes() == CONTENT
    assert answers.starts[0] == 0
    assert answers.starts[1] > 60_000


def test_a_killed_transfer_goes_on_with_the_next_command(serve, own, home):
    part = home / "own" / "own.pth.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:123_456])
    answers = Answers()
    own(urls=(serve("/own.pth", answers),), sha256=DIGEST)
    assert main(["weights", "download", "own"]) == 0
    assert answers.starts == [123_456]
    assert (home / "own" / "own.pth").read_bytes() == CONTENT


def test_what_was_fetched_without_a_checksum_is_remembered(serve, own, home, capsys):
    card = own(urls=(serve("/own.pth", Answers()),))
    main(["weights", "download", "own"])
    path = home / "own" / "own.pth"
    assert verify("own", card, path, need=True) == f"fetched from {card.urls[0]}"
    path.write_bytes(OTHER)
    capsys.readouterr()
    for command in ("download", "verify"):
        assert main(["weights", command, "own"]) != 0
        shown = capsys.readouterr().err
        assert f"the SHA-256 of {path} is" in shown
        assert f"not the {DIGEST[:16]}… that own.pth.accepted recorded (fetched from {card.urls[0]})" in shown
        assert "delete it and get it with fusionbench weights download own, or, if you know this file" in shown


def test_what_was_accepted_once_is_compared_also_where_no_checksum_is_needed(own, home):
    card = own()
    path = home / "own" / "own.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert verify("own", card, path) == ""
    accept(path, "brought")
    path.write_bytes(OTHER)
    with pytest.raises(ValueError, match=r"own\.pth\.accepted recorded \(brought\); if you know this file"):
        verify("own", card, path)


@pytest.mark.parametrize("kind", ["first digits", "none published"])
def test_a_file_that_is_fetched_again_must_be_the_one_of_the_first_time(kind, serve, own, home, capsys):
    answers = Answers()
    url = serve("/own.pth", answers)
    own(urls=(url,), sha256=KINDS[kind])
    path = home / "own" / "own.pth"
    assert main(["weights", "download", "own"]) == 0
    path.unlink()
    assert main(["weights", "download", "own"]) == 0
    path.unlink()
    accepted_path(path).write_text(f"{DIGEST[:8]}{'0' * 56}  fetched from {url}\n")
    assert main(["weights", "download", "own"]) == 2
    assert f"if this is intended, remove {accepted_path(path)} and download it again" in capsys.readouterr().err
    assert not path.exists()


def test_that_no_checksum_is_published_is_said_before_the_file_is_fetched(serve, own, home, capsys):
    own(urls=(serve("/nothing"),))
    main(["weights", "download", "own", "--dry-run"])
    assert " none " in capsys.readouterr().out
    assert main(["weights", "download", "own"]) == 2
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("own.pth: no checksum is published; the SHA-256 of the download is recorded")
    main(["weights", "info", "own"])
    assert "not published; that of the file is recorded when it is downloaded or imported" in capsys.readouterr().out


def test_the_digits_that_are_published_are_named(serve, own, home, capsys):
    own(urls=(serve("/own.pth", Answers()),), sha256=DIGEST[:8])
    main(["weights", "download", "own"])
    assert "own.pth: only the first 8 digits of its checksum are published" in capsys.readouterr().err
    main(["weights", "info", "own"])
    assert f"only {DIGEST[:8]} is published; {DIGEST} was fetched from" in capsys.readouterr().out


def test_a_dry_run_shows_sizes_and_fetches_nothing(serve, own, home, capsys):
    answers = Answers()
    own(urls=(serve("/own.pth", answers),), sha256=DIGEST)
    assert main(["weights", "download", "own,ifcnn", "--dry-run"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "0.3 MB" in shown
    assert "2 files, about 0.6 MB; nothing was downloaded" in shown
    assert answers.starts == []
    assert not home.exists()


@pytest.fixture
def unreachable(monkeypatch) -> list[str]:
    """Hosts that were looked up; none is known."""
    asked: list[str] = []

    def unanswered(host, *args, **kwargs):
        asked.append(host)
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", unanswered)
    return asked


def test_everything_is_planned_without_a_network_and_no_host_is_asked_twice(capsys, unreachable):
    assert main(["weights", "download", "--all", "--dry-run"]) == 0
    assert len(unreachable) == len(set(unreachable))
    shown = capsys.readouterr().out
    for owner in all_owners():
        if (files := owner.lacking()) and all(card.urls for card in files):
            assert files[0].file[:12] in shown


def test_without_a_network_everything_is_named_and_no_host_is_asked_twice(home, capsys, unreachable):
    assert main(["weights", "download", "--all"]) == 3
    assert len(unreachable) == len(set(unreachable))
    error = capsys.readouterr().err
    assert (
        "MUSIQ: musiq_koniq_ckpt-e95806b9.pth cannot be downloaded: no answer from huggingface.co, hf-mirror.com"
        in error
    )
    assert "dspfusion: net_g.pth cannot be downloaded: no answer from github.com" in error
    assert not home.exists()


def test_all_means_every_file_that_is_not_here(serve, home, monkeypatch, capsys):
    here, lacking = Answers(), Answers()
    for name, answers in {"here": here, "lacking": lacking}.items():
        card = WeightsCard("own.pth", (serve(f"/{name}", answers),), DIGEST)
        monkeypatch.setitem(METHODS, name, MethodCard("nowhere:Own", "learned", "a test", weights=(card,)))
    monkeypatch.setattr(
        "fusionbench.hub.catalog.all_owners", lambda: [owner_of("here"), owner_of("lacking"), owner_of("lure")]
    )
    (home / "here").mkdir(parents=True)
    (home / "here" / "own.pth").write_bytes(CONTENT)
    assert main(["weights", "download", "--all"]) == 0
    assert (here.starts, lacking.starts) == ([], [0])
    assert (home / "lacking" / "own.pth").read_bytes() == CONTENT


def test_every_file_is_listed_with_its_state(home, capsys):
    (home / "ifcnn").mkdir(parents=True)
    (home / "ifcnn" / "IFCNN-MAX.pth").write_bytes(b"other")
    assert main(["weights", "list", "--all"]) == 0
    shown = capsys.readouterr().out
    assert owner_of("lure-s").state(METHODS["lure-s"].weights[0]) == "in the package"
    assert "altered or unknown" in shown
    assert "missing" in shown
    for owner in iter_owners():
        assert owner.name in shown


def test_info_tells_places_checksum_licence_and_note(home, capsys):
    assert main(["weights", "info", "CLIP-IQA,PI"]) == 0
    shown = "".join(capsys.readouterr().out.split())
    assert str(home / "clip" / "RN50.pt") in shown
    assert "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762" in shown
    assert "nochecksumispublished" in shown
    assert "MIT" in shown


def test_paths_are_those_that_are_read(home, capsys):
    assert main(["weights", "path", "NIQE,cscfuse"]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.split()]
    assert printed[0] == home / "pyiqa" / "modelparameters.mat"
    assert [path.name for path in printed[1:]] == [
        "LISTA_Base_Train.model",
        "LISTA_Detail_Train.model",
        "LISTA_Decoder.model",
    ]


@pytest.mark.shared
@pytest.mark.weights
def test_own_copies_are_imported_by_name_or_by_checksum(shared, tmp_path, home, capsys):
    folder = tmp_path / "mine"
    folder.mkdir()
    for index, path in enumerate(sorted((shared / "weights" / "cscfuse").iterdir())):
        (folder / f"{index}.bin").write_bytes(path.read_bytes())
    assert main(["weights", "import", "cscfuse", "--from", str(folder)]) == 0
    assert (
        main(["weights", "import", "NIQE", "--from", str(shared / "weights" / "iqa_niqe" / "niqe_pris_params.npz")])
        == 0
    )
    capsys.readouterr()
    assert main(["weights", "verify", "cscfuse,NIQE"]) == 0
    assert capsys.readouterr().out.count(PUBLISHED) == 4
    assert (home / "pyiqa" / "niqe_pris_params.npz").is_file()


def test_own_training_is_imported_only_when_accepted(tmp_path, home, capsys):
    path = tmp_path / "mine.pth"
    torch.save(build("ifcnn").get_submodule(METHODS["ifcnn"].weights[0].submodule).state_dict(), path)
    assert main(["weights", "import", "ifcnn", "--from", str(path)]) == 2
    assert "--unverified" in capsys.readouterr().err
    assert not home.exists()
    assert main(["weights", "import", "ifcnn", "--from", str(path), "--unverified"]) == 0
    card = METHODS["ifcnn"].weights[0]
    assert verify("ifcnn", card, locate("ifcnn", card)) == f"imported from {path}"
    capsys.readouterr()
    assert main(["weights", "verify", "ifcnn"]) == 0
    locate("ifcnn", card).write_bytes(b"altered")
    assert main(["weights", "verify", "ifcnn"]) == 3
    assert "is not the published IFCNN-MAX.pth" in capsys.readouterr().err


@pytest.mark.parametrize("to", [[], ["--out", "there.pth"]])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"epoch": 1}, "does not contain a plain table of named tensors"),
        ({"model": {"conv": torch.zeros(2)}}, "has weights of another architecture than"),
        (b"GIF89a", "is not a torch weight file or is damaged"),
    ],
)
def test_what_can_never_be_used_is_not_imported(content, why, to, tmp_path, home, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    for name in ("lure-s", "ifcnn"):
        assert main(["weights", "import", name, "--from", str(path), "--unverified", *to]) == 2
        assert why in capsys.readouterr().err
    assert not home.exists()
    assert [*tmp_path.rglob("*.*")] == [path]


@pytest.mark.parametrize("entry", ["", "#params"])
def test_a_training_of_torch_is_imported_in_the_form_that_is_read(entry, tmp_path, home, capsys):
    own = build("lure-s").state_dict()
    other = {name: tensor + 1 for name, tensor in own.items()}
    torch.save({"params": own, "params_ema": other} if entry else {"model": own, "epoch": 3}, tmp_path / "net.pth")
    assert main(["weights", "import", "lure-s", "--from", f"{tmp_path}/net.pth{entry}", "--unverified"]) == 0
    assert "warning" not in capsys.readouterr().err
    place = home / "lure" / "lure-s.safetensors"
    torch.testing.assert_close(read_state(place), dict(own))
    assert load("lure-s", weights=place).weights_name == f"lure-s@{digest8(place)}"


def test_the_table_that_was_chosen_stands_in_results(tmp_path):
    own = build("lure-s").state_dict()
    torch.save({"params": own, "params_ema": own}, tmp_path / "net.pth")
    path = tmp_path / "net.pth"
    assert load("lure-s", weights=tmp_path / "net.pth#params").weights_name == f"lure-s@{digest8(path)}#params"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("weights import ifcnn --from nowhere", "nowhere does not exist"),
        ("weights import ifcnn", "needs --from"),
        ("weights import cscfuse --from {empty}", "neither is nor contains LISTA_Base_Train.model"),
        ("weights import lap --from {empty}", "'lap' has no weights"),
        ("weights import pyiqa:piqe --from {empty}", "'pyiqa:piqe' has no weights"),
        ("weights info ifnn", "did you mean 'ifcnn'"),
        ("weights download lure", "has no public address"),
    ],
)
def test_wrong_words_are_one_sentence(words, expected, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main(words.format(empty=tmp_path / "empty").split()) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert "\n" not in error.strip()


def test_caches_of_other_programs_are_looked_into(tmp_path, monkeypatch):
    card = owner_of("MUSIQ").cards[0]
    folder = tmp_path / "hf" / "hub" / "models--chaofengc--IQA-PyTorch-Weights" / "snapshots"
    assert search_paths("MUSIQ", card)[-1] == folder / "*" / card.file
    snapshot = folder / "abc"
    snapshot.mkdir(parents=True)
    looked = [path.parent for path in search_paths("MUSIQ", card)]
    assert looked == [tmp_path / "home" / "weights" / "pyiqa", tmp_path / "torch" / "hub" / "pyiqa", snapshot]
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    looked = [path.parent for path in search_paths("MUSIQ", card)]
    assert looked[:2] == [tmp_path / "home" / "weights" / "pyiqa", tmp_path / "cache" / "torch" / "hub" / "pyiqa"]
    assert looked[2].is_relative_to(tmp_path / "elsewhere")
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.delenv("HF_HOME")
    assert search_paths("MUSIQ", card)[2].is_relative_to(tmp_path / "cache" / "huggingface" / "hub")


def test_a_file_in_the_cache_of_hugging_face_is_read_where_it_lies(tmp_path):
    card = owner_of("MUSIQ").cards[0]
    path = tmp_path / "hf" / "hub" / "models--chaofengc--IQA-PyTorch-Weights" / "snapshots" / "abc" / card.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"numbers")
    assert locate("MUSIQ", card) == path


def test_an_accepted_file_is_refused_after_a_change(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(b"one")
    card = WeightsCard("net.pth", sha256=DIGEST)
    accept(path, "trained here\non a rainy day")
    assert verify("mine", card, path) == "trained here on a rainy day"
    path.write_bytes(b"another")
    with pytest.raises(ValueError, match=r"is not the published net\.pth"):
        verify("mine", card, path)


def test_nothing_speaks_for_a_file_without_checksum_until_it_is_accepted(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(b"one")
    assert verify("mine", WeightsCard("net.pth"), path) == ""
    with pytest.raises(ValueError, match=r"no checksum of net\.pth is published; if you know this file"):
        verify("mine", WeightsCard("net.pth"), path, need=True)


def test_one_file_is_brought_for_a_score_that_reads_two(tmp_path, home):
    path = tmp_path / "regressor_koniq10k.pth"
    path.write_bytes(b"numbers")
    with pytest.raises(ValueError, match="is no weight file of torch"):
        install_files(owner_of("ARNIQA"), path, unverified=True)
    path.write_bytes(b"PK numbers")
    with pytest.raises(ValueError, match="is unknown: no checksum"):
        install_files(owner_of("ARNIQA"), path)
    assert install_files(owner_of("ARNIQA"), path, unverified=True) == [home / "pyiqa" / "regressor_koniq10k.pth"]


def test_a_file_that_is_there_is_not_fetched_again(serve, home):
    answers = Answers()
    card = WeightsCard("net.pth", (serve("/net.pth", answers),), DIGEST[:8])
    for _ in range(2):
        assert download("mine", [card], progress=False) == [home / "mine" / "net.pth"]
    assert answers.starts == [0]
