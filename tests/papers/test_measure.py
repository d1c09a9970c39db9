"""The papers' tables with what is at hand: measured on generated pairs, resumed, and one list of what is missing."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from fusionbench.cli.main import main
from fusionbench.images.files import write_image
from fusionbench.papers.measured import Measurement, write_file
from fusionbench.papers.tables import folder
from fusionbench.report.skipped import Skipped, group_by_reason


@pytest.fixture(autouse=True)
def nothing_cached(tmp_path, monkeypatch):
    for name in ("FUSIONBENCH_HOME", "FUSIONBENCH_DATA", "TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))


def told(capsys) -> str:
    """What was printed, without line breaks."""
    return " ".join(capsys.readouterr().out.split())


def test_without_data_every_kind_of_reason_is_a_line_and_a_file_has_the_details(tmp_path, capsys):
    assert main(["bench", "lure", "--out", str(tmp_path / "o")]) == 3
    text = told(capsys)
    for part in ("datasets msrs, m3fd, tno, roadscene, ems:", "weights CSCFuse,", "authors' code DCINN, GTMFuse,"):
        assert part in text
    assert "http" not in text
    assert "not possible table 3, table 5: the paper does not say enough" in text
    assert "--fused METHOD=DIR" in text
    page = (tmp_path / "o" / "report" / "skipped.md").read_text(encoding="utf-8")
    assert "| DCINN | dcinn | 1, 2, 3, 4 | https://github.com/wwhappylife/DCINN | none stated |" in page
    for part in ("- msrs (table 1): no images of msrs", "- MMDRFuse (tables 1, 2, 3, 4): no weights for 'mmdrfuse'"):
        assert page.count(part) == 1, part
    assert (tmp_path / "o" / "report" / "table1.tex").exists()


def test_a_table_that_is_named_is_shown_whatever_was_measured(tmp_path, capsys):
    words = ["bench", "dspfusion", "--method", "metafusion", "--out", str(tmp_path / "o")]
    assert main(words) == 3
    assert "Published values only, which --table shows: table 1 (4 parts), 2 (12 parts)" in told(capsys)
    assert main([*words, "--table", "2"]) == 3
    text = told(capsys)
    assert text.count("MetaFusion ") == 12
    assert "authors' code MetaFusion: give a method's images" in text
    assert "not comparable" not in text


def test_efficiency_is_measured_only_when_it_is_asked_for(tmp_path, capsys):
    for part in ("drfusion.yaml", "reported/drfusion.csv"):
        text = (folder() / part).read_text(encoding="utf-8").replace("768x1024", "32x40")
        (tmp_path / "b" / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "b" / part).write_text(text, encoding="utf-8")
    words = ["bench", "drfusion", "--benchmarks", str(tmp_path / "b"), "--out", str(tmp_path / "o")]
    words += ["--methods", "average"]
    times = tmp_path / "o" / "efficiency"
    assert main(words) == 3
    assert "efficiency table 5: measured on request" in told(capsys)
    assert not times.exists()
    assert main([*words, "--efficiency"]) == 3
    assert "efficiency table" not in told(capsys)
    (kept,) = times.rglob("*.json")
    kept.unlink()
    assert main([*words, "--table", "5"]) == 3
    assert kept.exists()


@pytest.fixture
def campus(tmp_path):
    """The arguments of a bench over two generated pairs in the place of M3FD."""
    rng = np.random.default_rng(0)
    place = tmp_path / "m3fd" / "test"
    for name in ("a", "b"):
        write_image(place / "ir" / f"{name}.png", rng.integers(0, 256, (200, 208), dtype=np.uint8))
        write_image(place / "vi" / f"{name}.png", rng.integers(0, 256, (200, 208, 3), dtype=np.uint8))
    words = ["bench", "lure", "--table", "1", "--root", str(tmp_path), "--out", str(tmp_path / "o")]
    return [*words, "--methods", "average,max"]


def test_what_is_there_is_measured_and_a_second_call_changes_nothing(campus, tmp_path, capsys):
    out = tmp_path / "o"
    assert main(campus) == 3
    first = pd.read_csv(out / "report" / "table1.csv")
    found = first[first["measured"].notna()]
    campus_ = found[found["dataset"] == "M3FD"]
    assert set(campus_["method"]) == {"average", "max"}
    assert set(campus_["images"]) == {2}
    assert set(campus_["origin"]) == {"run"}
    assert (out / "report" / "table1_differences.csv").exists()
    assert "not comparable" in " ".join(capsys.readouterr().out.split())
    dates = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert main(campus) == 3
    pd.testing.assert_frame_equal(pd.read_csv(out / "report" / "table1.csv"), first)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == dates


def test_scores_are_mirrored_to_a_dashboard(campus, tmp_path):
    pytest.importorskip("wandb")
    assert main([*campus, "--wandb", "offline"]) == 3
    assert list(tmp_path.rglob("offline-run-*/run-*.wandb"))


def test_a_dashboard_for_which_nothing_was_measured_is_told(tmp_path, capsys):
    assert main(["bench", "lure", "--table", "1", "--wandb", "offline", "--out", str(tmp_path / "o")]) == 3
    assert "warning: nothing was measured in this run, so nothing is logged" in told(capsys)
    assert not list(tmp_path.rglob("*.wandb"))


@pytest.mark.parametrize("option", ["--weights", "--fused"])
def test_a_path_for_an_unknown_method_is_refused(option, tmp_path, capsys):
    assert main(["bench", "lure", option, "mmdrfus=x", "--out", str(tmp_path / "o")]) == 2
    assert "unknown method 'mmdrfus'; did you mean 'mmdrfuse'" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_what_lacks_the_same_is_listed_once():
    parts = [("2", "EN"), ("2", "SF"), ("5", "EN")]
    (one,) = group_by_reason([Skipped("metrics", (what,), "x", (table,)) for table, what in parts])
    assert (one.what, one.tables) == (("EN", "SF"), ("2", "5"))


@pytest.fixture
def known(tmp_path):
    """The papers' files with two measured values of LURE's first table."""
    place = {"split": "test", "degradation": "clean", "seed": 0, "protocol": "lure", "weights": "", "metric": "CC"}
    rest = {"mean": 0.25, "std": 0.1, "images": 7, "image_set": "x", "version": "0.1.0", "torch": "2.9"}
    lines = [
        Measurement(dataset=dataset, method=method, date="2026-11-27", **place, **rest)
        for dataset, method in (("m3fd", "average"), ("m3fd", "mmdrfuse"))
    ]
    write_file(tmp_path / "papers" / "measured" / "lure.csv", lines)
    for part in ("lure.yaml", "reported/lure.csv"):
        (tmp_path / "papers" / part).parent.mkdir(exist_ok=True)
        shutil.copyfile(folder() / part, tmp_path / "papers" / part)
    return ["--benchmarks", str(tmp_path / "papers")]


def test_values_of_the_package_are_shown_as_such_and_those_of_the_run_win(campus, known, tmp_path, capsys):
    assert main(["bench", "lure", "--table", "1", "--out", str(tmp_path / "bare"), *known]) == 3
    text = told(capsys)
    assert "MMDRFuse, shipped 7 0.25" in text
    assert "average, shipped 7 0.25" in text
    assert "1 of 80 published values have a measured one: 0 from this run, 1 shipped" in text
    assert "Measured rows of methods that the paper does not have: 1 (average 1)." in text
    assert main([*campus, *known]) == 3
    text = told(capsys)
    assert "average, measured 2 " in text
    assert "shipped" not in text.split("written to")[0].replace("1 shipped", "")
    found = pd.read_csv(tmp_path / "o" / "report" / "table1.csv").query("method == 'average' and metric == 'CC'")
    assert found["origin"].dropna().tolist() == ["run"]


def test_small_networks_and_classical_methods_stand_beside_the_papers_methods(tmp_path, campus, capsys):
    words = [word for word in campus if word not in ("--methods", "average,max")]
    assert main([*words, "--limit", "1"]) == 3
    found = pd.read_csv(tmp_path / "o" / "report" / "table1.csv").query("origin == 'run'")
    assert set(found["method"]) == {"lure-s", "average", "lap", "gff"}
    text = told(capsys)
    assert "of 80 published values have a measured one: 0 from this run, " in text
    # Of M3FD in this run, of MSRS with the package.
    assert "methods that the paper does not have: 8 (lure-s 2, average 2, lap 2, gff 2)." in text
