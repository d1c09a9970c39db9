"""Degradations of image pairs, by name: the tables, the grammar of specs, and applying them."""

from fusionbench.degradations.degradation import Degradation, Degraded, Draw, draw, parse
from fusionbench.degradations.grammar import Term, split_specs
from fusionbench.degradations.table import KINDS, LINEAR, SCENARIOS, Kind, Parameter, Range, Scenario

__all__ = [
    "KINDS",
    "LINEAR",
    "SCENARIOS",
    "Degradation",
    "Degraded",
    "Draw",
    "Kind",
    "Parameter",
    "Range",
    "Scenario",
    "Term",
    "draw",
    "parse",
    "split_specs",
]
