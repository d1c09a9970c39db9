"""Weight files: their cards, where they lie, what they hash to, and how they are read.

A file is looked for at `$FUSIONBENCH_HOME/weights/<folder>/<file>` (default `~/.cache/fusionbench`), then in the caches
of torch and Hugging Face that its card names, then among those that come with the package (`pretrained/<method>`, each
an exported method), unless a person names another place. Nothing here falls back to random numbers, and nothing
unpickles code.

A file that no published checksum speaks for is taken only after somebody accepted it or fetched it from the address on
its card; checksums.py remembers its bytes, and others are refused.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.weights.checksums import FULL, check_accepted, pin, sha256, short_of_a_checksum

if TYPE_CHECKING:
    from torch import Tensor, nn

PUBLISHED = "published checksum"
"""What `verify` returns for a file whose published checksum it has."""

IN_PACKAGE = "in the package"
"""What it returns for a file that comes with fusionbench and has the checksum of the config.json beside it."""

MODEL = "model.safetensors"
"""The file in the folder of an exported method."""

CONFIG = "config.json"
"""The file beside it that says which method it is, and the SHA-256 of its numbers."""

PRETRAINED = Path(__file__).parent / "pretrained"
"""Exported methods that come with the package."""


@dataclass(frozen=True)
class WeightsCard:
    """What is known of one published weight file.

    Attributes:
        file: its name on disk.
        urls: where to fetch it, in order of preference; empty where a person has to.
        sha256: its checksum, or the first digits where no more is published (names of torch hub files end with
            eight); empty for files that everybody makes for himself (own training, an import).
        size: bytes; 0 where it is not known.
        about: bytes of the network's tensors, where the size of the file is not known.
        licence: as its source states it.
        source: who published it, and in which state: `owner/repository@commit:path`.
        note: what else a user should know.
        folder: the folder under `weights/`, where it is not the method's name.
        part: the submodule of the method that it fills; empty for the whole method.
        unused: patterns of keys in the file that have no effect and are passed over.
        also: other published files with the same numbers, their checksums by file name.
        elsewhere: caches of other programs that may hold it: 'torch:<folder>' below torch's hub, 'hf:<owner>/<name>'.
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
    also: Mapping[str, str] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    about: int = 0


def github_card(source: str, sha256: str, size: int, **details: Any) -> WeightsCard:
    """The card of a file in a public GitHub repository.

    Args:
        source: `owner/repository@commit:path`, from which the addresses are made.
        sha256: checksum.
        size: bytes.
        details: the card's other fields; `file` is the path's last part unless it is given.
    """
    repository, _, rest = source.partition("@")
    commit, _, path = rest.partition(":")
    addresses = (
        f"https://raw.githubusercontent.com/{repository}/{commit}/{path}",
        f"https://github.com/{repository}/raw/{commit}/{path}",
        # The newest state, should that commit go away; the checksum says whether the file is still the same.
        f"https://raw.githubusercontent.com/{repository}/HEAD/{path}",
    )
    known = {"file": path.rpartition("/")[2], "urls": addresses, "sha256": sha256, "size": size, "source": source}
    return WeightsCard(**{**known, **details})


def home() -> Path:
    """The folder for everything that is downloaded: `$FUSIONBENCH_HOME`, by default `~/.cache/fusionbench`."""
    return Path(os.environ.get("FUSIONBENCH_HOME") or "~/.cache/fusionbench").expanduser()


def expected_path(method: str, card: WeightsCard) -> Path:
    """Where the card's file is looked for when nobody names another place."""
    return home() / "weights" / (card.folder or method) / card.file


def places(method: str, card: WeightsCard) -> list[Path]:
    """Every path at which the card's file is looked for, in this order."""
    own = expected_path(method, card)
    folders = [own.parent, *(folder for cache in card.elsewhere for folder in _cache_folders(cache))]
    found = [folder / file for folder in folders for file in (card.file, *card.also)]
    shipped = PRETRAINED / method / MODEL
    return [*found, shipped] if shipped.is_file() else found


def _cache_folders(cache: str) -> list[Path]:
    """The folders of another program's cache, by the rules and variables of that program."""
    kind, _, place = cache.partition(":")
    if kind == "torch":
        return [Path(os.environ.get("TORCH_HOME") or _user_cache() / "torch") / "hub" / place]
    if kind == "hf":
        return snapshots(place)
    raise ValueError(f"unknown cache {cache!r}; write 'torch:<folder>' or 'hf:<owner>/<name>'")


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def snapshots(repository: str) -> list[Path]:
    """The folders of a repository in Hugging Face's cache; the pattern of their names where there are none."""
    hub = Path(
        os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or _user_cache() / "huggingface") / "hub"
    )
    folder = hub / f"models--{repository.replace('/', '--')}" / "snapshots"
    return sorted(folder.glob("*")) or [folder / "*"]


