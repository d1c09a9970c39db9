"""Unrolled sparse coding a few pixels at a time equals the convolutions that define it."""

from __future__ import annotations

import pytest
import torch

from fusionbench.nn.reflect import ReflectConv
from fusionbench.nn.unrolled import decoded, soft_threshold, unrolled_code


@pytest.mark.parametrize("size", [(2, 3), (31, 37)])
def test_steps_equal_their_convolutions(size):
    torch.manual_seed(0)
    encoders = [ReflectConv(1, 6, bias=bias).double() for bias in (True, False, True)]
    decoders = [ReflectConv(6, 1, bias=bias).double() for bias in (False, True)]
    images = [torch.rand(2, 1, *size, dtype=torch.float64) for _ in encoders]
    threshold = torch.tensor([0.1, -0.01, 0.0, 0.2, 0.05, 0.02])[:, None]
    with torch.inference_mode():
        found = unrolled_code(
            images,
            encoders,
            decoders,
            lambda step, code, encoded: soft_threshold((step + 1) * code + encoded, threshold),
        )
        code = torch.zeros(2, 6, *size, dtype=torch.float64)
        for step, (image, encoder) in enumerate(zip(images, encoders, strict=True)):
            rest = image if step == 0 else image - decoders[step - 1](code)
            code = soft_threshold((step + 1) * code + encoder(rest), threshold[..., None])
        torch.testing.assert_close(found, code, atol=1e-12, rtol=0)
        torch.testing.assert_close(decoded(decoders[1], code), decoders[1](code), atol=1e-12, rtol=0)


def test_a_slightly_negative_threshold_moves_values_away_from_zero_and_keeps_zero():
    code = torch.tensor([-1.0, 0.0, 0.25])
    assert soft_threshold(code, torch.tensor(-0.5)).tolist() == [-1.5, 0.0, 0.75]
