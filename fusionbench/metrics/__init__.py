"""Metrics of fused images: METRICS, PROTOCOLS, `evaluate`, and each definition as a function of (fused, ir, vi).

Importing this package does not import torch; functions are imported on first use:

    >>> from fusionbench.metrics import METRICS, entropy
    >>> METRICS["EN"].target
    'fusionbench.metrics.functional.information:entropy'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusionbench.metrics.protocol import INPUT, PROTOCOLS, Protocol, Variant, canonical, choose
from fusionbench.metrics.row import MetricRow
from fusionbench.metrics.table import METRICS, row
from fusionbench.registry import import_object, warn_renamed

if TYPE_CHECKING:
    from fusionbench.metrics.evaluation import evaluate as evaluate
    from fusionbench.metrics.evaluation import why_undefined as why_undefined
    from fusionbench.metrics.torchmetrics import FusionMetric as FusionMetric
    from fusionbench.metrics.torchmetrics import FusionMetricCollection as FusionMetricCollection

_LAZY = {
    "FusionMetric": "fusionbench.metrics.torchmetrics:FusionMetric",
    "FusionMetricCollection": "fusionbench.metrics.torchmetrics:FusionMetricCollection",
    "evaluate": "fusionbench.metrics.evaluation:evaluate",
    "why_undefined": "fusionbench.metrics.evaluation:why_undefined",
    **{row.target.partition(":")[2]: row.target for row in METRICS.own.values()},
}

_RENAMED = {
    "contrast_preservation": "chen_blum",
    "invented_edges": "fusion_artifacts",
    "perceived_error": "chen_varshney",
    "perceived_quality": "pyiqa_score",
}
"""Functions by the names that they had in version 0.1.0, which will be removed in the next one."""

__all__ = ["INPUT", "METRICS", "PROTOCOLS", "MetricRow", "Protocol", "Variant", "canonical", "choose", "row", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        warn_renamed("metric function", name, _RENAMED[name])
        name = _RENAMED[name]
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_object(_LAZY[name])


def __dir__() -> list[str]:
    return sorted(__all__)
