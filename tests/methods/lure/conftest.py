"""What the tests of LURE share."""

from __future__ import annotations

import pytest
import torch

from fusionbench.methods.lure.config import SIZES
from fusionbench.methods.lure.network import LureNetwork


def scrambled(module, generator, scale=0.2):
    """Random values everywhere, also where training would start from zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * scale)
    return module


@pytest.fixture
def tiny(generator):
    return scrambled(LureNetwork(SIZES["tiny"]), generator)


@pytest.fixture
def pair(generator):
    """Two random pairs and what is said of each image."""
    ir, vi = torch.rand(2, 1, 16, 24, generator=generator), torch.rand(2, 3, 16, 24, generator=generator)
    width = SIZES["tiny"].text
    return ir, vi, torch.randn(2, width, generator=generator), torch.randn(2, width, generator=generator)
