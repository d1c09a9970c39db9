"""Every value that existing metric code gives for nine image triples, or the reason why it is not reproduced.

`null` in the golden file stands for NaN or infinity, which only has to stay undefined.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from fusionbench.metrics import Variant, choose
from fusionbench.metrics.evaluation import compute
from fusionbench.metrics.functional.images import gray
from fusionbench.metrics.functional.mef_ssim import halved, one_scale_similarity
from fusionbench.metrics.functional.memo import cache_scope
from fusionbench.metrics.functional.phase_congruency import congruencies

pytestmark = pytest.mark.shared

# What two independent implementations were found to differ by, to one digit. Where nothing is stated, 1e-9 holds.
FIGURES = {
    **{"EN": 2e-15, "CE": 1e-15, "QMI": 1e-14, "QNCIE": 3e-16, "FMI": 1e-12, "EI": 1e-13, "CC": 6e-15, "SCD": 5e-13},
    **{"MEF-SSIM": 1e-14, "VIF": 4e-10, "VIFF": 2e-13, "Qabf": 1e-15, "QG": 1e-15, "Nabf": 5e-15, "QP": 7e-12},
    **{"QCB": 2e-13, "QCV": 1e-15, "QM": 3e-15, "QSF": 2e-14, "QS": 1e-12, "QW": 1e-12, "QY": 1e-12, "QC": 1e-12},
}
UNSTATED = 1e-9
FLOAT32 = 1e-6
ULP = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Case:
    """How a golden value is computed here.

    Attributes:
        how: the score.
        sources: 'both', or one source standing for both, or 'each' for the mean of these two.
        figure: relative tolerance to one digit; None for the one in FIGURES.
    """

    how: Variant
    sources: str = "both"
    figure: float | None = None


def _case(name: str, sources: str = "both", figure: float | None = None, **changes: Any) -> Case:
    if figure is None:
        figure = FIGURES.get("MEF-SSIM" if name in ("MS-SSIM@tang", "MS-SSIM@thfylsty") else name.partition("@")[0])
    return Case(replace(choose(name), **changes), sources, figure)


def _same(protocol: str, names: str) -> dict[str, Case]:
    return {name: _case(f"{name}@{protocol}") for name in names.split()}


def _vifb(protocol: str) -> dict[str, Case]:
    names = ["CE", "EN", "MI", "PSNR", "AG", "EI", "SD", "SF", "RMSE", "SSIM", "QCB", "QCV"]
    theirs = (
        "Cross_entropy Entropy Mutinf Psnr Avg_gradient Edge_intensity Variance Spatial_frequency Rmse Ssim Qcb Qcv"
    )
    found = {there: _case(f"{here}@{protocol}") for there, here in zip(theirs.split(), names, strict=True)}
    # VIFB's own code and the others' differ by 2e-10 among the golden values.
    return found | {"Qabf": _case(f"Qabf@{protocol}", figure=UNSTATED)}


_CDDFUSE = {
    **_same("cddfuse", "EN SD SF AG MI MSE CC PSNR SCD Qabf"),
    "VIFF": _case("VIF@cddfuse"),
    "SSIM_skimage_data_range2": _case("SSIM@cddfuse"),
    "SSIM_skimage_data_range255": _case("SSIM@cddfuse", options={"window": "uniform7", "unbiased": 49 / 48}),
}
_PER_PIXEL_DF = _case("DF", options={"inset": 0})

CASES: dict[str, dict[str, Case]] = {
    "LT_octave": {
        **_same("tang", "EN SF SD PSNR MSE MI VIF AG CC SCD Qabf"),
        "VIF_ir": _case("VIF", "ir", scale=0.5),
        "VIF_vi": _case("VIF", "vi", scale=0.5),
        "Nabf_as_shipped_wrong_arg_order": _case("Nabf@tang"),
        "Nabf_correct_order": _case("Nabf"),
        "SSIM_L1_as_shipped": _case("SSIM@tang"),
        "SSIM_uint8_L255": _case("SSIM@thfylsty"),
        "MS_SSIM_mef": _case("MS-SSIM@tang"),
    },
    "LT_octave_FMI_crop40x48": {f"FMI_{name}": _case(f"FMI_{name}@tang") for name in ("gradient", "dct")}
    | {"FMI_none": _case("FMI_pixel")},
    "LIU_octave": {
        **{"QMI_hossny": _case("QMI@liu"), "QNCIE": _case("QNCIE@liu"), "QG_xydeas": _case("QG@liu")},
        **{"QM_pww": _case("QM@liu"), "QS_piella1": _case("QS@liu"), "QW_piella2": _case("QW@liu")},
        **{"QC_cvejic2": _case("QC@liu"), "QY_yang": _case("QY@liu"), **_same("liu", "QSF QP QCV QCB")},
        "MI_liu_af": _case("MI", "ir", scale=0.5),
        "MI_liu_bf": _case("MI", "vi", scale=0.5),
    },
    "VIFB_octave_color": _vifb("vifb"),
    "VIFB_octave_gray": _vifb("vifb-gray"),
    "THF_octave": {
        **_same("thfylsty", "EI CE EN Nabf DF"),
        "SF_mn": _case("SF@thfylsty"),
        "SCD_uint8_saturating": _case("SCD@thfylsty", figure=UNSTATED),
        "SCD_double": _case("SCD"),
        "SSIM_uint8_mean": _case("SSIM@thfylsty"),
        "MI_thf_broken": _case("MI@thfylsty"),
        "SD_std2_nminus1": _case("SD@thfylsty"),
        "AG_avg_gradient": _case("AG@thfylsty"),
        "AG_AverageGradient_mn": _PER_PIXEL_DF,
        "MIabf_double": _case("MI"),
        "CC_uint8_saturating": _case("CC@thfylsty"),
        "CC_double": _case("CC"),
        "VIFF_han": _case("VIFF@thfylsty"),
        "QE_thf_patched": _case("QE@thfylsty"),
    },
    "CDDFuse_py_float32": {name: replace(case, figure=FLOAT32) for name, case in _CDDFUSE.items()},
    "CDDFuse_py_float64": _CDDFUSE,
    "IVIF_ZOO_py": {
        name: replace(case, figure=FLOAT32)
        for name, case in {
            **_same("ivif-zoo", "NMI QNCIE EI EN MI SF SD AG PSNR MSE VIF CC SCD Qabf Nabf SSIM"),
            "MS_SSIM": _case("MS-SSIM@ivif-zoo"),
        }.items()
    },
    "bfliu7_py_gray": {
        "Avg_gradient": _case("AG"),
        "Cross_entropy": _case("CE"),
        "Edge_intensity": _case("EI", options={"border": "reflect"}),
        "Entropy": _case("EN"),
        "Psnr": _case("PSNR@vifb-gray"),
    },
    "Topanxal_py": {
        name: replace(case, how=replace(case.how, view="pillow"), figure=FLOAT32)
        for name, case in {
            **{"std2": _case("SD@thfylsty"), "cc": _case("CC"), "SF": _case("SF@thfylsty"), "SCD": _case("SCD")},
            **{"avg_gradient": _case("AG"), "edge_intensity": _case("EI"), "figure_definition": _PER_PIXEL_DF},
        }.items()
    },
    "DEF_f64": {
        **_same("exact", "EN QNCIE SCD Nabf QP QCB QCV QSF"),
        **{"MI_sum_bits": _case("MI"), "MI_sum_nats": _case("MI@vifb-gray")},
        "MI_sum_bits_LT_uint8_plus1_saturation": _case("MI@tang", figure=4e-12),
        **{"NMI_hossny_rescaled(QMI)": _case("QMI"), "QMI_no_rescale": _case("QMI"), "CE_mean_bits": _case("CE")},
        **{"SD_pop": _case("SD"), "SD_nminus1": _case("SD@thfylsty"), "SD_uint8_saturating": _case("SD@tang-sheet")},
        **{"SF_meanofdiffs": _case("SF"), "SF_over_MN": _case("SF@thfylsty"), "EI_replicate": _case("EI")},
        "AG_central_over_(M-1)(N-1)": _case("AG"),
        "AG_central_over_MN": _case("AG", options={"inset": 0}),
        **{"DF_forward_over_(M-1)(N-1)": _case("DF"), "AG_forward_over_MN": _PER_PIXEL_DF},
        **{"MSE01_mean": _case("MSE"), "MSE255_mean": _case("MSE", scale=255**2)},
        **{"RMSE01_sqrt_of_mean_mse": _case("RMSE"), "RMSE_VIFB": _case("RMSE@vifb-gray")},
        **{"PSNR_255_mse_mean": _case("PSNR"), "PSNR_maxF_mse_mean": _case("PSNR@cddfuse", view="gray")},
        **{"PSNR_mean_of_two": _case("PSNR", "each"), "PSNR_LT_255_over_mse01": _case("PSNR@tang")},
        **{"PSNR_LURE_half_LT": _case("PSNR@lure"), "PSNR_VIFB": _case("PSNR@vifb-gray"), "CC_mean": _case("CC")},
        **{"VIF_sum": _case("VIF"), "VIF_ir": _case("VIF", "ir", scale=0.5), "VIF_vi": _case("VIF", "vi", scale=0.5)},
        **{"VIFF_han": _case("VIFF"), "Qabf_hong": _case("Qabf"), "QG_xydeas_liu": _case("QG"), "QM_pww": _case("QM")},
        "SSIM_gauss11_valid_L255_mean": _case("SSIM"),
        "SSIM_gauss11_replicate_L255_mean": _case("SSIM@thfylsty"),
        "SSIM_gauss11_replicate_L1_mean": _case("SSIM@tang"),
        "SSIM_gauss11_valid_L1_mean": _case("SSIM@lure"),
        "SSIM_skimage7_uniform_L255_sum": replace(
            _CDDFUSE["SSIM_skimage_data_range255"],
            how=replace(_CDDFUSE["SSIM_skimage_data_range255"].how, view="gray"),
        ),
        "SSIM_skimage7_uniform_L2_sum(CDDFuse)": _case("SSIM@cddfuse", view="gray"),
        # Made with pytorch-msssim's taps, which are rounded to float32: 8e-6 away from exact ones.
        "MSSSIM_5scale_L255_mean": _case("MS-SSIM", options={"window": "gaussian-float32"}),
        "MSSSIM_5scale_L1on255_mean": _case("MS-SSIM@lure"),
        "MSSSIM_mef3": _case("MEF-SSIM"),
        **{"QS_exact": _case("QS"), "QW_exact": _case("QW"), "QY_exact": _case("QY"), "QC_exact": _case("QC@liu")},
        **{"FMI_none": _case("FMI_pixel"), "FMI_gradient": _case("FMI_gradient"), "FMI_dct": _case("FMI_dct")},
    },
}

_BUG = "a mistake that no published table is known to depend on: "
NOT_REPRODUCED = {
    ("LIU_octave", "QTE_cvejic_q1.85"): _BUG + "marginals swapped; values up to 3884",
    ("LIU_octave", "QTE_nava_q0.43137"): _BUG + "marginals swapped, plus where the paper has minus",
    ("LT_octave_FMI_crop40x48", "FMI_edge_octave_edge"): "MATLAB's edge is not specified; Octave's is another one",
    ("LT_octave_FMI_crop40x48", "edgecount_ir"): "see FMI_edge_octave_edge",
    ("LT_octave_FMI_crop40x48", "edgecount_f"): "see FMI_edge_octave_edge",
    ("THF_octave", "MIabf_uint8"): _BUG + "levels 254 and 255 fall together",
    ("IVIF_ZOO_py", "CE"): _BUG + "binary cross entropy of sigmoids of 0..255, decided by float32 saturation",
    ("IVIF_ZOO_py", "TE"): "its definition is not known",
    ("IVIF_ZOO_py", "Qy"): _BUG + "the window is not normalised",
    ("IVIF_ZOO_py", "Qcb"): _BUG + "frequencies halved, and differences at flat places that could not be settled",
    ("bfliu7_py_gray", "Mutinf"): _BUG + "twice its cross entropy",
    ("bfliu7_py_gray", "Qabf"): _BUG + "other angles, stretch and borders",
    ("bfliu7_py_gray", "Qcb"): _BUG + "levels cut off instead of rounded, replicated borders",
    ("Topanxal_py", "EN"): _BUG + "levels 0 and 1 fall together",
    ("Topanxal_py", "edge_association"): _BUG + "Qabf with atan2",
    ("Topanxal_py", "SSIM"): _BUG + "box window with zeros around the image",
    ("Topanxal_py", "psnr"): _BUG + "the brightest level of each source is the peak",
    ("Topanxal_py", "VIFF"): "VIFF in float32, see FLOAT32_VARIANCES; the float64 value is proven with three others",
    ("Topanxal_py", "Nabf"): _BUG + "another window and other angles",
    ("Topanxal_py", "relatively_warp"): "its definition is not known",
    ("DEF_f64", "Qabf_petrovic_shreyamsha"): "the third Qabf, about 0.8, which no paper here reports",
    ("pyiqa_py", "NIQE_pyiqa0.1.16_BasicSRparams"): "a score of pyiqa, tested with pyiqa",
    ("pyiqa_py", "PIQE_pyiqa0.1.16"): "a score of pyiqa, tested with pyiqa",
}

# E[x^2] - E[x]^2 of 0..255 in float32 is noise where images are flat. The same definition in float64 agrees with
# DEF_f64, or with Octave, to 1e-9 at least; these are the largest relative differences of the float32 values.
FLOAT32_VARIANCES = {
    ("CDDFuse_py_float32", "SSIM_skimage_data_range2"): 5e-6,
    ("IVIF_ZOO_py", "SSIM"): 5e-3,
    ("IVIF_ZOO_py", "MS_SSIM"): 3e-4,
    ("IVIF_ZOO_py", "VIF"): 5e-4,
}

_JPEG = "reads the luma that the JPEG file stores instead of converting its colours"
_FLAT = "flat windows: the golden value is round-off divided by round-off there"
_JPEGS = ("vifb_carWhite_u2fusion", "vifb_peopleshadow_seafusion", "vifb_manWalking_gff")
EXCEPTIONS = {
    **{("bfliu7_py_gray", name, triple): _JPEG for name in CASES["bfliu7_py_gray"] for triple in _JPEGS},
    **{("LIU_octave", "QY_yang", triple): _FLAT for triple in _JPEGS},
    **{("LIU_octave", "QC_cvejic2", triple): _FLAT for triple in (*_JPEGS, "synth_max_sat")},
    ("LIU_octave", "QC_cvejic2", "tno05_piafusion"): _FLAT,
    ("LIU_octave", "QC_cvejic2", "tno10_seafusion"): _FLAT,
    ("LIU_octave", "QS_piella1", "vifb_carWhite_u2fusion"): _FLAT,
    ("DEF_f64", "QC_exact", "vifb_manWalking_gff"): _FLAT + " (30 of 79,856 places)",
    ("DEF_f64", "QW_exact", "vifb_carWhite_u2fusion"): "1.4e-8 away from Octave, which this package meets to 1e-15",
    ("IVIF_ZOO_py", "QNCIE", "synth_fused_is_vi"): "an eigenvalue that is zero came out negative: NaN instead of 0.89",
    (
        "VIFB_octave_color",
        "Qabf",
        "tno06_u2fusion",
    ): "gray fused and colour sources: computed on [0, 1], see Qabf there",
    ("VIFB_octave_color", "Qabf", "tno12_ifcnn"): "gray fused and colour sources: computed on [0, 1], see Qabf there",
}

# FMI compares every 3 x 3 window of the images: the larger triples are left to the slow tests.
SMALL = ("vifb_peopleshadow_seafusion", "synth_fused_is_vi", "synth_max_sat")


FEATURES: dict[tuple[str, str], Callable[..., Tensor]] = {
    ("LIU_octave_phasecong", "mean_pc_f"): lambda fused, ir, vi: congruencies(fused)[0].phase.mean(),
    ("LIU_octave_phasecong", "mean_M_f"): lambda fused, ir, vi: congruencies(fused)[0].largest.mean(),
    ("LIU_octave_phasecong", "mean_m_f"): lambda fused, ir, vi: congruencies(fused)[0].smallest.mean(),
    ("LT_octave", "MEF_SSIM_scale1"): one_scale_similarity,
    ("LT_octave", "MEF_SSIM_scale2"): lambda *images: one_scale_similarity(*map(halved, images)),
    ("LT_octave", "MEF_SSIM_scale3"): lambda *images: one_scale_similarity(*map(halved, map(halved, images))),
    ("DEF_f64", "MEF_SSIM_scale1"): one_scale_similarity,
}
PAIRS = [(implementation, name) for implementation, cases in CASES.items() for name in cases]


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "golden"


@pytest.fixture(scope="module")
def golden(folder: Path) -> Any:
    return json.loads((folder / "golden.json").read_text())


@cache
def triple_images(folder: Path, triple: str) -> tuple[Tensor, ...]:
    """(fused, ir, vi) in [0, 1]."""
    images = []
    for what in ("fused", "ir", "vi"):
        pixels = np.array(Image.open(next((folder / "images" / triple).glob(f"{what}.*"))))
        image = torch.from_numpy(pixels).float().div(255)
        images.append(image.view(*image.shape[:2], -1).permute(2, 0, 1)[None])
    return tuple(images)


def cropped(image: Tensor) -> Tensor:
    """The 40 x 48 pixels in the middle, on which the slow published FMI was run."""
    top, left = image.shape[-2] // 2 - 20, image.shape[-1] // 2 - 24
    return image[..., top : top + 40, left : left + 48]


def value_of(case: Case, images: tuple[Tensor, ...]) -> float:
    fused, ir, vi = images
    choices = {"both": [(ir, vi)], "ir": [(ir, ir)], "vi": [(vi, vi)], "each": [(ir, ir), (vi, vi)]}
    values = [float(compute(case.how, (fused, *sources))) for sources in choices[case.sources]]
    return sum(values) / len(values)


@cache
def fast_values(folder: Path, triple: str) -> dict[tuple[str, str], float]:
    """Every value of a triple but the features of large images, computed together."""
    images = triple_images(folder, triple)
    found = {}
    with cache_scope():
        for implementation, name in PAIRS:
            if "crop" in implementation:
                found[implementation, name] = value_of(CASES[implementation][name], tuple(map(cropped, images)))
            elif not name.startswith("FMI") or triple in SMALL:
                found[implementation, name] = value_of(CASES[implementation][name], images)
    return found


def tolerance(case: Case) -> float:
    """The figure as far as its one digit tells, and two units in the last place for our own rounding."""
    if case.figure is None or case.figure >= UNSTATED:
        return case.figure or UNSTATED
    return case.figure + 10 ** math.floor(math.log10(case.figure)) / 2 + 2 * ULP


def assert_golden(found: float, expected: float | None, rtol: float, triple: str) -> None:
    if expected is None:
        assert not math.isfinite(found), triple
    else:
        assert found == pytest.approx(expected, rel=rtol, abs=0), triple


@pytest.mark.parametrize(("implementation", "name"), PAIRS)
def test_value_is_the_golden_one(folder, golden, implementation, name):
    case = CASES[implementation][name]
    rtol = FLOAT32_VARIANCES.get((implementation, name), tolerance(case))
    for triple, values in golden.items():
        found = fast_values(folder, triple).get((implementation, name))
        expected_here = name in values[implementation] and (implementation, name, triple) not in EXCEPTIONS
        if found is not None and expected_here:
            assert_golden(found, values[implementation][name], rtol, triple)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["FMI_none", "FMI_gradient", "FMI_dct"])
def test_features_of_large_images_are_the_golden_ones(folder, golden, name):
    case = CASES["DEF_f64"][name]
    for triple in set(golden) - set(SMALL):
        found = value_of(case, triple_images(folder, triple))
        assert_golden(found, golden[triple]["DEF_f64"][name], tolerance(case), triple)


@pytest.mark.parametrize(("implementation", "name"), FEATURES)
def test_intermediate_result_is_the_golden_one(folder, golden, implementation, name):
    for triple in golden:
        grays = [gray(image) for image in triple_images(folder, triple)]
        found = float(FEATURES[implementation, name](*grays))
        assert_golden(found, golden[triple][implementation][name], UNSTATED, triple)


def test_every_golden_value_is_accounted_for(golden):
    known = {*PAIRS, *FEATURES, *NOT_REPRODUCED}
    named = {
        (implementation, name)
        for values in golden.values()
        for implementation in values
        for name in values[implementation]
    }
    assert named == known


@pytest.mark.parametrize(("implementation", "name", "triple"), EXCEPTIONS)
def test_exception_is_still_needed(folder, golden, implementation, name, triple):
    expected = golden[triple][implementation][name]
    found = fast_values(folder, triple)[implementation, name]
    rtol = tolerance(CASES[implementation][name])
    assert expected is None or found != pytest.approx(expected, rel=rtol, abs=0)
