"""Weights that depend on dataset and degradation: found for each cell, in one run."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fusionbench import methods
from fusionbench.cli.main import main
from fusionbench.data.synthetic import scene
from fusionbench.images.files import write_image
from fusionbench.methods.drfusion.method import DRFusion
from fusionbench.weights.checksums import digest8
from fusionbench.weights.entry import CellName, of_cell
from fusionbench.weights.safetensors import write_tensors

RUN = "run --metrics EN --data data --dataset msrs,m3fd --limit 1 --out out"


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Two datasets of one pair, and an empty folder for weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    for name in ("msrs", "m3fd"):
        pair = scene(0, 32, 32)
        for modality in ("ir", "vi"):
            write_image(Path(f"data/{name}/test/{modality}/0.png"), getattr(pair, modality))
    return tmp_path


@pytest.fixture
def small(monkeypatch):
    """`drfusion` with few numbers; its rows and files are those of the large one."""
    for name in ("drfusion", "drfusion-released-colour"):
        card = methods.METHODS[name]
        monkeypatch.setitem(methods.METHODS, name, replace(card, options={**card.options, "size": "small"}))


def weights(path: Path, seed: int) -> str:
    torch.manual_seed(seed)
    write_tensors(DRFusion(size="small").state_dict(), path, {"seed": seed})
    return digest8(path)


def names() -> dict[str, str]:
    """The weights of each cell in results."""
    return {
        "/".join(path.parts[1:3]): json.loads(path.read_text())["settings"]["weights"]
        for path in sorted(Path("out").glob("*/*/*/meta.json"))
    }


@pytest.mark.parametrize("where", ["w", "home/weights/drfusion"])
def test_each_cell_has_the_weights_of_its_dataset_and_degradation(where, place, small):
    digests = {
        f"{name}/{spec}": weights(Path(where) / f"{name}-{spec}.safetensors", seed)
        for seed, (name, spec) in enumerate((name, spec) for name in ("msrs", "m3fd") for spec in ("clean", "noise"))
    }
    option = " --weights drfusion=w/{dataset}-{degradation}.safetensors" if where == "w" else ""
    words = f"{RUN} --method drfusion --degradation clean,noise,ll{option}"
    assert main(words.split()) == 0
    assert names() == {
        **{cell: f"drfusion@{digest}" for cell, digest in digests.items()},
        "msrs/ll": "",
        "m3fd/ll": "",
    }
    table = Path("out/report/table.csv").read_text()
    assert set(digests.values()) <= {row["weights"].partition("@")[2] for row in csv.DictReader(table.splitlines())}
    assert main(words.split()) == 0


def test_what_is_missing_is_named_for_each_cell_before_anything_runs(place, small, capsys):
    weights(Path("w/msrs-noise.safetensors"), 0)
    words = f"{RUN} --method drfusion --degradation noise --weights drfusion=w/{{dataset}}-{{degradation}}.safetensors"
    assert main(words.split()) == 2
    assert "no weights for 'drfusion' on m3fd, noise: " in (said := capsys.readouterr().err)
    assert "w/m3fd-noise.safetensors" in said
    assert not Path("out").exists()


def test_the_file_for_all_stands_in_for_a_cell_without_its_own(place, small):
    own = weights(Path("home/weights/drfusion/msrs-noise.safetensors"), 0)
    shared = weights(Path("home/weights/drfusion/drfusion.safetensors"), 1)
    assert main(f"{RUN} --method drfusion --degradation noise".split()) == 0
    assert names() == {"msrs/noise": f"drfusion@{own}", "m3fd/noise": f"drfusion@{shared}"}


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("w/{scene}.safetensors", "has the unknown placeholder {scene}; known are {dataset} and {degradation}"),
        ("w/{dataset}.safetensors", "depends on a dataset and a degradation, which this command does not have"),
    ],
)
def test_a_command_without_cells_says_so(option, sentence, place, capsys):
    words = "fuse --method drfusion-s --ir data/msrs/test/ir --vi data/msrs/test/vi --out out --degradation noise"
    assert main([*words.split(), "--weights", f"drfusion-s={option}"]) == 2
    assert sentence in capsys.readouterr().err


def test_a_degradation_is_spelled_as_in_folders_of_results(place):
    cell = CellName("msrs", "ir:noise+vi:blur")
    assert of_cell(Path("{dataset}/{degradation}.pth"), cell) == Path("msrs/ir-noise+vi-blur.pth")
    Path("{dataset}.pth").touch()
    assert of_cell(Path("{dataset}.pth"), None) == Path("{dataset}.pth")
