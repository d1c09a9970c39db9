"""Applying degradations to image pairs, reproducibly.

Random numbers are seeded by a hash of the seed, the image's name, the position of the term among those of its modality,
and the term: never by global state, so that batch size, workers and order change nothing. Because the position is
counted within the modality, the infrared image of `rain+sn` equals that of `sn`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fusionbench.degradations import grammar
from fusionbench.degradations.grammar import MODALITIES, Term
from fusionbench.degradations.table import Range
from fusionbench.registry import import_object, warn_renamed

if TYPE_CHECKING:
    from fusionbench.degradations.pixels import Pixels


@dataclass(frozen=True)
class Degraded:
    """A degraded pair at the size of the clean one.

    Attributes:
        ir: (H, W), 8 bit.
        vi: (H, W, 3), 8 bit RGB.
        ir_scale: by which factor per side the infrared image was smaller before it was enlarged again.
        vi_scale: the same for the visible image.
        degradation: what was done, with the sampled values.
    """

    ir: Pixels
    vi: Pixels
    ir_scale: int
    vi_scale: int
    degradation: Degradation


@dataclass(frozen=True)
class Degradation:
    """A degradation of a pair; `str` gives its canonical spec.

    Attributes:
        terms: applied in order; none for 'clean'. Each has its `modality`, `code` and `arguments`.

    Example:
        >>> str(parse("vi:ll + ir:lc(0.50)"))
        'll+lc'
        >>> [(term.modality, term.code, term.arguments) for term in parse("ir:lr").terms]
        [('ir', 'lr', {'factor': 4.0})]
    """

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return grammar.write(self.terms)

    def on(self, modality: str) -> tuple[Term, ...]:
        """The terms of one modality ('ir' or 'vi'), in the order of application."""
        return tuple(term for term in self.terms if term.modality == modality)

    def without(self, modalities: Collection[str]) -> Degradation:
        """The remaining degradation once the images of these modalities are restored."""
        return Degradation(tuple(term for term in self.terms if term.modality not in modalities))

    def scale(self, modality: str) -> int:
        """By which factor per side that image is reduced before it is enlarged again."""
        return math.prod(term.scale for term in self.on(modality))

    def sample_values(self, *, name: str, seed: int) -> Degradation:
        """The same degradation with every interval replaced by the value sampled for this image."""
        return Degradation(
            tuple(_sample_values(term, name=name, seed=seed, place=place) for place, term in _placed(self.terms))
        )

    def fix(self, *, name: str, seed: int) -> Degradation:
        """The former name of `sample_values`, until the next version."""
        warn_renamed("method", "fix", "sample_values")
        return self.sample_values(name=name, seed=seed)

    def load(self) -> None:
        """Import what the terms need, so that processes which are forked later import nothing.

        W&B watches imports while it runs, and what it does then fails in a forked process.
        """
        for term in self.terms:
            import_object(term.kind.function)

    def apply(self, ir: Pixels, vi: Pixels, *, name: str, seed: int) -> Degraded:
        """Degrade a pair; the inputs are left as they are.

        Args:
            ir: (H, W), 8 bit.
            vi: (H, W, 3), 8 bit RGB, of the same size.
            name: the image's name; the same name, seed and spec give the same bytes.
            seed: seed of the test set or of the epoch.

        Raises:
            ValueError: the images are not 8 bit, differ in size, or are smaller than the factor of `sr4` or `sr8`.
        """
        _check(ir, vi, name)
        done = self.sample_values(name=name, seed=seed)
        images = {"ir": ir, "vi": vi}
        for place, term in _placed(done.terms):
            images[term.modality] = _apply(term, images[term.modality], derive_seed(seed, name, place, term.full))
        return Degraded(images["ir"], images["vi"], done.scale("ir"), done.scale("vi"), done)


class Draw(NamedTuple):
    """A degradation for one training image, and the seed to apply it with."""

    degradation: Degradation
    seed: int


@lru_cache(maxsize=1024)
def parse(spec: str) -> Degradation:
    """Parse a spec such as 'clean', 'll+lc', 'vi:rain(0.7)+ir:sn', 'ir:noise(5~25)' or 'composite'.

    Raises:
        ValueError: the spec is malformed, has an unknown name, or a value out of range.
    """
    return Degradation(grammar.read(spec))


def draw(specs: Sequence[str], *, name: str, seed: int, epoch: int) -> Draw:
    """One of several specs for an image in an epoch, its intervals sampled; one listed twice is twice as likely.

    Raises:
        ValueError: there is no spec, or one of them is invalid.
    """
    if not specs:
        raise ValueError("no degradation to draw from; list at least 'clean'")
    degradations = [parse(spec) for spec in specs]
    pick = derive_seed(seed, name, epoch, "spec") % len(degradations)
    epoch_seed = derive_seed(seed, "", epoch, "epoch") % 2**63
    return Draw(degradations[pick].sample_values(name=name, seed=epoch_seed), epoch_seed)


def derive_seed(seed: int, name: str, index: int, purpose: str) -> int:
    """The 128-bit seed of one random stream, independent of process, platform and Python's hash seed."""
    text = json.dumps([int(seed), name, int(index), purpose])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def _placed(terms: tuple[Term, ...]) -> Iterator[tuple[int, Term]]:
    """Pairs of a term's position among those of its modality, and the term."""
    counts = dict.fromkeys(MODALITIES, 0)
    for term in terms:
        yield counts[term.modality], term
        counts[term.modality] += 1


def _sample_values(term: Term, *, name: str, seed: int, place: int) -> Term:
    values = []
    for parameter, value in zip(term.kind.parameters, term.values, strict=True):
        if isinstance(value, Range):
            value = parameter.draw(value, derive_seed(seed, name, place, f"{term.full}{parameter.name}") / 2**128)
        values.append(value)
    return replace(term, values=tuple(values))


def _apply(term: Term, image: Pixels, seed: int) -> Pixels:
    import numpy as np

    degrade = import_object(term.kind.function)
    # OpenCV refuses some of what does not lie in one piece.
    return np.ascontiguousarray(degrade(np.ascontiguousarray(image), np.random.default_rng(seed), **term.arguments))


def _check(ir: Pixels, vi: Pixels, name: str) -> None:
    if ir.dtype != "uint8" or vi.dtype != "uint8":
        raise ValueError(f"degradations need 8-bit images, but {name!r} has {ir.dtype} infrared, {vi.dtype} visible")
    if ir.ndim != 2 or vi.shape != (*ir.shape, 3):
        raise ValueError(f"a pair is (H, W) infrared and (H, W, 3) visible, but {name!r} has {ir.shape} and {vi.shape}")
