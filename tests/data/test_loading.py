from __future__ import annotations

import itertools
import re
import subprocess
import sys

import numpy as np
import pytest

from fusionbench.data import DATASETS, load
from fusionbench.data.layouts import find_layout
from fusionbench.data.table import SPLITS, split_names
from fusionbench.files import check_names
from fusionbench.images.files import read_image

PUBLISHED = [
    (name, layout, split)
    for name, card in DATASETS.items()
    for layout in card.layouts
    for split in ([layout.only] if layout.only else ["train", "test"])
]


@pytest.mark.parametrize("name", DATASETS)
def test_cards_say_what_a_user_needs(name):
    card = DATASETS[name]
    assert card.title
    assert card.licence
    assert card.splits
    assert card.layouts or card.target or card.degraded
    if name not in ("folder", "synthetic"):
        assert card.paper
        assert card.url.startswith("http")
        assert card.mirrors
    for place in card.mirrors:
        assert bool(place.urls) != bool(place.page), "either downloaded or manually"
        assert bool(place.urls) == bool(place.file)
        assert bool(place.page) == bool(place.manual_steps)


@pytest.mark.parametrize("name", DATASETS)
def test_split_lists_hold_as_many_names_as_published_without_repeats(name):
    card = DATASETS[name]
    lists = {split: split_names(card, split) for split in card.lists}
    for split, names in lists.items():
        assert len(set(names)) == len(names) == card.counts[split]
    for first, second in itertools.combinations(lists.values(), 2):
        assert not set(first) & set(second)


def test_every_split_list_belongs_to_a_data_set():
    used = {file for card in DATASETS.values() for file in card.lists.values()}
    assert {path.name for path in SPLITS.iterdir()} == used


@pytest.mark.parametrize(("name", "layout", "split"), PUBLISHED)
def test_layouts_are_found_whatever_the_case(tmp_path, make_pairs, name, layout, split):
    ir, vi = (tmp_path / part.replace("{split}", split).upper() for part in (layout.ir, layout.vi))
    make_pairs(ir, vi, ["a"])
    found = find_layout(DATASETS[name], tmp_path, split)
    assert found is not None
    assert found[1:] == (ir, vi)


@pytest.mark.parametrize("nested", [False, True])
def test_root_is_the_data_set_or_what_holds_it(tmp_path, make_pairs, nested):
    home = tmp_path / "msrs" if nested else tmp_path
    make_pairs(home / "test" / "ir", home / "test" / "vi", ["a", "b"])
    source = load("msrs", root=tmp_path)
    assert (source.dataset, source.names, len(source)) == ("msrs", ["a", "b"], 2)


def test_data_root_of_the_environment_is_used(tmp_path, make_pairs, monkeypatch):
    make_pairs(tmp_path / "tno" / "test" / "ir", tmp_path / "tno" / "test" / "vi", ["01"])
    monkeypatch.setenv("FUSIONBENCH_DATA", str(tmp_path))
    assert load("tno").names == ["01"]


def test_missing_data_set_says_where_it_looked_and_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        load("msrs", root=tmp_path)
    message = str(error.value)
    assert f"no images of msrs, split 'test', in {tmp_path} or {tmp_path / 'msrs'}" in message
    assert "; test/ir and test/vi; ir/test and vi/test; ir and vi (ir and vi in any of their usual names)" in message
    assert "`fusionbench data download msrs --data" in message


def test_unknown_data_set_gets_the_nearest_names():
    with pytest.raises(ValueError, match="unknown dataset 'MSSR'; did you mean 'msrs'"):
        load("MSSR")


def test_published_split_list_divides_a_folder_that_holds_all(tmp_path, make_pairs):
    listed = split_names(DATASETS["roadscene"], "test")
    others = ["FLIR_00000", "FLIR_99999"]
    make_pairs(tmp_path / "cropinfrared", tmp_path / "crop_LR_visible", [*listed, *others], size=(2, 2))
    assert load("roadscene", root=tmp_path).names == listed
    assert load("roadscene", root=tmp_path, split="train").names == others
    assert len(load("roadscene", root=tmp_path, split="all")) == 52
    with pytest.raises(ValueError, match=r"has no 'val' split, and none is published; .*split='all', or select some"):
        load("roadscene", root=tmp_path, split="val")


