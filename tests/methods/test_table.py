"""The table of methods and how a row becomes a method."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from fusionbench import methods
from fusionbench.methods import METHODS
from fusionbench.methods.method import Method
from fusionbench.registry import import_object

PAPERS = {  # the methods that the tables of the three papers compare
    *("ifcnn", "u2fusion", "murf", "ddfm", "text-difuse", "vdmufusion", "rffusion", "mask-difuser"),
    *("defusion", "paif", "metafusion", "lrrnet", "segmif", "emma", "text-if"),
    *("dcinn", "cscfuse", "mmdrfuse", "gtmfuse", "fusionbooster", "dafusion"),
}


def test_reading_the_table_imports_nothing_heavy():
    program = (
        "import sys, fusionbench.methods, fusionbench.weights.store;"
        "print([name for name in ('torch', 'lightning', 'numpy', 'PIL', 'safetensors') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_method_of_the_papers_has_a_row():
    assert set(METHODS) >= PAPERS


@pytest.mark.parametrize("name", METHODS)
def test_rows_name_methods(name):
    assert issubclass(import_object(METHODS[name].target), Method)


@pytest.mark.parametrize("name", [name for name, card in METHODS.items() if card.family != "external"])
def test_rows_are_complete(name):
    card = METHODS[name]
    assert card.paper
    assert bool(card.weights) == (card.family == "learned")


@pytest.mark.parametrize("name", [name for name, card in METHODS.items() if card.weights])
def test_published_files_carry_address_checksum_and_size(name):
    for part in METHODS[name].weights:
        assert part.file
        if part.sha256:
            assert len(part.sha256) == 64
            assert part.size > 0
            assert part.urls
            assert all(url.startswith("https://") for url in part.urls)
            assert part.licence


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("avrage", "did you mean 'average'"), ("IFCNNN", "did you mean 'ifcnn'"), ("qqqq", "fusionbench list methods")],
)
def test_an_unknown_name_gets_a_hint(wrong, hint):
    with pytest.raises(ValueError, match=hint):
        methods.load(wrong)


def test_an_unknown_option_is_named():
    with pytest.raises(ValueError, match="'lap' takes no option 'level'; it takes: levels"):
        methods.load("lap", level=3)
    with pytest.raises(ValueError, match="takes no option 'merge'"):
        methods.load("ifcnn-mean", merge="max", weights=None, verify=False)


def test_options_reach_the_method(pairs):
    batch = pairs(40, 40)
    few, many = (methods.load("lap", levels=levels).fuse(batch) for levels in (1, 4))
    assert not torch.equal(few, many)


def test_weights_for_a_method_without_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'average' has no weights"):
        methods.load("average", weights=tmp_path / "x.pth")
