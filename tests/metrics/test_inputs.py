"""What evaluate refuses, in words, and what it says of constant and tiny images."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from fusionbench.images.files import write_image
from fusionbench.metrics import METRICS, entropy, evaluate, mutual_information, row, why_undefined

HERE = [name for name in METRICS if row(name).view == "gray"]
GRAY = torch.full((2, 1, 48, 48), 0.5)


def spoilt(value: float) -> torch.Tensor:
    image = GRAY.clone()
    image[1, 0, 3, 4] = value
    return image


REFUSED = [
    (spoilt(math.nan), GRAY, GRAY, "fused image 1 of the batch holds 1 NaN or infinite values"),
    (GRAY, spoilt(math.inf), GRAY, "ir image 1 of the batch holds 1 NaN"),
    (GRAY, GRAY, spoilt(-math.inf), "vi image 1 of the batch holds 1 NaN"),
    (
        GRAY * 510,
        GRAY,
        GRAY,
        "fused image goes from 255 to 255; give uint8 from 0 to 255 or floats from 0 to 1: divide it by 255",
    ),
    (GRAY - 1, GRAY, GRAY, "fused image goes from -0.5"),
    (GRAY, GRAY[:, :, 1:], GRAY, r"ir has shape \(2, 1, 47, 48\) and the fused image \(2, 1, 48, 48\)"),
    (GRAY, GRAY, GRAY[:1], r"vi has shape \(1, 1, 48, 48\)"),
    (
        GRAY,
        GRAY.expand(-1, 2, -1, -1),
        GRAY,
        r"ir image has shape \(2, 2, 48, 48\); give \(H, W\), \(H, W, 3\), \(1 or 3, H, W\), or a batch",
    ),
    (GRAY[0], GRAY, GRAY, r"ir has shape \(2, 1, 48, 48\) and the fused image \(1, 1, 48, 48\)"),
    (GRAY[:0], GRAY[:0], GRAY[:0], r"shape \(0, 1, 48, 48\)"),
    (GRAY > 0, GRAY, GRAY, "the fused image holds bool values from True to True; give uint8 from 0 to 255 or floats"),
    ((GRAY * 65535).int(), GRAY, GRAY, "int32 values from 32767 to 32767; .* divide by the value that is white"),
]


@pytest.mark.parametrize(("fused", "ir", "vi", "message"), REFUSED)
def test_unfit_image_is_named(fused, ir, vi, message):
    with pytest.raises(ValueError, match=message):
        evaluate(fused, ir, vi, ["EN", "MI"])
    with pytest.raises(ValueError, match=message):
        mutual_information(fused, ir, vi)


@pytest.mark.parametrize(
    ("names", "protocol", "message"),
    [
        (["NM"], "exact", "unknown metric 'NM'; did you mean 'EN'|'NMI'"),
        (["enn"], "exact", "unknown metric 'enn'; did you mean 'EN'|unknown metric 'enn'; did you mean 'NIQE'"),
        (["EN"], "dspfusoin", "unknown protocol 'dspfusoin'; did you mean 'dspfusion'"),
        (["EN@tnag"], "exact", "unknown protocol 'tnag'; did you mean 'tang'"),
        (["QP"], "vifb", "protocol 'vifb' has no 'QP'; use 'QP@exact' or one of AG, CE"),
        (["QE"], "liu", "'QE' of protocol 'liu' is left out: its code fails"),
        (["MS-SSIM"], "exact", "MS-SSIM needs images of at least 161 pixels per side, not 48x48"),
    ],
)
def test_unfit_name_is_named(names, protocol, message):
    with pytest.raises(ValueError, match=message):
        evaluate(GRAY, GRAY, GRAY, names, protocol)


def test_scores_of_the_fused_image_need_no_sources():
    assert evaluate(GRAY, None, None, ["EN", "SD"])["SD"].tolist() == [0, 0]
    assert entropy(GRAY).tolist() == [0, 0]
    with pytest.raises(ValueError, match="MI, CC compare with the sources; pass ir and vi too"):
        evaluate(GRAY, GRAY, None, ["EN", "MI", "CC"])
    with pytest.raises(ValueError, match="mutual_information compares with the sources"):
        mutual_information(GRAY)


@pytest.mark.parametrize("level", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("name", HERE)
def test_constant_images_give_a_number_or_the_stated_reason(name, level):
    images = [torch.full((1, 1, 176, 176), level) for _ in range(3)]
    found = evaluate(*images, [name])[name]
    assert not found.isnan() or row(name).undefined
    low, high = row(name).range
    assert found.isnan() or low - 1e-9 <= found.item() <= high + 1e-9


@pytest.mark.parametrize("name", HERE)
def test_smallest_images_that_are_allowed_have_a_score(name, triple):
    side = row(name).smallest
    found = evaluate(*(image[..., :side, :side] for image in triple), [name])[name]
    assert not found.isnan() or row(name).undefined
    if side > 1:
        with pytest.raises(ValueError, match=f"{name} needs images of at least {side} pixels"):
            evaluate(*(image[..., : side - 1, :] for image in triple), [name])


def test_narrow_images_have_scores(triple):
    narrow = [image[..., :171, :43] for image in triple]
    names = [name for name in HERE if row(name).smallest <= 43]
    found = evaluate(*narrow, names)
    assert not [name for name in names if found[name].isnan()]


def test_bytes_floats_and_files_have_one_score(tmp_path, triple):
    grays = [(image[0, 0] * 255).round().byte() for image in triple]
    for name, gray in zip(("fused", "ir", "vi"), grays, strict=True):
        write_image(tmp_path / f"{name}.png", gray.numpy())
    paths = [tmp_path / f"{name}.png" for name in ("fused", "ir", "vi")]
    names = ["EN", "MI", "SSIM", "VIF"]
    expected = evaluate(*(gray[None, None] / 255 for gray in grays), names)
    for given in (grays, [gray.numpy() for gray in grays], [gray.numpy() / 255 for gray in grays], paths):
        assert evaluate(*given, names) == expected
    assert evaluate(triple[0][0], str(paths[1]), grays[2].numpy(), ["MI"])["MI"].shape == (1,)
    torch.testing.assert_close(mutual_information(*paths), expected["MI"])


def test_images_are_rounded_to_eight_bits():
    image = torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 1.0]).view(1, 1, 1, 4)
    assert evaluate(image, None, None, ["EN"])["EN"].item() == pytest.approx(1.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_images_of_float_types_that_hold_256_levels_have_one_score(dtype, triple):
    levels = (torch.arange(256) / 255).view(1, 1, 16, 16)
    assert evaluate(levels.to(dtype), None, None, ["EN"])["EN"].item() == 8
    names = [name for name in HERE if row(name).smallest <= 48 and not name.startswith("FMI")]
    grays = [(image[..., :48, :48] * 255).round() / 255 for image in triple]
    assert evaluate(*(gray.to(dtype) for gray in grays), names) == evaluate(*grays, names)


def test_images_that_cannot_hold_256_levels_are_refused():
    with pytest.raises(ValueError, match="fused image is bfloat16, which cannot tell 256 levels apart; convert it to"):
        evaluate(GRAY.bfloat16(), None, None, ["EN"])


NOT_SAID = "its value is not finite"


@pytest.mark.parametrize("name", HERE)
def test_what_is_undefined_has_a_reason_that_is_true(name, triple):
    """Black, constant and equal images in every place: each missing value is explained by what they are."""
    size = max(48, row(name).smallest)
    fused, ir, vi = ((image[..., :size, :size] * 255).round() / 255 for image in triple)
    black, gray = torch.zeros_like(ir), torch.full_like(ir, 90 / 255)
    for images in product([fused, black, gray, ir, 1 - ir], [ir, black, gray], [vi, black, gray, ir]):
        value = evaluate(*images, [name])[name]
        if value.isfinite():
            low, high = row(name).range
            assert low <= value.item() <= high + 1e-12
            continue
        reason = why_undefined(name, "exact", *images)
        assert reason != NOT_SAID
        alike = [image.amin() == image.amax() for image in images]
        dark = [image.amax() == 0 for image in images]
        assert not ("the fused image is black" in reason and not dark[0])
        assert not ("the fused image is constant" in reason and not alike[0])
        assert not ("a source is constant" in reason and not any(alike[1:]))
        assert not ("both sources" in reason and "equals" not in reason and not all(alike[1:]))


@pytest.mark.parametrize("level", [77, 255])
def test_a_blank_fused_image_keeps_no_phase_congruency(level, triple):
    _, ir, vi = (image[..., :64, :64] for image in triple)
    blank = torch.full_like(ir, level / 255)
    assert evaluate(blank, ir, vi, ["QP"])["QP"].isnan()
    assert why_undefined("QP", "liu", blank, ir, vi) == "the fused image has no phase congruency above 0.1"
    assert why_undefined("QP", "exact", 0 * blank, ir, vi) == "the fused image has no phase congruency above 0.1"
    assert evaluate(ir, blank, vi, ["QP"])["QP"].isfinite()
    assert why_undefined("QCB", "exact", 0 * blank, ir, vi) == "the fused image is black"


def test_a_blank_fused_image_shares_no_information(triple):
    _, ir, vi = triple
    values = evaluate(torch.full_like(ir, 77 / 255), ir, vi, ["MI", "NMI", "QMI", "MI@vifb"])
    assert all(value.item() == 0 and not value.signbit() for value in values.values())
