"""The tables: every row is complete and works."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fusionbench.degradations import DEGRADATIONS, SCENARIOS, Range, parse
from fusionbench.registry import import_object

PARAMETERS = [(code, parameter) for code, kind in DEGRADATIONS.items() for parameter in kind.parameters]


@pytest.mark.parametrize("table", [DEGRADATIONS, SCENARIOS])
def test_rows_are_sorted_and_described(table):
    assert list(table) == sorted(table)
    assert all(row.about and row.origin for row in table.values())


@pytest.mark.parametrize("code", DEGRADATIONS)
def test_row_makes_a_transform_and_names_its_modalities(code):
    kind = DEGRADATIONS[code]
    assert set(kind.on) <= {"ir", "vi"}
    defaults = {p.name: p.default.low if isinstance(p.default, Range) else p.default for p in kind.parameters}
    assert callable(import_object(kind.transform)(**defaults, **kind.fixed))


@pytest.mark.parametrize(("code", "parameter"), PARAMETERS)
def test_default_is_in_range_and_has_a_source(code, parameter):
    ends = parameter.default if isinstance(parameter.default, Range) else [parameter.default]
    assert all(parameter.low <= end <= parameter.high and parameter.admits(float(end)) for end in ends)
    assert parameter.meaning
    assert parameter.source


@pytest.mark.parametrize(("code", "parameter"), PARAMETERS)
def test_draws_stay_in_the_interval(code, parameter):
    interval = Range(parameter.low, parameter.high)
    drawn = [parameter.draw(interval, share) for share in (0.0, 0.3, 0.999999)]
    assert drawn[0] == parameter.low
    assert drawn == sorted(drawn)
    assert drawn[-1] <= parameter.high
    assert all(parameter.admits(float(value)) for value in drawn)
    if parameter.whole or parameter.odd:
        assert drawn[-1] == parameter.high


def test_codes_of_the_papers_are_there():
    assert set(DEGRADATIONS) == {"blur", "haze", "lc", "ll", "lr", "noise", "oe", "rain", "rn", "sn", "sr4", "sr8"}
    assert set(SCENARIOS) == {"blur", "composite", "composite-pet", "noise"}


def test_tables_and_specs_need_nothing_heavy():
    heavy = ["torch", "lightning", "cv2", "albumentations", "scipy", "pandas"]
    program = (
        "import sys; from fusionbench.degradations import DEGRADATIONS, parse; str(parse('composite+rain(0.5)'));"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_combinations_of_the_papers_are_understood():
    for spec in ("ll+lc", "ll+sn", "rain+sn", "rain+lc", "oe+lc"):
        assert [term.modality for term in parse(spec).terms] == ["vi", "ir"]
