"""A first look at pairs of files, before anything is computed: what could silently go wrong is refused or warned about.

Every header is examined, and the pixels of a few pairs. Damaged files are skipped here: they are reported when they are
read, so that they do not stop the others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from fusionbench.images.decoding import Header
from fusionbench.images.files import image_header, is_false_colour, read_image, read_visible
from fusionbench.images.options import ImageWarning, ReadOptions, UnclearImageError

T = TypeVar("T")

LOOKED_AT = 5
"""Number of pairs whose pixels are examined, evenly spread over the dataset."""

STRETCHED = 1.05
"""Ratio of two aspect ratios from which --resize visibly distorts."""


@dataclass(frozen=True)
class PairPaths:
    """One pair of files.

    Attributes:
        name: unique within its dataset.
        ir: infrared image.
        vi: visible image.
    """

    name: str
    ir: Path
    vi: Path


class Headers(NamedTuple):
    """A pair of files with what their headers say."""

    files: PairPaths
    ir: Header
    vi: Header


def look(files: Sequence[PairPaths], resize: bool, reading: ReadOptions) -> None:
    """Check a set of pairs.

    Args:
        resize: infrared images will be resized to the visible ones.

    Raises:
        ValueError: images of a pair differ in size or orientation, or their values are ambiguous.

    Warns:
        ImageWarning: one line for everything that may or may not be intended, with the first file and the count.
    """
    pairs = [Headers(each, *headers) for each in files if (headers := _readable(lambda each=each: _headers(each)))]
    for pair in pairs:
        _refuse_false_turn(pair)
    if not resize:
        _refuse_differing_sizes(pairs)
    turned = [pair for pair in pairs if pair.ir.orientation != pair.vi.orientation]
    stretched = [pair for pair in pairs if _aspect(pair.ir, pair.vi) > STRETCHED]
    sample = _few(pairs)
    coloured = [pair for pair in sample if _readable(lambda pair=pair: _coloured(pair, reading))]
    if turned:
        _warn(
            f"an EXIF orientation rotates one image of {_count(turned, pairs)}, first {_turned(turned[0])}; remove "
            "the tag if these pairs were registered without the rotation"
        )
    if stretched:
        _warn(
            f"{_count(stretched, pairs)} differ in aspect ratio, which distorts the infrared image, first "
            f"{differing(stretched[0].files, stretched[0].ir[:2], stretched[0].vi[:2])}; crop them to the same view "
            "first"
        )
    if coloured:
        _warn(
            f"{len(coloured)} of {len(sample)} examined infrared images are in colour, first {coloured[0].files.ir}; "
            "their luma is used, which does not follow temperature in false colours: export gray levels, choose a "
            "channel (--ir-channel 0 is the first), or confirm the luma (--ir-channel luma)"
        )


def look_at_fused(paths: Sequence[Path]) -> None:
    """Check a few of a set of fused images.

    Raises:
        UnclearImageError: one is ambiguous, and so probably are all of them.
    """
    for path in _few(paths):
        _readable(lambda path=path: read_image(path))


def differing(files: PairPaths, ir: tuple[int, ...], vi: tuple[int, ...]) -> str:
    """A sentence that two images differ in size."""
    return (
        f"the images of {files.name!r} differ in size: infrared {ir[1]}x{ir[0]} ({files.ir}), "
        f"visible {vi[1]}x{vi[0]} ({files.vi})"
    )


def _few(things: Sequence[T]) -> Sequence[T]:
    """A few of a sequence, evenly spread, including the first."""
    return things[:: max(1, -(-len(things) // LOOKED_AT))]


def _headers(files: PairPaths) -> tuple[Header, Header]:
    return image_header(files.ir), image_header(files.vi)


def _coloured(pair: Headers, reading: ReadOptions) -> bool:
    """Whether the infrared image is in colour; both images are decoded where their headers are not conclusive."""
    if not pair.vi.plain:
        read_visible(pair.files.vi, reading)
    gray = pair.ir.plain == 1 and reading.ir_channel is None
    return not gray and is_false_colour(pair.files.ir, reading)


def _readable(read: Callable[[], T]) -> T | None:
    """The result of a reading function; None if the file is damaged or gone."""
    try:
        return read()
    except UnclearImageError:
        raise
    except (ValueError, OSError):
        return None


def _refuse_differing_sizes(pairs: Sequence[Headers]) -> None:
    found = [pair for pair in pairs if pair.ir[:2] != pair.vi[:2]]
    if found:
        others = f"; so do {len(found) - 1} other pairs" if len(found) > 1 else ""
        raise ValueError(
            f"{differing(found[0].files, found[0].ir[:2], found[0].vi[:2])}{others}; bring them to one size, or "
            "resize infrared images to the visible ones with resize=True"
        )


def _refuse_false_turn(pair: Headers) -> None:
    """Refuse a pair that fits only as stored, while the EXIF orientation of one image rotates it by 90 degrees."""
    turns = [each.orientation > 4 for each in (pair.ir, pair.vi)]
    if turns[0] != turns[1] and _aspect(pair.ir, pair.vi) > _aspect(pair.ir, pair.vi, turn=True):
        raise ValueError(
            f"the images of {pair.files.name!r} fit only without the rotation of an EXIF orientation: "
            f"{_turned(pair)}; remove the tag, or rotate the pixels"
        )


def _turned(pair: Headers) -> str:
    path, header = (pair.files.vi, pair.vi) if pair.vi.orientation != 1 else (pair.files.ir, pair.ir)
    return f"{path} (orientation {header.orientation})"


def _aspect(first: Header, second: Header, *, turn: bool = False) -> float:
    """Ratio of two aspect ratios: 1 if they are equal."""
    ratio = first.width / first.height / (second.height / second.width if turn else second.width / second.height)
    return max(ratio, 1 / ratio)


def _count(some: Sequence[Headers], pairs: Sequence[Headers]) -> str:
    return f"{len(some)} of {len(pairs)} pairs"


def _warn(sentence: str) -> None:
    warnings.warn(sentence, ImageWarning, stacklevel=4)
