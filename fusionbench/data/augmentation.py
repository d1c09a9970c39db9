"""Crops, flips and quarter turns of training images, by albumentations."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np


class Box(NamedTuple):
    """Part of an image: rows `top` to `bottom` and columns `left` to `right`, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int


class Augmentation:
    """A random crop, flip and rotation, drawn once for a pair and applied to all of its images alike.

    Images are 8 bit and passed by name: `image` (H, W, 3) and any of `ir`, `ir_clean` (H, W) and `vi_clean` of the same
    size, or `images` (N, H, W, 3).

    Args:
        crop: height and width of the crop; whole images if None.
        flip: flip half of the crops left to right.
        turn: bring crops into one of the eight positions of a square, by flips and quarter turns.
    """

    def __init__(self, crop: tuple[int, int] | None, *, flip: bool = False, turn: bool = False) -> None:
        A = _albumentations()
        cut = [] if crop is None else [A.RandomCrop(*crop)]
        position = [A.D4()] if turn else [A.HorizontalFlip(p=0.5)] if flip else []
        also = dict.fromkeys(("ir", "ir_clean", "vi_clean"), "image")
        self.crop = crop or (1, 1)
        self._enlarge = A.Compose(
            [A.PadIfNeeded(*self.crop, border_mode=cv2.BORDER_REFLECT_101)], additional_targets=also
        )
        self._show = A.Compose([*cut, *position], additional_targets=also, save_applied_params=True)

    def enlarge(self, **images: Any) -> dict[str, Any]:
        """The images, padded by reflection where a crop does not fit into them."""
        height, width = _size(images)
        if height < self.crop[0] or width < self.crop[1]:
            images = self._enlarge(**images)
        return images

    def __call__(self, seed: int, **images: Any) -> tuple[Box, bool, dict[str, Any]]:
        """Where the crop was made, whether it was flipped left to right, and the crop of each image, turned.

        Args:
            seed: of the random draws; the same seed makes the same crop of all images of one size.
        """
        # One generator for all steps. `set_random_seed` would seed each step alike, and crops from the upper half of an
        # image would be the ones that are flipped.
        self._show.set_random_state(np.random.default_rng(seed), random.Random(seed))
        shown: dict[str, Any] = self._show(**images)
        applied = dict(shown.pop("applied_transforms"))
        flipped = "HorizontalFlip" in applied
        if "RandomCrop" not in applied:
            return Box(0, 0, *_size(images)), flipped, shown
        left, top, right, bottom = applied["RandomCrop"]["crop_coords"]
        return Box(top, left, bottom, right), flipped, shown


def _size(images: Mapping[str, Any]) -> tuple[int, int]:
    height, width = (images["image"] if "image" in images else images["images"][0]).shape[:2]
    return height, width


def _albumentations() -> Any:
    # Half a second that only a training needs. It asks the network for its newest version unless told not to.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations
