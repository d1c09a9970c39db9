"""Winograd's convolution against the direct one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fusionbench.nn.cpu import winograd
from fusionbench.nn.cpu.winograd import conv3x3, winograd3x3


def test_the_three_matrices_make_a_convolution(generator):
    """One line of a tile: 6 pixels, 3 taps, 4 results; exact in double precision."""
    pixels, taps = (torch.rand(count, dtype=torch.float64, generator=generator) for count in (6, 3))
    matrices = (winograd.TO_OUTPUT, winograd.FROM_KERNEL, winograd.FROM_INPUT)
    to_output, from_kernel, from_input = (torch.tensor(matrix, dtype=torch.float64) for matrix in matrices)
    found = to_output @ ((from_kernel @ taps) * (from_input @ pixels))
    expected = torch.from_numpy(np.correlate(pixels.numpy(), taps.numpy(), mode="valid"))
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 96, 31, 45), (1, 128, 1, 1), (3, 16, 9, 70), (1, 130, 60, 80)])
@pytest.mark.parametrize("outputs", [1, 40])
def test_equals_the_direct_convolution(shape, outputs, generator):
    x = torch.randn(shape, generator=generator)
    weight = torch.randn(outputs, shape[1], 3, 3, generator=generator) / (9 * shape[1]) ** 0.5
    bias = torch.randn(outputs, generator=generator)
    expected = F.conv2d(x, weight, bias, padding=1)
    torch.testing.assert_close(winograd3x3(x, weight, bias), expected, rtol=0.0, atol=5e-5)
    last = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(winograd3x3(last, weight, bias), expected, rtol=0.0, atol=5e-5)


def test_blocks_do_not_show(generator, monkeypatch):
    x = torch.randn(1, 16, 50, 41, generator=generator)
    weight, bias = torch.randn(16, 16, 3, 3, generator=generator), torch.zeros(16)
    whole = winograd3x3(x, weight, bias)
    monkeypatch.setattr(winograd, "BLOCK", 1)
    torch.testing.assert_close(winograd3x3(x, weight, bias), whole, rtol=0.0, atol=1e-4)


def test_is_taken_only_where_it_pays(generator):
    weight, bias = torch.randn(200, 200, 3, 3, generator=generator), torch.zeros(200)
    large, small = torch.randn(1, 200, 60, 60, generator=generator), torch.randn(1, 200, 16, 16, generator=generator)
    with torch.no_grad():
        assert torch.equal(conv3x3(large, weight, bias), winograd3x3(large, weight, bias))
        assert torch.equal(conv3x3(small, weight, bias), F.conv2d(small, weight, bias, padding=1))
    assert torch.equal(conv3x3(large, weight, bias), F.conv2d(large, weight, bias, padding=1))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert conv3x3(large, weight, bias).dtype == torch.bfloat16
