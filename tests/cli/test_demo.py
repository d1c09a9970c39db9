"""The demo shows what the package is for, and README's section is made of it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from fusionbench.cli.main import main
from fusionbench.cli.run import DEMO, DEMO_METRICS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo of one scene."""
    out = tmp_path_factory.mktemp("demo")
    assert main(["demo", "--limit", "1", "--out", str(out)]) == 0
    return out


def test_the_small_networks_stand_beside_classical_methods(demo):
    table = pd.read_csv(demo / "report" / "table.csv")
    shown = table.groupby("degradation", sort=False)["method"].unique()
    assert {name: tuple(methods) for name, methods in shown.items()} == DEMO
    assert {"lap", "gff", "dspfusion-s", "lure-s", "drfusion-s"} == set(table["method"])
    assert "drfusion-s" in DEMO["noise"]
    assert set(table["metric"]) == set(DEMO_METRICS)
    assert table["mean"].notna().all()


def test_the_picture_has_no_gaps(demo):
    with Image.open(demo / "report" / "synthetic_night_0000.png") as picture:
        width, height = picture.size
    assert len(set(map(len, DEMO.values()))) == 1  # as many methods under each degradation
    assert 1.3 < width / height < 1.9


def test_the_readme_shows_one_short_table(demo):
    section = runpy.run_path(str(ROOT / "benchmarks" / "readme.py"))["demo_section"](demo)
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(DEMO["ll+lc"])
    assert max(map(len, section.splitlines())) <= 120
    assert "Means over 1 scenes under `ll+lc`" in section
