"""Runs that were divided among machines become one; what cannot be in one table is refused before it is written."""

from __future__ import annotations

import pandas as pd
import pytest

from fusionbench.cli.main import main
from tests.pairs import files, write_pairs


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(folder, [(32, 40)] * 6)
    return folder


def run(pairs, out, *options, method="average,lap"):
    words = ["run", "--method", method, "--metrics", "EN,MI", "--ir", str(pairs / "ir"), "--vi", str(pairs / "vi")]
    assert main([*words, "--out", str(out), "--quiet", *options]) == 0


def merged(capsys, *runs, out):
    status = main(["report", *map(str, runs), "--out", str(out)])
    return status, capsys.readouterr()


def test_methods_of_two_runs_equal_those_of_one(pairs, tmp_path, capsys):
    run(pairs, tmp_path / "whole")
    run(pairs, tmp_path / "a", method="average")
    run(pairs, tmp_path / "b", method="lap")
    assert merged(capsys, tmp_path / "a", tmp_path / "b", out=tmp_path / "out")[0] == 0
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    before = files(tmp_path / "out")
    assert merged(capsys, tmp_path / "a", tmp_path / "b", out=tmp_path / "out")[0] == 0
    assert files(tmp_path / "out") == before


def test_images_of_one_cell_come_from_both(pairs, tmp_path, capsys):
    run(pairs, tmp_path / "whole", "--limit", "5")
    run(pairs, tmp_path / "a", "--limit", "3")
    run(pairs, tmp_path / "b", "--limit", "5")
    assert merged(capsys, tmp_path / "a", tmp_path / "b", out=tmp_path / "out")[0] == 0
    found = pd.read_csv(tmp_path / "out" / "report" / "per_image.csv")
    expected = pd.read_csv(tmp_path / "whole" / "report" / "per_image.csv")
    pd.testing.assert_frame_equal(found, expected)


def test_scores_of_the_first_run_count(pairs, tmp_path):
    run(pairs, tmp_path / "a", method="average")
    run(pairs, tmp_path / "b", method="average")
    assert main(["results", "merge", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "out")]) == 0
    assert files(tmp_path / "out").keys() <= files(tmp_path / "a").keys()
    (cell,) = (tmp_path / "out").glob("*/*/average")
    rows = pd.read_csv(cell / "scores.csv")
    assert rows["image"].is_unique
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("options", "why"), [(["--seed", "1"], "seed is 0 and 1"), (["--resize"], "resize is False and True")]
)
def test_runs_of_other_settings_are_refused(pairs, tmp_path, capsys, options, why):
    run(pairs, tmp_path / "a", method="average")
    run(pairs, tmp_path / "b", *options, method="lap")
    status, said = merged(capsys, tmp_path / "a", tmp_path / "b", out=tmp_path / "out")
    assert status == 2
    assert why in said.err
    assert not (tmp_path / "out").exists()


def test_runs_of_other_images_are_refused(pairs, tmp_path, capsys):
    run(pairs, tmp_path / "a", method="average")
    write_pairs(tmp_path / "others", [(24, 24)] * 2)
    run(tmp_path / "others", tmp_path / "b", method="lap")
    status, said = merged(capsys, tmp_path / "a", tmp_path / "b", out=tmp_path / "out")
    assert status == 2
    assert "made from different images called 0, 1" in said.err
    assert not (tmp_path / "out").exists()


def test_what_is_no_run_is_named(pairs, tmp_path, capsys):
    run(pairs, tmp_path / "a", method="average")
    (tmp_path / "empty").mkdir()
    for others, why in [
        (["empty"], "no results in"),
        (["a", "--out", str(tmp_path / "a")], "choose another one"),
    ]:
        words = [str(tmp_path / word) if index == 0 else word for index, word in enumerate(others)]
        status = main(["report", str(tmp_path / "a"), *words])
        assert (status, why in capsys.readouterr().err) == (2, True)
    assert main(["report", str(tmp_path / "a"), "--out", str(tmp_path / "b")]) == 2
    assert "--out is for several runs" in capsys.readouterr().err
    assert main(["report"]) == 2
    assert "report needs RUNS: the run's folder" in capsys.readouterr().err


def test_differences_are_those_of_the_images_that_both_have(pairs, tmp_path):
    run(pairs, tmp_path / "a")
    assert main(["report", str(tmp_path / "a"), "--differences"]) == 0
    found = pd.read_csv(tmp_path / "a" / "report" / "differences.csv")
    rows = pd.read_csv(tmp_path / "a" / "report" / "per_image.csv").pivot(index="image", columns="method", values="EN")
    (line,) = found[found["metric"] == "EN"].to_dict("records")
    assert line["images"] == 6
    assert line["mean"] == pytest.approx((rows["average"] - rows["lap"]).mean())
    # Six differences of one sign: 2 of 64 sign patterns are as extreme; two metrics, corrected by Holm.
    assert line["p"] == pytest.approx(2 / 64)
    assert "| EN | average | lap | 6 |" in (tmp_path / "a" / "report" / "differences.md").read_text()
