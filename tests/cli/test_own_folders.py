"""Folders as people have them, through the commands: names that differ, lists of names, images of many methods."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fusionbench.cli.main import main
from fusionbench.data.synthetic import scene
from fusionbench.images.files import write_image


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder; its status and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(words: str) -> tuple[int, str]:
        status = main(words.split())
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def put(ir: str, vi: str, *others: str, count: int = 2) -> None:
    """Pairs under names with {} for a number, and copies of the visible images under further names."""
    for number in range(count):
        pair = scene(number, 48, 64)
        write_image(Path(f"{ir.format(number)}.png"), pair.ir)
        for name in (vi, *others):
            write_image(Path(f"{name.format(number)}.png"), pair.vi)


def scored(out: str) -> dict[str, dict[str, str]]:
    (path,) = [path for path in Path(out).rglob("scores.csv") if "report" not in path.parts]
    return {row["image"]: row for row in csv.DictReader(path.read_text().splitlines())}


READERS = {
    "run": "run --method average --metrics EN --out {out}",
    "fuse": "fuse --method average --out {out}",
    "score": "score --fused fused --metrics EN --out {out}",
    "degrade": "degrade --degradation ll --out {out}",
}


def made(command: str, out: str) -> set[str]:
    if command in ("run", "score"):
        return set(scored(out))
    return {path.stem for path in Path(out).glob("*.png" if command == "fuse" else "*/vi/*.png")}


@pytest.mark.parametrize("command", READERS)
def test_names_that_differ_in_a_word_pair_and_it_is_said(command, call):
    put("ir/{}_ir", "vi/{}_vis", "fused/{}")
    status, said = call(READERS[command].format(out="out") + " --ir ir --vi vi")
    assert status == 0
    assert said.count("2 pairs were matched by their names without words such as 'ir' and 'vis': ir/0_ir.png and") == 1
    assert made(command, "out") == {"0", "1"}


@pytest.mark.parametrize("command", READERS)
def test_names_that_differ_otherwise_name_the_options_that_pair_them(command, call):
    put("ir/day{}", "vi/night{}", "fused/{}")
    words = READERS[command] + " --ir ir --vi vi"
    status, said = call(words.format(out="out"))
    assert status == 2
    assert "0 pairs, but 2 images only in ir (day0, day1) and 2 only in vi (night0, night1)" in said
    assert "with --ir-suffix 'day*' and --vi-suffix 'night*'" in said
    status, said = call(words.format(out="more") + " --ir-suffix day* --vi-suffix night*")
    assert (status, "warning" in said) == (0, False)
    assert made(command, "more") == {"0", "1"}


@pytest.mark.parametrize("command", READERS)
def test_a_list_of_names_chooses_pairs(command, call):
    put("ir/{}", "vi/{}", "fused/{}", count=3)
    Path("list.txt").write_text("2.png\n0\n")
    words = READERS[command] + " --ir ir --vi vi --names list.txt"
    if command == "score":
        words += " --unmatched skip"
    assert call(words.format(out="out"))[0] in (0, 3)
    assert made(command, "out") == {"0", "2"}
    assert call(words.format(out="first") + " --limit 1")[0] in (0, 3)
    assert made(command, "first") == {"0"}


@pytest.mark.parametrize("command", ["run", "score"])
def test_results_belong_to_the_list_of_names(command, call):
    put("ir/{}", "vi/{}", "fused/{}", count=3)
    Path("list.txt").write_text("0\n1\n2\n")
    words = READERS[command].format(out="out") + " --ir ir --vi vi"
    assert call(f"{words} --names list.txt")[0] == 0
    status, said = call(words)
    assert status == 2
    assert "holds results of other settings (names was" in said


def test_each_dataset_may_have_a_list_of_its_own(call):
    for name in ("msrs", "m3fd"):
        put(f"data/{name}/test/ir/{{}}", f"data/{name}/test/vi/{{}}")
        Path(f"{name}.txt").write_text("1" if name == "msrs" else "0")
    words = "run --method average --metrics EN --data data"
    assert call(f"{words} --names msrs=msrs.txt,m3fd=m3fd.txt --out out")[0] == 0
    assert {path.parents[1].parents[1].name: path.stem for path in Path("out").glob("*/*/*/images/*")} == {
        "msrs": "1",
        "m3fd": "0",
    }
    status, said = call(f"{words} --dataset msrs --names llvip=msrs.txt --out more")
    assert status == 2
    assert "--names names 'llvip', which is not in --dataset msrs" in said


def test_fused_images_named_after_their_method_are_scored(call):
    put("ir/{}", "vi/{}", "one/{}_CBF", "many/{}_CBF", "many/{}_GFF")
    score = "score --ir ir --vi vi --metrics EN"
    status, said = call(f"{score} --fused one --out one_out")
    assert status == 0
    assert "no image in one has the name of a pair; they are taken by the pattern *_CBF, where * is that name" in said
    status, said = call(f"{score} --fused many --out out")
    assert status == 2
    assert "images in many are named *_CBF, *_GFF, where * is the name of a pair: give" in said
    assert "or name one with --suffix _CBF" in said
    assert not Path("out").exists()
    status, said = call(f"{score} --fused many --out out --suffix _GFF")
    assert (status, set(scored("out"))) == (0, {"0", "1"})
    assert "GFF" in said
    assert call(f"{score} --fused many --out out --suffix _CBF")[0] == 2
    assert call(f"{score} --fused many --out more --suffix *_CBF")[0] == 0


def test_fused_images_of_other_programs_are_found_by_their_pattern(call):
    put("ir/{}", "vi/{}", "one/{}_CBF", "many/{}_CBF", "many/{}_GFF")
    run = "run --method external --ir ir --vi vi --metrics EN"
    status, said = call(f"{run} --fused external=one --out out")
    assert status == 0
    assert said.count("they are taken by the pattern *_CBF") == 1
    status, said = call(f"{run} --fused external=many --out more")
    assert status == 3 or status == 2
    assert "--fused external='many/*_CBF'" in said
    assert call(f"{run} --fused external=many/*_GFF.png --out third")[0] == 0
    assert set(scored("third")) == {"0", "1"}


def test_a_path_may_hold_an_equals_sign_and_a_comma(call):
    put("a=b,c/ir/{}", "a=b,c/vi/{}", "x=1,2/{}")
    assert call("run --method average --metrics EN --data a=b,c --out out")[0] == 0
    assert set(scored("out")) == {"0", "1"}
    run = "run --method external --metrics EN --data a=b,c --out more"
    assert call(f"{run} --fused external=x=1,2")[0] == 0


@pytest.mark.parametrize("option", ["--resize", "--ir-suffix _x --resize"])
def test_data_check_looks_at_two_folders(option, call):
    put("ir/{}_x", "vi/{}") if "_x" in option else put("ir/{}", "vi/{}")
    status, said = call(f"data check folder --ir ir --vi vi {option}")
    assert (status, said) == (0, "all: 2 pairs\n")
