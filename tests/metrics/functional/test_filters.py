"""Long windows are products with banded matrices where that is faster."""

from __future__ import annotations

import pytest
import torch

from fusionbench.metrics.functional import filters


@pytest.mark.parametrize(("height", "width"), [(171, 165), (41, 80), (31, 31)])
@pytest.mark.parametrize("size", [9, 11, 17, 31])
@pytest.mark.parametrize("step", [1, 2])
def test_long_windows_as_products_are_sums_of_shifted_slices(height, width, size, step):
    image = torch.rand(2, 1, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 255
    taps = filters.gaussian(size, size / 5)
    expected = filters.correlate1d(filters.correlate1d(image, taps, -2, step), taps, -1, step)
    torch.testing.assert_close(filters.separable(image, taps, taps, step), expected, rtol=1e-13, atol=0)


def test_long_windows_that_do_not_fit_leave_nothing():
    taps = filters.gaussian(17, 3.4)
    assert not filters.separable(torch.ones(1, 1, 16, 40, dtype=torch.float64), taps, taps).numel()
