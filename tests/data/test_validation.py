from __future__ import annotations

import numpy as np
import pytest

from fusionbench.data import DATASETS, check, describe
from fusionbench.data.layouts import splits_on_disk
from fusionbench.data.table import split_names


@pytest.mark.parametrize("name", DATASETS)
def test_description_has_the_facts_and_no_empty_headings(name):
    facts = describe(name)
    assert facts["name"] == name
    assert facts["title"] == DATASETS[name].title
    assert all(facts.values())


def test_description_counts_the_published_splits():
    assert describe("msrs")["splits"] == "train (1083), test (361)"
    assert describe("roadscene")["split lists"] == "test (50 names)"


def test_good_data_set_has_no_problems(tmp_path, make_pairs):
    names = split_names(DATASETS["tno"], "test")
    make_pairs(tmp_path / "test" / "ir", tmp_path / "test" / "vi", names)
    seen = []
    (found,) = check("tno", tmp_path, done=lambda read, total: seen.append((read, total)))
    assert (found.split, found.pairs, found.published, found.problems) == ("test", 25, 25, [])
    assert seen[-1] == (25, 25)


def test_every_problem_is_found(tmp_path, make_pairs):
    make_pairs(tmp_path / "test" / "ir", tmp_path / "test" / "vi", ["01", "02", "99"])
    whole = (tmp_path / "test" / "vi" / "02.png").read_bytes()
    (tmp_path / "test" / "vi" / "02.png").write_bytes(whole[: len(whole) // 2])
    (found,) = check("tno", tmp_path)
    assert found.pairs == 3
    first, second, third = found.problems
    assert first == "3 pairs instead of the published 25"
    assert second == "1 pairs are not in the published split, first '99'"
    assert "vi/02.png" in third


def test_what_keeps_a_split_from_being_opened_is_told(tmp_path, make_pairs):
    make_pairs(tmp_path / "test" / "ir", tmp_path / "test" / "vi", ["a", "b"])
    (tmp_path / "test" / "vi" / "b.png").unlink()
    make_pairs(tmp_path / "train" / "ir", tmp_path / "train" / "vi", ["c"])
    by_split = {found.split: found for found in check("msrs", tmp_path)}
    assert "1 images only in" in by_split["test"].problems[0]
    assert by_split["train"].pairs == 1


def test_absent_published_split_is_told(tmp_path, make_pairs):
    make_pairs(tmp_path / "train" / "ir", tmp_path / "train" / "vi", ["00001D"])
    by_split = {found.split: found for found in check("msrs", tmp_path)}
    assert by_split["test"].problems == ["not there"]
    assert by_split["train"].problems == ["1 pairs instead of the published 1083"]


def test_undivided_folder_is_looked_at_once_or_by_its_lists(tmp_path, make_pairs):
    make_pairs(tmp_path / "m3fd" / "Ir", tmp_path / "m3fd" / "Vis", ["a", "b"])
    assert [(found.split, found.pairs) for found in check("m3fd", tmp_path)] == [("all", 2)]
    listed = split_names(DATASETS["roadscene"], "test")
    make_pairs(tmp_path / "cropinfrared", tmp_path / "crop_LR_visible", [*listed, "x"], size=(2, 2))
    found = check("roadscene", tmp_path)
    assert [(split.split, split.pairs) for split in found] == [("train", 1), ("test", 50)]


def test_nothing_there_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no part of msrs is in .*`fusionbench data download msrs"):
        check("msrs", tmp_path)
    with pytest.raises(ValueError, match="unknown dataset"):
        check("nothing", tmp_path)
    with pytest.raises(ValueError, match="unknown dataset"):
        describe("nothing")


def test_splits_on_disk_are_those_of_the_degraded_data_set_too(tmp_path, save):
    for folder in ("IR", "VI"):
        save(tmp_path / "val" / folder / "1_Norm.png", np.zeros((4, 4), np.uint8))
    assert splits_on_disk("ems", tmp_path) == ["val"]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["harvard_pet_mri", "m3fd", "tno"])
def test_real_data_is_found_to_be_good(shared, name):
    assert [found.problems for found in check(name, shared / "data") if found.split == "test"] == [[]]
