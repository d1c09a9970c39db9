"""Footnotes on the provenance of values: files of metrics, why metrics are missing, weights of methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusionbench.metrics.pyiqa.table import LICENCE

DIGITS = 8


def origins(meta: Mapping[str, Any]) -> list[str]:
    """One sentence for each metric and weight file in a cell's meta.json.

    Example:
        >>> files = {"modelparameters.mat": "fa2aa4d12dd9595c"}
        >>> identity = {"pyiqa": "niqe", "version": "0.1.16", "files": files, "unpublished": {}}
        >>> origins({"metrics": {"NIQE": identity}, "missing": {"PI": "PI lacks NRQM_model.mat"}})[0]
        'NIQE: niqe of pyiqa 0.1.16, modelparameters.mat@fa2aa4d1.'
    """
    metrics: Mapping[str, Mapping[str, Any]] = meta.get("metrics", {})
    notes = [_origin(name, identity) for name, identity in metrics.items()]
    if any("pyiqa" in identity for identity in metrics.values()):
        notes.append(LICENCE)
    notes += [f"{what}: plugin {origin}." for what, origin in meta.get("plugins", {}).items()]
    notes += [f"Missing: {why}." for why in meta.get("missing", {}).values()]
    weights: Mapping[str, str] = meta.get("weights", {})
    return notes + [
        f"{meta['settings']['method']} read {file}, which is not as published: {how}." for file, how in weights.items()
    ]


def _origin(name: str, identity: Mapping[str, Any]) -> str:
    if "plugin" in identity:
        return f"{name}: plugin {identity['plugin']}."
    network = f"{identity['pyiqa']} of pyiqa {identity['version']}"
    files = [f"{file}@{digest[:DIGITS]}" for file, digest in identity["files"].items()]
    unpublished = [f"{file} has no published checksum ({how})" for file, how in identity["unpublished"].items()]
    return "; ".join([f"{name}: {', '.join([network, *files])}", *unpublished]) + "."
