"""Batches and methods for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from fusionbench import methods
from fusionbench.methods.method import Method
from fusionbench.types import Batch


@pytest.fixture(scope="session")
def pairs() -> Callable[..., Batch]:
    """Makes smooth random pairs: noise at a quarter of the size, enlarged, with a little noise on top."""

    def make(height: int, width: int, count: int = 1, seed: int = 0) -> Batch:
        generator = torch.Generator().manual_seed(seed)

        def images(channels: int) -> Tensor:
            coarse = torch.rand(count, channels, height // 4 + 2, width // 4 + 2, generator=generator)
            smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
            return (0.9 * smooth + 0.1 * torch.rand(smooth.shape, generator=generator)).clamp(0, 1)

        return Batch(
            name=[f"pair{index}" for index in range(count)],
            degradation=["clean"] * count,
            ir=images(1),
            vi=images(3),
            ir_scale=[1] * count,
            vi_scale=[1] * count,
        )

    return make


@pytest.fixture(scope="session")
def official(shared: Path) -> Callable[..., Method]:
    """Loads a learned method with the official weights among the development material."""

    @cache
    def load(name: str, **options: object) -> Method:
        card = methods.METHODS[name]
        folder = shared / "weights" / (card.weights[0].folder or name)
        for part in card.weights:
            if not (folder / part.file).is_file():
                pytest.skip(f"no {part.file} among the development material")
        return methods.load(name, weights=folder, **options)

    return load


@pytest.fixture(scope="session")
def reference(shared: Path) -> Callable[[str], dict[str, Tensor]]:
    """Reads the tensors that the official networks computed."""

    @cache
    def read(name: str) -> dict[str, Tensor]:
        return load_file(shared / "reference" / "baselines" / f"{name}.safetensors")

    return read
