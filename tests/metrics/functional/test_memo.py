"""Results are remembered within a scope, and forgotten when they take too much memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fusionbench.metrics.functional.memo import KEPT, cache_scope, cached


@pytest.fixture
def calls() -> list[float]:
    return []


@pytest.fixture
def doubled(calls):
    @cached
    def function(x: Tensor, factor: float = 2.0) -> Tensor:
        calls.append(float(x[0]))
        return x * factor

    return function


def test_result_is_computed_once_within_a_scope_and_each_time_outside(doubled, calls):
    x = torch.ones(4)
    with cache_scope():
        assert doubled(x) is doubled(x)
        assert doubled(x, factor=3.0)[0] == 3
    assert len(calls) == 2
    doubled(x), doubled(x)
    assert len(calls) == 4


def test_what_was_not_read_for_longest_is_forgotten(doubled, calls):
    images = [torch.full((4,), float(index)) for index in range(KEPT + 1)]
    with cache_scope():
        for image in images[:KEPT]:
            doubled(image)
        doubled(images[0])
        doubled(images[KEPT])
        assert calls == [float(index) for index in range(KEPT + 1)]
        doubled(images[0])
        doubled(images[1])
    assert calls[KEPT + 1 :] == [1]
