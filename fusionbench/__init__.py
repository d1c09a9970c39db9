"""Train, run and compare image-fusion methods on degraded input.

Importing this package is cheap: what needs torch is imported when it is first used.
"""

from __future__ import annotations

from typing import Any

from fusionbench.lazy import resolve
from fusionbench.version import __version__

_PUBLIC = {
    "Benchmark": "fusionbench.benchmark:Benchmark",
    "Method": "fusionbench.methods.method:Method",
    "Pair": "fusionbench.types:Pair",
    "Batch": "fusionbench.types:Batch",
    "fuse": "fusionbench.api:fuse",
    "evaluate": "fusionbench.metrics:evaluate",
    "from_pretrained": "fusionbench.cards:from_pretrained",
    "parse": "fusionbench.degradations:parse",
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
    "parse",
    "read_image",
    "write_image",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return resolve(_PUBLIC[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
