"""Choosing the parts of a pair to enlarge: where one source shows what the other does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
_Map = npt.NDArray[Any]


@dataclass(frozen=True)
class Crop:
    """A rectangle in an image, in fractions of its height and width, independent of the resolution.

    Attributes:
        top: upper edge, 0 to 1.
        left: left edge, 0 to 1.
        height: greater than 0; the lower edge must be within the image.
        width: greater than 0; the right edge must be within the image.
    """

    top: float
    left: float
    height: float
    width: float

    def __post_init__(self) -> None:
        starts, sizes = min(self.top, self.left), min(self.height, self.width)
        if starts < 0 or sizes <= 0 or self.top + self.height > 1 + 1e-6 or self.left + self.width > 1 + 1e-6:
            raise ValueError(f"{self} exceeds the image; edges are fractions of its height and width, from 0 to 1")

    def pixels(self, image: Image) -> tuple[int, int, int, int]:
        """Top, left, bottom and right edge in pixels of an image, at least one pixel apart."""
        rows, columns = image.shape[:2]
        top, left = min(round(self.top * rows), rows - 1), min(round(self.left * columns), columns - 1)
        bottom = min(max(round((self.top + self.height) * rows), top + 1), rows)
        right = min(max(round((self.left + self.width) * columns), left + 1), columns)
        return top, left, bottom, right

    def of(self, image: Image) -> Image:
        """The part of an image inside the rectangle."""
        top, left, bottom, right = self.pixels(image)
        return image[top:bottom, left:right]


def salient_crops(ir: Image, vi: Image, count: int = 2, *, share: float = 0.24, aspect: float = 4 / 3) -> list[Crop]:
    """Rectangles of a pair in which methods differ visibly.

    The first contains what infrared shows and the visible image hides (people at night), the second the opposite, and
    so on alternately, without overlap.

    Args:
        ir: (H, W).
        vi: (H, W, 3), of the same size.
        count: number of rectangles; fewer if the image has no room for more.
        share: width of a rectangle as a fraction of the image's.
        aspect: ratio of a rectangle's width to its height in pixels.

    Raises:
        ValueError: the images differ in size.
    """
    if ir.shape[:2] != vi.shape[:2]:
        raise ValueError(f"infrared is {ir.shape[:2]} and visible {vi.shape[:2]}; crops need equal sizes")
    rows, columns = ir.shape[:2]
    width = min(max(round(share * columns), 2), columns)
    height = min(max(round(width / aspect), 2), rows)
    warm, seen = _conspicuous(_luma(ir)), _conspicuous(_luma(vi))
    gains = (np.maximum(warm - seen, 0), np.maximum(seen - warm, 0))
    # Weights that decrease towards the edges of the rectangle centre it on salient parts.
    totals = [cv2.GaussianBlur(gain, (0, 0), width / 5, sigmaY=height / 5) for gain in gains]
    crops: list[Crop] = []
    middle = (
        slice(height // 2, rows - (height - height // 2) + 1),
        slice(width // 2, columns - (width - width // 2) + 1),
    )
    for turn in range(count):
        total = totals[turn % 2][middle]
        top, left = (int(place) for place in np.unravel_index(int(total.argmax()), total.shape))
        if total[top, left] < 0:
            break
        crops.append(Crop(top / rows, left / columns, height / rows, width / columns))
        for other in (whole[middle] for whole in totals):
            other[max(top - height, 0) : top + height + 1, max(left - width, 0) : left + width + 1] = -1
    return crops


def _luma(image: Image) -> _Map:
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return gray.astype(np.float32) / np.float32(255)


def _conspicuous(luma: _Map) -> _Map:
    """The contrast of each pixel to its surroundings, which are a twelfth of the image wide."""
    reach = max(min(luma.shape) / 12, 1.0)
    around = cv2.GaussianBlur(luma, (0, 0), reach)
    return cv2.GaussianBlur(np.abs(luma - around), (0, 0), max(reach / 12, 0.5))
