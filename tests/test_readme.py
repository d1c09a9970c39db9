"""README's tables are what the scripts of benchmarks/ make of files, and only that."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from fusionbench.papers.measured import Measurement, read_measured
from fusionbench.papers.tables import MEASURED, folder

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "readme.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_the_papers_table_in_the_readme_is_the_measured_file(script):
    section = script["bench_section"](read_measured(folder() / MEASURED))
    assert section in (ROOT / "README.md").read_text(encoding="utf-8")


def test_only_measured_methods_are_shown_and_a_missing_value_is_a_dash(script):
    line = Measurement(
        dataset="m3fd",
        split="test",
        degradation="clean",
        seed=0,
        protocol="lure",
        method="mmdrfuse",
        weights="mmdrfuse@e5ad5bab",
        metric="CC",
        mean=0.5812,
        std=0.1,
        images=4,
        image_set="0",
        version="0.1.0",
        torch="2.9",
        date="2026-11-27",
    )
    section = script["bench_section"]([line, replace(line, method="gff", metric="SCD", mean=1.5)])
    assert "Table 1 of LURE, M3FD: published / measured" in section
    assert "| MMDRFuse | 4 | 0.62 / 0.58 | 1.40 / - |" in section
    assert "| gff | 4 | - / - | - / 1.50 |" in section
    assert "CSCFuse" not in section
    with pytest.raises(SystemExit, match="make measured"):
        script["bench_section"]([])


def test_a_readme_without_marks_is_refused(script):
    with pytest.raises(SystemExit, match="lacks the marks <!-- demo: begin -->"):
        script["replace"]("text", "demo", "section")
