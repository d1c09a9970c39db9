"""Pairs for tests of runs and samplers, and what a run leaves of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from fusionbench.data import synthetic
from fusionbench.images.files import write_image

scene = cache(synthetic.scene)
"""Generated scenes, each rendered once in a run of the tests."""


def write_pairs(folder: Path, sizes: Sequence[tuple[int, int]]) -> None:
    """Pairs of noise called 0, 1, ... in the folders `ir` and `vi`."""
    rng = np.random.default_rng(0)
    for index, (height, width) in enumerate(sizes):
        write_image(folder / "ir" / f"{index}.png", rng.integers(0, 256, (height, width), dtype=np.uint8))
        write_image(folder / "vi" / f"{index}.png", rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def files(folder: Path) -> dict[str, bytes]:
    """The images and tables that lie below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        # A killed write leaves its temporary file, whose name begins with a dot.
        if path.suffix in (".png", ".csv") and not path.name.startswith(".")
    }


class Counted:
    """As many training pairs as a sampler needs to know of."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.seed = seed

    def __len__(self) -> int:
        return self.count