def test_incomplete_published_split_is_refused(tmp_path, make_pairs):
    listed = split_names(DATASETS["roadscene"], "test")
    make_pairs(tmp_path / "cropinfrared", tmp_path / "crop_LR_visible", listed[3:], size=(2, 2))
    with pytest.raises(FileNotFoundError, match=f"3 of the 50 published test pairs .* first '{listed[0]}'"):
        load("roadscene", root=tmp_path)


def test_data_set_without_any_split_says_so(tmp_path, make_pairs):
    make_pairs(tmp_path / "Ir", tmp_path / "Vis", ["00000"])
    with pytest.raises(ValueError, match=r"m3fd .* has no 'test' split, and none is published; .*split='all'"):
        load("m3fd", root=tmp_path)
    assert load("m3fd", root=tmp_path, split="all").names == ["00000"]


def test_m3fd_archives_are_its_test_and_training_pairs(tmp_path, make_pairs):
    make_pairs(tmp_path / "M3FD_Fusion" / "Ir", tmp_path / "M3FD_Fusion" / "Vis", ["f"])
    make_pairs(tmp_path / "M3FD_Detection" / "Ir", tmp_path / "M3FD_Detection" / "Vis", ["d"])
    assert load("m3fd", root=tmp_path, split="test").names == ["f"]
    assert load("m3fd", root=tmp_path, split="train").names == ["d"]


def test_medical_pairs_have_mri_as_ir(tmp_path, save):
    save(tmp_path / "test" / "mri" / "1.png", np.full((2, 2), 7, np.uint8))
    save(tmp_path / "test" / "pet" / "1.png", np.full((2, 2, 3), 200, np.uint8))
    raw = load("harvard_pet_mri", root=tmp_path).read(0)
    assert raw.ir.max() == 7
    assert raw.vi.min() == 200


def test_two_folders_take_the_place_of_a_layout(tmp_path, make_pairs):
    make_pairs(tmp_path / "thermal", tmp_path / "colour", ["x"])
    source = load("folder", ir_dir=tmp_path / "thermal", vi_dir=tmp_path / "colour")
    assert (source.dataset, source.names) == ("folder", ["x"])
    with pytest.raises(ValueError, match=r"give both \(--ir and --vi\)"):
        load("folder", ir_dir=tmp_path / "thermal")


def test_folder_needs_no_split(tmp_path, make_pairs):
    make_pairs(tmp_path / "ir", tmp_path / "vi", ["x"])
    assert load("folder", root=tmp_path).names == ["x"]


def test_limit_takes_the_first_pairs(tmp_path, make_pairs):
    make_pairs(tmp_path / "test" / "ir", tmp_path / "test" / "vi", ["c", "a", "b"])
    source = load("msrs", root=tmp_path, limit=2)
    assert source.names == ["a", "b"]
    assert len(source) == 2
    assert source.read(1).name == "b"
    assert source.size(1) == (24, 32)
    with pytest.raises(ValueError, match="limit is 0; it must be 1 or more"):
        load("msrs", root=tmp_path, limit=0)
    assert load("msrs", root=tmp_path, limit=9).names == ["a", "b", "c"]


def test_list_of_names_chooses_pairs(tmp_path, make_pairs):
    make_pairs(tmp_path / "Ir", tmp_path / "Vis", ["a", "b", "c"])
    wanted = tmp_path / "mine.txt"
    wanted.write_text("c.png\n\n a \n")
    assert load("m3fd", root=tmp_path, split="all", names=wanted).names == ["a", "c"]
    wanted.write_text("c\nd\n")
    with pytest.raises(ValueError, match="lists 2 pairs, of which 1 are not in m3fd, first 'd'"):
        load("m3fd", root=tmp_path, split="all", names=wanted)


