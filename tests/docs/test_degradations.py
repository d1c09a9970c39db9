"""The page about degradations says what the tables say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from fusionbench.degradations import DEGRADATIONS, SCENARIOS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "degradations.md"

SCRIPT = runpy.run_path(str(DOCS / "generate" / "degradations.py"))
renewed, tables = SCRIPT["renewed"], SCRIPT["tables"]


def test_page_is_current():
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "make docs renews it"


def test_tables_have_every_code_and_parameter():
    text = tables()
    for code, kind in DEGRADATIONS.own.items():
        assert f"| `{code}` | {', '.join(kind.on)} |" in text
        assert all(f"| `{code}` | `{parameter.name}` |" in text for parameter in kind.parameters)
    assert all(f"| `{code}` | `{row.spec}` |" in text for code, row in SCENARIOS.items())


def test_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="lacks the marks"):
        renewed("# Degradations")
