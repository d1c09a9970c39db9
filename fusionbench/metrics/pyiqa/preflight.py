"""Whether a score of pyiqa can be computed here: its packages, its files, and what speaks for each file.

Known in a moment and without the network, so that a run can say it before it fuses anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fusionbench.extras import install_command
from fusionbench.metrics.pyiqa.table import LEFT_OUT, NETWORKS, Network
from fusionbench.registry import pick
from fusionbench.weights.card import PUBLISHED, WeightsCard
from fusionbench.weights.checksums import sha256
from fusionbench.weights.store import locate, search_paths, verify


@dataclass(frozen=True)
class ScoreFiles:
    """A score of pyiqa with all that it reads.

    Attributes:
        metric: pyiqa's name.
        files: the checked files, by where pyiqa looks for them below torch's hub folder.
        provenance: what speaks for each of them.
    """

    metric: str
    files: Mapping[str, Path]
    provenance: Mapping[str, str]

    def identity(self) -> dict[str, Any]:
        """What a result has to name: pyiqa's name and version, and each file's SHA-256 and what speaks for it."""
        return {
            "pyiqa": self.metric,
            "version": version("pyiqa"),
            "files": {path.name: sha256(path) for path in self.files.values()},
            "unpublished": {path.name: how for path, how in self._how() if how != PUBLISHED},
        }

    def _how(self) -> list[tuple[Path, str]]:
        return [(path, self.provenance[place]) for place, path in self.files.items()]


def network_of(metric: str) -> Network:
    """The row of NETWORKS.

    Raises:
        ValueError: pyiqa has no such no-reference score, or it is not offered here.
    """
    if metric in LEFT_OUT:
        raise ValueError(f"pyiqa's {metric!r} is not offered: {LEFT_OUT[metric]}")
    return pick("no-reference score of pyiqa", metric, NETWORKS)


def find_files(metric: str, name: str = "") -> ScoreFiles:
    """Find and check everything that a score reads.

    Args:
        metric: pyiqa's name.
        name: what the user calls it.

    Raises:
        ModuleNotFoundError: a package is not installed.
        FileNotFoundError: files are missing; the message names each, where it was looked for and how to get it.
        ValueError: unknown score, or a file that is not the published one and that nobody accepted.
    """
    name = name or f"pyiqa:{metric}"
    network = network_of(metric)
    _check_packages(name, network)
    cards = network.cards()
    found = {place: locate(name, card) for place, card in cards.items()}
    if lacking := [cards[place] for place, path in found.items() if path is None]:
        raise FileNotFoundError(_lacking(name, lacking))
    files = {place: path for place, path in found.items() if path is not None}
    return ScoreFiles(
        metric, files, {place: verify(name, cards[place], path, need=True) for place, path in files.items()}
    )


def _check_packages(name: str, network: Network) -> None:
    for package in ("pyiqa", *network.packages):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"{name} needs the package {package}; {install_command('iqa')}")


def _lacking(name: str, cards: list[WeightsCard]) -> str:
    parts = [f"{card.file}, looked for at {' and '.join(map(str, search_paths(name, card)))}" for card in cards]
    addresses = " ".join(card.urls[0] for card in cards if card.urls)
    return (
        f"{name} lacks {'; and '.join(parts)}: fusionbench weights download {name}; or, without a network, bring "
        f"{addresses} and fusionbench weights import {name} --from FOLDER"
    )
