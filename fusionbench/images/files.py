"""Image files to bytes and back.

In memory an image is uint8: (H, W) gray or (H, W, 3) RGB. 16-bit files are scaled by their full range, 65535 becoming
255, never by the values that happen to occur, so that two frames of one camera keep their relation. Pixels stay as they
are stored: an EXIF orientation is not applied, because registered pairs are registered in stored pixels; alpha is
dropped.
"""

from __future__ import annotations

import io
import struct
import uuid
import zlib
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError
from typing_extensions import Buffer

from fusionbench.types import Bytes
from fusionbench.types import Image as ImageTensor

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
LOSSLESS = (".bmp", ".png", ".tif", ".tiff")

# Pillow's decoders raise these for damaged files, depending on the format and the place of the damage.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


def read_image(path: str | Path, channels: Literal[1, 3] | None = None) -> Bytes:
    """Read a PNG, JPEG, BMP or TIFF of 8 or 16 bits, gray, palette, RGB or RGBA.

    Args:
        channels: 1 gives (H, W), the luma of colour images; 3 gives (H, W, 3); None keeps what the file has.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, no image, or holds floating-point or 32-bit values.
    """
    path = Path(path)
    with path.open("rb") as file:
        data = file.read()
    pixels = _plain_png(data)
    if pixels is None:
        try:
            with Image.open(io.BytesIO(data)) as image:
                deep_colour = ";16" in str(image.tile) and image.mode in ("RGB", "RGBA")
                image.load()
                pixels = _deep_colour(path) if deep_colour else _pixels(image)
        except Image.DecompressionBombError as error:
            raise ValueError(f"{path}: {error}; raise PIL.Image.MAX_IMAGE_PIXELS to read it") from error
        except _DAMAGED as error:
            raise ValueError(f"cannot read {path} as an image: {_reason(error)}") from error
    if channels == 1 and pixels.ndim == 3:
        return luma(pixels)
    if channels == 3 and pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    return pixels


def _reason(error: Exception) -> str:
    """What is wrong with a file; Pillow names the object in memory where it knows no format."""
    known = not isinstance(error, UnidentifiedImageError)
    return (str(error) or type(error).__name__) if known else "it is damaged, or of no known format"


def decode_image(data: Buffer, what: str) -> Bytes:
    """The pixels of an 8-bit gray or RGB image that is in memory.

    Args:
        what: the image in words, for the error.

    Raises:
        ValueError: it is damaged, or no image.
    """
    plain = _plain_png(data)
    if plain is not None:
        return plain
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return _pixels(image)
    except _DAMAGED as error:
        raise ValueError(f"cannot read {what} as an image: {_reason(error)}") from error


def _plain_png(data: Buffer) -> Bytes | None:
    """The pixels of a whole 8-bit gray or RGB PNG, decoded by OpenCV in two thirds of Pillow's time; None for others.

    OpenCV does not mind damage, so that every checksum is compared first.
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
    if not plain or kinds[-1] != b"IEND" or b"tRNS" in kinds:
        return None
    pixels = cv2.imdecode(np.frombuffer(view, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape != (header[1], header[0], 3)[: 2 if header[3] == 0 else 3]:
        return None
    return np.asarray(pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _pixels(image: Image.Image) -> Bytes:
    if image.mode in ("L", "RGB"):
        return np.array(image)
    if image.mode in ("1", "LA", "La"):
        return np.array(image.convert("L"))
    if image.mode.startswith("I"):
        return _scaled(np.array(image))
    if image.mode == "F":
        raise ValueError("it holds floating-point values; convert it to 8 or 16 bits first")
    return np.array(image.convert("RGB"))


def _scaled(values: npt.NDArray[np.generic]) -> Bytes:
    wide = values.astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise ValueError(f"its values run from {wide.min()} to {wide.max()}; convert it to 8 or 16 bits first")
    return ((wide * 255 + 32767) // 65535).astype(np.uint8)


def _deep_colour(path: Path) -> Bytes:
    # Pillow keeps the high byte only of 16-bit colour; OpenCV reads all of it, but does not mind a file cut short.
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("damaged 16-bit colour image")
    return _scaled(values[:, :, 2::-1])


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width as the header of the file says, without decoding it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the header cannot be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        try:
            with Image.open(file) as image:
                return image.height, image.width
        except (*_DAMAGED, Image.DecompressionBombError) as error:
            raise ValueError(f"cannot read {path} as an image: {_reason(error)}") from error


def write_image(path: str | Path, image: Bytes) -> None:
    """Write a gray or RGB image without loss; the file appears complete or not at all.

    Args:
        path: its suffix chooses the format: .png, .bmp, .tif or .tiff.
        image: (H, W) or (H, W, 3).

    Raises:
        ValueError: the format loses information, or the array is no 8-bit gray or RGB image.
    """
    path = Path(path)
    if path.suffix.lower() not in LOSSLESS:
        raise ValueError(f"cannot write {path.name} without loss; use one of {', '.join(LOSSLESS)}")
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(f"cannot write {image.dtype} of shape {image.shape}; give uint8 (H, W) or (H, W, 3)")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    form = Image.registered_extensions()[path.suffix.lower()]
    # On photographs level 1 takes a fifth of the time of the default, for a fifth more bytes.
    options = {"compress_level": 1} if form == "PNG" else {}
    try:
        Image.fromarray(np.ascontiguousarray(image)).save(unfinished, form, **options)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def luma(image: Bytes) -> Bytes:
    """The BT.601 luma of an RGB image, rounded; equal channels come back unchanged."""
    return np.array(Image.fromarray(np.ascontiguousarray(image)).convert("L"))


def to_tensor(image: Bytes) -> ImageTensor:
    """(H, W) or (H, W, C) bytes as a (C, H, W) float tensor in [0, 1]."""
    channels_first = image[None] if image.ndim == 2 else np.ascontiguousarray(image.transpose(2, 0, 1))
    return torch.tensor(channels_first, dtype=torch.float32).div_(255)


def to_bytes(image: ImageTensor) -> Bytes:
    """A (1, H, W) or (3, H, W) tensor as (H, W) or (H, W, 3) bytes: clamped to [0, 1], scaled to 255, rounded.

    Raises:
        ValueError: the tensor holds NaN or infinity.
    """
    if not torch.isfinite(image).all():
        raise ValueError("the image holds NaN or infinity")
    scaled = image.detach().float().clamp(0, 1).mul(255).round_().to(torch.uint8).cpu()
    return scaled[0].numpy() if scaled.shape[0] == 1 else np.ascontiguousarray(scaled.permute(1, 2, 0).numpy())
