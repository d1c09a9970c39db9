"""The tables of scores and protocols: what they name exists, and importing them is cheap."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

import fusionbench.metrics
from fusionbench.metrics import METRICS, PROTOCOLS, choose, evaluate, row
from fusionbench.metrics.functional.images import VIEWS, reads_sources
from fusionbench.registry import RenamedWarning, import_object

HERE = [name for name in METRICS if row(name).view == "gray"]
PAIRS = [(name, protocol) for protocol, how in PROTOCOLS.items() for name in how.scores() if name in HERE]


def test_listing_scores_imports_no_torch():
    code = "import sys, fusionbench.metrics as m; assert m.METRICS and m.PROTOCOLS; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", HERE)
def test_row_says_what_its_definition_reads(name):
    definition = import_object(row(name).target)
    assert reads_sources(definition.__wrapped__) == (row(name).reads == "sources")
    assert definition.__doc__
    assert getattr(fusionbench.metrics, row(name).target.partition(":")[2]) is definition


@pytest.mark.parametrize(("name", "protocol"), PAIRS)
def test_every_score_of_every_protocol_can_be_computed(name, protocol, triple):
    assert choose(name, protocol).view in VIEWS
    found = evaluate(*triple, [name], protocol)[name]
    assert found.dtype is torch.float64
    assert math.isfinite(found.item())
    assert found.equal(evaluate(*triple, [f"{name}@{protocol}"])[f"{name}@{protocol}"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_protocol_gives_a_reason_for_whatever_is_not_exact(protocol):
    chosen = PROTOCOLS[protocol]
    assert all(variant.why for variant in chosen.other.values())
    assert all(chosen.missing.values())
    assert not {*chosen.same} & {*chosen.other}
    assert {*chosen.same, *chosen.other, *chosen.missing} <= {*METRICS}


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'entropi'"):
        fusionbench.metrics.entropi  # noqa: B018
    assert "entropy" in dir(fusionbench.metrics)


def test_toolkits_differ_where_they_say_so(triple):
    """A variant whose value is the exact one would be a row too many."""
    for name, protocol in PAIRS:
        if name in PROTOCOLS[protocol].other:
            exact, other = (evaluate(*triple, [f"{name}@{how}"])[f"{name}@{how}"].item() for how in ("exact", protocol))
            assert exact != pytest.approx(other, rel=1e-9), (name, protocol)


def test_former_names_of_functions_work_with_a_warning():
    with pytest.warns(RenamedWarning, match="'perceived_error' is now called 'chen_varshney'"):
        assert fusionbench.metrics.perceived_error is fusionbench.metrics.chen_varshney
    with pytest.warns(RenamedWarning, match="'invented_edges' is now called 'fusion_artifacts'"):
        assert fusionbench.metrics.invented_edges is fusionbench.metrics.fusion_artifacts
