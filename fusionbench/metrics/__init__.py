"""Scores of fused images: METRICS, PROTOCOLS, `evaluate`, and each definition as a function of (fused, ir, vi).

Importing this package imports no torch; a function is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusionbench.lazy import resolve
from fusionbench.metrics.protocol import PROTOCOLS, Protocol, Variant, choose
from fusionbench.metrics.table import METRICS, MetricRow

if TYPE_CHECKING:
    from fusionbench.metrics.scoring import evaluate as evaluate

__all__ = ["METRICS", "PROTOCOLS", "MetricRow", "Protocol", "Variant", "choose", "evaluate"]

_LAZY = {"evaluate": "fusionbench.metrics.scoring:evaluate"}


def __getattr__(name: str) -> Any:
    targets = _LAZY | {row.target.partition(":")[2]: row.target for row in METRICS.values()}
    if name not in targets:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return resolve(targets[name])


def __dir__() -> list[str]:
    return sorted({*__all__, *_LAZY, *(row.target.partition(":")[2] for row in METRICS.values())})
