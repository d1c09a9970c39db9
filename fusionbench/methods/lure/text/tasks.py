"""LURE's tasks and the sentences that describe them; importing this imports nothing heavy."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from fusionbench.degradations import parse

PSEUDO = "pseudo"
"""The task of undegraded images: reconstruct the input."""

TASKS = ("lc", "sr", "hz", "oe", "ll", PSEUDO)
"""The text classes, in the order of the classification head; both super-resolution factors are one class."""

DEFAULT_MODALITY = {"lc": "ir", "sr": "ir", "hz": "vi", "oe": "vi", "ll": "vi"}
"""The modality in which a task is trained, and which is assumed if a sentence names none."""

IN_WORDS = {
    "lc": "low contrast",
    "sr": "low resolution",
    "hz": "haze",
    "oe": "over-exposure",
    "ll": "low light",
    PSEUDO: "no degradation",
}

OF_KIND = {"haze": "hz", "lc": "lc", "ll": "ll", "lr": "sr", "oe": "oe", "sr4": "sr", "sr8": "sr"}
"""The task of each degradation code that LURE supports."""

LEARNED = ("ll(0.4~0.8)", "oe(0.4~0.8)", "haze(0.3~0.7)", "lc(0.4~0.8)", "sr4", "sr8")
"""The training degradations of the first phase, one degradation of one image at a time."""

BANK = ("hz", "lc", "ll", "oe", "pseudo_ir", "pseudo_vi", "sr")
"""Files of `prompts/`, one sentence per line."""

CANONICAL = {
    "lc": "The infrared image lacks contrast.",
    "sr": "The infrared image has low resolution.",
    "hz": "The visible image is hazy.",
    "oe": "The visible image is overexposed.",
    "ll": "The visible image was taken in low light.",
    PSEUDO: "Reconstruct the image.",
}
"""The sentences used if a task is known but no prompt; all of them are in the bank."""


@cache
def prompt_bank() -> dict[str, tuple[str, ...]]:
    """The sentences of each task."""
    sentences: dict[str, tuple[str, ...]] = dict.fromkeys(TASKS, ())
    for name in BANK:
        text = (files(__package__) / "prompts" / f"{name}.txt").read_text(encoding="utf-8")
        task = name.partition("_")[0]
        sentences[task] += tuple(text.splitlines())
    return sentences


def words(text: str) -> list[str]:
    """Lower-case words and numbers.

    Example:
        >>> words("The IR image isn't sharp: 160x120!")
        ['the', 'ir', 'image', 'isn', 't', 'sharp', '160', 'x', '120']
    """
    return re.findall(r"[^\W\d_]+|\d+", text.lower())


def tasks_of(degradation: str, modality: str) -> tuple[str, ...]:
    """The tasks that restore a degradation of one modality; empty if it is not degraded, or LURE has no task for it.

    Args:
        degradation: a spec such as 'll+lc'.
        modality: 'ir' or 'vi'.

    Raises:
        ValueError: the spec is invalid.

    Example:
        >>> tasks_of("ll+lc", "vi"), tasks_of("ll+lc", "ir"), tasks_of("rain", "vi")
        (('ll',), ('lc',), ())
    """
    codes = [term.code for term in parse(degradation).on(modality)]
    found = [OF_KIND[code] for code in codes if code in OF_KIND and DEFAULT_MODALITY[OF_KIND[code]] == modality]
    return tuple(dict.fromkeys(found))
