"""From the bytes of an image file to its values: upright, in their own range and type."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError
from typing_extensions import Buffer

from fusionbench.images.tiff import FLOAT, SIGNED, Page, is_tiff, tiff_pages
from fusionbench.types import Bytes

Values = npt.NDArray[Any]

# Pillow's decoders raise these for damaged files, depending on the format and where the damage is.
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error, zlib.error)

ORIENTATION = 0x0112

TURNS = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: image.swapaxes(0, 1)[:, ::-1],
    7: lambda image: image.swapaxes(0, 1)[::-1, ::-1],
    8: lambda image: image.swapaxes(0, 1)[::-1],
}
"""The operation that makes an image upright, by EXIF orientation; from 5 on, height and width are swapped."""


class Header(NamedTuple):
    """What a file says of its image before it is decoded.

    Attributes:
        height: of the upright image.
        width: likewise.
        orientation: how the stored pixels are turned, as in EXIF; 1 where they are not.
        plain: 1 or 3, the channels of 8 bits that leave nothing open; 0 where the pixels have to be looked at.
    """

    height: int
    width: int
    orientation: int = 1
    plain: int = 0


class Stored(NamedTuple):
    """The content of an image file.

    Attributes:
        values: (H, W), or (H, W, C) of 2 to 4 channels, where the last of 2 or 4 is transparency or something else.
        white: the value of white by the file's bit depth; None where there is none, as for floats.
        inverted: whether low values are bright.
    """

    values: Values
    white: int | None = 255
    inverted: bool = False


def decode(data: Buffer) -> Stored:
    """The values of an image file.

    Raises:
        ValueError: it is damaged, not an image, several images, or of an unsupported kind.
    """
    plain = plain_png(data)
    if plain is not None:
        return Stored(plain)
    try:
        if is_tiff(bytes(memoryview(data)[:4])):
            return _tiff(data)
        with Image.open(io.BytesIO(data)) as image:
            return _opened(image, data)
    except DAMAGED as error:
        raise ValueError(_reason(error)) from error
    except Image.DecompressionBombError as error:
        raise ValueError(_too_large()) from error


def from_pillow(image: Image.Image) -> Stored:
    """The values of an image that Pillow opened or made, the right way up; of several frames, the present one.

    Raises:
        ValueError: its file is damaged, or a TIFF, of which Pillow does not follow all that it says.
    """
    if image.format == "TIFF":
        raise ValueError("Pillow does not follow all that a TIFF says; give the path of its file")
    try:
        orientation = _orientation(image)
        image.load()
        values = _values(image)
    except DAMAGED as error:
        raise ValueError(_reason(error)) from error
    white = {np.dtype(np.uint8): 255, np.dtype(np.float32): None}.get(values.dtype, 65535)
    return Stored(_upright(values, orientation), white)


def read_header(path: Path) -> Header:
    """The header of an image file, without decoding its pixels.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the header cannot be read.
    """
    with path.open("rb") as file:
        try:
            if is_tiff(file.read(4)):
                page = tiff_pages(file)[0]
                size = (page.height, page.width)
                return Header(*(size if page.orientation <= 4 else size[::-1]), page.orientation)
            with Image.open(file) as image:
                orientation = _orientation(image)
                size = (image.height, image.width)
                opaque = "transparency" not in image.info and ";16" not in str(image.tile)
                plain = {"L": 1, "RGB": 3}.get(image.mode, 0) if opaque else 0
                return Header(*(size if orientation <= 4 else size[::-1]), orientation, plain)
        except DAMAGED as error:
            raise ValueError(_reason(error)) from error
        except Image.DecompressionBombError as error:
            raise ValueError(_too_large()) from error


def _reason(error: Exception) -> str:
    """What is wrong with a file; for unknown formats, Pillow's own message names an object in memory."""
    known = not isinstance(error, UnidentifiedImageError)
    return (str(error) or type(error).__name__) if known else "it is damaged, or of an unknown format"


def _too_large() -> str:
    return f"it has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels; cut it into smaller images"


