"""A trained method: its name, its files, and the recipe that training stores in their header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench import methods
from fusionbench.training.recipe import current_recipe, strip_paths
from fusionbench.weights.checksums import digest8
from fusionbench.weights.safetensors import read_metadata


@dataclass(frozen=True)
class Trained:
    """A method with its trained weight files.

    Attributes:
        name: a name in METHODS.
        files: the method's weight files.
        options: constructor arguments that differ from those of its row.
        recipe: how it was trained, as in `experiments/*.yaml`; empty if unknown.
    """

    name: str
    files: tuple[Path, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name in results: `<method>@<8 hex of sha256>`."""
        return f"{self.name}@{digest8(*self.files)}"


def trained(name: str, weights: Path | None = None, *, option: str = "weights=FILE") -> Trained:
    """A method's files, with the recipe that training stores in their header.

    Args:
        name: a name in METHODS.
        weights: the file, or the folder of a training; by default the files that the method finds.
        option: the caller's option for a file.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: unknown method, a method without weights, or a file that was trained for another method.
    """
    name = methods.spelled(name)
    if not methods.card_of(name).weights:
        raise ValueError(f"{name!r} has no weights; there is nothing to export")
    files = tuple(methods.weight_files(name, weights, option=option))
    metadata = read_metadata(files[0]) if files[0].suffix == ".safetensors" else {}
    if metadata.get("method", name) != name:
        raise ValueError(f"{files[0]} was made for {metadata['method']!r}, not for {name!r}")
    recipe = strip_paths(current_recipe(metadata.get("recipe", {})))
    return Trained(name, files, recipe.get("options", {}), recipe)
