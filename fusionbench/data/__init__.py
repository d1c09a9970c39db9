"""Datasets: their table, and loading their pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusionbench.data.table import DATASETS, DatasetCard, Layout
from fusionbench.registry import import_object

if TYPE_CHECKING:
    from fusionbench.data.fetch import download
    from fusionbench.data.loading import load
    from fusionbench.data.validation import check, describe

__all__ = ["DATASETS", "DatasetCard", "Layout", "check", "describe", "download", "load"]

_LAZY = {
    "check": "fusionbench.data.validation:check",
    "describe": "fusionbench.data.validation:describe",
    "download": "fusionbench.data.fetch:download",
    "load": "fusionbench.data.loading:load",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return import_object(_LAZY[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
