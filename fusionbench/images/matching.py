"""Which names of images belong together: equal ones, or ones that differ in an ending or in a word such as 'ir' alone.

Names are those of `image_files`: without suffix, with `__` between folders. Where there could be two answers there is
none, and a person has to say what the names share.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

IR_WORDS = frozenset({"fir", "inf", "infrared", "ir", "lwir", "mwir", "nir", "swir", "th", "thermal", "tir", "红外"})
"""Words for infrared in names of files and folders, in lower case."""

VI_WORDS = frozenset({"color", "colour", "eo", "rgb", "vi", "vis", "visible", "visual", "可见光"})
"""Words for visible images."""

LONG_WORDS = ("infrared", "thermal", "visible", "visual")
"""Words that are found at the ends of others, too, as in 'cropinfrared'."""

_DEPTH = r"\d+[_-]?bits?(?![A-Za-z])"
_PARTS = re.compile(rf"{_DEPTH}|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+|[\W_]+")
_GONE = "\0"


@dataclass(frozen=True)
class Matched:
    """Two sets of names, matched.

    Attributes:
        pairs: name of the pair, name of its infrared and of its visible image.
        alone_ir: infrared names without a partner.
        alone_vi: visible names without a partner.
        rule: by what names were matched that are not equal, in words.
        suffixes: of infrared and visible names, which would match all of them if a person said so.
    """

    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    alone_ir: list[str] = field(default_factory=list)
    alone_vi: list[str] = field(default_factory=list)
    rule: str = ""
    suffixes: tuple[str, str] | None = None


def match(ir: Collection[str], vi: Collection[str], ir_suffix: str = "", vi_suffix: str = "") -> Matched:
    """Match the names of infrared and of visible images.

    Equal names are matched, whatever their case. Where there are none, words for the modalities may be what differs, or
    a beginning or end that all names of one side have and none of the other.

    Args:
        ir_suffix: the end of infrared names that the pair's name lacks, or a pattern with `*` in the name's place.
        vi_suffix: the same of visible names.

    Raises:
        ValueError: no name ends so or fits the pattern, or it leaves two files the same name.

    Example:
        >>> match(["001_ir", "002_ir"], ["001_vis", "002_vis"]).pairs
        [('001', '001_ir', '001_vis'), ('002', '002_ir', '002_vis')]
    """
    ir, vi = sorted(ir), sorted(vi)
    equal = _joined(without_suffix(ir, ir_suffix, "ir_suffix"), without_suffix(vi, vi_suffix, "vi_suffix"))
    if equal.pairs or ir_suffix or vi_suffix:
        return equal
    worded = _by_words(ir, vi)
    return worded if worded.pairs else _by_ends(ir, vi, equal)


def match_mixed(names: Collection[str], ir_suffix: str = "", vi_suffix: str = "") -> Matched:
    """Match names of which some are infrared images and some visible ones; those of neither are passed over.

    Args:
        ir_suffix: as for `match`; without both, words for the modalities tell them apart.
        vi_suffix: likewise.

    Raises:
        ValueError: as of `match`.

    Example:
        >>> match_mixed(["IR1", "VIS1", "fused1"]).pairs
        [('1', 'IR1', 'VIS1')]
    """
    names = sorted(names)
    if not ir_suffix and not vi_suffix:
        return _by_words(*([name for name in names if modality_of(name) == modality] for modality in ("ir", "vi")))
    ir, vi = without_suffix(names, ir_suffix, "ir_suffix"), without_suffix(names, vi_suffix, "vi_suffix")
    # What one side takes by its suffix is none of the other's.
    return _joined(ir if ir_suffix else _less(ir, vi), vi if vi_suffix else _less(vi, ir))


def without_suffix(names: Collection[str], suffix: str, option: str) -> dict[str, str]:
    """The names that end in a suffix or fit a pattern, by what is left of them.

    Args:
        suffix: the end, or a pattern with one `*`; all names stay as they are where it is empty.
        option: what the caller calls it, for errors.

    Raises:
        ValueError: the pattern is none, no name fits, or two names leave the same.

    Example:
        >>> without_suffix(["car_GFF", "man_GFF", "man_LP"], "_GFF", "suffix")
        {'car': 'car_GFF', 'man': 'man_GFF'}
    """
    before, star, after = suffix.partition("*")
    if not star:
        before, after = "", suffix
    if "*" in after or suffix == "*":
        raise ValueError(f"{option}='{suffix}' is no ending and no pattern; write such as _ir, or IR* with one *")
    found: dict[str, str] = {}
    for name in names:
        rest = name[len(before) : len(name) - len(after)]
        low = name.casefold()
        if rest and low.startswith(before.casefold()) and low.endswith(after.casefold()):
            if rest in found:
                raise ValueError(f"{found[rest]} and {name} would both be {rest!r} by {option}='{suffix}'")
            found[rest] = name
    if suffix and not found:
        raise ValueError(f"no name fits {option}='{suffix}'; there are such as {', '.join(list(names)[:3])}")
    return found


def match_fused(fused: Collection[str], pairs: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Fused images by the name of their pair, where that is only a part of theirs, as in 'SCENE_METHOD'.

    Returns:
        The names by pair where all have the same beginning and end around it, and all such patterns that there are.

    Example:
        >>> match_fused(["car_GFF", "man_GFF"], ["car", "man"])
        ({'car': 'car_GFF', 'man': 'man_GFF'}, ['*_GFF'])
        >>> match_fused(["car_GFF", "car_LP"], ["car"])
        ({}, ['*_GFF', '*_LP'])
    """
    known = {name.casefold(): name for name in pairs}
    by_pattern: dict[str, dict[str, str]] = {}
    for name in sorted(fused):
        parts = _PARTS.findall(name)
        cuts = ((start, end) for start in range(len(parts)) for end in range(len(parts), start, -1))
        inside = [
            (known["".join(parts[start:end]).casefold()], "".join(parts[:start]), "".join(parts[end:]))
            for start, end in cuts
            if "".join(parts[start:end]).casefold() in known
        ]
        if inside:
            pair, before, after = max(inside, key=lambda found: len(found[0]))
            by_pattern.setdefault(f"{before}*{after}", {})[pair] = name
    return (next(iter(by_pattern.values())) if len(by_pattern) == 1 else {}), sorted(by_pattern)


