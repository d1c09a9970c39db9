"""How infrared files are read where they are ambiguous: the values of black and white, and the channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Range = tuple[float, float]


class ImageWarning(UserWarning):
    """Image files that were read in one of several plausible ways."""


class UnclearImageError(ValueError):
    """An ambiguous image file, which is not read until the user says how, because a guess could be silently wrong.

    Attributes:
        auto: whether an `ir_range` of 'auto' would read it.
    """

    def __init__(self, sentence: str, auto: bool = False) -> None:
        super().__init__(sentence)
        self.auto = auto


@dataclass(frozen=True)
class ReadOptions:
    """What the user says about infrared files; unambiguous files need none of it.

    Attributes:
        ir_range: the values that become black and white; 'auto' takes the 0.1 and 99.9 % quantiles of each image, None
            the range of the file's bit depth.
        ir_channel: the channel that is the infrared image, counted from 0; 'luma' takes the luma of colour files; None
            does the same with a warning.
    """

    ir_range: Range | Literal["auto"] | None = None
    ir_channel: int | Literal["luma"] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The options on which results depend, for JSON."""
        low_high = list(self.ir_range) if isinstance(self.ir_range, tuple) else self.ir_range
        return {"ir_range": low_high, "ir_channel": self.ir_channel}


AS_STORED = ReadOptions()
"""No option: the files must be unambiguous."""


def parse_range(given: str | Sequence[float] | None) -> Range | Literal["auto"] | None:
    """Parse 'LOW,HIGH' or 'auto'.

    Raises:
        ValueError: it is neither, or LOW is not below HIGH.

    Example:
        >>> parse_range("7800,8800")
        (7800.0, 8800.0)
    """
    if given is None:
        return None
    if given == "auto":
        return "auto"
    parts = given.split(",") if isinstance(given, str) else given
    try:
        low, high = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise ValueError(f"the range {given!r} is neither LOW,HIGH nor auto; write it like 7800,8800") from None
    if not -float("inf") < low < high < float("inf"):
        raise ValueError(f"the range {given!r} does not go from a lower to a higher value; write LOW,HIGH")
    return low, high


def parse_channel(given: int | str | None) -> int | Literal["luma"] | None:
    """Parse a channel number or 'luma'.

    Raises:
        ValueError: it is neither.

    Example:
        >>> parse_channel("3")
        3
    """
    if given is None:
        return None
    if given == "luma":
        return "luma"
    try:
        channel = int(given)
    except ValueError:
        channel = -1
    if not 0 <= channel <= 3:
        raise ValueError(f"the channel {given!r} is not one of 0, 1, 2, 3 (the fourth) or luma")
    return channel


def read_options(ir_range: str | Sequence[float] | None = None, ir_channel: int | str | None = None) -> ReadOptions:
    """The options from a command line, a recipe or a Python call.

    Raises:
        ValueError: a value has the wrong form; the message names the option.
    """
    try:
        low_high = parse_range(ir_range)
    except ValueError as error:
        raise ValueError(f"--ir-range: {error}") from error
    try:
        channel = parse_channel(ir_channel)
    except ValueError as error:
        raise ValueError(f"--ir-channel: {error}") from error
    return ReadOptions(low_high, channel)
