"""Weight files: their cards, where they lie, what they hash to, and how they are read.

A file is looked for at `$FUSIONBENCH_HOME/weights/<folder>/<file>` (default `~/.cache/fusionbench`) unless a person
names another place. Nothing here falls back to random numbers, and nothing unpickles code.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class WeightsCard:
    """What is known of one published weight file.

    Attributes:
        file: its name on disk.
        urls: where to fetch it, in order of preference; empty where a person has to.
        sha256: its checksum; empty for files that everybody makes for himself (own training, an import).
        size: bytes; 0 where the checksum is empty.
        licence: as its source states it.
        source: who published it, and in which state: `owner/repository@commit:path`.
        note: what else a user should know.
        folder: the folder under `weights/`, where it is not the method's name.
        part: the submodule of the method that it fills; empty for the whole method.
        unused: patterns of keys in the file that have no effect and are passed over.
    """

    file: str
    urls: tuple[str, ...] = ()
    sha256: str = ""
    size: int = 0
    licence: str = "none stated"
    source: str = ""
    note: str = ""
    folder: str = ""
    part: str = ""
    unused: tuple[str, ...] = ()


def github_card(
    source: str,
    sha256: str,
    size: int,
    *,
    file: str = "",
    licence: str = "none stated",
    note: str = "",
    folder: str = "",
    part: str = "",
    unused: tuple[str, ...] = (),
) -> WeightsCard:
    """The card of a file in a public GitHub repository, its address made from `owner/repository@commit:path`."""
    repository, _, rest = source.partition("@")
    commit, _, path = rest.partition(":")
    return WeightsCard(
        file=file or path.rpartition("/")[2],
        urls=(f"https://raw.githubusercontent.com/{repository}/{commit}/{path}",),
        sha256=sha256,
        size=size,
        licence=licence,
        source=source,
        note=note,
        folder=folder,
        part=part,
        unused=unused,
    )


def home() -> Path:
    """The folder for everything that is downloaded: `$FUSIONBENCH_HOME`, by default `~/.cache/fusionbench`."""
    return Path(os.environ.get("FUSIONBENCH_HOME") or Path.home() / ".cache" / "fusionbench")


def expected_path(method: str, card: WeightsCard) -> Path:
    """Where the card's file is looked for when nobody names another place."""
    return home() / "weights" / (card.folder or method) / card.file


def find(method: str, card: WeightsCard, override: Path | None = None) -> Path:
    """The file that a card describes.

    Args:
        method: for whom; names the folder and the way out in the error.
        override: the file itself, or a folder that holds it under the card's name.

    Raises:
        FileNotFoundError: it is not there; the message says where it would be and how to get it.
    """
    path = expected_path(method, card) if override is None else Path(override).expanduser()
    if path.is_dir():
        path = path / card.file
    if path.is_file():
        return path
    fetch = f"fetch it from {card.urls[0]} (fusionbench weights download {method})" if card.urls else "put it there"
    raise FileNotFoundError(
        f"no weights for {method!r}: {card.file} is not at {path}; {fetch} or pass --weights {method}=FILE"
    )


def download(method: str, cards: Sequence[WeightsCard], *, progress: bool = True) -> list[Path]:
    """Fetch a method's files to where they are looked for; those that are there and right are left as they are.

    Raises:
        ValueError: a file has no address, or every address has another file than the card says.
        OSError: no address could be reached; what arrived is kept for the next attempt.
    """
    from fusionbench.download import fetch

    for card in cards:
        if not card.urls:
            raise ValueError(
                f"{card.file} of {method!r} has no public address; "
                f"{card.note or 'train the method or import its weights'}, and put it at {expected_path(method, card)}"
            )
    paths = [expected_path(method, card) for card in cards]
    for card, path in zip(cards, paths, strict=True):
        fetch(card.urls, path, sha256=card.sha256 or None, size=card.size or None, progress=progress)
    return paths


def sha256(path: Path) -> str:
    """The file's SHA-256 in hex; read again only after it changed."""
    stat = path.stat()
    return _sha256(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: str, size: int, modified: int) -> str:
    del size, modified  # part of the key only: a rewritten file is hashed anew
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest8(*paths: Path) -> str:
    """The eight hex digits that name weights in results; several files of one method give one digest.

    Example:
        >>> digest8()
        ''
    """
    if not paths:
        return ""
    if len(paths) == 1:
        return sha256(paths[0])[:8]
    return hashlib.sha256("".join(sha256(path) for path in paths).encode()).hexdigest()[:8]


def verify(method: str, card: WeightsCard, path: Path) -> None:
    """Check that a file is the published one; cards without a checksum accept any.

    Raises:
        ValueError: it is another file.
    """
    if not card.sha256:
        return
    found = sha256(path)
    if found != card.sha256:
        raise ValueError(
            f"{path} is not the published {card.file} of {method!r}: its sha256 is {found[:16]}… and not "
            f"{card.sha256[:16]}…; fetch it again, or, if you know this file (your own training), "
            "accept it with --unverified (verify=False in Python)"
        )


def read_state(path: Path) -> dict[str, Tensor]:
    """The named tensors of a weight file, on the CPU.

    Reads safetensors, and torch files (both formats) with `weights_only=True`. A Lightning checkpoint gives its
    `state_dict`; the prefix `module.`, which data-parallel training leaves on every name, is dropped.

    Raises:
        ValueError: not a weight file, damaged, or holding more than tensors.
    """
    import torch

    state = _safetensors(path) if path.suffix == ".safetensors" else _torch_file(path)
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
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


def fill(module: nn.Module, state: Mapping[str, Tensor], card: WeightsCard, path: Path) -> None:
    """Put a file's tensors into a network, every one of them.

    Batch counters (`num_batches_tracked`), which old files lack and inference never reads, may be absent.

    Raises:
        ValueError: the file belongs to another architecture; the message names what differs.
    """
    given = {key: value for key, value in state.items() if not any(fnmatchcase(key, rule) for rule in card.unused)}
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
        differences = "; ".join(f"{len(keys)} {word} ({_some(keys)})" for word, keys in parts if keys)
        raise ValueError(f"{path} holds weights of another architecture than {type(module).__name__}: {differences}")
    module.load_state_dict(given, strict=False)


def _some(keys: list[str]) -> str:
    shown = ", ".join(keys[:3])
    return shown if len(keys) <= 3 else f"{shown}, …"
