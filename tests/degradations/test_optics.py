"""Blur and lost resolution against floating-point counterparts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from fusionbench.degradations import parse

from .conftest import make_pair


def gaussian(image: np.ndarray, sigma: float, size: int, mode: str) -> np.ndarray:
    line = np.exp(-0.5 * ((np.arange(size) - size // 2) / sigma) ** 2)
    line /= line.sum()
    once = ndimage.convolve1d(image.astype(float), line, axis=0, mode=mode, cval=0)
    return ndimage.convolve1d(once, line, axis=1, mode=mode, cval=0)


@pytest.mark.parametrize(("zeros", "mode"), [(0, "mirror"), (1, "constant")])
@pytest.mark.parametrize(("sigma", "size"), [(0.6, 3), (2, 13), (2.6, 21)])
def test_blur_is_a_rounded_convolution(pair, sigma, size, zeros, mode):
    spec = f"ir:blur({sigma},{size},{zeros})+vi:blur({sigma},{size},{zeros})"
    degraded = parse(spec).apply(*pair, name="a", seed=0)
    for found, image in ((degraded.ir, pair[0]), (degraded.vi, pair[1])):
        assert np.abs(found - gaussian(image, sigma, size, mode)).max() <= 0.51


def test_default_blurs_are_those_of_the_papers(pair):
    degraded = parse("vi:blur").apply(*pair, name="a", seed=0)
    assert np.abs(degraded.vi - gaussian(pair[1], 2.6, 21, "mirror")).max() <= 0.51
    both = parse("blur").apply(*pair, name="a", seed=0)
    assert np.abs(both.ir - gaussian(pair[0], 2, 21, "constant")).max() <= 0.51


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("size", [(48, 60), (49, 62), (2, 7)])
def test_low_resolution_is_a_mean_that_is_repeated(factor, size):
    ir, vi = make_pair(*size)
    found = parse(f"vi:lr({factor})").apply(ir, vi, name="a", seed=0).vi
    for top in range(0, size[0], factor):
        for left in range(0, size[1], factor):
            block = np.s_[top : top + factor, left : left + factor]
            assert (found[block] == found[top, left]).all()
            assert np.abs(found[top, left] - vi[block].mean(axis=(0, 1))).max() <= 0.51


@pytest.mark.parametrize("spec", ["sr4", "sr8"])
def test_super_resolution_input_stays_where_it_was(spec):
    """On a ramp of one level per pixel a shift shows as an error of so many levels; the factors do not divide 131."""
    ramp = np.tile(np.arange(60, 191, dtype=np.uint8), (43, 1))
    found = parse(spec).apply(ramp, np.repeat(ramp[..., None], 3, axis=2), name="a", seed=0).ir
    assert np.abs(found.astype(int) - ramp)[:, 10:-10].max() <= 1


def test_super_resolution_input_holds_no_detail():
    vi = make_pair(64, 64)[1]
    checks = np.indices((64, 64)).sum(axis=0) % 2 * np.uint8(200)
    found = parse("sr4").apply(checks.astype(np.uint8), vi, name="a", seed=0).ir
    assert np.abs(found[8:-8, 8:-8].astype(int) - 100).max() <= 1


@pytest.fixture
def published(shared):
    """DRFusion's degraded M3FD pair is one whose clean pair is at hand."""

    def image(path, mode="RGB"):
        return np.array(Image.open(shared / "data" / path / "00000.png").convert(mode))

    clean = image("m3fd/test/ir", "L"), image("m3fd/test/vi")
    files = {folder.name: folder for folder in (shared / "data/drfusion_m3fd/test").iterdir()}
    degraded = {name: image(folder, "L" if name.startswith("ir") else "RGB") for name, folder in files.items()}
    return clean, degraded


@pytest.mark.shared
def test_blur_equals_published_files(published):
    """But for their fractions, which are cut off there and rounded here."""
    clean, files = published
    degraded = parse("blur").apply(*clean, name="00000", seed=0)
    assert set(np.unique(degraded.ir.astype(int) - files["ir_blur"])) == {0, 1}
    assert set(np.unique(degraded.vi.astype(int) - files["vi_blur"])) == {0, 1}


@pytest.mark.shared
def test_noise_is_as_strong_as_in_published_files(published):
    """The noisy pair, and the noise in the composite one over what blur and pooling leave."""
    clean, files = published
    noisy, composite, smooth = (
        parse(spec).apply(*clean, name="00000", seed=0) for spec in ("noise", "composite", "blur+ir:lr")
    )
    cases = {
        "ir_noisy": (noisy.ir, clean[0], 0.005),
        "vi_noisy": (noisy.vi, clean[1], 0.005),
        "vi_complex_degradation": (composite.vi, smooth.vi, 0.005),
        # Rounded three times in theirs, which counts where pooling has left little noise.
        "ir_complex_degradation": (composite.ir[::4, ::4], smooth.ir[::4, ::4], 0.07),
    }
    for name, (ours, base, tolerance) in cases.items():
        base = base.astype(float)
        unclipped = (base > 60) & (base < 195)
        assert (ours - base)[unclipped].std() == pytest.approx((files[name] - base)[unclipped].std(), rel=tolerance)