def located(method: str, card: WeightsCard) -> Path | None:
    """The first of its places where the file is."""
    return next((path for path in places(method, card) if path.is_file()), None)


def find(method: str, card: WeightsCard, override: Path | None = None) -> Path:
    """The file that a card describes.

    Args:
        method: whose; names the folder.
        override: the file itself, or a folder that holds it under the card's name or as an exported method does.

    Raises:
        FileNotFoundError: it is not there; the message says where it would be.
    """
    if override is not None:
        given = Path(override).expanduser()
        looked = [given / card.file, given / MODEL] if given.is_dir() else [given]
    else:
        looked = places(method, card)
    for path in looked:
        if path.is_file():
            return path
    raise FileNotFoundError(f"{card.file} is not at {' nor at '.join(map(str, looked))}")


def download(method: str, cards: Sequence[WeightsCard], *, progress: bool = True) -> list[Path]:
    """Fetch a method's files to where they are looked for; those that are there and right are left as they are.

    Raises:
        ValueError: a file has no address, or every address has another file than the card says.
        OSError: no address could be reached; what arrived is kept for the next attempt.
    """
    for card in cards:
        if not card.urls:
            raise ValueError(
                f"{card.file} of {method!r} has no public address; put it at {expected_path(method, card)} by hand"
            )
    return [_download(method, card, progress) for card in cards]


def _download(method: str, card: WeightsCard, progress: bool) -> Path:
    from fusionbench.weights.download import fetch

    path = expected_path(method, card)
    if len(card.sha256) == FULL:
        return fetch(card.urls, path, sha256=card.sha256, size=card.size or None, progress=progress)
    if path.is_file():
        verify(method, card, path, need=True)
        return path
    if untold := short_of_a_checksum(card.file, card.sha256):
        from fusionbench.console import plain_console  # reading the tables of weights loads no terminal

        plain_console(stderr=True).print(untold, soft_wrap=True)
    problems = []
    for url in card.urls:
        try:
            fetch([url], path, size=card.size or None, about=card.about or None, progress=progress)
            pin(path, f"fetched from {url}", card.sha256)
        except (OSError, ValueError) as error:
            problems.append(str(error).removeprefix(f"could not fetch {card.file}: ").partition("; or put")[0])
        else:
            return path
    raise OSError(f"could not fetch {card.file}: {'; '.join(problems)}; or put the file at {path} by hand")


def recorded_beside(path: Path) -> dict[str, str]:
    """What config.json says of the file beside it: `sha256`, and `licence` where it is stated.

    Returns:
        Nothing for a file that is no exported method's.

    Raises:
        ValueError: config.json is not what an export writes.
    """
    config = path.with_name(CONFIG)
    if path.name != MODEL or not config.is_file():
        return {}
    try:
        said = json.loads(config.read_text(encoding="utf-8"))
        return {"sha256": str(said["sha256"]), "licence": str(said.get("licence", ""))}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{config} is no configuration of an exported method ({error})") from error


def check_unchanged(path: Path) -> None:
    """Refuse the numbers of an exported method that are not those its folder was written with.

    Raises:
        ValueError: the file was changed.
    """
    recorded = recorded_beside(path).get("sha256")
    if recorded not in (None, sha256(path)):
        raise ValueError(
            f"{path} was changed: its sha256 is {sha256(path)[:16]}… and {CONFIG} says {recorded[:16]}…; install or "
            "export it again"
        )


def verify(method: str, card: WeightsCard, path: Path, *, need: bool = False) -> str:
    """Check that a file is the published one, or one that somebody accepted.

    Args:
        need: refuse a file that nothing speaks for also where the card has no checksum; without, it is taken.

    Returns:
        What speaks for it: PUBLISHED, IN_PACKAGE, where an accepted file came from, or nothing.

    Raises:
        ValueError: it is another file.
    """
    check_unchanged(path)
    found = sha256(path)
    if PRETRAINED in path.parents and recorded_beside(path):
        return IN_PACKAGE
    if found in (card.sha256, *card.also.values()):
        return PUBLISHED
    way_out = (
        "if you know this file (your own training), accept it with "
        f"fusionbench weights import {method} --from {path} --unverified"
    )
    again = f"remove it and fetch it with fusionbench weights download {method}, or, " if card.urls else ""
    origin = ""
    try:
        origin = check_accepted(path)
    except ValueError as error:
        if len(card.sha256) < FULL:  # else the published checksum says more, below
            raise ValueError(f"{error}; {again}{way_out}") from error
    if card.sha256 and found.startswith(card.sha256):
        return PUBLISHED
    if origin or not (card.sha256 or need):
        return origin
    if not card.sha256:
        raise ValueError(f"nothing speaks for {path}: no checksum of {card.file} is published; {again}{way_out}")
    raise ValueError(
        f"{path} is not the published {card.file} of {method!r}: its sha256 is {found[:16]}… and not "
        f"{card.sha256[:16]}…; {again}{way_out} (verify=False in Python)"
    )


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
