"""Keyword rules: which image a sentence is about and what is wrong with it, before the classifier is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from fusionbench.methods.lure.text import keywords
from fusionbench.methods.lure.text.tasks import DEFAULT_MODALITY, prompt_bank, words

NEGATION_REACH = 4
"""Number of following words that a "not" negates."""

MISPLACED = 8
"""By how many words a mention of the less likely modality must be closer to be accepted."""

IN_INFRARED = {"hz": "lc", "oe": "lc", "ll": "lc"}
IN_VISIBLE = {"lc": "hz"}
"""The corresponding task for a task's words in the other modality; a gray veil in infrared is low contrast."""

SHORTEST = 3
"""Length from which a word indicates its language."""

TYPO_LENGTH = 5
TWO_TYPOS_LENGTH = 9


class Found(NamedTuple):
    """A defect found in a sentence.

    Attributes:
        task: one of `TASKS`, or 'other'.
        modality: 'ir' or 'vi'.
        weight: how clearly it is named.
        own: whether its clause names that image without praise.
    """

    task: str
    modality: str
    weight: float
    own: bool


class RuleMatches(NamedTuple):
    """What the rules find in a sentence.

    Attributes:
        found: defects, after negations.
        modalities: images that are mentioned.
        well: whether something is praised, or a defect denied.
    """

    found: tuple[Found, ...]
    modalities: frozenset[str]
    well: bool


def normal_form(text: str) -> str:
    """Lower case, "n't" spelled out, and typos of known words corrected.

    Example:
        >>> normal_form("The visibel image isn't foogy")
        'the visible image is not foggy'
    """
    text = re.sub(r"[\s_\u2010\u2011-]+", " ", text.lower().replace("\u2019", "'"))
    text = re.sub(r"\bcan't\b|\bcannot\b|\bcant\b", "can not", text)
    text = re.sub(r"\b(is|are|was|do|does)nt\b", r"\1 not", re.sub(r"n't\b", " not", text))
    return re.sub(r"[^\W\d_]+", lambda match: corrected(match[0]), text)


def match_rules(text: str) -> RuleMatches:
    """Apply the keyword rules to a sentence."""
    text = normal_form(text)
    clauses = list(_clauses(text))
    mentions = [_mentions(text, start, end) for start, end in clauses]
    found: list[Found] = []
    well = bool(keywords.WELL.search(text))
    for index, (start, end) in enumerate(clauses):
        praised = bool(keywords.WELL.search(text, 0, start))
        for place, mention in _defects(text, start, end):
            if _negated(text, start, place):
                well = True
                continue
            modality = _modality(text, place, mention.task, mentions, index, praised=praised)
            own = any(name == modality for _, name in mentions[index]) and not keywords.WELL.search(text, start, end)
            found.append(Found(_task_in(mention.task, modality), modality, mention.weight, own))
    return RuleMatches(tuple(found), frozenset(name for some in mentions for _, name in some), well)


def _clauses(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for boundary in keywords.BOUNDARY.finditer(text):
        yield start, boundary.start()
        start = boundary.end()
    yield start, len(text)


def _mentions(text: str, start: int, end: int) -> list[tuple[int, str]]:
    return [
        (match.start(), modality)
        for modality, pattern in (("ir", keywords.INFRARED), ("vi", keywords.VISIBLE))
        for match in pattern.finditer(text, start, end)
    ]


def _defects(text: str, start: int, end: int) -> Iterator[tuple[int, keywords.Mention]]:
    """The defects of a clause; of overlapping patterns the clearest, then the longest."""
    matches = [
        (match.start(), match.end(), mention)
        for mention in keywords.DEFECTS
        for match in mention.pattern.finditer(text, start, end)
    ]
    matches = [each for each in matches if not _praised(text, start, end, *each[:2])]
    taken: list[tuple[int, int]] = []
    for first, last, mention in sorted(matches, key=lambda each: (-each[2].weight, each[0] - each[1])):
        if all(last <= low or first >= high for low, high in taken):
            taken.append((first, last))
            yield first, mention


def _praised(text: str, start: int, end: int, first: int, last: int) -> bool:
    """Whether a match is part of praise ("good contrast") that is not a request ("give it a high resolution")."""
    for praise in keywords.PRAISE.finditer(text, start, end):
        if first < praise.end() and last > praise.start():
            asked = keywords.ASKING.search(text, start, praise.start())
            return asked is None and not keywords.NEGATION.search(text, start, praise.start())
    return False


def _negated(text: str, start: int, place: int) -> bool:
    before = keywords.NOT_NEGATION.sub(" ", text[start:place])
    if re.search(r"\b(?:want|need|give|make|get|like)\b.*\bwithout\b", before):
        return False
    near = " ".join(before.split()[-NEGATION_REACH:])
    return bool(keywords.NEGATION.search(near))


def _modality(
    text: str, place: int, task: str, mentions: list[list[tuple[int, str]]], clause: int, *, praised: bool
) -> str:
    """The modality mentioned nearest in the clause; else that of the previous complaint; else the task's default."""
    home = DEFAULT_MODALITY.get(task, "")
    if mentions[clause]:
        return min(mentions[clause], key=lambda each: _cost(text, place, each, home))[1]
    before = [modality for some in mentions[:clause] for _, modality in sorted(some)]
    if not home or not before or home in before:
        return home or (before[-1] if before else "vi")
    return home if praised else before[-1]


def _cost(text: str, place: int, mentioned: tuple[int, str], home: str) -> int:
    mention, modality = mentioned
    between = text[min(place, mention) : max(place, mention)]
    return len(words(between)) + (MISPLACED if home and modality != home else 0)


def _task_in(task: str, modality: str) -> str:
    return (IN_INFRARED if modality == "ir" else IN_VISIBLE).get(task, task)


def corrected(word: str) -> str:
    """The known word for one that differs in a letter (two in long words); other words unchanged."""
    if len(word) < TYPO_LENGTH or word in _known():
        return word
    reach = 2 if len(word) >= TWO_TYPOS_LENGTH else 1
    near = {target for form in _without(word, reach) for target in _typos().get(form, ())}
    return min(near, key=lambda target: (abs(len(target) - len(word)), target)) if near else word


@cache
def _typos() -> dict[str, tuple[str, ...]]:
    """Keywords by their remainder without one or two of their letters."""
    forms: dict[str, tuple[str, ...]] = {}
    for keyword in keywords.KEYWORDS:
        for form in _without(keyword, 2 if len(keyword) >= TWO_TYPOS_LENGTH - 1 else 1):
            forms[form] = (*forms.get(form, ()), keyword)
    return forms


def _without(word: str, letters: int) -> set[str]:
    forms = {word}
    for _ in range(letters):
        forms |= {form[:place] + form[place + 1 :] for form in forms for place in range(len(form))}
    return forms


@cache
def _known() -> frozenset[str]:
    sentences = (sentence for some in prompt_bank().values() for sentence in some)
    return (
        frozenset(word for sentence in sentences for word in words(sentence))
        | keywords.EVERYDAY
        | set(keywords.KEYWORDS)
    )


def known_share(text: str) -> float:
    """Fraction of a sentence's words that occur in the bank or the lexicon."""
    said = [word for word in words(normal_form(text)) if len(word) >= SHORTEST]
    return sum(word in _known() for word in said) / len(said) if said else 0.0
