"""From the values that a file holds to 8-bit images, or the sentence why that would be wrong in silence.

A file says itself what is white where it has 8 bits, or 16 and uses them. Values that fill a small part of 16 bits
(raw frames of 12 or 14 bits, 8-bit levels in a 16-bit file) would come out almost black, floats have no white at all,
and a fourth channel is either transparency or something else: such files are refused with the way out.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from fusionbench.images.decoding import Stored, Values
from fusionbench.images.options import Range, ReadOptions, UnclearImageError
from fusionbench.types import Bytes

QUANTILES = (0.1, 99.9)
"""In percent: what 'auto' makes black and white. A few dead pixels must not decide."""

REACHED, SPANNED = 4, 8
"""Of 16 bits, more than a quarter has to be reached and more than an eighth spanned."""

SAVE = "convert it to 8 bits, or scale it to all of 16"
RANGE = (
    "name the values that are black and white, the same for the whole set (such as --ir-range {low:g},{high:g}), or "
    "stretch each image by itself (--ir-range auto)"
)
FOURTH = (
    "its last channel is not opaque; if that is the infrared image, --ir-channel {index} reads it, and if it is "
    "transparency, save the image without it"
)
OPAQUE = "its last channel is not opaque; save the image without transparency"


def plain_levels(stored: Stored, what: str) -> Bytes:
    """Any image: (H, W) gray or (H, W, 3) RGB.

    Args:
        what: the image in words, for errors.

    Raises:
        UnclearImageError: its values have no white, use few of 16 bits, or it is not opaque.
    """
    return _levels(_opaque(stored, what, OPAQUE), what, None, SAVE)


def visible_levels(stored: Stored, what: str, options: ReadOptions) -> Bytes:
    """A visible image, (H, W) or (H, W, 3); a channel of it that is the infrared image is left out.

    Raises:
        UnclearImageError: as above.
    """
    if stored.values.ndim == 3 and options.ir_channel == stored.values.shape[2] - 1 != 2:
        stored = stored._replace(values=_colours(stored.values))
    return _levels(_opaque(stored, what, _fourth(stored)), what, None, SAVE)


def infrared_colours(stored: Stored, what: str, options: ReadOptions) -> Bytes:
    """An infrared image, (H, W), or (H, W, 3) where it is stored in colour.

    Raises:
        UnclearImageError: as above, or the channel that is asked for is not there.
    """
    channel = options.ir_channel
    if isinstance(channel, int):
        count = 1 if stored.values.ndim == 2 else stored.values.shape[2]
        if channel >= count:
            have = "1 channel" if count == 1 else f"{count} channels"
            raise UnclearImageError(f"{what} has {have}, counted from 0; --ir-channel {channel} is none of them")
        if count > 1:
            stored = stored._replace(values=stored.values[..., channel])
    return _levels(_opaque(stored, what, _fourth(stored)), what, options.ir_range, RANGE)


def luma(image: Bytes) -> Bytes:
    """The BT.601 luma of an RGB image, rounded; equal channels come back unchanged."""
    return np.array(Image.fromarray(np.ascontiguousarray(image)).convert("L"))


def is_coloured(image: Bytes) -> bool:
    """Whether the channels of an (H, W, 3) image differ by more than compression makes them differ.

    Every fourth row and column is looked at.
    """
    looked_at = image[::4, ::4].astype(np.int16)
    spread = looked_at.max(axis=2) - looked_at.min(axis=2)
    return bool((spread > 16).mean() > 0.05)


def _fourth(stored: Stored) -> str:
    return FOURTH.format(index=stored.values.shape[-1] - 1)


def _colours(values: Values) -> Values:
    """The values without their last channel: of two the first one, of four the first three."""
    return values[..., 0] if values.shape[2] == 2 else values[..., :3]


def _opaque(stored: Stored, what: str, advice: str) -> Stored:
    """The image without its last channel, where that is one value that says nothing."""
    values = stored.values
    if values.ndim == 2 or values.shape[2] == 3:
        return stored
    low, high = values[..., -1].min(), values[..., -1].max()
    if low != high or low not in (0, stored.white):
        raise UnclearImageError(f"{what}: {advice}")
    return stored._replace(values=_colours(values))


def _levels(stored: Stored, what: str, given: Range | str | None, advice: str) -> Bytes:
    """The values as 8-bit levels: by the range that is given, or by the file's own depth."""
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
        raise ValueError(f"{what} holds {count} NaN or infinite values; fill them in first")


def _without_white(values: Values, what: str, advice: str) -> str:
    _refuse_broken(values, what)
    kind = "floating-point" if values.dtype.kind == "f" else "signed or 32-bit"
    low, high = values.min().item(), values.max().item()
    return f"{what} holds {kind} values from {low:g} to {high:g}; {advice.format(low=low, high=high)}"


def _refuse_few_levels(values: Values, white: int, what: str, advice: str) -> None:
    """Refuse values that the file's own depth would make almost one level.

    Raises:
        UnclearImageError: so it is.
    """
    low, high = values.min().item(), values.max().item()
    used = high * REACHED > white and (high - low) * SPANNED > white
    # An image of one value, and one whose 8 bits each stand twice, lose nothing.
    if used or low == high or (white == 65535 and not (values % 257).any()):
        return
    likely = (0, 2 ** high.bit_length() - 1) if low * 2 < high else (low, high)
    left = (high - low) * 255 // white + 1
    raise UnclearImageError(
        f"{what} holds values from {low} to {high} of {white}, which would leave {left} of 256 gray levels; "
        + advice.format(low=likely[0], high=likely[1]),
        auto=advice is RANGE,
    )
