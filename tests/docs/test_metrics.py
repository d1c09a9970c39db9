"""The pages about scores and protocols say what the tables say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = runpy.run_path(str(DOCS / "generate" / "metrics.py"))["PAGES"]


@pytest.mark.parametrize("page", PAGES)
def test_page_is_what_the_tables_say(page):
    written = (DOCS / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), f"make docs renews {page}"
