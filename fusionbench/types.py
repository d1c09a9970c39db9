"""Types that the whole package shares: array aliases, and the dictionaries of a pair and a batch.

Images are float32 RGB in [0, 1], channels first. `ir` is the single-channel source (infrared, MRI), `vi` the colour one
(visible, PET). A low-resolution source is resized to the pair's size when it is read; its scale is recorded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from torch import Tensor
from typing_extensions import NotRequired, TypedDict

Gray = Float[Tensor, "*b 1 h w"]
Color = Float[Tensor, "*b 3 h w"]
Image = Float[Tensor, "*b c h w"]
Scores = Float[Tensor, "*b"]
Bytes = npt.NDArray[np.uint8]


class CropPlace(NamedTuple):
    """Where a crop lies in its image.

    Attributes:
        top: first row.
        left: first column.
        size: height and width of the whole image.
        flipped: whether the crop was flipped left to right.
    """

    top: int
    left: int
    size: tuple[int, int]
    flipped: bool


class Pair(TypedDict):
    """One image pair as a method receives it, with its clean references where they are known.

    Attributes:
        name: file stem, unique within a dataset.
        degradation: canonical spec of what was done to the pair; 'clean' when nothing was.
        ir: (1, H, W).
        vi: (3, H, W).
        ir_clean: (1, H, W), the infrared source before degradation.
        vi_clean: (3, H, W), the visible source before degradation.
        ir_scale: by which factor per side the infrared source was smaller before it was resized.
        vi_scale: the same for the visible source.
        crop: where the crop lies in its image, if the pair is one.
        prompt: a description of the degradation in words, for methods that read text.
        ir_positives: (K, 1, H, W), infrared images of other scenes with this pair's infrared degradation.
        vi_positives: (K, 3, H, W), the same of visible images.
        negatives: (M, 3, H, W), this scene with other degradations, infrared ones as three equal channels.
    """

    name: str
    degradation: str
    ir: Gray
    vi: Color
    ir_clean: NotRequired[Gray]
    vi_clean: NotRequired[Color]
    ir_scale: int
    vi_scale: int
    crop: NotRequired[CropPlace]
    prompt: NotRequired[str]
    ir_positives: NotRequired[Gray]
    vi_positives: NotRequired[Color]
    negatives: NotRequired[Color]


class Batch(TypedDict):
    """Pairs of one size, stacked along a leading dimension; the fields are those of `Pair`, one entry per image."""

    name: list[str]
    degradation: list[str]
    ir: Gray
    vi: Color
    ir_clean: NotRequired[Gray]
    vi_clean: NotRequired[Color]
    ir_scale: list[int]
    vi_scale: list[int]
    crop: NotRequired[list[CropPlace]]
    prompt: NotRequired[list[str]]
    ir_positives: NotRequired[Gray]
    vi_positives: NotRequired[Color]
    negatives: NotRequired[Color]