def test_choosing_degradations_needs_a_data_set_that_has_them(tmp_path):
    with pytest.raises(ValueError, match="not degraded on disk"):
        load("msrs", root=tmp_path, only=["ll"])


def test_table_is_read_without_heavy_imports():
    script = "import sys, fusionbench.data as d; d.DATASETS; print({'torch', 'cv2', 'PIL', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


SHARED_PAIRS = [
    ("harvard_ct_mri", "train", 50),
    ("harvard_ct_mri", "test", 24),
    ("harvard_pet_mri", "train", 110),
    ("harvard_pet_mri", "test", 24),
    ("harvard_spect_mri", "test", 24),
    ("llvip", "test", 8),
    ("m3fd", "test", 4),
    ("msrs", "test", 34),
    ("msrs", "train", 32),
    ("roadscene", "test", 50),
    ("roadscene", "train", 151),
    ("tno", "test", 25),
]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "split", "count"), SHARED_PAIRS)
def test_real_pairs_are_found_and_read(shared, name, split, count):
    source = load(name, root=shared / "data", split=split)
    assert len(source) == len(set(source.names)) == count
    card = DATASETS[name]
    if split in card.lists:
        assert set(source.names) <= set(split_names(card, split))
    for index in (0, count - 1):
        raw = source.read(index)
        assert raw.vi.shape == (*raw.ir.shape, 3)
        assert source.size(index) == raw.ir.shape
        assert raw.ir.std() > 1


@pytest.mark.shared
def test_real_three_channel_infrared_comes_back_exactly(shared):
    folder = shared / "data" / "tno" / "test" / "ir"
    source = load("tno", root=shared / "data")
    stored = read_image(folder / f"{source.names[0]}.png")
    assert stored.ndim == 3
    np.testing.assert_array_equal(source.read(0).ir, stored[:, :, 0])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        (".", "begins with a dot"),
        ("../a", "begins with a dot"),
        ("a/b", "holds '/'"),
        ("a\0", "holds '\\x00'"),
        ("COM1.left", "is a device name"),
        ("a" * 240, "has more than 230 bytes"),
        ("\udcff", "is not in UTF-8"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused(name, why):
    with pytest.raises(ValueError, match=f"here names a pair .*, which {re.escape(why)}.*; rename it"):
        check_names(["fine", name], "here")


@pytest.mark.parametrize("name", ["a", "a.b", "über 1", "-x", "a..b", "console", "%2e\\x%00", "a\nb", "0.10"])
def test_names_of_files_are_let_pass(name):
    check_names([name], "here")


@pytest.mark.parametrize("name", ["c\\..\\x", "..\\x", "a\\b"])
def test_a_backslash_is_refused_in_names_that_are_passed_on(name):
    check_names([name.lstrip(".")], "a folder of this system")
    with pytest.raises(ValueError, match=r"an index names a pair .*, which (holds|begins)"):
        check_names([name], "an index", portable=True)


def test_a_list_of_names_is_no_way_out_of_the_folder(tmp_path, make_pairs):
    make_pairs(tmp_path / "ir", tmp_path / "vi", ["a"])
    (tmp_path / "names.txt").write_text("../a\n")
    with pytest.raises(ValueError, match="lists 1 pairs, of which 1 are not in folder"):
        load("folder", root=tmp_path, names=tmp_path / "names.txt")


def test_folders_of_systems_and_hidden_ones_hold_no_images(tmp_path, make_pairs):
    make_pairs(tmp_path / "ir", tmp_path / "vi", ["a", "night/b"])
    for junk in (".ipynb_checkpoints", "__MACOSX", "night/.thumbnails", "@eaDir", "$RECYCLE.BIN"):
        make_pairs(tmp_path / "ir" / junk, tmp_path / "other", ["c-checkpoint", "._a"])
    (tmp_path / "vi" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "vi" / "._a.png").write_bytes(b"x")
    assert load("folder", root=tmp_path).names == ["a", "night__b"]
