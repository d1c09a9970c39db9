"""The tables: every row is complete and works."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from fusionbench.degradations import DEGRADATIONS, SCENARIOS, Range, linear_codes, parse
from fusionbench.degradations.linear import linear_model
from fusionbench.registry import import_object

PARAMETERS = [(code, parameter) for code, kind in DEGRADATIONS.items() for parameter in kind.parameters]


@pytest.mark.parametrize("table", [DEGRADATIONS.own, SCENARIOS])
def test_rows_are_sorted_and_described(table):
    assert list(table) == sorted(table)
    assert all(row.about and row.origin for row in table.values())


@pytest.mark.parametrize("code", DEGRADATIONS)
def test_row_is_a_function_on_its_modalities(code):
    card = DEGRADATIONS[code]
    assert card.on
    assert set(card.on) <= {"ir", "vi"}
    assert set(card.ems) <= set(card.on)
    values = {p.name: p.default.low if isinstance(p.default, Range) else p.default for p in card.parameters}
    for shape in [{"ir": (24, 32), "vi": (24, 32, 3)}[modality] for modality in card.on]:
        image = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
        before = image.copy()
        found = import_object(card.function)(image, np.random.default_rng(0), **values, **card.fixed)
        assert (found.shape, found.dtype) == (shape, np.uint8)
        np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("code", linear_codes())
def test_row_has_an_operator_where_it_is_linear(code):
    spec = f"{DEGRADATIONS[code].on[0]}:{code}"
    model = linear_model(parse(spec).sample_values(name="a", seed=0))
    assert model.noisy is DEGRADATIONS[code].noisy
    image = torch.rand(1, 1, 24, 32, generator=torch.Generator().manual_seed(0))
    assert getattr(model, DEGRADATIONS[code].on[0]).apply(image).shape == image.shape


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
    assert {*DEGRADATIONS} >= {"blur", "haze", "lc", "ll", "lr", "noise", "oe", "rain", "rn", "sn", "sr4", "sr8"}
    assert {*SCENARIOS} >= {"blur", "composite", "composite-pet", "noise"}


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
