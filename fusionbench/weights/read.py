"""Reading weight files into networks, without ever executing code.

Programs save a network's tensors in many forms: alone, under a key such as `model` or `params_ema`, beside those of
other networks, with a prefix on every name. What fits a network completely is found by its names and shapes.
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fusionbench.registry import first_few
from fusionbench.weights.card import WeightsCard
from fusionbench.weights.entry import split_entry

if TYPE_CHECKING:
    from torch import Tensor, nn

    State = dict[str, Tensor]

AVERAGED = re.compile(r"(?:^|[._])(?:ema|swa|averaged)(?:[._]|$)")
"""What keys of weights that were averaged during a training hold."""

PLAIN = ("state_dict", "model_state_dict", "params", "model", "net", "network", "weights")
"""Usual keys of a network, in the order in which they are taken where no network says what fits."""

WRAPPERS = ("module.", "_orig_mod.")
"""What data-parallel training and torch.compile put before every name."""

OTHERS = re.compile(r"optim|sched|loops|hyper|scaler|rng", re.IGNORECASE)
"""Keys of a checkpoint that hold no network."""

COUNTER = "num_batches_tracked"
"""End of names that old files lack and inference never reads."""

DEEPEST = 3
"""How many keys lead to a network at most."""


class WeightsWarning(UserWarning):
    """Which of several tables of a weight file was taken, or what was left out."""


def read_state(path: Path, module: nn.Module | None = None) -> State:
    """The named tensors of a weight file, on the CPU.

    Reads safetensors, and torch files (both formats) with `weights_only=True`.

    Args:
        path: of the file, or `FILE#ENTRY` to choose one of several tables.
        module: the network to fill, if it is known: what fits it is taken, without the prefix that its names may have.
            Without it the file must leave no choice, and only the prefixes of WRAPPERS are removed.

    Raises:
        ValueError: not a weight file, damaged, or holding more than tensors; without the entry; or with several tables
            between which nothing decides.

    Warns:
        WeightsWarning: the file holds averaged and plain weights, of which the averaged ones are taken; or other
            tensors beside the network's, which are left out.
    """
    file, entry = split_entry(path)
    tables = dict(_tables(_content(file)))
    if not tables:
        raise ValueError(
            f"{file} does not contain a plain table of named tensors; export the network's state_dict and pass that"
        )
    if entry:
        tables = _of_entry(tables, entry, file)
    if module is None:
        return _unwrapped(_chosen(tables, file, PLAIN))
    return _fitting(tables, module.state_dict(), file)


def _tables(content: object, key: str = "", depth: int = 0) -> Iterator[tuple[str, State]]:
    """Every table of named tensors in a file, by the keys that lead to it."""
    import torch

    if not isinstance(content, Mapping):
        return
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    tensors = {name: value for name, value in named.items() if isinstance(value, torch.Tensor)}
    below = {name: value for name, value in named.items() if isinstance(value, Mapping) and not OTHERS.search(name)}
    if tensors and (not below or len(tensors) > len(named) / 2):
        yield key, tensors
    if depth < DEEPEST:
        for name, value in below.items():
            yield from _tables(value, f"{key}.{name}" if key else name, depth + 1)


class _Part(NamedTuple):
    """What of a table may be a network's: the names behind one prefix, without it, and the other names."""

    label: str
    state: State
    rest: list[str]


def _of_entry(tables: Mapping[str, State], entry: str, file: Path) -> dict[str, State]:
    """The tables under a key, or the part of a table whose names begin with it.

    Raises:
        ValueError: there is none.
    """
    found = {key: table for key, table in tables.items() if key == entry or key.startswith(f"{entry}.")}
    if found:
        return found
    parts = [_behind(f"{entry}.", key, table) for key, table in tables.items()]
    if found := {part.label: part.state for part in parts if part.state}:
        return found
    names = (name.partition(".")[0] for table in tables.values() for name in table)
    known = [key for key in tables if key] or sorted(set(names))
    raise ValueError(f"{file} has no entry {entry!r}; it has {first_few(known)}")


def _behind(prefix: str, key: str, table: State) -> _Part:
    return _Part(
        ".".join(filter(None, (key, prefix[:-1]))),
        {name[len(prefix) :]: tensor for name, tensor in table.items() if name.startswith(prefix)},
        [name for name in table if not name.startswith(prefix)],
    )


