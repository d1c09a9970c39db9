"""Noise has the distribution that its parameters promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fusionbench.degradations import parse
from fusionbench.degradations.noise import add_gaussian, add_poisson, words

SHAPE = (400, 500)


def flat(level: int) -> np.ndarray:
    return np.full(SHAPE, level, np.uint8)


@pytest.mark.parametrize("sigma", [1.0, 5.39, 13.97, 25.0])
def test_gaussian_noise_has_its_moments(sigma):
    noise = add_gaussian(flat(128), sigma, np.random.default_rng(0)).astype(float) - 128
    # Rounding to whole levels adds a variance of 1/12.
    assert noise.std() == pytest.approx((sigma**2 + 1 / 12) ** 0.5, rel=0.006)
    assert abs(noise.mean()) < 4 * sigma / noise.size**0.5
    if sigma < 20:  # more is clipped at white
        assert stats.kurtosis(noise, axis=None) == pytest.approx(0, abs=0.05)


def test_gaussian_noise_is_white():
    noise = add_gaussian(flat(128), 10, np.random.default_rng(0)).astype(float) - 128
    for shift in ((0, 1), (1, 0), (1, 1)):
        assert abs(np.corrcoef(noise.ravel(), np.roll(noise, shift, (0, 1)).ravel())[0, 1]) < 0.01


def test_gaussian_noise_is_clipped_at_black_and_white():
    assert add_gaussian(flat(0), 20, np.random.default_rng(0)).max() < 128
    assert add_gaussian(flat(255), 20, np.random.default_rng(0)).min() > 127


@pytest.mark.parametrize("photons", [1, 70, 90, 1000])
@pytest.mark.parametrize("level", [0, 3, 60, 180])
def test_poisson_noise_is_distributed_as_counts(photons, level):
    """Against NumPy's own Poisson numbers, by the two-sample Kolmogorov-Smirnov distance."""
    found = add_poisson(flat(level), photons, np.random.default_rng(0)).ravel()
    counts = np.random.default_rng(1).poisson(level / 255 * photons, found.size)
    wanted = np.minimum(np.rint(counts * (255 / photons)), 255)
    assert stats.ks_2samp(found, wanted).statistic < 0.006
    assert found.mean() == pytest.approx(wanted.mean(), abs=0.25)


def test_random_noise_follows_the_paper():
    """Gaussian 10 and Poisson 70 to 90: a variance of about 100 + 3.2 times the level, per channel."""
    variances = []
    for level in (60, 160):
        images = flat(level), np.repeat(flat(level)[..., None], 3, axis=2)
        noise = parse("vi:rn(photons=80)").apply(*images, name="a", seed=0).vi.astype(float)
        assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.02
        variances.append(noise.var())
    assert variances == pytest.approx([100 + 60 * 255 / 80, 100 + 160 * 255 / 80], rel=0.02)


def test_words_are_uniform():
    counts = np.bincount(words(np.random.default_rng(0), (1000, 1001)).ravel() >> 8, minlength=256)
    assert stats.chisquare(counts).pvalue > 0.001
