"""Degradations as linear observations y = A x + n: the operators that rows of `DEGRADATIONS` name.

Noise changes no operator but makes the observation noisy.
"""

from __future__ import annotations

from typing import NamedTuple

from fusionbench.degradations.degradation import Degradation
from fusionbench.degradations.grammar import Term
from fusionbench.degradations.operators import Blur, Identity, Operator, Pixelate, compose, gaussian_kernel
from fusionbench.degradations.table import linear_codes
from fusionbench.registry import import_object

CLEAN_GAMMA = 5e-4
"""The Wiener filter's noise-to-signal ratio for images that are only rounded to 8 bits: the best of those tried on
M3FD."""

NOISY_GAMMA = 3e-2
"""The same for the noise of DRFusion's composite degradation, where smaller ratios amplify noise."""


class LinearModel(NamedTuple):
    """How both images of a pair were observed.

    Attributes:
        ir: operator of the infrared image.
        vi: operator of the visible image, the same for each channel and for the luminance.
        noisy: whether either observation has noise other than rounding.
    """

    ir: Operator
    vi: Operator
    noisy: bool


def linear_model(
    degradation: Degradation, *, clean_gamma: float = CLEAN_GAMMA, noisy_gamma: float = NOISY_GAMMA
) -> LinearModel:
    """The operators of a degradation, with their pseudo-inverses; identities for 'clean'.

    Args:
        clean_gamma: the Wiener filter's ratio for an image without a noise term.
        noisy_gamma: the same for an image with one.

    Raises:
        ValueError: a term has no operator, or its value has not been sampled yet.
    """
    operators = {}
    for modality in ("ir", "vi"):
        terms = degradation.on(modality)
        gamma = noisy_gamma if any(term.kind.noisy for term in terms) else clean_gamma
        # The first term acts first, so it is the last factor.
        operators[modality] = compose([_operator(term, gamma) for term in reversed(terms)])
    return LinearModel(operators["ir"], operators["vi"], any(term.kind.noisy for term in degradation.terms))


def _operator(term: Term, gamma: float) -> Operator:
    if not term.kind.operator:
        known = ", ".join(linear_codes())
        raise ValueError(
            f"{str(term)!r} has no linear operator that could be inverted; only {known} and 'clean' have one"
        )
    return import_object(term.kind.operator)(term, gamma)


def identity(term: Term, gamma: float) -> Operator:
    """Of noise alone."""
    return Identity()


def blur(term: Term, gamma: float) -> Operator:
    """Of a Gaussian blur, whose inverse Wiener's ratio `gamma` regularises."""
    sigma, size, zeros = (term.number(name) for name in ("sigma", "size", "zeros"))
    return Blur(gaussian_kernel(int(size), sigma), gamma, "zero" if zeros else "mirror") if sigma else Identity()


def pixelate(term: Term, gamma: float) -> Operator:
    """Of a lost resolution, also of a bicubic one: the means of its patches are nearly the pixels it started from."""
    return Pixelate(int(term.number("factor")))
