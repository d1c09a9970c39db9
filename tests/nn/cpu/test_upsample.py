"""The transposed convolution that doubles the size against torch's own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fusionbench.nn.cpu.upsample import conv_transpose_2x


def whole(x, weight, bias):
    return F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 16, 31, 45), (1, 8, 1, 1), (1, 64, 60, 80)])
@pytest.mark.parametrize("outputs", [1, 24])
def test_equals_the_transposed_convolution(shape, outputs, generator):
    x = torch.randn(shape, generator=generator)
    weight = torch.randn(shape[1], outputs, 3, 3, generator=generator) / (9 * shape[1]) ** 0.5
    bias = torch.randn(outputs, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(conv_transpose_2x(x, weight, bias), whole(x, weight, bias), rtol=0.0, atol=5e-6)


def test_training_and_autocast_take_torchs_own(generator):
    x, bias = torch.randn(1, 8, 6, 7, generator=generator), torch.zeros(5)
    weight = torch.randn(8, 5, 3, 3, generator=generator).requires_grad_()
    conv_transpose_2x(x, weight, bias).sum().backward()
    assert weight.grad is not None
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(conv_transpose_2x(x, weight, bias), whole(x, weight, bias))
