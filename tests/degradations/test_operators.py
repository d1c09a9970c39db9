"""The algebra of the operators, each against its explicit matrix on small images."""

from __future__ import annotations

import pytest
import torch

from fusionbench.degradations.operators import (
    Blur,
    Composition,
    Downsample,
    Identity,
    Pixelate,
    compose,
    gaussian_kernel,
)

SIZE = (6, 7)
TIGHT = {"rtol": 0.0, "atol": 1e-10}

KERNEL = torch.tensor([[0.05, 0.1, 0.0], [0.1, 0.5, 0.15], [0.0, 0.02, 0.08]], dtype=torch.float64)
"""Not symmetric, so that a turned kernel shows, and without zeros in its spectrum."""

OPERATORS = {
    "identity": Identity(),
    "blur, zero border": Blur(KERNEL, 1e-2),
    "blur, mirrored border": Blur(KERNEL, 1e-2, "mirror"),
    "blur, periodic": Blur(KERNEL, 1e-2, "periodic"),
    "blur, borders mixed": Blur(KERNEL, 1e-2, (("zero", "mirror"), ("mirror", "zero"))),
    "blur larger than the image": Blur(gaussian_kernel(17, 2.0), 1e-2, "mirror"),
    "downsample": Downsample(3),
    "downsample, uneven": Downsample(4),
    "downsample, cut patches": Downsample(3, origin=(1, 2)),
    "pixelate": Pixelate(2),
    "pixelate, cut patches": Pixelate(4, origin=(3, 2)),
    "downsample after blur": Composition([Downsample(2), Blur(KERNEL, 1e-2)]),
    "blur after pixelate after blur": Composition([Blur(KERNEL, 1e-2, "mirror"), Pixelate(3), Blur(KERNEL, 1e-2)]),
}


def basis(size):
    count = size[0] * size[1]
    return torch.eye(count, dtype=torch.float64).view(count, 1, *size)


def matrix(operator, size=SIZE):
    """A, one column per pixel of the input."""
    return operator.apply(basis(size)).flatten(1).T


def pseudo_inverse(operator, size=SIZE):
    return operator.pinv(basis(operator.output_size(size)), size).flatten(1).T


