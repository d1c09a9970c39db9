"""Train, run and compare image-fusion methods on degraded input.

Importing this package is cheap: what needs torch is imported when it is first used.
"""

from __future__ import annotations

from typing import Any

from fusionbench.registry import import_object
from fusionbench.version import __version__

_PUBLIC = {
    "Batch": "fusionbench.types:Batch",
    "Benchmark": "fusionbench.benchmark.spec:Benchmark",
    "DRFusion": "fusionbench.methods.drfusion.method:DRFusion",
    "DSPFusion": "fusionbench.methods.dspfusion.method:DSPFusion",
    "EMSDataModule": "fusionbench.data.datamodule:EMSDataModule",
    "FusionDataModule": "fusionbench.data.datamodule:FusionDataModule",
    "HarvardCTMRIDataModule": "fusionbench.data.datamodule:HarvardCTMRIDataModule",
    "HarvardPETMRIDataModule": "fusionbench.data.datamodule:HarvardPETMRIDataModule",
    "HarvardSPECTMRIDataModule": "fusionbench.data.datamodule:HarvardSPECTMRIDataModule",
    "LLVIPDataModule": "fusionbench.data.datamodule:LLVIPDataModule",
    "LURE": "fusionbench.methods.lure.method:LURE",
    "M3FDDataModule": "fusionbench.data.datamodule:M3FDDataModule",
    "MSRSDataModule": "fusionbench.data.datamodule:MSRSDataModule",
    "Method": "fusionbench.methods.method:Method",
    "Pair": "fusionbench.types:Pair",
    "RoadSceneDataModule": "fusionbench.data.datamodule:RoadSceneDataModule",
    "SyntheticDataModule": "fusionbench.data.datamodule:SyntheticDataModule",
    "TNODataModule": "fusionbench.data.datamodule:TNODataModule",
    "evaluate": "fusionbench.metrics:evaluate",
    "from_pretrained": "fusionbench.hub.export:from_pretrained",
    "fuse": "fusionbench.api.fuse:fuse",
    "include": "fusionbench.plugins:include",
    "list_datasets": "fusionbench.api.listing:list_datasets",
    "list_degradations": "fusionbench.api.listing:list_degradations",
    "list_methods": "fusionbench.api.listing:list_methods",
    "list_metrics": "fusionbench.api.listing:list_metrics",
    "list_protocols": "fusionbench.api.listing:list_protocols",
    "parse": "fusionbench.degradations:parse",
    "read_image": "fusionbench.api.fuse:read_image",
    "run": "fusionbench.api.run:run",
    "score": "fusionbench.api.run:score",
    "write_image": "fusionbench.api.fuse:write_image",
}

__all__ = ["__version__", *_PUBLIC]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return import_object(_PUBLIC[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
