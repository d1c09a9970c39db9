"""Building blocks of losses, under the precision of mixed training."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from fusionbench.nn.losses import ssim, visual_information


@pytest.mark.parametrize("measure", [ssim, visual_information])
def test_half_precision_around_does_not_reach_the_variances(measure, generator):
    source = torch.rand(2, 1, 48, 48, generator=generator)
    image = (source + 0.02 * torch.randn(source.shape, generator=generator)).clamp(0, 1)
    expected = measure(source, image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(measure(source, image), expected)
        halves = [each.bfloat16() for each in (source, image)]
        assert_close(measure(*halves), measure(*(each.float() for each in halves)))


def test_information_counts_contrast_and_ignores_brightness(generator):
    source = 0.4 + 0.1 * torch.rand(1, 1, 48, 48, generator=generator)
    assert_close(visual_information(source, source), torch.ones(1), atol=1e-4, rtol=0)
    assert_close(visual_information(source, source + 0.1), torch.ones(1), atol=1e-3, rtol=0)
    assert visual_information(source, 2 * source) > 1.1
    assert visual_information(source, source / 2) < 0.9
    assert visual_information(source, 1 - source) < 0.01