@pytest.mark.parametrize("name", OPERATORS)
def test_output_size_and_linearity(name, generator):
    operator = OPERATORS[name]
    x, y = torch.rand(2, 2, 3, *SIZE, dtype=torch.float64, generator=generator)
    assert operator.apply(x).shape == (2, 3, *operator.output_size(SIZE))
    torch.testing.assert_close(operator.apply(2 * x - y), 2 * operator.apply(x) - operator.apply(y), **TIGHT)
    applied = (
        (matrix(operator) @ x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(2, 3, *operator.output_size(SIZE))
    )
    torch.testing.assert_close(operator.apply(x), applied, **TIGHT)


@pytest.mark.parametrize("name", OPERATORS)
def test_adjoint_is_the_transposed_matrix(name):
    operator = OPERATORS[name]
    transposed = operator.adjoint(basis(operator.output_size(SIZE)), SIZE).flatten(1).T
    torch.testing.assert_close(transposed, matrix(operator).T, **TIGHT)


@pytest.mark.parametrize(
    "operator",
    [Identity(), Blur(KERNEL, 0.0, "periodic"), Downsample(3), Downsample(4, (3, 1)), Pixelate(4), Pixelate(3, (1, 1))],
    ids=lambda operator: type(operator).__name__,
)
def test_exact_pseudo_inverses_are_those_of_moore_and_penrose(operator):
    A, inverse = matrix(operator), pseudo_inverse(operator)
    torch.testing.assert_close(A @ inverse @ A, A, **TIGHT)
    torch.testing.assert_close(inverse, torch.linalg.pinv(A), **TIGHT)


def test_pooling_undoes_repetition():
    for scale in (2, 3, 4, 9):
        operator = Downsample(scale)
        A = matrix(operator)
        torch.testing.assert_close(A @ pseudo_inverse(operator), torch.eye(len(A), dtype=torch.float64), **TIGHT)


def test_pixelate_is_an_orthogonal_projector_that_corrects_like_downsample(generator):
    P = matrix(Pixelate(4))
    torch.testing.assert_close(P @ P, P, **TIGHT)
    torch.testing.assert_close(P.T, P, **TIGHT)
    x = torch.rand(1, 1, *SIZE, dtype=torch.float64, generator=generator)
    small = torch.rand(1, 1, 2, 2, dtype=torch.float64, generator=generator)
    pooling, enlarged = Downsample(4), Downsample(4).pinv(small, SIZE)
    expected = pooling.pinv(pooling.apply(x) - small, SIZE)
    torch.testing.assert_close(Pixelate(4).pinv(Pixelate(4).apply(x) - enlarged, SIZE), expected, **TIGHT)


def test_wiener_is_the_regularised_inverse_of_the_periodic_blur():
    gamma = 0.03
    A = matrix(Blur(KERNEL, gamma, "periodic"))
    expected = torch.linalg.solve(A.T @ A + gamma * torch.eye(len(A), dtype=torch.float64), A.T)
    torch.testing.assert_close(pseudo_inverse(Blur(KERNEL, gamma)), expected, **TIGHT)


def test_wiener_inverts_a_constant_up_to_gamma():
    grey = torch.full((1, 1, *SIZE), 0.5, dtype=torch.float64)
    torch.testing.assert_close(Blur(KERNEL / KERNEL.sum(), 0.25).pinv(grey, SIZE), grey / 1.25, **TIGHT)


def test_frequencies_that_a_kernel_removes_stay_removed():
    box = Blur(torch.full((1, 3), 1 / 3, dtype=torch.float64), 0.0, "periodic")
    A = matrix(box, (1, 6))
    assert torch.linalg.matrix_rank(A) == 4
    torch.testing.assert_close(A @ pseudo_inverse(box, (1, 6)) @ A, A, **TIGHT)


@pytest.mark.parametrize(("border", "expected"), [("zero", 0.25), ("mirror", 0.0), ("periodic", 0.0)])
def test_borders_continue_the_image_as_named(border, expected):
    left = torch.zeros(3, 3)
    left[1, 0] = 0.25
    left[1, 1] = 0.75
    constant = torch.ones(1, 1, 4, 5)
    lost = 1 - Blur(left, 0.0, border).apply(constant)
    assert lost.amax().item() == pytest.approx(expected)


def test_a_convolution_moves_an_impulse_to_the_kernels_entries():
    impulse = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    impulse[..., 2, 2] = 1
    torch.testing.assert_close(Blur(KERNEL, 0.0).apply(impulse)[0, 0, 1:4, 1:4], KERNEL, **TIGHT)


def test_composition_multiplies_matrices_from_left_to_right():
    outer, inner = Downsample(2), Blur(KERNEL, 1e-2)
    both = Composition([outer, inner])
    torch.testing.assert_close(matrix(both), matrix(outer) @ matrix(inner), **TIGHT)
    torch.testing.assert_close(pseudo_inverse(both), pseudo_inverse(inner) @ pseudo_inverse(outer), **TIGHT)
    assert (matrix(both) - matrix(Composition([inner, outer]))).abs().max() > 0.01


def test_a_composition_of_invertible_factors_is_inverted():
    first, second = Blur(KERNEL, 0.0, "periodic"), Blur(KERNEL.T, 0.0, "periodic")
    both = Composition([first, second])
    torch.testing.assert_close(pseudo_inverse(both) @ matrix(both), torch.eye(42, dtype=torch.float64), **TIGHT)


def test_the_product_of_pseudo_inverses_is_not_that_of_the_product():
    both = Composition([Downsample(2), Blur(KERNEL, 0.0, "periodic")])
    assert (pseudo_inverse(both) - torch.linalg.pinv(matrix(both))).abs().max() > 1e-3
    # It is a right inverse all the same, so observations are met exactly.
    A = matrix(both)
    torch.testing.assert_close(A @ pseudo_inverse(both), torch.eye(len(A), dtype=torch.float64), **TIGHT)


def test_compose_leaves_identities_out():
    blur, pooling = Blur(KERNEL, 0.0), Downsample(2)
    assert isinstance(compose([]), Identity)
    assert isinstance(compose([Identity(), Identity()]), Identity)
    assert compose([Identity(), blur]) is blur
    kept = compose([pooling, Identity(), blur])
    assert isinstance(kept, Composition)
    assert kept.factors == (pooling, blur)


@pytest.mark.parametrize("side", [0, 4])
def test_a_kernel_without_a_centre_is_refused(side):
    with pytest.raises(ValueError, match="odd"):
        gaussian_kernel(side, 1.0)
    with pytest.raises(ValueError, match="odd sides"):
        Blur(torch.ones(2, 3), 0.0)


def test_impossible_numbers_are_refused():
    with pytest.raises(ValueError, match="positive sigma"):
        gaussian_kernel(3, 0.0)
    with pytest.raises(ValueError, match="ratio of powers"):
        Blur(KERNEL, -0.1)
    with pytest.raises(ValueError, match="1 or more"):
        Downsample(0)


@pytest.mark.gpu
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_compute_on_the_device_of_their_input(name, generator):
    operator = OPERATORS[name]
    x = torch.rand(2, 1, *SIZE, generator=generator)
    y = operator.apply(x)
    on_device = operator.apply(x.cuda())
    assert on_device.is_cuda
    torch.testing.assert_close(on_device.cpu(), y, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(operator.pinv(on_device, SIZE).cpu(), operator.pinv(y, SIZE), rtol=0.0, atol=1e-4)
    torch.testing.assert_close(operator.adjoint(on_device, SIZE).cpu(), operator.adjoint(y, SIZE), rtol=0.0, atol=1e-4)
