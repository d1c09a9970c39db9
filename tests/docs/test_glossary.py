"""The glossary explains every code that a person types."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fusionbench

PAGE = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", [*fusionbench.list_degradations(), *fusionbench.list_protocols(), *fusionbench.list_datasets()]
)
def test_every_code_is_explained(name):
    assert re.search(rf"^\|[^|]*`{re.escape(name)}`", PAGE, re.MULTILINE), f"{name} heads no row of the glossary"


@pytest.mark.parametrize(
    "name", ["EN", "SD", "SF", "AG", "MI", "QMI", "CC", "SCD", "PSNR", "SSIM", "VIF", "Qabf", "Nabf", "QCB"]
)
def test_common_metrics_are_explained(name):
    assert re.search(rf"^\|[^|]*\b{name}\b", PAGE, re.MULTILINE)
