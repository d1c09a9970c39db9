"""What a person typed is printed as it is: brackets and colons in a path are no markup."""

from __future__ import annotations

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
