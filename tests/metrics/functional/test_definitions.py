"""Scores of images small enough to compute by hand, and of fused images that equal their sources."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fusionbench.metrics import METRICS, evaluate, row

HERE = [name for name in METRICS if row(name).view == "gray"]


def image(*rows: tuple[int, ...]) -> Tensor:
    """A batch of one gray image with these levels."""
    return torch.tensor(rows).div(255).view(1, 1, len(rows), -1)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


FOUR = image((0, 1), (2, 3))
STEP = image((0, 255), (0, 255))
WIDE_STEP = image(*[(0, 0, 255, 255)] * 4)
BLACK, WHITE = image((0, 0), (0, 0)), image((255, 255), (255, 255))
QUARTER = image((0, 255), (255, 255))
# Weights of edges that no source has: no strength in common, and angles taken as perpendicular.
NOTHING_KEPT = math.sqrt(0.9999 * sigmoid(-19 / 2) * 0.9995 * sigmoid(-22 / 2))

HAND = [
    ("EN", FOUR, FOUR, FOUR, 2),
    ("SD", STEP, STEP, STEP, 127.5),
    ("SF", STEP, STEP, STEP, 255),
    ("SF@tang-sheet", STEP, STEP, STEP, 1),
    # One-sided differences at both columns: four times 255 / sqrt(2) over (2 - 1)(2 - 1).
    ("AG", STEP, STEP, STEP, 4 * 255 / math.sqrt(2)),
    ("AG@cddfuse", STEP, STEP, STEP, 255 / math.sqrt(2)),
    ("DF", STEP, STEP, STEP, 255 / math.sqrt(2)),
    ("EI", STEP, STEP, STEP, 4 * 255),
    # p = (1/2, 1/2) against q = (1/4, 3/4) for one source, none for the other.
    ("CE", QUARTER, STEP, QUARTER, (0.5 * math.log2(2) + 0.5 * math.log2(2 / 3)) / 2),
    ("MI", FOUR, FOUR, WHITE, 2),
    ("MI@cddfuse", FOUR, FOUR, WHITE, 2 * math.log(2)),
    ("NMI", FOUR, FOUR, WHITE, 2),
    ("QMI", FOUR, FOUR, WHITE, 1),
    # Correlations 2/8, 0 and 0 give the eigenvalues 5/4, 1 and 3/4.
    ("QNCIE", FOUR, FOUR, WHITE, 1 + sum(x / 12 * math.log(x / 12, 256) for x in (5, 4, 3))),
    ("CC", STEP, STEP, 1 - STEP, 0),
    ("SCD", image((100, 50)), image((0, 255)), image((255, 0)), 2),
    ("NCC", image((4, 3)), image((3, 4)), image((4, 3)), (24 / 25 + 1) / 2),
    ("MSE", WHITE, WHITE, BLACK, 0.5),
    ("RMSE", WHITE, WHITE, BLACK, math.sqrt(0.5)),
    ("PSNR", WHITE, WHITE, BLACK, 10 * math.log10(2)),
    ("PSNR@tang", WHITE, WHITE, BLACK, 10 * math.log10(2) + 20 * math.log10(255)),
    ("PSNR@lure", WHITE, WHITE, BLACK, 10 * math.log10(255 / math.sqrt(0.5))),
    # Deviations of -127.5 and 127.5: uint8 leaves 0 and 128, and 255 of the square of the latter.
    ("SD@tang-sheet", STEP, STEP, STEP, math.sqrt(255 / 2)),
    # Half of the pixels have an edge that neither source has.
    ("Nabf", WIDE_STEP, 0 * WIDE_STEP, 0 * WIDE_STEP, 0.5 * (1 - NOTHING_KEPT)),
    ("QSF", WHITE, STEP, STEP, -1),
]


@pytest.mark.parametrize(("name", "fused", "ir", "vi", "expected"), HAND, ids=[case[0] for case in HAND])
def test_value_is_what_a_person_computes(name, fused, ir, vi, expected):
    assert evaluate(fused, ir, vi, [name])[name].item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_structural_similarity_of_constant_images_is_their_luminance_term():
    c1 = (0.01 * 255) ** 2
    fused, ir, vi = (torch.full((1, 1, 16, 16), level / 255) for level in (100, 50, 100))
    expected = ((2 * 100 * 50 + c1) / (100**2 + 50**2 + c1) + 1) / 2
    assert evaluate(fused, ir, vi, ["SSIM"])["SSIM"].item() == pytest.approx(expected, rel=1e-9)


# What a score says where the fused image and both sources are one image.
PERFECT = {
    **{"CE": 0, "MSE": 0, "RMSE": 0, "Nabf": 0, "QSF": 0, "QCV": 0, "PSNR": math.inf},
    **{"CC": 1, "NCC": 1, "SSIM": 1, "MS-SSIM": 1, "QS": 1, "QW": 1, "QE": 1, "QY": 1, "QC": 1, "QCB": 1},
    **{"FMI_pixel": 1, "FMI_gradient": 1, "FMI_dct": 1, "FMI_wavelet": 1, "VIFF": 1, "QM": 3, "NMI": 2, "QMI": 2},
    # Equal strengths stand for their own ratio in Hong's form; nothing is turned.
    "Qabf": 0.9994 * 0.9879 * sigmoid(22 * 0.2),
    "QG": sigmoid(10 * 0.5) * sigmoid(20 * 0.25),
    # The guards in the denominators of these two keep them from their bound.
    "VIF": pytest.approx(2, abs=1e-3),
    "MEF-SSIM": pytest.approx(1, abs=1e-3),
}


@pytest.mark.parametrize("name", PERFECT)
def test_fused_image_that_equals_both_sources_is_perfect(name, textured):
    found = evaluate(textured, textured, textured, [name])[name].item()
    expected = PERFECT[name]
    assert found == (expected if not isinstance(expected, float | int) else pytest.approx(expected, rel=1e-6, abs=1e-9))


def test_fused_image_that_equals_a_source_leaves_the_correlation_of_differences_undefined(textured):
    assert evaluate(textured, textured.flip(-1), textured, ["SCD"])["SCD"].isnan()


def test_phase_preservation_falls_when_the_fused_image_is_another(textured):
    # Not one for equal images: the published code masks the maps of the sources but not of the fused image.
    same = evaluate(textured, textured, textured, ["QP"])["QP"].item()
    assert 0.7 < same < 1
    assert evaluate(textured.flip(-1), textured, textured, ["QP"])["QP"].item() < 0.2


def test_every_score_of_this_package_has_a_case_by_hand_or_a_perfect_one():
    assert {*PERFECT, "QP", *(case[0].partition("@")[0] for case in HAND)} == set(HERE)
