"""What a person typed is printed as it is: brackets and colons in a path are no markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fusionbench.cli.main import main
from fusionbench.console import make_console, progress
from tests.pairs import write_pairs

PACKAGE = Path(__file__).parents[2] / "fusionbench"


@pytest.mark.parametrize("name", ["[/x]", "[red]m", ":x:"])
def test_brackets_in_a_path_are_no_markup(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path, [(24, 32)])
    pairs = ["--ir", "ir", "--vi", "vi"]
    assert main(["run", *pairs, "--dataset", "folder", "--method", "average", "--metrics", "EN", "--out", name]) == 0
    assert f"written: {name}/report/table.md" in capsys.readouterr().out
    assert main(["fuse", *pairs, "--method", "average", "--out", f"{name}/{name}"]) == 0
    assert f"in {name}/{name}" in capsys.readouterr().out
    assert main(["degrade", *pairs, "--dataset", "folder", "--out", f"{name}/d"]) == 0
    assert f"written: {name}/d/manifest.csv" in capsys.readouterr().out
    assert main(["score", "--fused", f"{name}/{name}", *pairs, "--metrics", "EN", "--out", f"{name}/s"]) == 0
    assert Path(name).name in capsys.readouterr().out


def test_the_progress_bar_shows_a_job_as_it_is_called(capsys):
    with progress(make_console(), 1) as (describe, _):
        describe("[/x]")


def test_every_command_prints_to_a_plain_console():
    for path in PACKAGE.rglob("*.py"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if " Console(" in f" {line.strip()}"]
        assert path.name == "progress.py" or all("markup=False" in line for line in lines), path


RUN = "run --dataset folder --ir ir --vi vi --method average --metrics EN,CC --out o"


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path, [(24, 32), (24, 32)])


def logged(capfd):
    """What standard error has, without the times."""
    return [line[9:] if re.match(r"\d\d:\d\d:\d\d ", line) else line for line in capfd.readouterr().err.splitlines()]


def test_a_run_logs_its_cells_where_there_is_no_terminal(pairs, capfd):
    assert main(RUN.split()) == 0
    (line,) = logged(capfd)
    assert re.fullmatch(r"1/1 folder, clean, average: .* s \(100 % done\)", line)


@pytest.mark.parametrize("devices", [1, 2])
def test_verbose_logs_what_is_opened_loaded_fused_and_scored(devices, pairs, capfd):
    assert main([*RUN.split(), "--verbose", "--accelerator", "cpu", "--devices", str(devices)]) == 0
    lines = logged(capfd)
    assert "opened folder, split test: 2 pairs in vi" in lines
    assert "loaded average" in lines
    for name in "01":
        image = f"o/folder/clean/average/images/{name}.png"
        assert lines.count(f"fused {image}") == 1
        assert sum(line.startswith(f"scored {image}: EN ") for line in lines) == 1


def test_verbose_says_why_an_image_is_missing(pairs, capfd):
    Path("ir/0.png").write_bytes(Path("ir/0.png").read_bytes()[:-40])
    assert main([*RUN.split(), "--verbose"]) == 3
    image = "o/folder/clean/average/images/0.png"
    assert sum(line.startswith((f"not fused: {image}: ", f"scored {image}: ")) for line in logged(capfd)) >= 1


def test_quiet_says_nothing_of_what_went_well(pairs, capfd):
    assert main([*RUN.split(), "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")


TRAIN = (
    "train --method lure-s --options.single_stage true --loader.limit 4 --loader.batch_size 2 --loader.crop 32 "
    "--loader.workers 0 --trainer.accelerator cpu --trainer.max_steps 2 --trainer.limit_val_batches 0 --out o"
)


@pytest.mark.parametrize(("option", "steps", "ends"), [("--verbose", 2, 1), ("", 0, 1), ("--quiet", 0, 0)])
def test_a_training_logs_its_end_and_each_step_when_asked(option, steps, ends, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main([*TRAIN.split(), *option.split()]) == 0
    out, err = capfd.readouterr()
    assert len(re.findall(r"single: epoch 0, step [12] of 2, loss [\d.]+", err)) == steps
    assert len(re.findall(r"single: epoch \d, step 2 of 2: the phase has ended", err)) == ends
    assert "Epoch" not in out + err  # No bar where there is no terminal.
    assert (option == "--quiet") == (out == "")
