"""Which degradations are linear observations y = A x + n, and with which operators.

Noise changes no operator but makes the observation noisy. A degradation that is not linear, or whose operator depends
on what is in the picture (rain, haze, exposure, contrast), has no row here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from fusionbench.degradations.degradation import Degradation
from fusionbench.degradations.grammar import Term
from fusionbench.degradations.operators import Blur, Identity, Operator, Pixelate, compose, gaussian_kernel
from fusionbench.degradations.table import Range

CLEAN_GAMMA = 5e-4
"""Wiener's noise-to-signal ratio for images that are only rounded to 8 bits: the best of those tried on M3FD."""

NOISY_GAMMA = 3e-2
"""The same under the noise of DRFusion's composite degradation, where smaller ratios amplify noise."""

Builder: TypeAlias = Callable[[Term, float], Operator]


class LinearModel(NamedTuple):
    """How both images of a pair were observed.

    Attributes:
        ir: operator on the infrared image.
        vi: operator on the visible image, the same on each of its channels and on its luminance.
        noisy: whether either observation holds noise besides rounding.
    """

    ir: Operator
    vi: Operator
    noisy: bool


def linear_model(
    degradation: Degradation, *, clean_gamma: float = CLEAN_GAMMA, noisy_gamma: float = NOISY_GAMMA
) -> LinearModel:
    """The operators that a degradation applied, with their pseudo-inverses; identities for 'clean'.

    Args:
        clean_gamma: Wiener's ratio for an image without a noise term.
        noisy_gamma: the same for one with.

    Raises:
        ValueError: a term has no operator, or its value is still to be drawn.
    """
    operators = {}
    for modality in ("ir", "vi"):
        terms = degradation.on(modality)
        gamma = noisy_gamma if any(term.code in NOISES for term in terms) else clean_gamma
        # The first term acts first, so it is the last factor.
        operators[modality] = compose([_operator(term, gamma) for term in reversed(terms)])
    return LinearModel(operators["ir"], operators["vi"], any(term.code in NOISES for term in degradation.terms))


def _operator(term: Term, gamma: float) -> Operator:
    if term.code not in OPERATORS:
        known = ", ".join(sorted(OPERATORS))
        raise ValueError(f"{str(term)!r} has no linear operator that could be inverted; {known} and 'clean' have")
    return OPERATORS[term.code](term, gamma)


def _identity(term: Term, gamma: float) -> Operator:
    return Identity()


def _blur(term: Term, gamma: float) -> Operator:
    sigma, size, zeros = (_value(term, name) for name in ("sigma", "size", "zeros"))
    if sigma == 0:
        return Identity()
    return Blur(gaussian_kernel(int(size), sigma), gamma, "zero" if zeros else "mirror")


def _pixelate(term: Term, gamma: float) -> Operator:
    return Pixelate(int(_value(term, "factor")))


def _value(term: Term, name: str) -> float:
    value = term.arguments[name]
    if isinstance(value, Range):
        raise ValueError(f"{str(term)!r} leaves its {name} open; an operator needs the value that was used")
    return value


NOISES = ("noise", "rn", "sn")

OPERATORS: dict[str, Builder] = {
    "blur": _blur,
    "lr": _pixelate,
    "noise": _identity,
    "rn": _identity,
    "sn": _identity,
    # Bicubic enlargement is not repetition, but the means of its patches are nearly the pixels it started from.
    "sr4": _pixelate,
    "sr8": _pixelate,
}
