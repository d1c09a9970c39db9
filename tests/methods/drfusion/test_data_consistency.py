"""How an estimate is corrected, against the block matrices of the paper."""

from __future__ import annotations

import pytest
import torch

from fusionbench.degradations.linear import LinearModel
from fusionbench.degradations.operators import Blur, Composition, Downsample, Identity
from fusionbench.methods.drfusion.data_consistency import Observation
from tests.degradations.test_operators import KERNEL, SIZE, TIGHT, matrix, pseudo_inverse


def joint_matrices(first, second, weights):
    """The block matrices of DRFusion's Eq. 13 and 15."""
    A1, A2, inverse1, inverse2 = matrix(first), matrix(second), pseudo_inverse(first), pseudo_inverse(second)
    W1, W2 = torch.diag(weights.flatten()), torch.diag(1 - weights.flatten())
    eye = torch.eye(len(W1), dtype=torch.float64)

    def zeros(rows, columns):
        return torch.zeros(rows, columns, dtype=torch.float64)

    n, m1, m2 = len(eye), len(A1), len(A2)
    joint = torch.cat(
        [
            torch.cat([A1, zeros(m1, n), zeros(m1, n)], dim=1),
            torch.cat([zeros(m2, n), A2, zeros(m2, n)], dim=1),
            torch.cat([-W1, -W2, eye], dim=1),
        ]
    )
    inverse = torch.cat(
        [
            torch.cat([inverse1, zeros(n, m2), zeros(n, n)], dim=1),
            torch.cat([zeros(n, m1), inverse2, zeros(n, n)], dim=1),
            torch.cat([W1 @ inverse1, W2 @ inverse2, eye], dim=1),
        ]
    )
    return joint, inverse


@pytest.fixture
def weights(generator):
    return torch.rand(1, 1, *SIZE, dtype=torch.float64, generator=generator)


PAIRS = {
    "identities": (Identity(), Identity()),
    "low resolution and identity": (Downsample(2), Identity()),
    "low resolution and blur": (Downsample(3), Blur(KERNEL, 0.0, "periodic")),
    "composite": (Composition([Downsample(2), Blur(KERNEL, 1e-2)]), Blur(KERNEL, 1e-2)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_full_correction_is_by_the_papers_pseudo_inverse(name, weights, generator):
    first, second = PAIRS[name]
    joint, inverse = joint_matrices(first, second, weights)
    ir, vi = (
        torch.rand(1, 1, *operator.output_size(SIZE), dtype=torch.float64, generator=generator)
        for operator in (first, second)
    )
    estimate = torch.rand(1, 3, *SIZE, dtype=torch.float64, generator=generator)
    observed = torch.cat([ir.flatten(), vi.flatten(), torch.zeros(SIZE[0] * SIZE[1], dtype=torch.float64)])
    expected = estimate.flatten() - inverse @ (joint @ estimate.flatten() - observed)
    observation = Observation(ir, vi, [LinearModel(first, second, noisy=False)], order="paper")
    corrected = observation.correct(estimate, weights, torch.ones(1, 1, 1, 1, dtype=torch.float64))
    torch.testing.assert_close(corrected.flatten(), expected, **TIGHT)


@pytest.mark.parametrize("name", ["identities", "low resolution and identity", "low resolution and blur"])
def test_joint_pseudo_inverse_meets_three_conditions_always_and_the_fourth_if_invertible(name, weights):
    first, second = PAIRS[name]
    A, inverse = joint_matrices(first, second, weights)
    torch.testing.assert_close(A @ inverse @ A, A, **TIGHT)
    torch.testing.assert_close(inverse @ A @ inverse, inverse, **TIGHT)
    torch.testing.assert_close((A @ inverse).T, A @ inverse, **TIGHT)
    asymmetry = ((inverse @ A).T - inverse @ A).abs().max().item()
    if name == "identities":
        assert asymmetry < 1e-10
        torch.testing.assert_close(inverse, torch.linalg.inv(A), **TIGHT)
    else:
        assert asymmetry > 0.1
