"""8-bit images to tensors and back, and what Python callers may pass as an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from fusionbench.images.files import Readable, read_image
from fusionbench.types import Bytes, Image

ImageLike = Readable | np.ndarray[Any, Any] | Tensor
"""An image file; an image of Pillow; an array or tensor of bytes from 0 to 255 or floats from 0 to 1, (H, W), (H, W, 3)
or (1|3, H, W)."""

READ = "give uint8 from 0 to 255 or floats from 0 to 1"


def to_tensor(image: Bytes) -> Image:
    """(H, W) or (H, W, C) bytes as a (C, H, W) float tensor in [0, 1]."""
    channels_first = image[None] if image.ndim == 2 else np.ascontiguousarray(image.transpose(2, 0, 1))
    return torch.tensor(channels_first, dtype=torch.float32).div_(255)


def to_bytes(image: Image) -> Bytes:
    """A (1, H, W) or (3, H, W) tensor as (H, W) or (H, W, 3) bytes: clamped to [0, 1], scaled to 255, rounded.

    Raises:
        ValueError: the tensor holds NaN or infinity.
    """
    if not torch.isfinite(image).all():
        raise ValueError("the image holds NaN or infinity")
    scaled = image.detach().float().clamp(0, 1).mul(255).round_().to(torch.uint8).cpu()
    return scaled[0].numpy() if scaled.shape[0] == 1 else np.ascontiguousarray(scaled.permute(1, 2, 0).numpy())


def as_image(given: ImageLike, what: str = "the image") -> Image:
    """Anything accepted as one image, as (1 or 3, H, W) floats in [0, 1].

    Args:
        given: a file, a Pillow image, an array or a tensor; a batch of one counts as its image.
        what: a description of the image for error messages.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: its shape, type or range is not accepted; the message says what was found and what to do.

    Example:
        >>> as_image(np.full((2, 2), 255, np.uint8))
        tensor([[[1., 1.],
                 [1., 1.]]])
    """
    batch = as_batch(given, what)
    if len(batch) != 1:
        raise ValueError(f"{what} is a batch of {len(batch)}; give one image at a time")
    check_range(batch, what)
    return batch[0].clamp(0, 1)


def as_batch(given: ImageLike, what: str = "the image") -> Image:
    """Anything accepted as one image or a batch, as (B, 1 or 3, H, W) floats; `check_range` checks their range.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: its shape or type is not accepted, or too imprecise for 8 bits.
    """
    if isinstance(given, (str, Path, Pillow.Image)):
        return to_tensor(read_image(given))[None]
    if isinstance(given, Tensor):
        if given.dtype == torch.bfloat16:
            raise ValueError(f"{what} is bfloat16, which cannot tell 256 levels apart; convert it to float32 first")
        # The common case between methods and metrics.
        if given.ndim == 4 and given.shape[1] in (1, 3) and given.is_floating_point() and given.numel():
            return given
        kind, values = str(given.dtype).removeprefix("torch."), given
        floating, channels_first = given.is_floating_point(), True
    elif isinstance(given, np.ndarray):
        kind, floating, channels_first = str(given.dtype), given.dtype.kind == "f", False
        values = _tensor(given, what)
    else:
        raise ValueError(
            f"{what} is a {type(given).__name__}; give the path of a file, a Pillow image, an array or a tensor"
        )
    batch = _batched(values, what, channels_first=channels_first)
    if floating:
        return batch
    if kind != "uint8":
        ends = f"from {values.min().item()} to {values.max().item()}"
        raise ValueError(f"{what} holds {kind} values {ends}; {READ}: divide by the value that is white")
    return batch.float() / 255


def check_range(images: Image, what: str) -> None:
    """Refuse values that are no floats in [0, 1], up to what rounding to 8 bits takes away.

    Args:
        images: (B, C, H, W).
        what: the images in words, for the error.

    Raises:
        ValueError: a value is NaN, infinite or out of range.
    """
    low, high = images.amin().item(), images.amax().item()
    if low >= -0.5 / 255 and high < 255.5 / 255:
        return
    broken = ~torch.isfinite(images)
    if broken.any():
        index = int(broken.flatten(1).any(1).nonzero()[0, 0])
        which = f"{what} {index} of the batch" if len(images) > 1 else what
        raise ValueError(f"{which} holds {int(broken[index].sum())} NaN or infinite values")
    way = "divide it by 255" if low >= 0 and high < 256 else "scale or clamp it"
    raise ValueError(f"{what} goes from {low:.4g} to {high:.4g}; {READ}: {way}")


def _tensor(array: np.ndarray[Any, Any], what: str) -> Tensor:
    kind = array.dtype.kind
    if kind not in "biuf":
        raise ValueError(f"{what} is an array of {array.dtype}; {READ}")
    # PyTorch has neither other orders of bytes nor more than 64 bits, and warns of arrays that cannot be written.
    own = f"=f{min(array.dtype.itemsize, 8)}" if kind == "f" else np.uint8 if array.dtype == np.uint8 else np.int64
    return torch.from_numpy(np.require(array, own, ["C_CONTIGUOUS", "WRITEABLE"]))


def _batched(values: Tensor, what: str, *, channels_first: bool) -> Tensor:
    """The values as (B, C, H, W), wherever their channels are; the usual place comes first where both would fit."""
    shape = tuple(values.shape)
    if values.numel() and values.ndim == 2:
        return values[None, None]
    if values.numel() and values.ndim in (3, 4):
        batch = values if values.ndim == 4 else values[None]
        front, behind = (batch if batch.shape[axis] in (1, 3) else None for axis in (1, 3))
        if front is not None and (channels_first or behind is None):
            return front
        if behind is not None:
            return behind.movedim(3, 1)
    raise ValueError(f"{what} has shape {shape}; give (H, W), (H, W, 3), (1 or 3, H, W), or a batch of such images")
