"""TIFF and PNG files of kinds that Pillow does not write."""

from __future__ import annotations

import struct
import zlib

import numpy as np

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2


def tiff(
    values: np.ndarray,
    *,
    photometric: int = BLACK_IS_ZERO,
    kind: int = UNSIGNED,
    order: str = "<",
    bits: int | None = None,
    orientation: int = 1,
    extra: int | None = None,
    data: bytes | None = None,
    marks: tuple[int, ...] = (0,),
) -> bytes:
    """An uncompressed TIFF of one strip a page.

    Args:
        values: (H, W) or (H, W, C).
        order: '<' or '>'.
        extra: what the channels beyond those of the colour are; 0 is unspecified, 2 is transparency.
        data: the bytes of a page, where they are not those of the array.
        marks: NewSubfileType of each page.
    """
    height, width = values.shape[:2]
    samples = 1 if values.ndim == 2 else values.shape[2]
    depth = bits or 8 * values.dtype.itemsize
    pixels = values.astype(values.dtype.newbyteorder(order)).tobytes() if data is None else data
    written = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for place, mark in enumerate(marks):
        tags = {254: (4, [mark]), 256: (4, [width]), 257: (4, [height]), 258: (3, [depth] * samples), 259: (3, [1])}
        tags |= {
            262: (3, [photometric]),
            273: (4, [0]),
            274: (3, [orientation]),
            277: (3, [samples]),
            278: (4, [height]),
        }
        tags |= {279: (4, [len(pixels)]), 339: (3, [kind] * samples)}
        if extra is not None:
            tags[338] = (3, [extra] * (samples - 3))
        beyond = len(written) + 2 + 12 * len(tags) + 4
        lists = {
            tag: struct.pack(f"{order}{len(found)}H", *found) for tag, (_, found) in tags.items() if len(found) > 2
        }
        places = {tag: beyond + sum(map(len, list(lists.values())[:index])) for index, tag in enumerate(lists)}
        strip = beyond + sum(map(len, lists.values()))
        tags[273] = (4, [strip])
        written += struct.pack(order + "H", len(tags))
        for tag, (form, found) in sorted(tags.items()):
            if tag in places:
                field = struct.pack(order + "I", places[tag])
            else:
                field = struct.pack(f"{order}{len(found)}{'HI'[form == 4]}", *found).ljust(4, b"\0")
            written += struct.pack(order + "HHI", tag, form, len(found)) + field
        following = strip + len(pixels) if place + 1 < len(marks) else 0
        written += struct.pack(order + "I", following) + b"".join(lists.values()) + pixels
    return written


def png(values: np.ndarray, colour: int, size: tuple[int, int] | None = None) -> bytes:
    """A PNG of the array's depth.

    Args:
        values: (H, W, C).
        colour: 0 gray, 2 RGB, 4 gray with transparency, 6 RGB with transparency.
        size: width and height that the header claims.
    """
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(values.dtype.newbyteorder(">")).tobytes() for row in values)
    header = struct.pack(">IIBBBBB", *(size or (width, height)), 8 * values.dtype.itemsize, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
