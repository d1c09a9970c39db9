"""Train, run and compare image-fusion methods on degraded input.

Importing this package is cheap: what needs torch is imported when it is first used.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from fusionbench.registry import resolve
from fusionbench.version import __version__

_PUBLIC = {
    "Benchmark": "fusionbench.benchmark.spec:Benchmark",
    "Method": "fusionbench.methods.method:Method",
    "Pair": "fusionbench.types:Pair",
    "Batch": "fusionbench.types:Batch",
    "fuse": "fusionbench.api:fuse",
    "evaluate": "fusionbench.metrics:evaluate",
    "from_pretrained": "fusionbench.hub.export:from_pretrained",
    "parse": "fusionbench.degradations:parse",
    "run": "fusionbench.evaluation:run",
    "score": "fusionbench.evaluation:score",
    "list_datasets": "fusionbench.listing:list_datasets",
    "list_degradations": "fusionbench.listing:list_degradations",
    "list_methods": "fusionbench.listing:list_methods",
    "list_metrics": "fusionbench.listing:list_metrics",
    "list_protocols": "fusionbench.listing:list_protocols",
    "read_image": "fusionbench.api:read_image",
    "write_image": "fusionbench.api:write_image",
}

__all__ = [
    "Batch",
    "Benchmark",
    "Method",
    "Pair",
    "__version__",
    "evaluate",
    "from_pretrained",
    "fuse",
    "list_datasets",
    "list_degradations",
    "list_methods",
    "list_metrics",
    "list_protocols",
    "parse",
    "read_image",
    "run",
    "score",
    "write_image",
]


class _Package(ModuleType):
    """The package, whose module `run` does not hide the public function of that name once it is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return resolve(_PUBLIC[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
