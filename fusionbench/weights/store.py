"""Where weight files are stored and searched, and how they are verified.

A file is searched at `$FUSIONBENCH_HOME/weights/<folder>/<file>` (default `~/.cache/fusionbench`), then in the caches
of torch and Hugging Face that its card names, then among those that come with the package (`pretrained/<method>`, each
an exported method), unless the user gives another path. There is no fallback to random weights, and no code is
unpickled.

A file without a published checksum is used only if the user accepted it or it was downloaded from the address on its
card; checksums.py pins its hash, and other bytes are refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fusionbench.weights.card import CONFIG, MODEL, PUBLISHED, WeightsCard
from fusionbench.weights.checksums import FULL, check_accepted, pin, sha256, short_of_a_checksum
from fusionbench.weights.entry import CellName, file_of, of_cell

IN_PACKAGE = "in the package"
"""What `verify` returns for a file that comes with fusionbench and matches its config.json."""


PRETRAINED = Path(__file__).parent / "pretrained"
"""The exported methods that come with the package."""


def home() -> Path:
    """The folder for downloads: `$FUSIONBENCH_HOME`, by default `~/.cache/fusionbench`."""
    return Path(os.environ.get("FUSIONBENCH_HOME") or "~/.cache/fusionbench").expanduser()


def cache_path(method: str, card: WeightsCard) -> Path:
    """The default path of a card's file."""
    return home() / "weights" / (card.folder or method) / card.file


def search_paths(method: str, card: WeightsCard, cell: CellName | None = None) -> list[Path]:
    """All paths at which a card's file is searched, in order.

    Args:
        cell: for which dataset and degradation, for methods that have a file for each.
    """
    own = cache_path(method, card)
    folders = [own.parent, *(folder for cache in card.caches for folder in _cache_folders(cache))]
    found = [folder / file for folder in folders for file in (card.file, *card.aliases)]
    shipped = PRETRAINED / method / MODEL
    special = [of_cell(own.with_name(card.per_cell), cell)] if card.per_cell and cell is not None else []
    return [*special, *found, *([shipped] if shipped.is_file() else [])]


def _cache_folders(cache: str) -> list[Path]:
    """The folders of another program's cache, by that program's rules and environment variables."""
    kind, _, place = cache.partition(":")
    if kind == "torch":
        return [Path(os.environ.get("TORCH_HOME") or _user_cache() / "torch") / "hub" / place]
    if kind == "hf":
        return snapshots(place)
    raise ValueError(f"unknown cache {cache!r}; use 'torch:<folder>' or 'hf:<owner>/<name>'")


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def snapshots(repository: str) -> list[Path]:
    """The folders of a repository in the Hugging Face cache; the pattern of their names if there are none."""
    hub = Path(
        os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or _user_cache() / "huggingface") / "hub"
    )
    folder = hub / f"models--{repository.replace('/', '--')}" / "snapshots"
    return sorted(folder.glob("*")) or [folder / "*"]


def locate(method: str, card: WeightsCard, cell: CellName | None = None) -> Path | None:
    """The first search path at which the file exists."""
    return next((path for path in search_paths(method, card, cell) if path.is_file()), None)


def require(method: str, card: WeightsCard, override: Path | None = None, cell: CellName | None = None) -> Path:
    """The file that a card describes.

    Args:
        method: the owner, which names the folder.
        override: the file itself, one of its tables (`FILE#ENTRY`), or a folder with it under the card's name or as in
            an exported method; with `{dataset}` and `{degradation}` in it if it depends on them.
        cell: for which dataset and degradation.

    Raises:
        FileNotFoundError: it is missing; the message says where it is expected.
        ValueError: the path depends on a cell, and there is none.
    """
    if override is not None:
        given = of_cell(Path(override).expanduser(), cell)
        looked = [given / card.file, given / MODEL] if given.is_dir() else [given]
    else:
        looked = search_paths(method, card, cell)
    for path in looked:
        if file_of(path).is_file():
            return path
    raise FileNotFoundError(f"{card.file} is not at {' nor at '.join(map(str, looked))}")


