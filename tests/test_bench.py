"""The papers' tables with what is at hand: measured on generated pairs, resumed, and one list of what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusionbench.cli import main
from fusionbench.images.files import write_image
from fusionbench.supplies import gathered


@pytest.fixture(autouse=True)
def nothing_cached(tmp_path, monkeypatch):
    for name in ("FUSIONBENCH_HOME", "FUSIONBENCH_DATA", "TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))


def test_without_data_one_list_says_everything_that_is_missing(tmp_path, capsys):
    assert main(["bench", "lure", "--table", "1", "--out", str(tmp_path / "o")]) == 3
    told = " ".join(capsys.readouterr().out.split())
    for part in ("msrs (table 1):", "m3fd (table 1):", "MMDRFuse (table 1):", "DCINN (table 1):", "--fused dcinn=DIR"):
        assert told.count(part) == 1, part
    assert "0 of 80 published values have a measured one" in told
    assert (tmp_path / "o" / "report" / "table1.tex").exists()


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
    assert set(found["method"]) == {"average", "max"}
    assert set(found["images"]) == {2}
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


def test_what_lacks_the_same_is_listed_once():
    (one,) = gathered([("2", "EN", "x"), ("2", "SF", "x"), ("5", "EN", "x")])
    assert (one.what, one.tables) == (("EN", "SF"), ("2", "5"))
