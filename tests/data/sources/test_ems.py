from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fusionbench.data import load
from fusionbench.data.pairs import Pairs
from fusionbench.data.sources.ems import Record, terms_by_code
from fusionbench.degradations import parse


@pytest.fixture
def ems(tmp_path, save):
    """Two scenes in the published layout; the value of a file tells which it is."""

    def write(folder: str, name: str, value: int) -> None:
        save(tmp_path / "val" / folder / name, np.full((4, 6), value, np.uint8))

    for base, scene in ((0, "01D"), (100, "02N")):
        for step, code in enumerate(("Norm", "LC", "SN")):
            write("IR", f"{scene}_{code}.png", base + step)
        for step, code in enumerate(("Norm", "LL", "Rain"), start=10):
            write("VI", f"{scene}_{code}.png", base + step)
        write("IR_enhanced", f"{scene}.png", base + 20)
        write("VI_enhanced", f"{scene}.png", base + 30)
    return tmp_path


@pytest.mark.parametrize("code", ["Norm", *terms_by_code("vi")])
@pytest.mark.parametrize("ir_code", ["Norm", *terms_by_code("ir")])
def test_codes_stand_for_canonical_degradations(code, ir_code):
    spec = Record("x", code, ir_code).spec
    assert str(parse(spec)) == spec
    assert (spec == "clean") == (code == ir_code == "Norm")


def test_pairs_are_the_published_conditions(ems):
    source = load("ems", root=ems, split="val")
    assert [name for name in source.names if name.startswith("01D")] == [
        "01D_LL_LC",
        "01D_LL_Norm",
        "01D_LL_SN",
        "01D_Norm_LC",
        "01D_Norm_Norm",
        "01D_Norm_SN",
        "01D_Rain_Norm",
        "01D_Rain_SN",
    ]


def test_pairs_carry_their_code_and_references(ems):
    source = load("ems", root=ems, split="val")
    raw = source.read(source.names.index("02N_Rain_SN"))
    assert raw.degradation == "rain+sn"
    values = [int(image.flat[0]) for image in (raw.ir, raw.vi, raw.ir_clean, raw.vi_clean)]
    assert values == [102, 112, 120, 130]
    assert raw.vi.shape == (4, 6, 3)
    assert source.size(0) == (4, 6)


def test_undegraded_pair_has_the_restored_references_too(ems):
    source = load("ems", root=ems, split="val")
    raw = source.read(source.names.index("01D_Norm_Norm"))
    assert raw.degradation == "clean"
    assert (int(raw.ir.flat[0]), int(raw.ir_clean.flat[0])) == (0, 20)


def test_only_chooses_among_all_combinations(ems):
    source = load("ems", root=ems, split="val", only=["rain+lc", "vi:ll"])
    assert source.names == ["01D_LL_Norm", "01D_Rain_LC", "02N_LL_Norm", "02N_Rain_LC"]
    with pytest.raises(ValueError, match=r"no pair in .*val is degraded by 'oe'; available: clean, lc, ll, ll\+lc"):
        load("ems", root=ems, split="val", only=["oe"])


def test_scenes_are_there_for_training_that_draws_its_own_pairs(ems):
    scene = load("ems", root=ems, split="val").scenes["01D"]
    assert sorted(scene.vi) == ["LL", "Norm", "Rain"]
    assert scene.vi_clean.parent.name == "VI_enhanced"


@pytest.mark.parametrize(
    ("name", "message"),
    [("03D_Fog.png", "unknown code 'Fog'; known codes: Norm, LC"), ("03D.png", "has no code in its name")],
)
def test_files_with_no_known_code_are_named(ems, save, name, message):
    save(ems / "val" / "IR" / name, np.zeros((4, 6), np.uint8))
    with pytest.raises(ValueError, match=message):
        load("ems", root=ems, split="val")


def test_incomplete_scene_is_named(ems):
    (ems / "val" / "VI_enhanced" / "02N.png").unlink()
    with pytest.raises(ValueError, match="'02N' lacks images: it has 3 infrared and 3 visible ones, and 1 of 2"):
        load("ems", root=ems, split="val")


def test_differing_sizes_are_named(ems, save):
    save(ems / "val" / "IR" / "01D_LC.png", np.zeros((4, 8), np.uint8))
    source = load("ems", root=ems, split="val")
    with pytest.raises(ValueError, match="'01D_LL_LC' differ in size: 6x4 and 8x4"):
        source.read(0)


def test_missing_split_says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="looked for train/IR and train/VI; `fusionbench data download ems"):
        load("ems", root=tmp_path, split="train")


def test_degrading_what_is_degraded_is_refused(ems):
    pairs = Pairs(load("ems", root=ems, split="val"), "vi:blur")
    with pytest.raises(ValueError, match=r"'01D_LL_LC' is degraded on disk by 'll\+lc'; keep"):
        pairs[0]


def test_prompts_belong_to_a_pair_or_to_a_scene(ems):
    (ems / "val" / "prompts.csv").write_text("name,prompt\n01D,night\n01D_LL_LC,dark and flat\n")
    source = load("ems", root=ems, split="val")
    assert [source.read(source.names.index(name)).prompt for name in ("01D_LL_LC", "01D_LL_SN", "02N_LL_LC")] == [
        "dark and flat",
        "night",
        None,
    ]


def test_plain_test_folders_have_references_for_the_undegraded_image_only(tmp_path, save):
    gray = np.zeros((4, 6), np.uint8)
    for folder, name in (("ir", "1"), ("vi_LL", "1"), ("ir_SN", "2"), ("vi_Rain", "2"), ("vi", "3")):
        save(tmp_path / "test" / folder / f"{name}.png", gray)
    (tmp_path / "test" / "ir").mkdir(exist_ok=True)
    source = load("ems", root=tmp_path)
    assert source.names == ["1_LL_Norm", "2_Rain_SN"]
    raw = source.read(0)
    assert raw.degradation == "ll"
    assert raw.ir_clean is raw.ir
    assert raw.vi_clean is None
    assert "vi_clean" not in Pairs(source)[0]


@pytest.mark.shared
def test_real_degraded_scenes_are_read(shared):
    source = load("ems", root=shared / "data" / "dspfusion", split="val")
    counts = Counter(source.read(index).degradation for index in range(len(source)))
    # Seven scenes; three have low-light and two over-exposed versions.
    expected = dict.fromkeys(["clean", "haze", "ir:rn", "lc", "rain", "rain+sn", "sn", "vi:blur", "vi:rn"], 7)
    assert counts == expected | {"ll": 3, "ll+lc": 3, "ll+sn": 3, "oe": 2}
    clean = source.read(source.names.index("00001D_Norm_Norm"))
    np.testing.assert_array_equal(clean.vi, clean.vi_clean)
    assert load("ems", root=shared / "data" / "dspfusion", split="test").names[:2] == [
        "00006_Norm_SN",
        "00345D_Norm_LC",
    ]
