"""Scores of pyiqa without a row of their own: by name, from files of the right architecture, alone and in batches."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch

from fusionbench.metrics.pyiqa import score
from fusionbench.metrics.pyiqa.rows import NO_REFERENCE
from fusionbench.metrics.pyiqa.sandbox import quietly
from fusionbench.metrics.pyiqa.score import load, pyiqa_score
from fusionbench.metrics.pyiqa.table import NETWORKS, Network
from fusionbench.weights.checksums import accept
from fusionbench.weights.store import cache_path

from .conftest import MAKE, random_state

OTHERS = sorted(
    set(NETWORKS)
    - {str(row.options["metric"]) for row in NO_REFERENCE.values()}
    - {name for name, network in NETWORKS.items() if not network.files}
)
QUICK = ("clipiqa+", "cnniqa", "dbcnn", "paq2piq")
SLOW = ("hyperiqa", "nima", "nima-vgg16-ava", "topiq_iaa", "topiq_nr", "unique", "uranker", "wadiqam_nr")


def prompts(path: Path) -> None:
    torch.save(torch.randn(2, 16, 512, generator=torch.Generator().manual_seed(0)) / 50, path)


@pytest.fixture
def fabricate(made, monkeypatch):
    """Puts files of random numbers for any network that pyiqa fills from a state: what it asks for is made first."""

    def put(metric: str) -> None:
        for card in NETWORKS[metric].cards().values():
            path = cache_path("", card)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made(card.file).read_bytes() if card.file in MAKE else b"")
            if card.file.startswith("CLIP-IQA+"):
                prompts(path)
            accept(path, "made by a test")
        with quietly():
            importlib.import_module("pyiqa")
            tools = importlib.import_module("pyiqa.archs.arch_util")
        read = tools.load_pretrained_network

        def make_and_read(net, address, strict=True, weight_keys=None):
            path = Path(tools.load_file_from_url(address)).resolve()
            if not path.stat().st_size:
                state = random_state(net)
                torch.save({weight_keys: state} if weight_keys else state, path)
                accept(path, "made by a test")
            read(net, address, strict, weight_keys)

        with monkeypatch.context() as patched:
            for module in [one for name, one in sys.modules.items() if name.startswith("pyiqa.archs.")]:
                if getattr(module, "load_pretrained_network", None) is read:
                    patched.setattr(module, "load_pretrained_network", make_and_read)
            load(metric)
        score._loaded.cache_clear()

    return put


@pytest.mark.parametrize("metric", OTHERS)
def test_without_weights_nothing_is_computed_and_every_file_is_named(metric, home, lookups):
    side = max(32, NETWORKS[metric].smallest)
    with pytest.raises(FileNotFoundError) as caught:
        pyiqa_score(torch.rand(1, 3, side, side), metric)
    assert lookups == []
    for card in NETWORKS[metric].cards().values():
        assert str(home / "weights" / card.folder / card.file) in str(caught.value)


@pytest.mark.parametrize("metric", OTHERS)
def test_random_numbers_under_the_right_names_are_refused(metric, home):
    for card in NETWORKS[metric].cards().values():
        path = cache_path("", card)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"random numbers")
    side = max(32, NETWORKS[metric].smallest)
    with pytest.raises(ValueError, match=r"is not the published|the provenance of"):
        pyiqa_score(torch.rand(1, 3, side, side), metric)


@pytest.mark.parametrize("metric", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_accepted_files_make_the_score_alone_and_in_a_batch(metric, fabricate, lookups):
    fabricate(metric)
    images = torch.rand(2, 3, 96, 104, generator=torch.Generator().manual_seed(0)).mul(255).round() / 255
    together = pyiqa_score(images, metric)
    assert torch.isfinite(together).all()
    assert together[0] != together[1]
    assert torch.equal(pyiqa_score(images[1:], metric), together[1:])
    assert lookups == []


def test_a_file_that_the_table_does_not_know_is_a_reason_and_nothing_is_fetched(monkeypatch, lookups):
    monkeypatch.setitem(NETWORKS, "cnniqa", Network())
    with pytest.raises(ValueError, match=r"'cnniqa' cannot be loaded from .*requests a file from huggingface"):
        load("cnniqa")
    assert lookups == []


def test_files_with_a_plus_in_their_name_are_found_in_the_cache_of_torch(tmp_path, home):
    folder = tmp_path / "torch" / "hub" / "pyiqa"
    folder.mkdir(parents=True)
    (folder / "QualiCLIP%2B_koniq.pth").write_bytes(b"numbers")
    accept(folder / "QualiCLIP%2B_koniq.pth", "made by a test")
    with pytest.raises(FileNotFoundError) as caught:
        load("qualiclip+")
    assert "QualiCLIP+_koniq.pth" not in str(caught.value)
