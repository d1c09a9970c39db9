"""What a row of METHODS says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fusionbench.weights import WeightsCard

Family = Literal["classical", "learned", "external"]


@dataclass(frozen=True)
class MethodCard:
    """One method: what runs it, where it comes from, and which files it needs.

    Attributes:
        target: its class, as 'package.module:Class'.
        family: without learning; learned, run here; or run elsewhere, its images read or its command called.
        paper: citation.
        repository: the authors' code, where its address is certain.
        licence: of that code, as its source states it.
        options: constructor arguments that make this row of the class.
        weights: its weight files; none where it needs none.
        note: what else a user should know.
        published: the authors' files, where they are not read as they are.
        importer: makes the method's one weight file of those, as 'package.module:function'; called with the folder
            that holds them and the file to write.
        backbones: models that it is built on and reads from Hugging Face's cache, by the names of their repositories.
        training: arguments of `fusionbench train` that train it; empty where it is not trained here.
    """

    target: str
    family: Family
    paper: str
    repository: str = ""
    licence: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[WeightsCard, ...] = ()
    note: str = ""
    published: tuple[WeightsCard, ...] = ()
    importer: str = ""
    backbones: tuple[str, ...] = ()
    training: str = ""

    @property
    def downloads(self) -> bool:
        """Whether the files that it reads, or those that they are made of, all have an address."""
        files = self.published or self.weights
        return bool(files) and all(part.urls for part in files)


def training_of(name: str, recipes: Mapping[str, str]) -> str:
    """Arguments of `fusionbench train` that train a method.

    Args:
        recipes: the recipe's name by method, of those that have one.
    """
    return f"--config {recipes[name]} --method {name}" if name in recipes else f"--method {name}"
