"""Operators against the degradations they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from fusionbench.degradations import DEGRADATIONS, linear_codes, parse
from fusionbench.degradations.linear import linear_model
from fusionbench.degradations.operators import Blur, Composition, Identity, Pixelate


@pytest.fixture
def pair():
    """Structured bytes, far from black and white so that noise is not clipped, of sides that no factor divides."""
    rng = np.random.default_rng(0)
    image = gaussian_filter(rng.standard_normal((70, 94, 4)), (2, 2, 0))
    scaled = 128 + 60 * image / np.abs(image).max()
    return scaled[..., 0].astype(np.uint8), np.ascontiguousarray(scaled[..., 1:].astype(np.uint8))


def as_tensors(ir, vi):
    return torch.from_numpy(ir / 255.0)[None, None], torch.from_numpy(vi / 255.0).permute(2, 0, 1)[None]


@pytest.mark.parametrize(
    "spec",
    ["clean", "blur", "ir:blur(3,15)+vi:blur(1.2)", "ir:lr(4)", "vi:lr(3)", "ir:blur+ir:lr(2)", "ir:lr(2)+ir:blur"],
)
def test_operators_do_what_the_degradations_do_to_bytes(pair, spec):
    degradation = parse(spec)
    done = degradation.apply(*pair, name="a", seed=0)
    model = linear_model(degradation)
    for operator, before, after in zip(model[:2], as_tensors(*pair), as_tensors(done.ir, done.vi), strict=True):
        # Each term rounds once, and OpenCV's 8-bit Gaussian works with weights of 8 bits, two per cent off at most.
        torch.testing.assert_close(operator.apply(before), after, rtol=0.0, atol=2.5 / 255)
        assert (operator.apply(before) - after).mean().abs() < 0.5 / 255
    assert not model.noisy


@pytest.mark.parametrize(
    ("spec", "ir_level", "vi_level"),
    [
        ("noise", 13.97, 13.97),
        ("composite", 8.06 / 4, 8.06),
        ("composite-pet", 8.06, 13.97 / 2),
        ("vi:blur+vi:noise(20)", 0.5, 20),
        ("ir:sn(7,stripe=6)", (7**2 + 6**2) ** 0.5, 0),
    ],
)
def test_what_the_operators_leave_is_the_noise(pair, spec, ir_level, vi_level):
    degradation = parse(spec)
    done = degradation.apply(*pair, name="a", seed=0)
    model = linear_model(degradation)
    assert model.noisy
    left = zip(model[:2], as_tensors(*pair), as_tensors(done.ir, done.vi), (ir_level, vi_level), strict=True)
    for operator, before, after, level in left:
        residual = 255 * (operator.apply(before) - after)[..., 8:-8, 8:-8]
        assert residual.mean().abs() < 0.6 + level / 10
        # Rounding adds a third of a level per term; few stripes make an uncertain estimate.
        assert residual.std().item() == pytest.approx(level, rel=0.1, abs=0.7)


def test_the_first_term_is_the_last_factor():
    model = linear_model(parse("composite"))
    assert isinstance(model.ir, Composition)
    assert [type(factor) for factor in model.ir.factors] == [Pixelate, Blur]
    assert isinstance(model.vi, Blur)


def test_noise_changes_the_regularisation_of_its_own_image_only():
    model = linear_model(parse("ir:blur+ir:noise+vi:blur"), clean_gamma=0.001, noisy_gamma=0.05)
    assert isinstance(model.ir, Blur)
    assert isinstance(model.vi, Blur)
    assert (model.ir.gamma, model.vi.gamma) == (0.05, 0.001)


def test_clean_pairs_have_identities():
    model = linear_model(parse("clean"))
    assert isinstance(model.ir, Identity)
    assert isinstance(model.vi, Identity)
    assert not model.noisy
    assert isinstance(linear_model(parse("ir:blur(0)")).ir, Identity)


@pytest.mark.parametrize("code", sorted(set(DEGRADATIONS) - set(linear_codes())))
def test_what_is_not_linear_is_refused_by_name(code):
    with pytest.raises(ValueError, match=rf"'{code}' has no linear operator"):
        linear_model(parse(code))


def test_an_open_interval_is_refused():
    with pytest.raises(ValueError, match="leaves its sigma open"):
        linear_model(parse("ir:blur(1~3)"))
