"""Names that belong together: found where there is one answer, none where there could be two."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusionbench.images.matching import (
    IR_WORDS,
    VI_WORDS,
    match,
    match_fused,
    match_mixed,
    modality_of,
    shared_part,
    without_suffix,
)

SCENES = st.lists(
    st.from_regex(r"[0-9]{1,5}[A-Z]?|FLIR_[0-9]{5}|scene[0-9]{1,3}", fullmatch=True),
    min_size=1,
    max_size=8,
    unique_by=str.casefold,
)
WORDS = st.tuples(st.sampled_from(sorted(IR_WORDS)), st.sampled_from(sorted(VI_WORDS)))


def spelled(word: str, how: int) -> str:
    return (word, word.upper(), word.capitalize())[how]


@given(SCENES, WORDS, st.sampled_from(["_", "-", " ", "."]), st.integers(0, 2), st.booleans())
def test_words_for_the_modalities_are_overlooked(scenes, words, between, how, first):
    def name(scene: str, word: str) -> str:
        return f"{spelled(word, how)}{between}{scene}" if first else f"{scene}{between}{spelled(word, how)}"

    ir, vi = ([name(scene, word) for scene in scenes] for word in words)
    expected = sorted((scene, name(scene, words[0]), name(scene, words[1])) for scene in scenes)
    found = match(ir, vi)
    assert (found.pairs, found.alone_ir, found.alone_vi) == (expected, [], [])
    assert found.rule
    assert match_mixed([*ir, *vi]).pairs == expected
    assert match(scenes, vi).pairs == sorted((scene, scene, name(scene, words[1])) for scene in scenes)


@given(SCENES, st.randoms(use_true_random=False))
def test_equal_names_are_equal_whatever_else_there_is(scenes, random):
    kept = [scene for scene in scenes if random.random() < 0.7]
    found = match(scenes, kept)
    if kept:
        assert found.pairs == sorted((scene, scene, scene) for scene in kept)
        assert found.alone_ir == sorted(set(scenes) - set(kept))
        assert not found.rule


NAMES = st.lists(
    st.text(alphabet="ab1_ -.irvs", min_size=1, max_size=6), min_size=1, max_size=6, unique_by=str.casefold
)


@given(NAMES, NAMES)
def test_no_name_is_used_twice_and_none_is_lost(ir, vi):
    found = match(ir, vi)
    for place, names, alone in ((1, ir, found.alone_ir), (2, vi, found.alone_vi)):
        assert sorted([pair[place] for pair in found.pairs] + alone) == sorted(names)
    assert len({name for name, *_ in found.pairs}) == len(found.pairs)


@given(NAMES, NAMES)
def test_the_order_of_names_changes_nothing(ir, vi):
    assert match(ir, vi) == match(ir[::-1], vi[::-1])
    assert match_fused(ir, vi) == match_fused(ir[::-1], vi[::-1])


@given(NAMES, NAMES)
def test_numbers_are_never_taken_for_an_ending(ir, vi):
    for name, own, other in match(ir, vi).pairs:
        assert re.findall(r"\d+", own) == re.findall(r"\d+", other) == re.findall(r"\d+", name) or name in (own, other)


@pytest.mark.parametrize(
    ("ir", "vi", "names"),
    [
        (["IR1", "IR2"], ["VIS1", "VIS2"], ["1", "2"]),
        (["set06_V000_lwir_I19"], ["set06_V000_visible_I19"], ["set06_V000_I19"]),
        (["FLIR_1_thermal_8bit"], ["FLIR_1_RGB"], ["FLIR_1"]),
        (["carLight", "manCar"], ["carLight_left", "manCar_left"], ["carLight", "manCar"]),
        (["x__ir__001"], ["x__vis__001"], ["x__001"]),
        (["ir"], ["vis"], ["vis"]),
        (["红外001"], ["可见光001"], ["001"]),
    ],
)
def test_names_as_people_have_them(ir, vi, names):
    assert [name for name, *_ in match(ir, vi).pairs] == names


@pytest.mark.parametrize(
    ("ir", "vi"),
    [
        (["10_ir", "11_ir"], ["20_vis", "21_vis"]),
        (["1_2", "1_3"], ["5_2", "5_3"]),
        (["1_ir", "1_thermal"], ["1_vis", "2_vis"]),
        (["1_left", "2_left"], ["1", "2", "3"]),
    ],
)
def test_what_is_not_sure_is_no_pair(ir, vi):
    found = match(ir, vi)
    assert not found.pairs
    assert not found.suffixes


def test_ends_of_unknown_meaning_are_suggested_and_do_what_they_say():
    ir, vi = ["day_1", "day_2"], ["night_1", "night_2"]
    found = match(ir, vi)
    assert (found.pairs, found.suffixes) == ([], ("day_*", "night_*"))
    assert match(ir, vi, *found.suffixes).pairs == [("1", "day_1", "night_1"), ("2", "day_2", "night_2")]


def test_one_suffix_leaves_the_other_files_to_the_other_modality():
    assert match_mixed(["1_T", "1", "2_T", "2", "notes"], ir_suffix="_T").pairs == [
        ("1", "1_T", "1"),
        ("2", "2_T", "2"),
    ]


@pytest.mark.parametrize(
    ("suffix", "sentence"),
    [
        ("a*b*", "ir_suffix='a*b*' is no ending and no pattern"),
        ("*", "is no ending and no pattern"),
        ("_x", "no name fits ir_suffix='_x'; there are such as 1_ir, 2_ir"),
    ],
)
def test_a_suffix_that_cannot_be_meant_is_refused(suffix, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        without_suffix(["1_ir", "2_ir"], suffix, "ir_suffix")


def test_two_names_that_a_suffix_makes_equal_are_named():
    with pytest.raises(ValueError, match=r"1_ir and 1_IR would both be '1' by ir_suffix='_ir'"):
        without_suffix(["1_ir", "1_IR"], "_ir", "ir_suffix")


def test_fused_images_are_found_by_the_one_pattern_that_they_have():
    assert match_fused(["result-1-fused", "result-2-fused"], ["1", "2"])[0] == {
        "1": "result-1-fused",
        "2": "result-2-fused",
    }
    assert match_fused(["1_A", "1_B", "2_A"], ["1", "2"]) == ({}, ["*_A", "*_B"])
    assert match_fused(["11_A"], ["1"]) == ({}, [])


@pytest.mark.parametrize("name", ["inference", "theatre", "visitor", "irrelevant", "rgbd", "vintage"])
def test_words_that_only_begin_so_are_no_modality(name):
    assert modality_of(name) == ""
    assert shared_part(name) == name
