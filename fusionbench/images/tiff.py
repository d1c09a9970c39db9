"""What the header of a TIFF says of its values: depth, kind, which end is white, which way up, and how many pages.

Pillow reads the values but not all of this: it inverts 8-bit images whose low values are bright and not those of 16
bits, keeps three channels of four, and takes signed bytes for unsigned ones.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, NamedTuple

SIGNED, FLOAT = 2, 3
"""Kinds of values beside 1, unsigned whole numbers."""

SMALLER_COPY, MASK = 1, 4
"""Marks of pages that are no images of their own."""

# Tags by number.
WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION, SAMPLES, FORMAT, SUBFILE = 256, 257, 258, 262, 274, 277, 339, 254
PLACES, LENGTHS = (273, 324), (279, 325)

FORMS = {3: "H", 4: "I", 16: "Q"}
"""How whole numbers are stored, by the type of a tag."""

_MOST_PAGES = 10_000


class Page(NamedTuple):
    """One image of a TIFF.

    Attributes:
        height: of the pixels as they are stored.
        width: likewise.
        bits: of a value.
        kind: 1, SIGNED or FLOAT.
        white_is_zero: whether low values are bright.
        orientation: as in EXIF; 1 is upright.
        samples: channels.
        extra: whether it is a smaller copy or a mask of another page.
        end: where its last byte lies.
    """

    height: int
    width: int
    bits: int
    kind: int
    white_is_zero: bool
    orientation: int
    samples: int
    extra: bool
    end: int


def is_tiff(start: bytes) -> bool:
    """Whether a file that starts with these four bytes is a TIFF, or one of more than 4 GiB."""
    return start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def tiff_pages(stream: BinaryIO) -> list[Page]:
    """The pages of a TIFF in their order.

    Raises:
        struct.error: the header is damaged.
    """
    stream.seek(0)
    start = stream.read(4)
    order, big = "<" if start[:1] == b"I" else ">", 43 in start[2:]
    pages: list[Page] = []
    seen: set[int] = set()
    (place,) = _unpacked(stream, order + "Q", 8) if big else _unpacked(stream, order + "I", 4)
    while place and place not in seen and len(pages) < _MOST_PAGES:
        seen.add(place)
        tags, place = _directory(stream, place, order, big)
        pages.append(_page(tags))
    if not pages or not pages[0].height or not pages[0].width:
        raise struct.error("it has no pixels")
    return pages


def _unpacked(stream: BinaryIO, form: str, place: int) -> tuple[Any, ...]:
    stream.seek(place)
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _directory(stream: BinaryIO, place: int, order: str, big: bool) -> tuple[dict[int, tuple[int, ...]], int]:
    """The tags of whole numbers, and the place of the next directory."""
    count_form, entry_form, place_form = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    (count,) = _unpacked(stream, order + count_form, place)
    place += struct.calcsize(order + count_form)
    step, total = struct.calcsize(order + entry_form), stream.seek(0, 2)
    tags = {}
    for start in range(place, place + count * step, step):
        tag, kind, number, field = _unpacked(stream, order + entry_form, start)
        if kind in FORMS and 0 < number <= total:
            form = f"{order}{number}{FORMS[kind]}"
            inside = struct.calcsize(form) <= len(field)
            (elsewhere,) = struct.unpack(order + place_form, field)
            tags[tag] = struct.unpack_from(form, field) if inside else _unpacked(stream, form, elsewhere)
    return tags, _unpacked(stream, order + place_form, place + count * step)[0]


def _page(tags: dict[int, tuple[int, ...]]) -> Page:
    def first(tag: int, default: int) -> int:
        return tags.get(tag, (default,))[0]

    places = next((tags[tag] for tag in PLACES if tag in tags), ())
    lengths = next((tags[tag] for tag in LENGTHS if tag in tags), ())
    return Page(
        height=first(HEIGHT, 0),
        width=first(WIDTH, 0),
        bits=first(BITS, 1),
        kind=first(FORMAT, 1),
        white_is_zero=first(PHOTOMETRIC, 1) == 0,
        orientation=first(ORIENTATION, 1) if 1 <= first(ORIENTATION, 1) <= 8 else 1,
        samples=first(SAMPLES, 1),
        extra=bool(first(SUBFILE, 0) & (SMALLER_COPY | MASK)),
        end=max((place + length for place, length in zip(places, lengths, strict=False)), default=0),
    )
