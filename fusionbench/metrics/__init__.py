"""Scores of fused images: METRICS, PROTOCOLS, `evaluate`, and each definition as a function of (fused, ir, vi).

Importing this package imports no torch; a function is imported when it is asked for:

    >>> from fusionbench.metrics import METRICS, entropy
    >>> METRICS["EN"].target
    'fusionbench.metrics.information:entropy'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusionbench.metrics.protocol import INPUT, PROTOCOLS, Protocol, Variant, canonical, choose
from fusionbench.metrics.row import MetricRow
from fusionbench.metrics.table import METRICS, row
from fusionbench.registry import resolve

if TYPE_CHECKING:
    from fusionbench.metrics.metric import FusionMetric as FusionMetric
    from fusionbench.metrics.metric import FusionMetricCollection as FusionMetricCollection
    from fusionbench.metrics.scoring import evaluate as evaluate
    from fusionbench.metrics.scoring import why_undefined as why_undefined

_LAZY = {
    "FusionMetric": "fusionbench.metrics.metric:FusionMetric",
    "FusionMetricCollection": "fusionbench.metrics.metric:FusionMetricCollection",
    "evaluate": "fusionbench.metrics.scoring:evaluate",
    "why_undefined": "fusionbench.metrics.scoring:why_undefined",
    **{row.target.partition(":")[2]: row.target for row in METRICS.values()},
}

__all__ = ["INPUT", "METRICS", "PROTOCOLS", "MetricRow", "Protocol", "Variant", "canonical", "choose", "row", *_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return resolve(_LAZY[name])


def __dir__() -> list[str]:
    return sorted(__all__)