def modality_of(name: str) -> str:
    """'ir' or 'vi' where a name speaks of one modality alone; empty for all others.

    Example:
        >>> [modality_of(name) for name in ("thermal_8_bit", "crop_LR_visible", "FLIR_00001", "ir_vis")]
        ['ir', 'vi', '', '']
    """
    ir, vi = _speaks_of(name, IR_WORDS), _speaks_of(name, VI_WORDS)
    return "" if ir == vi else "ir" if ir else "vi"


def shared_part(name: str) -> str:
    """What is left of a name without the words for its modality, and the separators around them.

    Example:
        >>> [shared_part(name) for name in ("set_ir_001", "VIS1", "FLIR_7_thermal_8bit", "thermal")]
        ['set_001', '1', 'FLIR_7', '']
    """
    parts = [_without_words(part) for part in _PARTS.findall(name)]
    if not any(_GONE in part for part in parts):
        return name
    text = "".join(_GONE if re.fullmatch(_DEPTH, part) else part for part in parts)

    def seam(gone: re.Match[str]) -> str:
        if gone.start() == 0 or gone.end() == len(text):
            return ""
        left, _, right = gone[0].partition(_GONE)
        return left or right.replace(_GONE, "")

    return re.sub(rf"[\W_]*{_GONE}[\W_]*", seam, text)


def _without_words(part: str) -> str:
    """A part of a name with a mark in place of a word for a modality."""
    low = part.lower()
    if low in IR_WORDS | VI_WORDS:
        return _GONE
    for word in LONG_WORDS:
        if low.startswith(word):
            return _GONE + part[len(word) :]
        if low.endswith(word):
            return part[: -len(word)] + _GONE
    return part


