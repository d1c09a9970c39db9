"""README's tables are what the scripts of benchmarks/ make of files, and only that."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "readme.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_the_papers_table_in_the_readme_is_the_measured_file(script):
    cells = pd.read_csv(script["MEASURED"], dtype={"printed": str})
    section = script["bench_section"](cells)
    assert cells["measured"].notna().any()
    assert section in (ROOT / "README.md").read_text(encoding="utf-8")


def test_only_methods_with_both_numbers_are_shown_and_a_missing_one_is_a_dash(script):
    columns = ["dataset", "method", "metric", "printed", "measured", "images"]
    rows = [
        ["TNO", "A", "CC", "0.50", 0.514, 3],
        ["TNO", "A", "SSIM", "0.60", None, 3],
        ["TNO", "B", "CC", "0.7", None, 0],
    ]
    rows += [["TNO", "C", "SSIM", "0.40", 0.4, 3]]
    section = script["bench_section"](pd.DataFrame(rows, columns=columns))
    assert "| A | 0.50 / 0.51 | - |" in section
    assert "| C | - | 0.40 / 0.40 |" in section
    assert "| B" not in section


def test_a_readme_without_marks_is_refused(script):
    with pytest.raises(SystemExit, match="lacks the marks <!-- demo: begin -->"):
        script["replace"]("text", "demo", "section")