def download(method: str, cards: Sequence[WeightsCard], *, progress: bool = True) -> list[Path]:
    """Download a method's files to where they are searched; existing correct ones are kept.

    Raises:
        ValueError: a file has no address, or every address has a different file.
        OSError: no address could be reached; partial transfers are kept for the next attempt.
    """
    for card in cards:
        if not card.urls:
            raise ValueError(
                f"{card.file} of {method!r} has no public address; put it at {cache_path(method, card)} manually"
            )
    return [_download(method, card, progress) for card in cards]


def _download(method: str, card: WeightsCard, progress: bool) -> Path:
    from fusionbench.weights.download import fetch

    path = cache_path(method, card)
    if len(card.sha256) == FULL:
        return fetch(card.urls, path, sha256=card.sha256, size=card.size or None, progress=progress)
    if path.is_file():
        verify(method, card, path, need=True)
        return path
    if untold := short_of_a_checksum(card.file, card.sha256):
        from fusionbench.console import make_console  # reading the tables does not import terminal code

        make_console(stderr=True).print(untold, soft_wrap=True)
    problems = []
    for url in card.urls:
        try:
            fetch([url], path, size=card.size or None, about=card.approximate_size or None, progress=progress)
            pin(path, f"fetched from {url}", card.sha256)
        except (OSError, ValueError) as error:
            problems.append(str(error).removeprefix(f"could not download {card.file}: ").partition("; or put")[0])
        else:
            return path
    raise OSError(f"could not download {card.file}: {'; '.join(problems)}; or put the file at {path} manually")


def recorded_beside(path: Path) -> dict[str, str]:
    """What config.json says about the weights next to it: `sha256`, `licence` and `limits`, empty if not stated.

    Returns:
        Empty for a file that is not part of an exported method.

    Raises:
        ValueError: config.json does not have the expected form.
    """
    config = path.with_name(CONFIG)
    if path.name != MODEL or not config.is_file():
        return {}
    try:
        said = json.loads(config.read_text(encoding="utf-8"))
        return {"sha256": str(said["sha256"]), **{key: str(said.get(key, "")) for key in ("licence", "limits")}}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{config} is not the configuration of an exported method ({error})") from error


class WeightFile(NamedTuple):
    """A weight file that was located and verified.

    Attributes:
        path: its path.
        provenance: how it was verified, as returned by `verify`.
    """

    path: Path
    provenance: str


def check_unchanged(path: Path) -> str:
    """Refuse the weights of an exported method if they have been changed.

    Returns:
        The file's SHA-256.

    Raises:
        ValueError: the file has been changed.
    """
    found, recorded = sha256(path), recorded_beside(path).get("sha256")
    if recorded not in (None, found):
        raise ValueError(
            f"{path} was changed: its SHA-256 is {found[:16]}…, {CONFIG} says {recorded[:16]}…; install or export it "
            "again"
        )
    return found


def verify(method: str, card: WeightsCard, path: Path, *, need: bool = False) -> str:
    """Check that a file is the published one, or one that the user accepted.

    Args:
        need: also refuse a file of unknown provenance if its card has no checksum; by default it is used.

    Returns:
        Its provenance: PUBLISHED, IN_PACKAGE, the origin of an accepted file, or empty.

    Raises:
        ValueError: it is another file.
    """
    path = file_of(path)
    found = check_unchanged(path)
    if PRETRAINED in path.parents and recorded_beside(path):
        return IN_PACKAGE
    if found in (card.sha256, *card.aliases.values()):
        return PUBLISHED
    way_out = (
        "if you know this file (your own training), accept it with "
        f"fusionbench weights import {method} --from {path} --unverified"
    )
    again = f"delete it and get it with fusionbench weights download {method}, or, " if card.urls else ""
    origin = ""
    try:
        origin = check_accepted(path)
    except ValueError as error:
        if len(card.sha256) < FULL:  # else the message on the published checksum below says more
            raise ValueError(f"{error}; {again}{way_out}") from error
    if card.sha256 and found.startswith(card.sha256):
        return PUBLISHED
    if origin or not (card.sha256 or need):
        return origin
    if not card.sha256:
        raise ValueError(
            f"the provenance of {path} is unknown: no checksum of {card.file} is published; {again}{way_out}"
        )
    raise ValueError(
        f"{path} is not the published {card.file} of {method!r}: its SHA-256 is {found[:16]}…, not "
        f"{card.sha256[:16]}…; {again}{way_out} (verify=False in Python)"
    )