def _speaks_of(name: str, words: Collection[str]) -> bool:
    parts = [part.lower() for part in _PARTS.findall(name)]
    long = tuple(word for word in LONG_WORDS if word in words)
    return any(part in words or part.startswith(long) or part.endswith(long) for part in parts)


def _less(some: dict[str, str], taken: dict[str, str]) -> dict[str, str]:
    names = set(taken.values())
    return {rest: name for rest, name in some.items() if name not in names}


def _joined(ir: dict[str, str], vi: dict[str, str], rule: str = "") -> Matched:
    """Names by what is left of them, matched by that; differences of case are overlooked where nothing else fits."""
    lowered = {rest.casefold(): rest for rest in ir}
    partner = {rest: rest if rest in ir else lowered.get(rest.casefold()) for rest in vi}
    pairs = [(rest or vi[rest], ir[own], vi[rest]) for rest, own in partner.items() if own is not None]
    taken = {own for own in partner.values() if own is not None}
    return Matched(
        sorted(pairs),
        sorted(ir[rest] for rest in ir if rest not in taken),
        sorted(vi[rest] for rest, own in partner.items() if own is None),
        rule if pairs else "",
    )


def _by_words(ir: Sequence[str], vi: Sequence[str]) -> Matched:
    """Names that are equal but for words such as 'ir' and 'vis'; no pair where two of a side would be the same."""
    of_ir, of_vi = ({shared_part(name): name for name in names} for names in (ir, vi))
    alike = len({rest.casefold() for rest in of_ir}) < len(ir) or len({rest.casefold() for rest in of_vi}) < len(vi)
    if alike:
        return Matched([], list(ir), list(vi))
    return _joined(of_ir, of_vi, "their names without words such as 'ir' and 'vis'")


def _by_ends(ir: Sequence[str], vi: Sequence[str], unmatched: Matched) -> Matched:
    """Names of which one side has a beginning or end that the other lacks, if that matches all in one way only.

    Where each side has one of its own, nobody knows what these mean: they are suggested, and `unmatched` stays so.
    """
    if len(ir) != len(vi) or len(ir) < 2:
        return unmatched
    answers: dict[frozenset[tuple[str, str]], tuple[Matched, str, str]] = {}
    # A pair is called by all that its names share, but for separators at the ends.
    both = list(product(_cuts(ir), _cuts(vi)))
    both.sort(key=lambda cuts: (_ragged(cuts[0][1]), len(cuts[0][0] + cuts[1][0])))
    for (own, of_ir), (other, of_vi) in both:
        found = _joined(of_ir, of_vi, f"{own} and {other}, where * is what they share")
        if len(found.pairs) == len(ir):
            answers.setdefault(frozenset((first, second) for _, first, second in found.pairs), (found, own, other))
    if len(answers) != 1:
        return unmatched
    ((found, own, other),) = answers.values()
    return found if "*" in (own, other) else replace(unmatched, suffixes=(own, other))


def _ragged(names: Collection[str]) -> bool:
    return any(re.search(r"^[\W_]|[\W_]$", name) for name in names)


def _cuts(names: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Each beginning and end that all names have, as a pattern, with the names by what is left.

    Numbers stay whole: they are what tells one image of a folder from another.
    """
    split = [_PARTS.findall(name) for name in names]
    room = min(map(len, split)) - 1
    first = split[0]
    begins = _common([parts[:room] for parts in split])
    ends = _common([parts[::-1][:room] for parts in split])
    found = []
    for head, tail in product(range(begins + 1), range(ends + 1)):
        if head + tail <= room:
            rest = {"".join(parts[head : len(parts) - tail]): name for parts, name in zip(split, names, strict=True)}
            if len(rest) == len(names):
                found.append((f"{''.join(first[:head])}*{''.join(first[len(first) - tail :])}", rest))
    return found


def _common(rows: Sequence[Sequence[str]]) -> int:
    """How many first entries all rows share, up to the first number."""
    count = 0
    for entries in zip(*rows, strict=False):
        if len(set(entries)) > 1 or entries[0].isdigit():
            break
        count += 1
    return count
