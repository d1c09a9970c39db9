"""Scores against what public libraries compute."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import pywt
import scipy.fft
import scipy.ndimage
import scipy.stats
import torch
from PIL import Image
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import mutual_info_score

from fusionbench.metrics import evaluate
from fusionbench.metrics.functional import fmi
from fusionbench.metrics.functional.edges import _haar
from fusionbench.metrics.functional.images import gray, opencv_gray, pillow_gray


@pytest.fixture(scope="module")
def planes(triple):
    """(fused, ir, vi) as gray levels in numpy."""
    return tuple(gray(image)[0, 0].numpy() for image in triple)


def score(triple, name):
    return evaluate(*triple, [name])[name].item()


def test_entropy_is_scipys(triple, planes):
    counts = np.bincount(planes[0].astype(int).ravel())
    assert score(triple, "EN") == pytest.approx(scipy.stats.entropy(counts, base=2), rel=1e-12)


def test_mutual_information_is_scikit_learns(triple, planes):
    fused, ir, vi = (plane.astype(int).ravel() for plane in planes)
    expected = mutual_info_score(ir, fused) + mutual_info_score(vi, fused)
    assert score(triple, "MI@vifb-gray") == pytest.approx(expected, rel=1e-6)
    assert score(triple, "MI") == pytest.approx(expected / math.log(2), rel=1e-6)


def test_correlation_is_scipys(triple, planes):
    fused, ir, vi = (plane.ravel() for plane in planes)
    expected = (scipy.stats.pearsonr(ir, fused).statistic + scipy.stats.pearsonr(vi, fused).statistic) / 2
    assert score(triple, "CC") == pytest.approx(expected, rel=1e-12)


def test_structural_similarity_is_scikit_images(triple, planes):
    fused, ir, vi = planes
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = sum(structural_similarity(source, fused, **settings) for source in (ir, vi)) / 2
    assert score(triple, "SSIM") == pytest.approx(expected, rel=1e-9)


def test_errors_are_scikit_images(triple, planes):
    fused, ir, vi = (plane / 255 for plane in planes)
    error = (mean_squared_error(ir, fused) + mean_squared_error(vi, fused)) / 2
    assert score(triple, "MSE") == pytest.approx(error, rel=1e-12)
    both = peak_signal_noise_ratio(np.stack([ir, vi]), np.stack([fused, fused]), data_range=1)
    assert score(triple, "PSNR") == pytest.approx(both, rel=1e-12)


def test_gradients_are_numpys_and_scipys(triple, planes):
    fused = planes[0]
    down, across = np.gradient(fused)
    height, width = fused.shape
    expected = np.sqrt((down**2 + across**2) / 2).sum() / ((height - 1) * (width - 1))
    assert score(triple, "AG") == pytest.approx(expected, rel=1e-12)
    sobel = np.hypot(*(scipy.ndimage.sobel(fused, axis, mode="nearest") for axis in (0, 1)))
    assert score(triple, "EI") == pytest.approx(sobel.mean(), rel=1e-12)


def test_haar_details_are_pywavelets(planes):
    plane = planes[0][:170, :164]
    mean, details = _haar(torch.from_numpy(plane)[None, None])
    expected, bands = pywt.dwt2(plane, "haar")
    torch.testing.assert_close(mean[0, 0], torch.from_numpy(expected), rtol=1e-12, atol=1e-12)
    energy = torch.from_numpy(np.square(bands).sum(0))
    torch.testing.assert_close(details.square().sum(1)[0], energy, rtol=1e-10, atol=1e-10)


def test_cosine_transform_is_scipys(planes):
    plane = torch.from_numpy(planes[1])
    found = fmi._cosine_basis(plane.shape[0], plane) @ plane @ fmi._cosine_basis(plane.shape[1], plane).mT
    torch.testing.assert_close(found, torch.from_numpy(scipy.fft.dctn(planes[1], norm="ortho")), rtol=1e-9, atol=1e-9)


def test_meyer_bands_are_pywavelets_with_the_taps_that_matlab_has(planes):
    low, high = (np.pad(taps, 20) for taps in (pywt.Wavelet("dmey").dec_lo, pywt.Wavelet("dmey").dec_hi))
    wavelet = pywt.Wavelet("dmey102", filter_bank=[low, high, low[::-1], high[::-1]])
    mean, (horizontal, vertical, diagonal) = pywt.dwt2(planes[2], wavelet, mode="symmetric")
    bands = np.block([[mean, horizontal], [vertical, diagonal]])
    expected = torch.from_numpy((bands - bands.min()) / (bands.max() - bands.min()))
    found = fmi._meyer_bands(torch.from_numpy(planes[2])[None, None])[0, 0]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_gray_conversions_are_opencvs_and_pillows(triple):
    pixels = (triple[2][0].permute(1, 2, 0).numpy() * 255).round()
    color = triple[2]
    as_float = np.round(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    assert torch.equal(opencv_gray(color)[0, 0], torch.from_numpy(as_float).double())
    as_pillow = np.asarray(Image.fromarray(pixels.astype(np.uint8)).convert("L"), dtype=np.float64)
    assert torch.equal(pillow_gray(color)[0, 0], torch.from_numpy(as_pillow))