def plain_png(data: Buffer) -> Bytes | None:
    """The pixels of an intact 8-bit gray or RGB PNG, by OpenCV in two thirds of Pillow's time; else None.

    OpenCV ignores damage, so every checksum is compared first.
    """
    view = memoryview(data)
    if bytes(view[:8]) != b"\x89PNG\r\n\x1a\n":
        return None
    place, kinds = 8, []
    while place + 12 <= len(view):
        size = int.from_bytes(view[place : place + 4], "big")
        end = place + 8 + size
        if zlib.crc32(view[place + 4 : end]).to_bytes(4, "big") != view[end : end + 4]:
            return None
        kinds.append(bytes(view[place + 4 : place + 8]))
        place = end + 4
    header = struct.unpack(">II5B", view[16:29]) if kinds[:1] == [b"IHDR"] else ()
    plain = header[2:] in ((8, 0, 0, 0, 0), (8, 2, 0, 0, 0)) and header[0] * header[1] < 2**26
    # Transparency, rotation and animation are left to Pillow.
    if not plain or kinds[-1] != b"IEND" or {b"tRNS", b"eXIf", b"acTL"} & set(kinds):
        return None
    pixels = cv2.imdecode(np.frombuffer(view, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape != (header[1], header[0], 3)[: 2 if header[3] == 0 else 3]:
        return None
    return np.asarray(pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _opened(image: ImageFile.ImageFile, data: Buffer) -> Stored:
    """The values of an image that is not a TIFF."""
    # The second picture of an MPO is another view or a small copy of the first.
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1:
        raise ValueError(f"it holds {frames} images; save the intended one as a separate file")
    orientation = _orientation(image)
    deep = ";16" in str(image.tile) and image.mode in ("LA", "RGB", "RGBA")
    image.load()
    if deep:
        return Stored(_by_opencv(data, orientation), 65535)
    values = _values(image)
    return Stored(_upright(values, orientation), 255 if values.dtype == np.uint8 else 65535)


def _values(image: Image.Image) -> Values:
    """The values of a loaded image, with transparency as a last channel."""
    mode = image.mode
    if "transparency" in image.info and mode in ("1", "L", "P", "RGB"):
        mode = "RGBA" if mode in ("P", "RGB") else "LA"
    elif mode not in ("L", "LA", "RGB", "RGBA", "RGBX", "I", "F") and not mode.startswith("I;16"):
        mode = {"1": "L", "La": "LA", "RGBa": "RGBA", "PA": "RGBA"}.get(mode, "RGB")
    return np.array(image if mode == image.mode else image.convert(mode))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of an image that is not a TIFF; read before its pixels are loaded."""
    try:
        # The EXIF data of a PNG must come before its pixels, or Pillow would decode the pixels to find them.
        exif = Image.Exif()
        if image.format == "PNG":
            exif.load(image.info.get("exif", b""))
        else:
            exif = image.getexif()
        orientation = exif.get(ORIENTATION, 1)
    except DAMAGED:
        return 1
    return orientation if orientation in TURNS else 1


def _upright(values: Values, orientation: int) -> Values:
    return values if orientation == 1 else np.ascontiguousarray(TURNS[orientation](values))


def _tiff(data: Buffer) -> Stored:
    pages = tiff_pages(io.BytesIO(data))
    page = pages[0]
    if (count := sum(not each.extra for each in pages)) > 1:
        raise ValueError(f"it holds {count} pages; save the intended one as a separate file")
    if page.end > len(memoryview(data)):
        raise ValueError("image file is truncated")
    if page.height * page.width > 2 * (Image.MAX_IMAGE_PIXELS or 2**62):
        raise ValueError(_too_large())
    if page.samples > 4:
        raise ValueError(f"it has {page.samples} channels; save the intended ones as a gray or an RGB image")
    values = _tiff_values(data, page)
    if page.kind in (SIGNED, FLOAT) or page.bits > 16:
        return Stored(values, None, page.white_is_zero)
    # Pillow and OpenCV invert 8 bits, and neither of them 16.
    deep = values.dtype != np.uint8
    return Stored(values, 2**page.bits - 1 if deep else 255, page.white_is_zero and deep)


def _tiff_values(data: Buffer, page: Page) -> Values:
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            dropped = page.samples > len(image.getbands())
            deep = page.bits == 16 and page.samples > 1
            if not (dropped or deep or (page.kind == SIGNED and page.bits == 8)):
                values = _values(image)
                return values.view(np.uint32) if values.dtype == np.int32 and page.kind != SIGNED else values
    except UnidentifiedImageError:
        # 64-bit floats, and byte orders that Pillow does not support.
        pass
    return _by_opencv(data, page.orientation)


def _by_opencv(data: Buffer, orientation: int) -> Values:
    """The values as read by OpenCV, which keeps 16-bit colour and a fourth channel.

    Versions of OpenCV treat the orientation differently, so rotated images are refused.
    """
    if orientation != 1:
        raise ValueError(
            f"its EXIF orientation is {orientation}, which is not supported for images of this kind; save it upright"
        )
    logging = getattr(cv2.utils, "logging", cv2)  # OpenCV 5 and 4.
    level = logging.getLogLevel()
    logging.setLogLevel(0)  # Silent: errors are reported in this reader's own words.
    try:
        values = cv2.imdecode(np.frombuffer(memoryview(data), np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        logging.setLogLevel(level)
    if values is None:
        raise UnidentifiedImageError
    if values.ndim == 2:
        return values
    return np.ascontiguousarray(values[:, :, [2, 1, 0, 3][: values.shape[2]]])
