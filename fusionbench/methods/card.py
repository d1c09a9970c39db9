"""A row of METHODS."""

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
        family: 'classical' without learning; 'learned', run here; 'external', run outside this package.
        paper: citation.
        repository: the authors' code, if its address is certain.
        licence: licence of that code, as stated there.
        options: constructor arguments of this row.
        renamed: options that had another name in version 0.1.0; the present name by the former one.
        weights: its weight files, if it needs any.
        note: what else a user should know.
        published: the authors' files, if they must be converted first.
        importer: the function that converts those to the method's weight file, as 'package.module:function'; called
            with their folder and the file to write.
        starter: the function that fills a new network with those files, of which some may be missing, for a training to
            start from, as 'package.module:function'; called with the network and their folder, it returns the files.
        backbones: pretrained models that it reads from the Hugging Face cache, by repository name.
        training: arguments of `fusionbench train` that train it; empty if it is not trained here.
        inverts: whether it inverts a given degradation, which must be linear; other methods accept any image.
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
    starter: str = ""
    backbones: tuple[str, ...] = ()
    training: str = ""
    inverts: bool = False

    @property
    def downloads(self) -> bool:
        """Whether all files that it reads, or those that these are converted from, have an address."""
        files = self.published or self.weights
        return bool(files) and all(part.urls for part in files)

    def unable(self, degradation: Degradation | None) -> str:
        """Why it cannot fuse images with this degradation; empty if it can.

        Args:
            degradation: None if it is unknown.

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
            return f"it inverts the given degradation, and none is given; give one: {known} are possible"
        others = " and ".join(dict.fromkeys(term.code for term in degradation.terms if not term.kind.operator))
        return others and f"it inverts the given degradation, which is possible for {known}, but not for {others}"


Variant = tuple[Mapping[str, Any], str]
"""Constructor arguments of a row, and a note."""


def studied(bases: Mapping[str, Mapping[str, Any]], studies: Mapping[str, Variant]) -> dict[str, Variant]:
    """Each study of each base, under names such as 'lure-s-gate'.

    Args:
        bases: constructor arguments by name.
        studies: changed arguments by suffix.
    """
    return {
        f"{base}-{suffix}": ({**options, **changes}, note)
        for base, options in bases.items()
        for suffix, (changes, note) in studies.items()
    }


def own_weights(
    name: str, recipes: Mapping[str, str], folder: str, note: str = "no such weights are published"
) -> WeightsCard:
    """The card of a weight file that users train themselves.

    Args:
        name: name of the method.
        recipes: as for `training_of`.
        folder: its folder below `weights/`.
    """
    source = f"your own training: fusionbench train {training_of(name, recipes)}"
    return WeightsCard(f"{name}.safetensors", source=source, note=note, folder=folder)


def training_of(name: str, recipes: Mapping[str, str]) -> str:
    """Arguments of `fusionbench train` that train a method.

    Args:
        recipes: the recipe's name by method, for methods that have one.
    """
    return f"--config {recipes[name]} --method {name}" if name in recipes else f"--method {name}"
