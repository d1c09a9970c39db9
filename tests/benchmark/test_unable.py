"""Methods and degradations that do not go together: said before anything runs, n/a in tables and pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fusionbench
from fusionbench.benchmark.run import run
from fusionbench.benchmark.spec import LEAST_TILE, Benchmark, DatasetChoice, MethodChoice
from fusionbench.cli.main import main
from fusionbench.images.files import read_image, write_image
from fusionbench.methods import METHODS
from fusionbench.report.figure import Absent, LabelledImage
from fusionbench.report.pictures import draw_run
from fusionbench.report.tables import read_results
from tests.pairs import scene

WHY = "but not for ll and lc"


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
RUN = f"run {PAIR} --metrics EN,CC"


def call(line: str) -> int:
    return main(line.split())


def test_drfusion_alone_inverts():
    assert {name.partition("-")[0] for name, card in METHODS.items() if card.inverts} == {"drfusion"}


@pytest.fixture
def mixed(bare, capsys):
    """What a run prints in which drfusion-s can do one of two degradations."""
    assert call(f"{RUN} --method drfusion-s,lap --degradation ll+lc,noise") == 0
    return capsys.readouterr()


def test_it_is_said_once_before_anything_runs_and_is_no_failure(mixed):
    said = mixed.out.splitlines()
    (line,) = [line for line in said if line.startswith("n/a: ")]
    assert line.startswith("n/a: drfusion-s, ll+lc: it inverts the given degradation")
    assert line.endswith(WHY)
    assert said.index(line) < next(index for index, line in enumerate(said) if "folder, ll+lc" in line)
    assert "missing:" not in mixed.out
    assert "Error" not in mixed.out + mixed.err


def test_tables_say_not_applicable_and_why(mixed):
    table = Path("out/report/table.md").read_text()
    assert "| drfusion-s | n/a | n/a |" in table
    assert table.count("n/a, because it inverts") == 1
    assert "is over 0 of" not in table
    assert re.search(r"│ drfusion-s │ +n/a │ +n/a │", mixed.out)
    values = pd.read_csv("out/report/table.csv").set_index(["degradation", "method", "metric"])
    assert np.isnan(values.loc[("ll+lc", "drfusion-s", "EN"), "mean"])
    assert values.loc[("ll+lc", "drfusion-s", "EN"), "unable"].endswith(WHY)
    assert values.loc[("noise", "drfusion-s", "EN"), "mean"] > 0
    first, second = read_results(Path("out")).blocks
    assert list(first.means.index) == list(second.means.index) == ["drfusion-s", "lap"]
    images = pd.read_csv("out/report/per_image.csv").groupby(["degradation", "method"]).size()
    assert dict(images) == {("ll+lc", "lap"): 2, ("noise", "drfusion-s"): 2, ("noise", "lap"): 2}


def test_a_cell_without_images_says_why_on_disk(mixed):
    cell = Path("out/folder/ll+lc/drfusion-s")
    assert json.loads((cell / "meta.json").read_text())["unable"].endswith(WHY)
    assert (cell / "scores.csv").read_text() == "image,status,EN,CC\n"
    assert not list(cell.rglob("*.png"))
    assert not list(Path("out").rglob("failures.csv"))


def test_pictures_label_the_empty_place(mixed, monkeypatch):
    drawn = []
    monkeypatch.setattr("fusionbench.report.pictures.comparison", lambda rows, path, title: drawn.append(rows) or [])
    draw_run(read_results(Path("out")))
    _, degraded, noisy = drawn[0]
    assert [panel.label for panel in degraded.panels] == ["infrared", "visible", "drfusion-s", "lap"]
    assert degraded.panels[2] == Absent("drfusion-s", "n/a")
    assert all(isinstance(panel, LabelledImage) for panel in noisy.panels)


def test_a_picture_with_an_empty_place_is_as_wide_as_one_without(mixed):
    assert call(f"{RUN.replace('--out out', '--out full')} --method average,lap --degradation ll+lc,noise") == 0
    shapes = {read_image(Path(out) / "report" / "folder_a.png").shape for out in ("out", "full")}
    assert len(shapes) == 1


def test_the_report_page_shows_it(mixed):
    assert call("report out --html") == 0
    page = Path("out/report/index.html").read_text()
    assert page.count(">n/a<") == 2
    assert '"unable": ["drfusion-s"]' in page
    assert WHY in page


def test_a_run_of_nothing_else_ends_well(capsys):
    assert call(f"{RUN} --method drfusion --degradation ll+lc --strict") == 2
    assert call(f"{RUN} --method drfusion --degradation ll+lc") == 0
    assert "| drfusion-s | n/a | n/a |" in Path("out/report/table.md").read_text()
    assert call("report out --html") == 0
    assert call(f"{RUN} --method drfusion --degradation ll+lc") == 0


def test_other_failures_are_counted_still(bare):
    (bare / "vi" / "a.png").write_bytes(b"broken")
    assert call(f"{RUN} --method drfusion-s,lap --degradation ll+lc") == 3


def test_a_strict_run_is_refused_before_it_starts(capsys):
    assert call(f"{RUN} --method drfusion-s,lap --degradation ll+lc,noise --strict") == 2
    assert WHY in capsys.readouterr().err
    assert not Path("out").exists()


def test_several_processes_leave_the_same_tables(mixed):
    line = RUN.replace("--out out", "--out two")
    assert call(f"{line} --method drfusion-s,lap --degradation ll+lc,noise --accelerator cpu --devices 2") == 0
    assert Path("two/report/table.md").read_text() == Path("out/report/table.md").read_text()


def test_restored_images_are_no_longer_degraded_for_a_method(capsys):
    line = f"{RUN} --method drfusion-s --degradation ll+ir:rn --metrics EN"
    assert main([*line.split(), "--pre", "vi:cp {in} {out}"]) == 0
    assert "n/a" not in capsys.readouterr().out
    assert len(list(Path("out").rglob("drfusion-s/images/*.png"))) == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("fuse {pair} --method drfusion --degradation ll", "but not for ll"),
        ("fuse {pair} --method drfusion-s", "none is given; give one"),
        ("profile --method drfusion-s --degradation haze --size 32x32", "but not for haze"),
    ],
)
def test_single_commands_refuse_up_front(words, why, capsys):
    assert call(words.format(pair=PAIR)) == 2
    error = capsys.readouterr().err
    assert "cannot fuse these images: it inverts the given degradation" in error
    assert why in error
    assert not Path("out").exists()


def test_python_refuses_and_warns(bare):
    pair = scene(0, 48, 64)
    with pytest.raises(ValueError, match=r"'drfusion-s' cannot fuse these images: .* but not for haze"):
        fusionbench.fuse("drfusion-s", pair.ir, pair.vi, degradation="haze")
    with pytest.warns(UserWarning, match="drfusion-s, ll: it inverts"):
        table = fusionbench.run("drfusion-s,average", ir="ir", vi="vi", degradation="ll", metrics="EN", out=None)
    assert set(table["method"]) == {"average"}
    data = DatasetChoice("folder", ir_dir=bare / "ir", vi_dir=bare / "vi")
    outcome = run(Benchmark((data,), ("ll",), (MethodChoice("drfusion-s"),), ("EN",)), bare / "out")
    assert outcome.problems == []
    assert len(outcome.exceptions) == 1


def test_a_paper_says_that_it_is_impossible(bare):
    for modality, image in (("ir", scene(0, 192, 200).ir), ("vi", scene(0, 192, 200).vi)):
        write_image(bare / "data" / "msrs" / "test" / modality / "a.png", image)
    assert call("bench dspfusion --table 2 --data data --methods drfusion-s,average --limit 1 --out out") == 3
    skipped = Path("out/report/skipped.md").read_text()
    assert "drfusion-s" in skipped
    assert "it inverts the given degradation" in skipped


def test_no_failure_names_a_class_of_python(bare, capsys):
    write_image(bare / "vi" / "a.png", np.zeros((20, 20, 3), np.uint8))
    write_image(bare / "ir" / "a.png", np.zeros((20, 20), np.uint8))
    line = f"{RUN} --method external --cmd"
    assert main([*line.split(), "sh -c 'exit 4' {ir} {vi} {out}"]) == 3
    told = capsys.readouterr().out + Path("out/folder/clean/external/failures.csv").read_text()
    assert "failed with exit status 4" in told
    assert "Error" not in told


@pytest.mark.parametrize("command", [RUN, f"fuse {PAIR}", "bench lure --table 1 --out out"])
@pytest.mark.parametrize("tile", [1, LEAST_TILE - 1])
def test_tiles_that_cannot_overlap_are_seen_before_the_start(command, tile, capsys):
    assert call(f"{command} --tile {tile}") == 2
    assert f"tile is {tile}; it must be 0 (whole images) or at least 128 pixels" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("sh -c 'cp {vi} {out} {ir}", "cannot be split into words (no closing quotation); close its quotes"),
        ("cp {ir} {vi} {out} {mask}", "unknown placeholder {mask}; known placeholders: {ir}, {vi}, {out}"),
        ("cp {vi} {out}", "lacks {ir}"),
        ("no-such-program {ir} {vi} {out}", "no program 'no-such-program'; give its full path"),
    ],
)
def test_a_wrong_command_is_seen_before_the_start(template, why, capsys):
    assert main([*f"{RUN} --method average,external --cmd".split(), template]) == 2
    assert why in capsys.readouterr().err
    assert not list(Path().rglob("out/**/*.png"))


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("vi:sh -c 'cp {in} {out}", "close its quotes; write for example 'vi:restore {in} {out}'"),
        ("vi:cp {in} {out} {mask}", "unknown placeholder {mask}"),
        ("vi:cp {in}", "lacks {out}"),
        ("vi:no-such-program {in} {out}", "no program 'no-such-program'"),
    ],
)
def test_a_wrong_restoration_is_seen_before_the_start(entry, why, capsys):
    assert main([*f"{RUN} --method average --pre".split(), entry]) == 2
    assert why in capsys.readouterr().err
    assert not list(Path().rglob("out/**/*.png"))
