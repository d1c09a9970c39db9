"""Reading weight files: named tensors in, a filled network out, and never code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.registry import first_few
from fusionbench.weights.card import WeightsCard

if TYPE_CHECKING:
    from torch import Tensor, nn


def read_state(path: Path) -> dict[str, Tensor]:
    """The named tensors of a weight file, on the CPU.

    Reads safetensors, and torch files (both formats) with `weights_only=True`. A Lightning checkpoint gives its
    `state_dict`, one of BasicSR its `params`; the prefix `module.`, which data-parallel training leaves on every name,
    is dropped.

    Raises:
        ValueError: not a weight file, damaged, or holding more than tensors.
    """
    import torch

    state = _safetensors(path) if path.suffix == ".safetensors" else _torch_file(path)
    for wrapper in ("state_dict", "params"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no plain table of named tensors; export the network's state_dict and pass that")
    if all(key.startswith("module.") for key in state):
        return {key.removeprefix("module."): value for key, value in state.items()}
    return dict(state)


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file or is damaged ({error}); fetch it again") from error
    return state


def _torch_file(path: Path) -> object:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is no weight file, or holds more than tensors, and code from a weight file is never run; "
            "load it once where you trust it and save its state_dict"
        ) from error
    except (RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no torch weight file or is damaged; fetch it again") from error


def load_strict(module: nn.Module, state: Mapping[str, Tensor], card: WeightsCard, path: Path) -> None:
    """Put a file's tensors into a network, every one of them.

    Batch counters (`num_batches_tracked`), which old files lack and inference never reads, may be absent.

    Raises:
        ValueError: the file belongs to another architecture; the message names what differs.
    """
    given = {
        key: value for key, value in state.items() if not any(fnmatchcase(key, rule) for rule in card.ignored_keys)
    }
    wanted = module.state_dict()
    missing = [key for key in wanted if key not in given and not key.endswith("num_batches_tracked")]
    surplus = [key for key in given if key not in wanted]
    shapes = [
        f"{key} is {tuple(given[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    if missing or surplus or shapes:
        parts = [("missing", missing), ("surplus", surplus), ("wrong shape", shapes)]
        differences = "; ".join(f"{len(keys)} {word} ({first_few(keys, 3)})" for word, keys in parts if keys)
        raise ValueError(f"{path} holds weights of another architecture than {type(module).__name__}: {differences}")
    module.load_state_dict(given, strict=False)
