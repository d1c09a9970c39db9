"""Image files to 8-bit images and back.

In memory an image is uint8: (H, W) gray or (H, W, 3) RGB. What the file states is followed: its bit depth, which end is
white, its orientation. What it leaves open is never guessed: `levels` refuses it unless `ReadOptions` says it. 16-bit
files are scaled by their full range, 65535 becoming 255, never by the values that happen to occur, so that frames of
one camera stay comparable.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from typing_extensions import Buffer

from fusionbench.files import whole_file
from fusionbench.images.decoding import Header, Stored, decode, from_pillow, read_header
from fusionbench.images.levels import infrared_colours, is_coloured, luma, plain_levels, visible_levels
from fusionbench.images.options import AS_STORED, ReadOptions
from fusionbench.types import Bytes

Readable = str | Path | Image.Image
"""An image file, or what Pillow opened or made."""

SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
LOSSLESS = (".bmp", ".png", ".tif", ".tiff")


def read_image(given: Readable, channels: Literal[1, 3] | None = None) -> Bytes:
    """Read an image file of 8 or 16 bits, gray, palette or colour.

    Args:
        given: of which Pillow reads 16-bit colours as 8-bit ones; as a path, all bits count.
        channels: 1 gives (H, W), the luma of colour images; 3 gives (H, W, 3); None keeps what the file has.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, not an image, or its values are ambiguous.
    """
    return _with_channels(plain_levels(_stored(given), _called(given)), channels)


def read_infrared(given: Readable, options: ReadOptions = AS_STORED) -> Bytes:
    """Read an infrared image file, (H, W).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, not an image, or ambiguous where the options do not resolve it.
    """
    return _with_channels(infrared_colours(_stored(given), _called(given), options), 1)


def read_chosen(path: str | Path, options: ReadOptions) -> Bytes:
    """Read any image file as the options say: one channel where they name one, else gray or colour.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, not an image, or ambiguous where the options do not resolve it.
    """
    image = infrared_colours(_stored(path), str(path), options)
    return image if options.ir_channel is None else _with_channels(image, 1)


def is_false_colour(given: Readable, options: ReadOptions = AS_STORED) -> bool:
    """Whether an infrared file is in colour, so that its luma is taken although no option says so.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as for `read_infrared`.
    """
    image = infrared_colours(_stored(given), _called(given), options)
    return image.ndim == 3 and options.ir_channel is None and is_coloured(image)


def read_visible(given: Readable, options: ReadOptions = AS_STORED) -> Bytes:
    """Read a visible image file, (H, W, 3).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, not an image, or its values are ambiguous.
    """
    return _with_channels(visible_levels(_stored(given), _called(given), options), 3)


def decode_image(data: Buffer, what: str) -> Bytes:
    """The pixels of an encoded image in memory.

    Args:
        what: a description of the image for the error message.

    Raises:
        ValueError: it is damaged or not an image.
    """
    try:
        return plain_levels(decode(data), what)
    except ValueError as error:
        raise ValueError(f"cannot read {what} as an image: {error}") from error


def image_header(path: str | Path) -> Header:
    """The header of an image file, without decoding its pixels.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the header cannot be read.
    """
    try:
        return read_header(existing(path))
    except ValueError as error:
        raise ValueError(f"cannot read {path} as an image: {error}") from error


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of the upright image according to the file's header, without decoding it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the header cannot be read.
    """
    header = image_header(path)
    return header.height, header.width


def existing(path: str | Path) -> Path:
    """The path of an image file that is there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give an image file")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; give an image file that does")
    return path


def _stored(given: Readable) -> Stored:
    try:
        return from_pillow(given) if isinstance(given, Image.Image) else decode(existing(given).read_bytes())
    except ValueError as error:
        raise ValueError(f"cannot read {_called(given)} as an image: {error}") from error


def _called(given: Readable) -> str:
    """The image in words, for errors."""
    if isinstance(given, Image.Image):
        return f"the Pillow image of mode {given.mode} and {given.width}x{given.height}"
    return str(given)


def _with_channels(pixels: Bytes, channels: Literal[1, 3] | None) -> Bytes:
    if channels == 1 and pixels.ndim == 3:
        return luma(pixels)
    if channels == 3 and pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    return pixels


def write_image(path: str | Path, image: Bytes) -> None:
    """Write a gray or RGB image losslessly and atomically.

    Args:
        path: its suffix chooses the format: .png, .bmp, .tif or .tiff.
        image: (H, W) or (H, W, 3).

    Raises:
        ValueError: the format is lossy, or the array is not an 8-bit gray or RGB image.
    """
    path = Path(path)
    if path.suffix.lower() not in LOSSLESS:
        raise ValueError(f"cannot write {path.name} without loss; use one of {', '.join(LOSSLESS)}")
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(f"cannot write {image.dtype} of shape {image.shape}; give uint8 (H, W) or (H, W, 3)")
    form = Image.registered_extensions()[path.suffix.lower()]
    # On photographs, compression level 1 takes a fifth of the default's time for a fifth more bytes.
    options = {"compress_level": 1} if form == "PNG" else {}
    with whole_file(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image)).save(temporary, form, **options)
