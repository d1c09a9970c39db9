"""What a row of METHODS says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fusionbench.weights.card import WeightsCard

if TYPE_CHECKING:
    from fusionbench.degradations import Degradation

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
        renamed: options that had another name in version 0.1.0, today's name by the former one.
        weights: its weight files; none where it needs none.
        note: what else a user should know.
        published: the authors' files, where they are not read as they are.
        importer: makes the method's one weight file of those, as 'package.module:function'; called with the folder
            that holds them and the file to write.
        backbones: models that it is built on and reads from Hugging Face's cache, by the names of their repositories.
        training: arguments of `fusionbench train` that train it; empty where it is not trained here.
        inverts: whether it inverts the degradation that it is told, which must be linear; all others take any image.
    """

    target: str
    family: Family
    paper: str
    repository: str = ""
    licence: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    weights: tuple[WeightsCard, ...] = ()
    note: str = ""
    published: tuple[WeightsCard, ...] = ()
    importer: str = ""
    backbones: tuple[str, ...] = ()
    training: str = ""
    inverts: bool = False

    @property
    def downloads(self) -> bool:
        """Whether the files that it reads, or those that they are made of, all have an address."""
        files = self.published or self.weights
        return bool(files) and all(part.urls for part in files)

    def unable(self, degradation: Degradation | None) -> str:
        """Why it cannot fuse images that are so degraded; empty where it can.

        Args:
            degradation: None where nobody has told it.

        Example:
            >>> from fusionbench.degradations import parse
            >>> MethodCard("a:B", "learned", "", inverts=True).unable(parse("ll+ir:rn"))[-10:]
            'not for ll'
            >>> MethodCard("a:B", "learned", "").unable(parse("ll"))
            ''
        """
        if not self.inverts:
            return ""
        from fusionbench.degradations import linear_codes

        known = f"{', '.join(linear_codes())} and 'clean'"
        if degradation is None:
            return (
                f"it inverts the degradation that it is told, and was told none; say which it is: {known} are possible"
            )
        others = " and ".join(dict.fromkeys(term.code for term in degradation.terms if not term.kind.operator))
        return others and f"it inverts the degradation that it is told, which works for {known}, and not for {others}"


Variant = tuple[Mapping[str, Any], str]
"""Constructor arguments that make a row of a class, and a note."""


def studied(bases: Mapping[str, Mapping[str, Any]], studies: Mapping[str, Variant]) -> dict[str, Variant]:
    """Each study of each base, by names such as 'lure-s-gate'.

    Args:
        bases: constructor arguments by name.
        studies: what each changes of them, by suffix.
    """
    return {
        f"{base}-{suffix}": ({**options, **changes}, note)
        for base, options in bases.items()
        for suffix, (changes, note) in studies.items()
    }


def own_weights(
    name: str, recipes: Mapping[str, str], folder: str, note: str = "no such weights are published"
) -> WeightsCard:
    """The card of a file that everybody trains for himself.

    Args:
        name: of the method.
        recipes: as for `training_of`.
        folder: under `weights/`.
    """
    source = f"your own training: fusionbench train {training_of(name, recipes)}"
    return WeightsCard(f"{name}.safetensors", source=source, note=note, folder=folder)


def training_of(name: str, recipes: Mapping[str, str]) -> str:
    """Arguments of `fusionbench train` that train a method.

    Args:
        recipes: the recipe's name by method, of those that have one.
    """
    return f"--config {recipes[name]} --method {name}" if name in recipes else f"--method {name}"
