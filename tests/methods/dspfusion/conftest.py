"""The tiny networks whose outputs the reference tensors hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import nn

from fusionbench.methods.dspfusion.config import Architecture
from fusionbench.methods.dspfusion.denoiser import Denoiser
from fusionbench.methods.dspfusion.network import FusionTransformer
from fusionbench.methods.dspfusion.prior_encoder import PriorEncoder

TINY = Architecture(
    width=4,
    blocks=(1, 2, 1, 1),
    semantic=4,
    semantic_blocks=3,
    degradation=2,
    degradation_blocks=2,
    denoiser=12,
    denoiser_blocks=2,
)


@pytest.fixture(scope="session")
def reference(shared: Path) -> Path:
    return shared / "reference" / "dspfusion"


@pytest.fixture(scope="session")
def io(reference):
    return load_file(reference / "tiny_io.safetensors")


@pytest.fixture(scope="session")
def training_inputs(reference):
    return load_file(reference / "tiny_losses_and_train_inputs.safetensors")


@pytest.fixture(scope="session")
def expected_training(reference):
    return json.loads((reference / "tiny_losses_and_training.json").read_text())


@pytest.fixture(scope="session")
def networks(reference) -> dict[str, nn.Module]:
    """The four networks with the reference's weights; tests must not change them."""
    made = {
        "g": FusionTransformer(TINY),
        "dp": PriorEncoder(3, TINY.degradation, TINY.degradation_blocks, kinds=True),
        "sp": PriorEncoder(6, TINY.semantic, TINY.semantic_blocks),
        "dm": Denoiser(TINY, TINY.semantic_prior + 2 * TINY.degradation_prior),
    }
    for name, network in made.items():
        network.load_state_dict(load_file(reference / f"tiny_net_{name}.safetensors"))
        network.eval()
    return made
