"""The network whose outputs the reference tensors hold: weights follow from their names by a published recipe."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from fusionbench.methods.drfusion.diffusion import Diffusion
from fusionbench.methods.drfusion.network import NoisePredictor

ALPHA = [0.62, 0.48, 0.55, 0.71, 0.44]


def recipe(name: str, shape: tuple[int, ...]) -> Tensor:
    """Weights that depend on a parameter's name and shape only."""
    if name == "input_help_scale_factor":
        return torch.ones(shape)
    if name == "merge_scale_factor":
        return torch.zeros(shape)
    if name == "alpha":
        return torch.tensor(ALPHA[: shape[0]])
    noise = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    if len(shape) >= 2:
        return torch.from_numpy(noise * np.float32(0.8 / np.sqrt(np.prod(shape[1:]))))
    return torch.from_numpy(1 + np.float32(0.1) * noise if name.endswith(".weight") else np.float32(0.05) * noise)


@pytest.fixture(scope="session")
def official_state() -> dict[str, Tensor]:
    """The released checkpoint's keys with the recipe's weights."""
    like = Diffusion(3, NoisePredictor())
    return {name: recipe(name, tuple(value.shape)) for name, value in like.state_dict().items()}


@pytest.fixture(scope="session")
def official(official_state: dict[str, Tensor]) -> Diffusion:
    """The full network with the recipe's weights, T = 3, in evaluation mode."""
    diffusion = Diffusion(3, NoisePredictor())
    diffusion.load_state_dict(official_state)
    return diffusion.eval()


@pytest.fixture(scope="session")
def reference(shared: Path):
    """Reference tensors by file name, without suffix."""
    return lambda name: load_file(shared / "reference" / "drfusion" / f"{name}.safetensors")
