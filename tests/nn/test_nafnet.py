"""NAFNet's block."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fusionbench.nn.nafnet import NAFBlock


def trained(channels, generator):
    block = NAFBlock(channels)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 4)
    return block


def test_new_block_returns_its_input(generator):
    features = torch.randn(2, 8, 9, 7, generator=generator)
    assert_close(NAFBlock(8)(features), features, rtol=0, atol=0)


def test_parameters_are_as_many_as_the_original_s():
    # norms 4c; 1x1 c->2c twice, c->c three times; depthwise 3x3 on 2c; two scales: for c = 48
    c = 48
    expected = 4 * c + 2 * (2 * c * c + 2 * c) + 3 * (c * c + c) + 20 * c + 2 * c
    assert sum(parameter.numel() for parameter in NAFBlock(c).parameters()) == expected == 17712


def test_block_is_the_formula(generator):
    block = trained(4, generator)
    x = torch.randn(2, 4, 5, 6, generator=generator)

    def norm(y, layer):
        mean, variance = y.mean(1, keepdim=True), y.var(1, keepdim=True, unbiased=False)
        return (y - mean) / (variance + 1e-6).sqrt() * layer.weight.view(1, -1, 1, 1) + layer.bias.view(1, -1, 1, 1)

    u = F.conv2d(block.conv1(norm(x, block.norm1)), block.conv2.weight, block.conv2.bias, padding=1, groups=8)
    u = u[:, :4] * u[:, 4:]
    u = u * block.sca[1](u.mean((2, 3), keepdim=True))
    y = x + block.beta * block.conv3(u)
    v = block.conv4(norm(y, block.norm2))
    expected = y + block.gamma * block.conv5(v[:, :4] * v[:, 4:])
    assert_close(block(x), expected, rtol=1e-5, atol=1e-5)


def test_gradient_is_that_of_finite_differences(generator):
    block = trained(2, generator).double()
    x = torch.randn(1, 2, 3, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (x,))
