"""From the values of an image file to 8-bit images, or an error where a silent guess would be wrong.

Files with 8 bits, or with 16 bits that are used, define white themselves. Values that fill a small part of 16 bits (raw
frames of 12 or 14 bits, 8-bit levels in a 16-bit file) would come out almost black, floats have no white at all, and a
fourth channel is either transparency or something else: such files are refused, and the message says what to do.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from fusionbench.images.decoding import Stored, Values
from fusionbench.images.options import Range, ReadOptions, UnclearImageError
from fusionbench.types import Bytes

QUANTILES = (0.1, 99.9)
"""The quantiles, in percent, that 'auto' maps to black and white, so that a few dead pixels do not matter."""

REACHED, SPANNED = 4, 8
"""The values must reach beyond a quarter of the 16-bit range and span more than an eighth of it."""

SAVE = "convert it to 8 bits, or scale it to the full 16-bit range"
RANGE = (
    "name the values of black and white, the same for the whole set (such as --ir-range {low:g},{high:g}), or "
    "stretch each image by itself (--ir-range auto)"
)
FOURTH = (
    "its last channel is not opaque; if it is the infrared image, read it with --ir-channel {index}; if it is "
    "transparency, save the image without it"
)
OPAQUE = "its last channel is not opaque; save the image without transparency"


def plain_levels(stored: Stored, what: str) -> Bytes:
    """Any image: (H, W) gray or (H, W, 3) RGB.

    Args:
        what: a description of the image for error messages.

    Raises:
        UnclearImageError: its values do not define white, use few of 16 bits, or it is not opaque.
    """
    return _levels(_opaque(stored, what, OPAQUE), what, None, SAVE)


def visible_levels(stored: Stored, what: str, options: ReadOptions) -> Bytes:
    """A visible image, (H, W) or (H, W, 3), without the channel that is the infrared image.

    Raises:
        UnclearImageError: as above.
    """
    if stored.values.ndim == 3 and options.ir_channel == stored.values.shape[2] - 1 != 2:
        stored = stored._replace(values=_colours(stored.values))
    return _levels(_opaque(stored, what, _fourth(stored)), what, None, SAVE)


def infrared_colours(stored: Stored, what: str, options: ReadOptions) -> Bytes:
    """An infrared image, (H, W), or (H, W, 3) where it is stored in colour.

    Raises:
        UnclearImageError: as above, or the requested channel does not exist.
    """
    channel = options.ir_channel
    if isinstance(channel, int):
        count = 1 if stored.values.ndim == 2 else stored.values.shape[2]
        if channel >= count:
            have = "1 channel" if count == 1 else f"{count} channels"
            raise UnclearImageError(f"{what} has {have}, counted from 0, and no channel {channel} for --ir-channel")
        if count > 1:
            stored = stored._replace(values=stored.values[..., channel])
    return _levels(_opaque(stored, what, _fourth(stored)), what, options.ir_range, RANGE)


def luma(image: Bytes) -> Bytes:
    """The BT.601 luma of an RGB image, rounded; equal channels come back unchanged."""
    return np.array(Image.fromarray(np.ascontiguousarray(image)).convert("L"))


def is_coloured(image: Bytes) -> bool:
    """Whether the channels of an (H, W, 3) image differ by more than compression makes them differ.

    Only every fourth row and column is examined.
    """
    looked_at = image[::4, ::4].astype(np.int16)
    spread = looked_at.max(axis=2) - looked_at.min(axis=2)
    return bool((spread > 16).mean() > 0.05)


def _fourth(stored: Stored) -> str:
    return FOURTH.format(index=stored.values.shape[-1] - 1)


def _colours(values: Values) -> Values:
    """The values without their last channel: the first of two, the first three of four."""
    return values[..., 0] if values.shape[2] == 2 else values[..., :3]


def _opaque(stored: Stored, what: str, advice: str) -> Stored:
    """The image without its last channel, where that is constant and opaque."""
    values = stored.values
    if values.ndim == 2 or values.shape[2] == 3:
        return stored
    low, high = values[..., -1].min(), values[..., -1].max()
    if low != high or low not in (0, stored.white):
        raise UnclearImageError(f"{what}: {advice}")
    return stored._replace(values=_colours(values))


def _levels(stored: Stored, what: str, given: Range | str | None, advice: str) -> Bytes:
    """The values as 8-bit levels: by the given range, or by the file's bit depth."""
    values, white = stored.values, stored.white
    if given is not None:
        levels = _stretched(values, what, _quantiles(values, what) if isinstance(given, str) else given)
    elif white is None:
        raise UnclearImageError(_without_white(values, what, advice), auto=advice is RANGE)
    elif white == 255:
        levels = values
    else:
        _refuse_few_levels(values, white, what, advice)
        levels = ((values.astype(np.int64) * 255 + white // 2) // white).astype(np.uint8)
    return 255 - levels if stored.inverted else np.ascontiguousarray(levels)


def _stretched(values: Values, what: str, limits: Range) -> Bytes:
    _refuse_broken(values, what)
    low, high = limits
    if low == high:
        return np.zeros(values.shape, np.uint8)
    return (np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * 255 + 0.5).astype(np.uint8)


def _quantiles(values: Values, what: str) -> Range:
    _refuse_broken(values, what)
    low, high = np.percentile(values, QUANTILES)
    return (float(low), float(high)) if low < high else (float(values.min()), float(values.max()))


def _refuse_broken(values: Values, what: str) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        count = int(values.size - np.isfinite(values).sum())
        raise ValueError(f"{what} holds {count} NaN or infinite values; replace them first")


def _without_white(values: Values, what: str, advice: str) -> str:
    _refuse_broken(values, what)
    kind = "floating-point" if values.dtype.kind == "f" else "signed or 32-bit"
    low, high = values.min().item(), values.max().item()
    return f"{what} holds {kind} values from {low:g} to {high:g}; {advice.format(low=low, high=high)}"


def _refuse_few_levels(values: Values, white: int, what: str, advice: str) -> None:
    """Refuse values that scaling by the file's bit depth would reduce to almost one level.

    Raises:
        UnclearImageError: they would be.
    """
    low, high = values.min().item(), values.max().item()
    used = high * REACHED > white and (high - low) * SPANNED > white
    # A constant image, and one whose bytes repeat 8-bit values, lose nothing.
    if used or low == high or (white == 65535 and not (values % 257).any()):
        return
    likely = (0, 2 ** high.bit_length() - 1) if low * 2 < high else (low, high)
    left = (high - low) * 255 // white + 1
    raise UnclearImageError(
        f"{what} holds values from {low} to {high} of {white}, which would leave {left} of 256 gray levels; "
        + advice.format(low=likely[0], high=likely[1]),
        auto=advice is RANGE,
    )