def _fitting(tables: Mapping[str, State], wanted: Mapping[str, Tensor], file: Path) -> State:
    """The table that has every tensor of a network, under its names or behind a prefix.

    Where none has, the one that comes nearest, so that the caller can say what differs.
    """
    needed = [name for name in wanted if not name.endswith(COUNTER)]
    parts = [
        _behind(prefix, key, table)
        for key, table in tables.items()
        # One name of the network tells what its names may have in front of them.
        for prefix in dict.fromkeys(["", *_prefixes(table, needed[0])] if needed else [""])
    ]
    fitting = {
        part.label: part
        for part in parts
        if all(name in part.state and part.state[name].shape == wanted[name].shape for name in needed)
    }
    if not fitting:
        return _unwrapped(max(parts, key=lambda part: len(part.state.keys() & wanted.keys())).state)
    taken = _chosen({label: part.state for label, part in fitting.items()}, file)
    rest = next(part.rest for part in fitting.values() if part.state is taken)
    if rest and len(fitting) == 1:
        warnings.warn(
            f"{file} holds tensors of others beside the network's, which are left out: {first_few(rest, 3)}",
            WeightsWarning,
            stacklevel=3,
        )
    return taken


def _prefixes(table: State, name: str) -> list[str]:
    """What stands before a name in the names of a table that end with it."""
    return sorted(other.removesuffix(name) for other in table if other.endswith(f".{name}"))


def _chosen(tables: Mapping[str, State], file: Path, order: tuple[str, ...] = ()) -> State:
    """The only table, the averaged one, or the first by its usual key.

    Raises:
        ValueError: nothing decides between several.
    """
    averaged = [key for key in tables if AVERAGED.search(key)]
    plain = [key for key in tables if key not in averaged]
    if len(averaged) == 1 and plain:
        warnings.warn(
            f"{file} holds averaged weights ({averaged[0]}) and plain ones ({first_few(plain)}); the averaged ones are "
            f"used; {file.name}#{plain[0]} in place of {file.name} means the plain ones",
            WeightsWarning,
            stacklevel=4,
        )
    usual = [key for name in order for key in plain if key.rpartition(".")[2] == name]
    if len(tables) == 1 or len(averaged) == 1 or (usual and not averaged):
        return tables[[*averaged, *usual, *tables][0]]
    raise ValueError(
        f"{file} holds several tables of weights, {first_few(list(tables))}; name one of them behind the file, such as "
        f"{file.name}#{next(iter(tables))}"
    )


def _unwrapped(state: State) -> State:
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            return _unwrapped({name.removeprefix(prefix): tensor for name, tensor in state.items()})
    return state


def _content(path: Path) -> object:
    with path.open("rb") as stream:
        start = stream.read(9)
    # People rename files. Safetensors begin with a length and JSON, those of torch as zip archives or pickles do.
    if start[8:] == b"{":
        return _safetensors(path)
    torch_file = start[:2] == b"PK" or start[:1] == b"\x80"
    return _safetensors(path) if path.suffix == ".safetensors" and not torch_file else _torch_file(path)


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file or is damaged ({error}); download it again") from error
    return state


def _torch_file(path: Path) -> object:
    import torch

    try:
        # torch goes by the suffix of a path, which may say something else.
        with path.open("rb") as stream:
            return torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is not a weight file, or contains more than tensors, and code from a weight file is never "
            "executed; load it once where you trust it and save its state_dict"
        ) from error
    except (RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, struct.error) as error:
        raise ValueError(f"{path} is not a torch weight file or is damaged; download it again") from error


def load_strict(module: nn.Module, state: Mapping[str, Tensor], card: WeightsCard, path: Path) -> None:
    """Load a file's tensors into a network, which must match exactly.

    Only batch counters (`num_batches_tracked`), which old files lack and inference does not use, may be missing.

    Raises:
        ValueError: the file is of another architecture; the message lists the differences.
    """
    given = {
        key: value for key, value in state.items() if not any(fnmatchcase(key, rule) for rule in card.ignored_keys)
    }
    wanted = module.state_dict()
    missing = [key for key in wanted if key not in given and not key.endswith(COUNTER)]
    surplus = [key for key in given if key not in wanted]
    shapes = [
        f"{key} is {tuple(given[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    if missing or surplus or shapes:
        parts = [("missing", missing), ("surplus", surplus), ("wrong shape", shapes)]
        differences = "; ".join(f"{len(keys)} {word} ({first_few(keys, 3)})" for word, keys in parts if keys)
        raise ValueError(f"{path} has weights of another architecture than {type(module).__name__}: {differences}")
    module.load_state_dict(given, strict=False)
