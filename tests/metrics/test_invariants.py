"""What holds for every image: bounds, symmetries, and that neither batch nor number type changes a score."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fusionbench.metrics import METRICS, evaluate, row

PAGES = Path(__file__).parents[2] / "docs" / "generate" / "metrics.py"
FLOAT32_ERRORS = runpy.run_path(str(PAGES))["FLOAT32_ERRORS"]

HERE = [name for name in METRICS if row(name).view == "gray"]
SIDE = 44
SMALL = [name for name in HERE if row(name).smallest <= SIDE]
# Hong's form fixes the angle of vertical edges, and features, blocks, grids and halvings start at the top left.
MIRRORED = ["AG", "CC", "CE", "CC", "EI", "EN", "MI", "MSE", "NCC", "NMI", "PSNR", "QC", "QE", "QMI", "QNCIE"]
MIRRORED += ["QS", "QSF", "QW", "QY", "RMSE", "SCD", "SD", "SF", "SSIM"]


@st.composite
def triples(draw: st.DrawFn) -> tuple[torch.Tensor, ...]:
    """(fused, ir, vi): noise, flat areas and gradients of any contrast, at times one image twice."""
    images = []
    for _ in range(3):
        low, high = sorted((draw(st.integers(0, 255)), draw(st.integers(0, 255))))
        levels = draw(arrays(np.int64, (4, 4), elements=st.integers(low, high)))
        coarse = np.kron(levels, np.ones((SIDE // 4, SIDE // 4), dtype=np.int64))
        grain = np.random.default_rng(draw(st.integers(0, 2**16))).integers(0, draw(st.integers(1, 60)), (SIDE, SIDE))
        images.append(torch.from_numpy(np.clip(coarse + grain, 0, 255) / 255).view(1, 1, SIDE, SIDE))
    if draw(st.booleans()):
        images[draw(st.integers(1, 2))] = images[0]
    return tuple(images)


def often(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
    )


def same(found: torch.Tensor, expected: torch.Tensor, rtol: float) -> bool:
    return found.isnan().equal(expected.isnan()) and math.isclose(
        found.nan_to_num(0).item(), expected.nan_to_num(0).item(), rel_tol=rtol, abs_tol=1e-9
    )


@often(25)
@given(triples())
def test_scores_stay_within_their_range(images):
    for name, found in evaluate(*images, SMALL).items():
        low, high = row(name).range
        assert found.isnan() or low - 1e-9 <= found.item() <= high + 1e-9, name


@often(15)
@given(triples())
def test_order_of_the_sources_does_not_matter(images):
    fused, ir, vi = images
    one, other = evaluate(fused, ir, vi, SMALL), evaluate(fused, vi, ir, SMALL)
    # VIFF and QP take one of the sources where they tie; QG's toolbox treats flat pixels of one source differently.
    for name in set(SMALL) - {"VIFF", "QP"}:
        assert same(one[name], other[name], 1e-6 if name == "QG" else 1e-9), name


@often(15)
@given(triples(), st.sampled_from([-1, -2]))
def test_mirrored_images_have_the_same_scores(images, dim):
    one, other = evaluate(*images, MIRRORED), evaluate(*(image.flip(dim) for image in images), MIRRORED)
    for name in MIRRORED:
        assert same(one[name], other[name], 1e-9), name


@often(15)
@given(triples())
def test_negatives_have_the_same_information(images):
    negatives = [1 - image for image in images]
    names = ["EN", "MI", "NMI", "QMI", "QNCIE", "CE"]
    one, other = evaluate(*images, names), evaluate(*negatives, names)
    assert all(same(one[name], other[name], 1e-9) for name in names)


def test_a_batch_has_the_scores_of_its_images_bit_for_bit(triple):
    fused, ir, vi = (torch.cat([image, image.flip(-1), image.roll(5, -2)]) for image in triple)
    together = evaluate(fused, ir, vi, HERE)
    for index in range(3):
        alone = evaluate(*(image[index : index + 1] for image in (fused, ir, vi)), HERE)
        for name in HERE:
            assert together[name][index].equal(alone[name][0]) or alone[name].isnan(), name


def test_names_computed_together_have_the_values_they_have_alone(triple):
    together = evaluate(*triple, HERE)
    for name in HERE:
        torch.testing.assert_close(evaluate(*triple, [name])[name], together[name], rtol=0, atol=0, msg=name)


def test_images_in_float32_and_float64_have_the_same_scores(triple):
    doubles = [image.mul(255).round().double() / 255 for image in triple]
    one, other = evaluate(*triple, HERE), evaluate(*doubles, HERE)
    assert all(one[name].equal(other[name]) for name in HERE)


@pytest.mark.parametrize("name", HERE)
def test_computing_in_float32_differs_as_stated(name, triple):
    exact = evaluate(*triple, [name])[name]
    rough = evaluate(*triple, [name], dtype=torch.float32)[name]
    assert rough.dtype is torch.float64
    torch.testing.assert_close(rough, exact, rtol=FLOAT32_ERRORS.get(name, FLOAT32_ERRORS["others"]), atol=1e-6)
