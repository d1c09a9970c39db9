"""The name of a method on a machine without its weights: the small network runs, under its own name, and says so."""

from __future__ import annotations

import inspect
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import save_file

import fusionbench
from fusionbench import methods
from fusionbench.benchmark.run import run
from fusionbench.benchmark.spec import Benchmark, DatasetChoice, MethodChoice
from fusionbench.cli.main import main
from fusionbench.cli.recipes import recipes
from fusionbench.images.files import write_image
from fusionbench.methods import FALLBACKS, METHODS, fallback, ways
from fusionbench.registry import import_object
from fusionbench.weights.checksums import digest8
from fusionbench.weights.store import PRETRAINED
from tests.pairs import scene

NAMES = sorted(FALLBACKS)


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch) -> Path:
    """Two small pairs, and no weights but those of the package."""
    monkeypatch.chdir(tmp_path)
    for name in ("FUSIONBENCH_HOME", "FUSIONBENCH_DATA", "TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for index, name in enumerate("ab"):
        pair = scene(index, 48, 64)
        write_image(tmp_path / "ir" / f"{name}.png", pair.ir)
        write_image(tmp_path / "vi" / f"{name}.png", pair.vi)
    return tmp_path


PAIR = "--ir ir --vi vi --out out"
RUN = f"run --dataset folder --metrics EN {PAIR} --method"
FUSE = f"fuse {PAIR} --method"


def call(line: str) -> int:
    return main(line.split())


def rows() -> set[str]:
    return {path.parent.name for path in Path("out").glob("*/*/*/meta.json")}


@pytest.fixture
def full(bare) -> Path:
    """Weights of the full DSPFusion, as somebody would import them later."""
    torch.manual_seed(0)
    path = bare / "home" / "weights" / "dspfusion" / "dspfusion.safetensors"
    path.parent.mkdir(parents=True)
    save_file(methods.build("dspfusion", steps=1).state_dict(), path)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_the_small_network_runs_under_its_own_name_and_one_line_says_so(name, capsys):
    assert call(f"{RUN} {name}") == 0
    (notice,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert f"the weights of '{name}' are missing, so '{name}-s' runs" in notice
    assert ways(name, f"--weights {name}=FILE") in notice
    assert rows() == {f"{name}-s"}
    meta = json.loads(Path(f"out/folder/clean/{name}-s/meta.json").read_text())
    title = f"{name}-s@{digest8(PRETRAINED / f'{name}-s' / 'model.safetensors')}"
    assert (meta["settings"]["method"], meta["settings"]["weights"]) == (f"{name}-s", title)
    table = pd.read_csv("out/report/table.csv")
    assert set(table["method"]) == {f"{name}-s"}
    assert set(table["weights"]) == {title}
    assert f"Weights: {title}." in Path("out/report/table.md").read_text()


def test_a_second_run_computes_nothing_anew(capsys):
    assert call(f"{RUN} lure") == 0
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("images/*.png")}
    assert call(f"{RUN} lure") == 0
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("images/*.png")} == before
    assert capsys.readouterr().out.count("warning: ") == 2


def test_both_names_are_one_cell():
    assert call(f"{RUN} average,lure,lure-s") == 0
    assert rows() == {"average", "lure-s"}
    assert len(pd.read_csv("out/report/table.csv")) == 2


def test_weights_that_come_later_make_another_row(full, capsys):
    kept = full.rename(full.with_name("later"))
    assert call(f"{RUN} dspfusion") == 0
    kept.rename(full)
    capsys.readouterr()
    assert call(f"{RUN} dspfusion") == 0
    assert "warning: " not in capsys.readouterr().out
    assert rows() == {"dspfusion", "dspfusion-s"}
    table = pd.read_csv("out/report/table.csv").set_index("method")
    assert table.loc["dspfusion", "weights"] == f"dspfusion@{digest8(full)}"
    assert table.loc["dspfusion-s", "weights"].startswith("dspfusion-s@")


@pytest.mark.parametrize("command", [f"{RUN} lure", f"{FUSE} lure", "embed --method lure --out out"])
def test_strict_commands_refuse_the_small_network(command, capsys):
    assert call(f"{command} --strict") == 2
    error = capsys.readouterr().err
    assert error.startswith("fusionbench: no weights for 'lure': lure.safetensors is not at ")
    assert ways("lure", "--weights lure=FILE") in error
    assert not Path("out").exists()


@pytest.mark.parametrize("command", [RUN, FUSE])
def test_weights_that_were_named_never_fall_back(command, capsys):
    assert call(f"{command} lure --weights lure=mine.safetensors") == 2
    error = capsys.readouterr().err
    assert "no weights for 'lure': lure.safetensors is not at mine.safetensors; give a file that exists" in error
    assert not Path("out").exists()


def test_fuse_says_whose_images_they_are(capsys):
    assert call(f"{FUSE} drfusion --degradation clean") == 0
    said = capsys.readouterr().out
    assert "'drfusion-s' runs" in said
    assert sorted(path.name for path in Path("out").glob("*.png")) == ["a.png", "b.png"]


def test_embed_names_the_small_network(capsys):
    assert call("embed --method dspfusion --degradation clean,ll --limit 2 --crop 48 --out out") == 0
    said = capsys.readouterr().out
    assert "'dspfusion-s' runs" in said
    assert re.search(r"^dspfusion-s@[0-9a-f]{8}: ", said, re.MULTILINE)


def test_profile_measures_the_method_itself_because_cost_does_not_depend_on_weights(capsys):
    assert call("profile --method lure --size 32x32 --runs 1 --warm-up 0 --strict --out out") == 2
    assert "no weights for 'lure'" in capsys.readouterr().err
    assert call("profile --method dspfusion-s,drfusion --size 32x32 --runs 1 --warm-up 0 --out out") == 0
    table = pd.read_csv("out/profile.csv").set_index("method")
    assert table.loc["drfusion", "weights"] == "random"
    assert table.loc["drfusion", "parameters"] > 20e6
    assert table.loc["dspfusion-s", "weights"].startswith("dspfusion-s@")


@pytest.fixture
def campus(bare) -> str:
    """Two generated pairs in the place of M3FD, of which LURE's table 1 is."""
    for name in "ab":
        for modality in ("ir", "vi"):
            (bare / "data" / "m3fd" / "test" / modality).mkdir(parents=True, exist_ok=True)
        pair = scene(ord(name), 192, 200)
        write_image(bare / "data" / "m3fd" / "test" / "ir" / f"{name}.png", pair.ir)
        write_image(bare / "data" / "m3fd" / "test" / "vi" / f"{name}.png", pair.vi)
    return "bench lure --table 1 --root data --out out --methods"


def test_a_paper_keeps_its_row_and_the_small_network_has_one_of_its_own(campus, capsys):
    assert call(f"{campus} average,lure") == 3
    table = pd.read_csv("out/report/table1.csv")
    measured = table[table["measured"].notna()]
    assert set(measured["method"]) == {"average", "lure-s"}
    assert measured["published"].isna().all()
    assert table.loc[table["method"] == "LURE", "published"].notna().any()
    assert "small network LURE: the network that comes with the package" in " ".join(capsys.readouterr().out.split())
    page = Path("out/report/skipped.md").read_text(encoding="utf-8")
    assert "- LURE (table 1): the weights of 'lure' are missing, so 'lure-s' runs" in page


def test_a_strict_bench_leaves_the_row_empty(campus):
    assert call(f"{campus} average,lure --strict") == 3
    assert rows() == {"average"}


def test_python_warns_and_carries_the_name(bare):
    pair = scene(0, 48, 64)
    with pytest.warns(UserWarning, match="'lure-s' runs.* or pass weights=FILE"):
        fused = fusionbench.fuse("lure", pair.ir, pair.vi)
    torch.testing.assert_close(fused, fusionbench.fuse("lure-s", pair.ir, pair.vi), rtol=0, atol=0)
    with pytest.warns(UserWarning, match="'lure-s' runs"):
        assert methods.load("lure").weights_name.startswith("lure-s@")
    with pytest.raises(FileNotFoundError, match=r"no weights for 'lure'.*pass weights=FILE"):
        methods.load("lure", strict=True)


def test_a_benchmark_in_python_warns_and_carries_the_name(bare):
    data = DatasetChoice("folder", ir_dir=bare / "ir", vi_dir=bare / "vi")
    benchmark = Benchmark((data,), ("clean",), (MethodChoice("drfusion"),), ("EN",))
    with pytest.warns(UserWarning, match="'drfusion-s' runs"):
        assert run(benchmark, bare / "out").problems == []
    assert rows() == {"drfusion-s"}
    with pytest.raises(FileNotFoundError, match="no weights for 'drfusion'"):
        run(benchmark, bare / "strict", strict=True)


def test_a_training_never_starts_from_the_small_network_of_another_shape(capsys):
    assert call("train --method lure --init-from lure --out out") == 2
    assert "no weights for 'lure'" in capsys.readouterr().err


def test_methods_with_weights_or_without_a_small_network_do_not_fall_back(full):
    assert [name for name in METHODS if fallback(name)] == ["drfusion", "lure"]
    assert fallback("lure", Path("mine.safetensors")) == ""
    shutil.rmtree(full.parent)
    assert fallback("dspfusion") == "dspfusion-s"


@pytest.mark.parametrize("name", [name for name, card in METHODS.items() if card.weights])
def test_the_ways_to_weights_are_those_that_exist(name):
    card, found = METHODS[name], ways(name)
    assert ("weights download" in found) == all(part.urls for part in card.published or card.weights)
    assert ("fusionbench train" in found) == (name.partition("-")[0] in NAMES)
    assert f"`fusionbench weights import {name} --from PATH`" in found
    if match := re.search(r"--config (\S+) --method (\S+)`", found):
        assert match[2] == name
        recipe = yaml.safe_load(recipes()[match[1]].read_text())
        made_by = import_object(card.target)
        assert set(recipe.get("phases", {})) <= set(made_by.phases)
        assert set(recipe["options"]) <= set(inspect.signature(made_by).parameters) - set(card.options)


def test_a_download_that_does_not_exist_names_the_ways_that_do(capsys):
    for name in ("lure", "drfusion", "lure-s-cc"):
        assert call(f"weights download {name}") == 2
        error = capsys.readouterr().err
        assert error.startswith(f"fusionbench: '{name}' has no public address of its weights")
        assert error.endswith(f"; get them with {ways(name)}\n")


def test_a_download_of_what_ships_says_where_it_is(capsys):
    assert call("weights download lure-s") == 0
    assert capsys.readouterr().out == f"{PRETRAINED / 'lure-s' / 'model.safetensors'}\n"


def test_an_export_without_weights_names_its_own_option(capsys):
    assert call("weights export lure") == 2
    assert ways("lure", "--from FILE") in capsys.readouterr().err
