"""Degradations of image pairs: the tables, the grammar of specs, and applying them."""

from fusionbench.degradations.degradation import Degradation, Degraded, Draw, draw, parse
from fusionbench.degradations.grammar import Term, split_specs
from fusionbench.degradations.table import (
    DEGRADATIONS,
    SCENARIOS,
    DegradationCard,
    Parameter,
    Range,
    Scenario,
    linear_codes,
)

__all__ = [
    "DEGRADATIONS",
    "SCENARIOS",
    "Degradation",
    "DegradationCard",
    "Degraded",
    "Draw",
    "Parameter",
    "Range",
    "Scenario",
    "Term",
    "draw",
    "linear_codes",
    "parse",
    "split_specs",
]
