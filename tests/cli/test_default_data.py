"""Which data a command takes where none is named, and how `--data` says where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

import fusionbench
from fusionbench.benchmark.options import choose_dataset, choose_datasets
from fusionbench.cli.main import main
from fusionbench.data.discovery import discover
from fusionbench.data.loading import load
from fusionbench.data.table import data_root
from fusionbench.images.files import write_image
from fusionbench.weights.store import home
from tests.pairs import scene


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch) -> Path:
    """A machine without data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FUSIONBENCH_DATA", raising=False)
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    return tmp_path


def put(folder: Path, ir: str = "test/ir", vi: str = "test/vi") -> Path:
    """One pair in the place of a dataset."""
    pair = scene(0, 48, 64)
    write_image(folder / ir / "a.png", pair.ir)
    write_image(folder / vi / "a.png", pair.vi)
    return folder


def call(line: str) -> int:
    return main(line.split())


def taken(out: str = "out") -> set[str]:
    return {path.parents[2].name for path in Path(out).glob("*/*/*/meta.json")}


def test_a_run_without_data_takes_the_generated_scenes_and_says_so(capsys):
    assert call("run --method average --metrics EN --limit 1 --out out") == 0
    assert taken() == {"synthetic"}
    assert "note: no dataset is given: using the generated scenes that come with the package" in (
        capsys.readouterr().out
    )


def test_a_named_data_set_needs_no_note(capsys):
    assert call("run --method average --metrics EN --limit 1 --dataset synthetic --out out") == 0
    assert "note:" not in capsys.readouterr().out


def test_two_folders_of_images_need_no_data_set(bare, capsys):
    put(bare / "mine", "ir", "vi")
    assert call("run --method average --metrics EN --ir mine/ir --vi mine/vi --out out") == 0
    assert taken() == {"folder"}
    assert "note:" not in capsys.readouterr().out


def test_a_run_takes_what_lies_where_data_sets_are_looked_for(bare, capsys):
    for name in ("msrs", "m3fd"):
        put(bare / "home" / "data" / name)
    assert call("run --method average --metrics EN --out out") == 0
    assert taken() == {"msrs", "m3fd"}
    assert f"note: no dataset is given: using m3fd and msrs in {bare / 'home' / 'data'}\n" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--data all", "--root all", "--data=all", "--root=all"])
def test_a_run_takes_what_the_given_folder_holds(option, bare, capsys):
    put(bare / "all" / "msrs")
    put(bare / "home" / "data" / "m3fd")
    assert call(f"run --method average --metrics EN --out out {option}") == 0
    assert taken() == {"msrs"}
    assert "using msrs in all" in capsys.readouterr().out


def test_a_folder_is_a_data_set_by_its_name_or_any_pair_of_folders(bare):
    msrs = put(bare / "MSRS")
    assert discover(msrs) == ({"msrs": msrs}, [])
    mine = put(bare / "mine", "infrared", "visible")
    assert discover(mine) == ({"folder": mine}, [])
    assert discover(bare / "home") == ({}, [])


def test_data_sets_that_cannot_be_opened_are_left_out_with_the_reason(bare, capsys):
    put(bare / "all" / "msrs")
    (bare / "all" / "m3fd" / "test" / "ir").mkdir(parents=True)
    (bare / "all" / "ems" / "test").mkdir(parents=True)
    found, (problem,) = discover(bare / "all")
    assert set(found) == {"msrs"}
    assert problem.startswith(f"m3fd in {bare / 'all' / 'm3fd'} is left out: no images of m3fd, split 'test'")


def test_a_folder_without_data_is_refused(bare, capsys):
    (bare / "empty").mkdir()
    assert call("run --method average --data empty --out out") == 2
    error = capsys.readouterr().err
    assert "no dataset with a split 'test' in empty" in error
    assert "--dataset" in error
    assert not Path("out").exists()


def test_one_folder_serves_several_data_sets_under_their_names(bare):
    for name in ("msrs", "m3fd"):
        put(bare / "all" / name)
    chosen = choose_datasets("msrs,m3fd", "all").datasets
    assert [(one.name, one.root) for one in chosen] == [("msrs", Path("all/msrs")), ("m3fd", Path("all/m3fd"))]
    for data in ("msrs=all/msrs,m3fd=all/m3fd", {"MSRS": "all/msrs", "m3fd": Path("all/m3fd")}):
        assert choose_datasets("", data).datasets == chosen


def test_the_folder_of_one_data_set_is_never_read_as_another(bare):
    put(bare / "msrs")
    with pytest.raises(FileNotFoundError, match="no images of llvip"):
        load("llvip", root=bare / "msrs")
    assert load("folder", root=bare / "msrs", split="test").names == ["a"]


def test_a_folder_for_scenes_that_need_none_is_refused(capsys):
    for line in ("run --method average", "degrade", "embed"):
        assert call(f"{line} --dataset synthetic --data somewhere") == 2
        assert "'synthetic' is generated and needs no folder" in capsys.readouterr().err


def test_a_folder_for_a_data_set_that_is_not_run_is_refused(capsys):
    assert call("run --method average --dataset msrs --data tno=somewhere --out out") == 2
    assert "--data names 'tno', which is not in --dataset msrs" in capsys.readouterr().err


def test_commands_for_one_data_set_take_the_only_one_that_the_folder_holds(bare, capsys):
    put(bare / "all" / "msrs")
    assert call("degrade --data all --degradation ll --export out") == 0
    assert ",msrs,test," in Path("out/manifest.csv").read_text()
    assert "using msrs in all" in capsys.readouterr().out
    put(bare / "all" / "m3fd")
    assert call("degrade --data all --degradation ll --export more") == 2
    assert "all holds m3fd and msrs; choose one of them with --dataset" in capsys.readouterr().err
    assert choose_dataset("m3fd", "all", "synthetic").datasets[0].name == "m3fd"


def test_a_folder_of_fused_images_is_scored_against_the_data_that_are_given(bare):
    put(bare / "all" / "msrs")
    write_image(bare / "fused" / "a.png", scene(0, 48, 64).vi)
    assert call("score --fused fused --data all --metrics EN --out out") == 0


def test_python_takes_the_same_data(bare):
    put(bare / "all" / "msrs")
    (bare / "all" / "tno").mkdir()
    with pytest.warns(UserWarning, match="tno in .* is left out"):
        table = fusionbench.run("average", data="all", metrics="EN", out=None)
    assert set(table["dataset"]) == {"msrs"}
    assert set(fusionbench.run("average", metrics="EN", limit=1, out=None)["dataset"]) == {"synthetic"}


@pytest.mark.parametrize("command", ["data check msrs", "bench lure --table 1 --methods average --out out"])
def test_every_command_knows_the_option_by_both_names(command, bare, capsys):
    put(bare / "all" / "msrs")
    said = []
    for option in ("--data", "--root"):
        call(f"{command} {option} all")
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "1 pairs" in said[0] or "table 1" in said[0]


@pytest.mark.parametrize("value", ["", None, "~/elsewhere"])
def test_variables_are_read_alike_everywhere(value, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    if value is None:
        monkeypatch.delenv("FUSIONBENCH_HOME")
    else:
        monkeypatch.setenv("FUSIONBENCH_HOME", value)
    assert home() == tmp_path / (".cache/fusionbench" if not value else "elsewhere")
    assert data_root() == home() / "data"
    monkeypatch.setenv("FUSIONBENCH_DATA", "")
    assert data_root() == home() / "data"
    monkeypatch.setenv("FUSIONBENCH_DATA", "~/sets")
    assert data_root() == tmp_path / "sets"
