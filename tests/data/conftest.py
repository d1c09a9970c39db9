"""Small image files, made where a test needs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def save():
    """Writes an array as an image file; the suffix chooses the format."""

    def write(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels)
        (image if mode is None else image.convert(mode)).save(path)
        return path

    return write


@pytest.fixture
def make_pairs(save):
    """Writes pairs of noise into two folders; every pair differs from every other."""

    def make(ir: Path, vi: Path, names, size=(24, 32), suffix=".png") -> None:
        for number, name in enumerate(names):
            rng = np.random.default_rng(number)
            save(ir / f"{name}{suffix}", rng.integers(256, size=size, dtype=np.uint8))
            save(vi / f"{name}{suffix}", rng.integers(256, size=(*size, 3), dtype=np.uint8))

    return make
