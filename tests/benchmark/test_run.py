"""The main job: what is on disk after a run, after a second run, and after a run that was killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from fusionbench.benchmark import results
from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.run import run
from fusionbench.benchmark.spec import Benchmark, DatasetChoice, Execution, MethodChoice
from fusionbench.cli.main import main
from fusionbench.degradations import grammar
from fusionbench.images.files import read_image, write_image
from fusionbench.report.tables import read_results
from tests.pairs import files, write_pairs

SIZES = ((24, 32), (24, 32), (17, 21), (24, 32), (17, 21), (24, 32))


@pytest.fixture
def sources(tmp_path):
    write_pairs(tmp_path, SIZES)
    return tmp_path


def benchmark(sources, **changes) -> Benchmark:
    defaults = {
        "datasets": (DatasetChoice("folder", ir_dir=sources / "ir", vi_dir=sources / "vi"),),
        "degradations": ("clean", "ll+ir:sn"),
        "methods": (MethodChoice("average"), MethodChoice("lap")),
        "metrics": ("EN", "CC", "CC@input"),
    }
    return Benchmark(**{**defaults, **changes})


def test_every_cell_has_images_scores_and_settings(sources, tmp_path):
    outcome = run(benchmark(sources), tmp_path / "out")
    assert outcome.problems == []
    cell = tmp_path / "out" / "folder" / "ll+ir-sn" / "lap"
    assert sorted(path.name for path in (cell / "images").iterdir()) == [f"{index}.png" for index in range(6)]
    assert read_image(cell / "images" / "2.png").shape == (17, 21, 3)
    lines = (cell / "scores.csv").read_text().splitlines()
    assert lines[0] == "image,status,EN,CC,CC@input"
    assert [line.split(",")[:2] for line in lines[1:]] == [[str(index), "ok"] for index in range(6)]
    settings = json.loads((cell / "meta.json").read_text())["settings"]
    assert settings["degradation"] == "ll+ir:sn"
    assert settings["spec"] == "ll+sn"
    assert settings["seed"] == 0


def test_scores_compare_with_the_clean_sources_unless_told(sources, tmp_path):
    run(benchmark(sources), tmp_path / "out")
    clean = CellFolder(tmp_path / "out" / "folder" / "clean" / "average").rows()["0"].values
    degraded = CellFolder(tmp_path / "out" / "folder" / "ll+ir-sn" / "average").rows()["0"].values
    assert clean["CC"] == clean["CC@input"]
    assert degraded["CC"] != degraded["CC@input"]


@pytest.mark.parametrize("changes", [{"batch_size": 4}, {"workers": 2}])
def test_batches_and_workers_change_nothing(sources, tmp_path, changes):
    run(benchmark(sources), tmp_path / "one")
    run(benchmark(sources), tmp_path / "other", execution=Execution(**changes))
    assert files(tmp_path / "one") == files(tmp_path / "other")


def test_second_run_computes_nothing_anew(sources, tmp_path):
    run(benchmark(sources), tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    run(benchmark(sources), tmp_path / "out")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}


def test_metric_added_later_needs_no_method(sources, tmp_path):
    run(benchmark(sources), tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    run(benchmark(sources, metrics=("EN", "SD")), tmp_path / "out")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    header = (tmp_path / "out" / "folder" / "clean" / "lap" / "scores.csv").read_text().splitlines()[0]
    assert header == "image,status,EN,CC,CC@input,SD"


def test_replaced_image_is_scored_again(sources, tmp_path):
    run(benchmark(sources), tmp_path / "out")
    cell = tmp_path / "out" / "folder" / "clean" / "average"
    write_image(cell / "images" / "0.png", np.zeros((24, 32, 3), np.uint8))
    run(benchmark(sources), tmp_path / "out")
    # A constant image has no entropy and no correlation.
    row = CellFolder(cell).rows()["0"]
    assert row.values == {"EN": 0.0}
    assert "CC undefined" in row.status


def test_failing_image_is_a_row_and_is_tried_again_when_mended(sources, tmp_path):
    whole = (sources / "vi" / "3.png").read_bytes()
    (sources / "vi" / "3.png").write_bytes(whole[: len(whole) // 2])
    outcome = run(benchmark(sources), tmp_path / "out")
    assert len(outcome.problems) == 4
    assert "3.png" in outcome.problems[0]
    (sources / "vi" / "3.png").write_bytes(whole)
    assert run(benchmark(sources), tmp_path / "out").problems == []
    run(benchmark(sources), tmp_path / "fresh")
    assert files(tmp_path / "fresh") == {k: v for k, v in files(tmp_path / "out").items() if "failures" not in k}


@pytest.mark.parametrize("images_before_kill", [1, 20])
def test_killed_run_goes_on_without_losing_or_repeating_an_image(sources, tmp_path, images_before_kill):
    words = (
        f"run --dataset folder --ir {sources / 'ir'} --vi {sources / 'vi'} --method average,lap,gff "
        f"--degradation clean,ll+lc --metrics EN,CC,Qabf"
    ).split()
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "fusionbench", *words, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while len(list(out.rglob("images/[!.]*.png"))) < images_before_kill and process.poll() is None:
            time.sleep(0.002)
        assert process.poll() is None, "the run ended before it could be killed"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finished = {path: path.stat().st_mtime_ns for path in out.rglob("images/[!.]*.png")}
    assert len(finished) >= images_before_kill
    assert main([*words, "--out", str(out)]) == 0
    assert all(path.stat().st_mtime_ns == modified for path, modified in finished.items())
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    assert files(out / "folder") == files(tmp_path / "whole" / "folder")


def test_score_that_small_images_cannot_have_takes_no_other_with_it(sources, tmp_path):
    outcome = run(benchmark(sources, metrics=("EN", "VIF"), degradations=("clean",)), tmp_path / "out")
    assert len(outcome.problems) == 12
    assert "VIF" in outcome.problems[0]
    row = CellFolder(tmp_path / "out" / "folder" / "clean" / "lap").rows()["0"]
    assert set(row.values) == {"EN"}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_one_line_and_status_130(sources, tmp_path, end):
    words = (
        f"run --dataset folder --ir {sources / 'ir'} --vi {sources / 'vi'} "
        "--method adf,gff --degradation clean,ll,ir:lc --metrics EN"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "fusionbench", *words.split(), "--out", str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list((tmp_path / "out").rglob("images/*.png")) and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(end)
    _, error = process.communicate()
    assert process.returncode == 130, error
    *noted, last = error.strip().splitlines()
    assert last == "fusionbench: interrupted; the same command continues where it stopped"
    assert not noted or end is signal.SIGTERM, "Lightning notes that one"


def test_tables_keep_the_order_of_the_command_line_in_a_copy_too(sources, tmp_path):
    out, copy = tmp_path / "out", tmp_path / "copy"
    asked = benchmark(sources, degradations=("ll", "clean"), methods=(MethodChoice("max"), MethodChoice("lap")))
    run(asked, out)
    run(replace(asked, methods=(MethodChoice("average"), *asked.methods)), out)
    for path in sorted(out.rglob("*"), reverse=True):  # of which the dates are in another order
        if path.is_file():
            target = copy / path.relative_to(out)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    for folder in (out, copy):
        tables = read_results(folder).blocks
        assert [block.degradation for block in tables] == ["ll", "clean"]
        assert [list(block.means.index) for block in tables] == [["max", "lap", "average"]] * 2


def test_a_run_reads_each_spec_and_each_cells_settings_once(sources, tmp_path, monkeypatch):
    specs, settings, read_spec, read_meta = [], [], grammar.read, results._read_meta
    monkeypatch.setattr(grammar, "read", lambda spec: specs.append(spec) or read_spec(spec))
    monkeypatch.setattr(results, "_read_meta", lambda path: settings.append(path) or read_meta(path))
    asked = benchmark(sources, degradations=("clean", "vi:ll(0.37)"), metrics=("EN",))
    for _ in range(2):
        run(asked, tmp_path / "out")
        cells = sorted((tmp_path / "out").rglob("meta.json"))
        assert sorted(settings) == cells
        settings.clear()
    assert specs.count("vi:ll(0.37)") == 1
