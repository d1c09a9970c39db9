"""Safetensors files with notes on how their numbers came about; equal numbers and notes give equal bytes.

That matters because results name weights by the hash of their file. safetensors writes the entries of a header in an
order of chance, so all notes are one entry, JSON.
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
"""Notes that version 0.1 wrote as JSON in entries of their own."""


def write_tensors(state: Mapping[str, Tensor], target: Path, notes: Mapping[str, Any]) -> Path:
    """Write named tensors; the file is there as a whole or not at all.

    Args:
        notes: what JSON can hold, and paths; their order is kept.
    """
    from safetensors.torch import save_file

    # Tensors that share memory are refused by safetensors, so each becomes one of its own.
    numbers = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    with whole_file(target) as unfinished:
        save_file(numbers, unfinished, {ENTRY: json.dumps(notes, default=str)})
    return target


def read_metadata(path: Path) -> dict[str, Any]:
    """The notes in a safetensors file, also in one of version 0.1; none where it holds none.

    Raises:
        ValueError: it is no safetensors file, is damaged, or its notes are.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            entries: dict[str, str] = dict(file.metadata() or {})
        if ENTRY in entries:
            return dict(json.loads(entries[ENTRY]))
        return {key: json.loads(text) if key in STRUCTURED else text for key, text in entries.items()}
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(f"{path} is no safetensors file or is damaged ({error})") from error
