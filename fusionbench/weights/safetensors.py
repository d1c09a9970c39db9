"""Safetensors files with metadata; equal tensors and metadata give equal bytes.

This matters because results identify weights by the hash of their file. safetensors writes header entries in random
order, so all metadata is one JSON entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.files import whole_file

if TYPE_CHECKING:
    from torch import Tensor

ENTRY = "fusionbench"
"""The header's only entry."""

STRUCTURED = ("recipe", "sha256", "left_out")
"""Metadata that version 0.1 wrote as JSON in separate entries."""


def write_tensors(state: Mapping[str, Tensor], target: Path, metadata: Mapping[str, Any]) -> Path:
    """Write named tensors atomically.

    Args:
        metadata: metadata that can be represented in JSON, and paths; the order is kept.
    """
    from safetensors.torch import save_file

    # safetensors refuses tensors that share memory, so each is copied.
    numbers = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    with whole_file(target) as unfinished:
        save_file(numbers, unfinished, {ENTRY: json.dumps(metadata, default=str)})
    return target


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a safetensors file, also of version 0.1; empty if there is none.

    Raises:
        ValueError: it is not a safetensors file, or the file or its metadata is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as header:
            entries: dict[str, str] = dict(header.metadata() or {})
        if ENTRY in entries:
            return dict(json.loads(entries[ENTRY]))
        return {key: json.loads(text) if key in STRUCTURED else text for key, text in entries.items()}
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(f"{path} is not a safetensors file or is damaged ({error})") from error
