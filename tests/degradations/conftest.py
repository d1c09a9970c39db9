"""Small pairs, and the list of every degradation there is."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.degradations import DEGRADATIONS, SCENARIOS

SINGLE = [f"{modality}:{code}" for code, kind in DEGRADATIONS.items() for modality in kind.on]
COMBINED = ["ll+lc", "ll+sn", "rain+sn", "rain+lc", "oe+lc", "vi:rain(0.7)+ir:sn", "ir:noise(5~25)+haze(0.2~0.9)"]
EVERY = [*SINGLE, *SCENARIOS, *COMBINED]


def make_pair(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of flat colour under fine texture: edges, dark and bright parts, nothing constant."""
    generator = np.random.default_rng(seed)
    blocks = generator.integers(20, 236, (-(-height // 8), -(-width // 8), 4))
    image = blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width] + generator.integers(-9, 10, (height, width, 4))
    image = image.clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(image[..., 0]), np.ascontiguousarray(image[..., 1:])


@pytest.fixture
def pair():
    return make_pair(61, 83)
