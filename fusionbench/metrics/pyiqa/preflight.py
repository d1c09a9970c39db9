"""Whether a metric of pyiqa can be computed here: its packages, its files, and their provenance.

Checked quickly and without network access, before a run fuses anything.
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
    """A metric of pyiqa with the files that it reads.

    Attributes:
        metric: pyiqa's name.
        files: the checked files, by their path below torch's hub folder.
        provenance: how each of them was verified.
    """

    metric: str
    files: Mapping[str, Path]
    provenance: Mapping[str, str]

    def identity(self) -> dict[str, Any]:
        """What a result must record: pyiqa's name and version, and each file's SHA-256 and provenance."""
        unpublished = {place: how for place, how in self.provenance.items() if how != PUBLISHED}
        return {
            "pyiqa": self.metric,
            "version": version("pyiqa"),
            "files": {path.name: sha256(path) for path in self.files.values()},
            "unpublished": {self.files[place].name: how for place, how in unpublished.items()},
        }


def network_of(metric: str) -> Network:
    """The row of NETWORKS.

    Raises:
        ValueError: pyiqa has no such no-reference metric, or it is not supported here.
    """
    if metric in LEFT_OUT:
        raise ValueError(f"pyiqa's {metric!r} is not supported: {LEFT_OUT[metric]}")
    return pick("no-reference metric of pyiqa", metric, NETWORKS)


def find_files(metric: str, name: str = "") -> ScoreFiles:
    """Find and check all files of a metric.

    Args:
        metric: pyiqa's name.
        name: the name that the user gave.

    Raises:
        ModuleNotFoundError: a package is not installed.
        FileNotFoundError: files are missing; the message says where they were searched and how to get them.
        ValueError: unknown metric, or a file is neither the published one nor was accepted by the user.
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
    parts = [f"{card.file}, searched at {' and '.join(map(str, search_paths(name, card)))}" for card in cards]
    addresses = " ".join(card.urls[0] for card in cards if card.urls)
    return (
        f"{name} lacks {'; and '.join(parts)}: fusionbench weights download {name}; or, without a network, bring "
        f"{addresses} and fusionbench weights import {name} --from FOLDER"
    )
