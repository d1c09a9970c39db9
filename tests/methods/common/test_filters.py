"""Filters, wavelets and pyramids against SciPy, PyWavelets and small cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import torch
from scipy import ndimage

from fusionbench.methods.common.filters import box_mean, correlate, gaussian_kernel, guided_filter
from fusionbench.methods.common.padding import reflect, run_padded, symmetric
from fusionbench.methods.common.pyramid import collapse, laplacian_pyramid
from fusionbench.methods.common.wavelet import WAVELETS, analyse, synthesise


@pytest.fixture
def image(generator):
    return torch.rand(2, 3, 27, 34, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("radius", [0, 1, 6, 30, 70])
def test_box_mean_with_mirrored_borders(image, radius):
    side = 2 * radius + 1
    expected = ndimage.uniform_filter(image.numpy(), (1, 1, side, side), mode="reflect")
    np.testing.assert_allclose(box_mean(image, radius, "symmetric").numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("radius", [0, 1, 6, 30])
def test_box_mean_over_what_lies_inside(image, radius):
    expected = torch.empty_like(image)
    for i in range(image.shape[-2]):
        for j in range(image.shape[-1]):
            window = image[..., max(0, i - radius) : i + radius + 1, max(0, j - radius) : j + radius + 1]
            expected[..., i, j] = window.mean(dim=(-2, -1))
    torch.testing.assert_close(box_mean(image, radius), expected, atol=1e-12, rtol=0)


def test_correlate_agrees_with_scipy(image):
    kernel = torch.tensor([[0.0, 2.0, 1.0], [-1.0, 0.5, 0.0], [3.0, 0.0, 0.0]])
    expected = ndimage.correlate(image[1, 2].numpy(), kernel.double().numpy(), mode="reflect")
    np.testing.assert_allclose(correlate(image, kernel)[1, 2].numpy(), expected, atol=1e-12)


def test_gaussian_kernel_is_normalised_and_falls_as_it_should():
    kernel = gaussian_kernel(5, 5.0)
    assert kernel.shape == (11, 11)
    torch.testing.assert_close(kernel.sum(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(kernel[5, 10] / kernel[5, 5], torch.exp(torch.tensor(-0.5, dtype=torch.float64)))


def test_guided_filter_with_a_constant_guide_is_a_double_mean(image):
    guide = torch.full_like(image, 0.3)
    expected = box_mean(box_mean(image, 4), 4)
    torch.testing.assert_close(guided_filter(guide, image, 4, 0.01), expected, atol=1e-12, rtol=0)


def test_guided_filter_of_the_guide_itself_keeps_it_for_small_eps(image):
    torch.testing.assert_close(guided_filter(image, image, 3, 1e-12), image, atol=1e-8, rtol=0)


def test_guided_filter_smooths_a_flat_guide_and_follows_its_edge():
    guide = torch.zeros(1, 1, 21, 40)
    guide[..., 20:] = 1
    source = guide + 0.1 * torch.randn(guide.shape, generator=torch.Generator().manual_seed(1))
    out = guided_filter(guide, source, 5, 1e-4)
    assert (out - guide).abs().max() < 0.06
    assert (out[..., 20] - out[..., 19]).min() > 0.9


@pytest.mark.parametrize("name", WAVELETS)
def test_filters_are_those_of_pywavelets(name):
    theirs, ours = pywt.Wavelet(name), WAVELETS[name]
    for taps, expected in zip(
        (ours.low, ours.high, ours.inverse_low, ours.inverse_high), theirs.filter_bank, strict=True
    ):
        np.testing.assert_allclose(taps, expected, atol=1e-12)


@pytest.mark.parametrize("name", WAVELETS)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 30), (31, 9), (2, 3), (1, 1), (1, 6)])
def test_wavelet_transform_agrees_with_pywavelets(name, height, width, generator):
    image = torch.rand(2, height, width, generator=generator, dtype=torch.float64)
    approximation, details = analyse(image, WAVELETS[name])
    expected, expected_details = pywt.dwt2(image.numpy(), name, mode="symmetric")
    np.testing.assert_allclose(approximation.numpy(), expected, atol=1e-12)
    for ours, theirs in zip(details, expected_details, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12)
    back = synthesise(approximation, details, WAVELETS[name], height, width)
    torch.testing.assert_close(back, image, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (3, 8), (33, 46), (64, 64)])
def test_pyramid_collapses_to_its_image(height, width, generator):
    image = torch.rand(2, 1, height, width, generator=generator, dtype=torch.float64)
    pyramid = laplacian_pyramid(image, 4)
    assert len(pyramid) <= 5
    torch.testing.assert_close(collapse(pyramid), image, atol=1e-12, rtol=0)


def test_pyramid_of_a_constant_has_no_detail():
    *details, base = laplacian_pyramid(torch.full((1, 1, 37, 50), 0.7), 4)
    assert len(details) == 4
    for detail in details:
        torch.testing.assert_close(detail, torch.zeros_like(detail), atol=1e-6, rtol=0)
    torch.testing.assert_close(base, torch.full_like(base, 0.7))


def test_pyramid_base_agrees_with_scipy(image):
    kernel = np.array([0.05, 0.25, 0.4, 0.25, 0.05])
    plane = image[0, 0].numpy()
    for axis in (0, 1):
        plane = ndimage.correlate1d(plane, kernel, axis=axis, mode="mirror")
    base = laplacian_pyramid(image, 1)[-1]
    np.testing.assert_allclose(base[0, 0].numpy(), plane[::2, ::2], atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("amount", [0, 1, 4, 11])
def test_padding_agrees_with_numpy(size, amount):
    image = torch.arange(float(size * (size + 1))).view(1, size, size + 1)
    edges = ((0, 0), (amount, amount + 1), (amount, 2 * amount))
    for ours, mode in ((reflect, "reflect"), (symmetric, "symmetric")):
        padded = ours(image, amount, 2 * amount, amount, amount + 1)
        np.testing.assert_array_equal(padded.numpy(), np.pad(image.numpy(), edges, mode=mode))


def test_fit_pads_for_the_network_and_cuts_back(generator):
    seen = []

    def network(image):
        seen.append(tuple(image.shape[-2:]))
        return 2 * image

    image = torch.rand(1, 3, 5, 9, generator=generator)
    assert torch.equal(run_padded(network, image, multiple=4, least=12), 2 * image)
    assert torch.equal(run_padded(network, image), 2 * image)
    assert seen == [(12, 12), (5, 9)]
