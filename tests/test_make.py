"""The targets of the Makefile: `make help` lists each, and the demo needs the core alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def made(*words: str) -> str:
    """What make prints, or with --dry-run the commands that it would run."""
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_lists_every_target():
    phony = re.search(
        r"^\.PHONY:(.*?)\n\n", (ROOT / "Makefile").read_text().replace("\\\n", " "), re.DOTALL | re.MULTILINE
    )
    assert phony is not None
    assert set(re.findall(r"^  make (\S+)", made("help"), re.MULTILINE)) == set(phony[1].split())


def test_the_demo_installs_the_core_and_the_tests_every_extra(tmp_path):
    demo, test = (made("--dry-run", target, f"VENV={tmp_path / 'venv'}") for target in ("demo", "test"))
    assert "install -e .\n" in demo
    assert "[all]" not in demo
    assert 'install -e ".[all]"' in test


def test_the_tools_of_developers_hold_the_core_too(tmp_path):
    for stamp in (".installed", ".installed-dev"):
        (tmp_path / stamp).touch()
    assert "install" not in made("--dry-run", "demo", f"VENV={tmp_path}")
