"""Parsing a prompt into the tasks of each image: keyword rules first, then the classifier.

The paper finds the affected modality by "a simple text classification or regular expressions"; this is both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from fusionbench.methods.lure.text.rules import Found, RuleMatches, known_share, match_rules
from fusionbench.methods.lure.text.tasks import DEFAULT_MODALITY, IN_WORDS, PSEUDO, TASKS

LONGEST = 20_000
"""Longest prompt in characters; more is probably a file passed by mistake."""

SURE = 0.5
"""The least probability at which the classifier is trusted."""

KNOWN = 0.5
"""The least fraction of words known from the bank at which the classifier is used."""

STRONG = 2.0
"""The weight from which a second defect of the same image counts."""

EXAMPLE = (
    "describe them in English, for example 'the visible image is too dark and the infrared image has low contrast'"
)


@dataclass(frozen=True)
class ParsedPrompt:
    """The tasks found for each image of a pair.

    Attributes:
        ir: tasks of the infrared image, the clearest first; empty if it is fine or not mentioned.
        vi: the same for the visible image.
        confidence: 1 if the keyword rules decided, else the classifier's probability.
        by: what decided.
    """

    ir: tuple[str, ...]
    vi: tuple[str, ...]
    confidence: float
    by: Literal["words", "classifier"]

    def tasks(self, modality: str) -> tuple[str, ...]:
        """The tasks of 'ir' or 'vi'."""
        return self.ir if modality == "ir" else self.vi


@lru_cache(maxsize=4096)
def read_prompt(text: str) -> ParsedPrompt:
    """Parse a sentence about a pair.

    Raises:
        ValueError: it contradicts itself, names a defect that LURE has no task for, cannot be understood, or is too
            long.

    Example:
        >>> read_prompt("The visible image is fine but the thermal one has low contrast.")
        ParsedPrompt(ir=('lc',), vi=(), confidence=1.0, by='words')
    """
    if len(text) > LONGEST:
        raise ValueError(
            f"the prompt has {len(text)} characters; describe in a sentence or two what is wrong with the images"
        )
    said = match_rules(text)
    ir, vi = (_clear(said, modality) for modality in ("ir", "vi"))
    if ir or vi:
        ir, vi = ir or _hinted(said, "ir"), vi or _hinted(said, "vi")
        _refuse(text, ir, vi)
        return ParsedPrompt(_at_home(ir, "ir"), _at_home(vi, "vi"), 1.0, "words")
    if said.well and not said.found:
        return ParsedPrompt((), (), 1.0, "words")
    return _classified(text, said)


def _clear(said: RuleMatches, modality: str) -> tuple[str, ...]:
    """The defects of one image that the words name clearly, the clearest first."""
    weights: dict[str, float] = {}
    for found in said.found:
        if found.modality == modality:
            weights[found.task] = weights.get(found.task, 0) + found.weight
    # Of equally clear ones, haze comes first: its words are unambiguous, while smoke also darkens and fog also whitens.
    ranked = sorted(weights, key=lambda task: (-weights[task], task != "hz"))
    return tuple(
        task for rank, task in enumerate(ranked) if weights[task] >= STRONG or (rank == 0 and weights[task] >= 1)
    )


def _at_home(tasks: tuple[str, ...], modality: str) -> tuple[str, ...]:
    return tuple(task for task in tasks if DEFAULT_MODALITY.get(task) == modality)


def _hinted(said: RuleMatches, modality: str) -> tuple[str, ...]:
    """What a clause about one image hints at, next to a clear one about the other."""
    hints = [each for each in said.found if each.own and each.modality == modality == DEFAULT_MODALITY.get(each.task)]
    return tuple(each.task for each in sorted(hints, key=lambda each: -each.weight)[:1])


def _refuse(text: str, ir: tuple[str, ...], vi: tuple[str, ...]) -> None:
    if {"ll", "oe"} <= set(vi):
        raise ValueError(
            f"the prompt {_shown(text)} says that the visible image is both too dark and too bright; give only one"
        )
    for home, modality, tasks in (("ir", "infrared", ir), ("vi", "visible", vi)):
        if tasks and all(DEFAULT_MODALITY.get(task) != home for task in tasks):
            known = " or ".join(IN_WORDS[task] for task, where in DEFAULT_MODALITY.items() if where == home)
            raise ValueError(
                f"{_shown(text)}: lure has no task for that in {modality} images, where it can restore {known}"
            )


def _classified(text: str, said: RuleMatches) -> ParsedPrompt:
    import torch

    from fusionbench.methods.lure.text.classifier import shipped

    hint = _strongest(said)
    with torch.inference_mode():
        chances = shipped()([text]).softmax(dim=1)[0]
    best = int(chances.argmax())
    task, chance = TASKS[best], float(chances[best])
    if known_share(text) < KNOWN or (chance < SURE and hint is None):
        raise ValueError(f"cannot tell what {_shown(text)} says about the images; {EXAMPLE}")
    if hint is not None and (chance < SURE or task == PSEUDO):
        return _single(hint.task, hint.modality, float(chances[TASKS.index(hint.task)]))
    modality = next(iter(said.modalities)) if len(said.modalities) == 1 else DEFAULT_MODALITY.get(task, "")
    return _single(task, modality if DEFAULT_MODALITY.get(task) == modality else DEFAULT_MODALITY.get(task, ""), chance)


def _strongest(said: RuleMatches) -> Found | None:
    hints = [found for found in said.found if DEFAULT_MODALITY.get(found.task) == found.modality]
    return max(hints, key=lambda found: found.weight, default=None)


def _single(task: str, modality: str, confidence: float) -> ParsedPrompt:
    if task == PSEUDO:
        return ParsedPrompt((), (), confidence, "classifier")
    return ParsedPrompt(
        (task,) if modality == "ir" else (), (task,) if modality == "vi" else (), confidence, "classifier"
    )


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "...")
