"""Light, weather and infrared sensors: what each degradation does that the others do not."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.degradations import parse

from .conftest import make_pair


def visible(spec: str, image: np.ndarray, name: str = "a") -> np.ndarray:
    return parse(spec).apply(image[..., 0], image, name=name, seed=0).vi


def infrared(spec: str, image: np.ndarray, name: str = "a") -> np.ndarray:
    return parse(spec).apply(image, np.repeat(image[..., None], 3, axis=2), name=name, seed=0).ir


def flat(level: int, height: int = 240, width: int = 320) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize(("level", "low", "high"), [(64, 10, 22), (128, 34, 67), (160, 66, 100)])
def test_low_light_is_as_dark_as_real_pairs(level, low, high):
    """Medians of the dark images of DSPFusion's samples where their restored references have this level."""
    assert low <= np.median(visible("ll", flat(level))) <= high


def test_low_light_is_noisier_for_its_light():
    dark = visible("ll", flat(160)).astype(float)
    assert 1 < dark.std() < 15
    less_dark = visible("ll(0.2)", flat(160)).astype(float)
    assert dark.std() / dark.mean() > 3 * less_dark.std() / less_dark.mean()


@pytest.mark.parametrize(("level", "low", "high"), [(64, 111, 159), (128, 160, 210), (192, 209, 239)])
def test_over_exposure_is_as_bright_as_real_pairs(level, low, high):
    """The two bright images of DSPFusion's samples where their restored references have this level."""
    assert low <= visible("oe", flat(level))[0, 0, 0] <= high


def test_over_exposure_loses_highlights():
    assert (visible("oe", flat(235)) == 255).all()
    assert (visible("oe", flat(215)) < 255).all()


def test_rain_brightens_streaks_along_its_angle():
    image = flat(60)
    streaks = visible("rain(0.6,angle=30)", image)[..., 0].astype(float)
    wet = streaks > streaks.min() + 25
    assert 0.01 < wet.mean() < 0.2
    # Rain that falls at 30 degrees moves 5 pixels to the right over 8 rows.
    along, across = (
        np.corrcoef(streaks[:-8, 8:-8].ravel(), streaks[8:, 8 + shift : -8 + shift].ravel())[0, 1] for shift in (5, -5)
    )
    assert along > across + 0.2


def test_rain_dulls_what_lies_behind_it():
    image = np.tile(np.array([20, 235], np.uint8).repeat(40), (240, 4))
    behind = np.median(visible("rain", np.repeat(image[..., None], 3, axis=2)), axis=0)[:, 0]
    assert behind.max() - behind.min() == pytest.approx(0.9 * 215, abs=4)


def test_haze_moves_everything_towards_the_airlight():
    dark, bright = visible("haze(0.8)", flat(0)), visible("haze(0.8)", flat(255))
    transmission = (bright.astype(float) - dark) / 255
    assert transmission.min() > 0
    np.testing.assert_allclose(dark, 0.8 * 255 * (1 - transmission), atol=2)


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_haze_thickens_smoothly_towards_a_far_point(name):
    haze = visible("haze", flat(0, 480, 640), name)[..., 0].astype(float)
    assert haze[-40:].mean() < 0.5 * haze[60:200].mean()
    assert 150 < haze.max() <= 204
    steps = np.abs(np.diff(haze, axis=0)).max(), np.abs(np.diff(haze, axis=1)).max()
    assert max(steps) <= 3


def test_low_contrast_is_a_straight_tone_curve():
    levels = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    found = infrared("lc(0.5,level=100)", levels)[0].astype(float)
    np.testing.assert_allclose(found, 100 + 0.6 * (np.arange(256) - 100), atol=0.51)


def test_stripes_are_columns():
    noise = infrared("sn(0,stripe=6)", np.full((300, 400), 128, np.uint8)).astype(float) - 128
    assert (noise == noise[0]).all()
    assert noise[0].std() == pytest.approx(6, rel=0.1)


def test_stripe_noise_has_both_its_parts():
    noise = infrared("sn(8,stripe=6)", np.full((400, 500), 128, np.uint8)).astype(float) - 128
    columns = noise.mean(axis=0)
    assert columns.std() == pytest.approx(6, rel=0.1)
    assert (noise - columns).std() == pytest.approx(8, rel=0.02)
    assert noise.mean(axis=1).std() < 1


def test_nothing_happens_twice_alike_between_images():
    image = make_pair(64, 64)[1]
    for spec in ("rain", "haze", "ll"):
        assert (visible(spec, image, "a") != visible(spec, image, "b")).any()
