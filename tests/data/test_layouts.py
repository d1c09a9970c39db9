"""Datasets as people have them: folders of any usual name, archives as they unpack, lists beside the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.data import load
from fusionbench.data.discovery import discover
from fusionbench.data.layouts import candidates, datasets_of
from fusionbench.images.options import ImageWarning


def names(name: str, root: Path, split: str = "test", **opening) -> list[str]:
    return load(name, root=root, split=split, **opening).names


@pytest.mark.parametrize(
    ("ir", "vi"),
    [
        ("ir", "vis"),
        ("IR", "VIS"),
        ("Ir", "Vis"),
        ("inf", "vis"),
        ("infrared", "visible"),
        ("thermal", "rgb"),
        ("thermal_8_bit", "RGB"),
        ("cropinfrared", "crop_LR_visible"),
        ("ir_img", "vis_img"),
        ("LWIR", "Visible"),
        ("test/Infrared", "test/Visible"),
        ("IR/test", "VIS/test"),
        ("Test_LLVIP_ir", "Test_LLVIP_vi"),
        ("input/IR", "input/VI"),
        ("testing/ir", "testing/vis"),
    ],
)
def test_any_folder_opens_by_the_usual_names(ir, vi, tmp_path, make_pairs):
    make_pairs(tmp_path / ir, tmp_path / vi, ["1", "2"])
    make_pairs(tmp_path / "labels", tmp_path / "other", ["9"])
    assert names("folder", tmp_path) == ["1", "2"]
    assert discover(tmp_path) == ({"folder": tmp_path}, [])


def test_the_folders_of_the_split_are_taken_where_there_are_several(tmp_path, make_pairs):
    for split in ("Train", "Test"):
        make_pairs(tmp_path / f"{split}_ir", tmp_path / f"{split}_vi", [split])
    assert names("folder", tmp_path) == ["Test"]
    assert names("folder", tmp_path, "train") == ["Train"]


def test_where_nothing_fits_the_folders_that_are_there_are_listed(tmp_path, make_pairs):
    make_pairs(tmp_path / "left", tmp_path / "right", ["1"])
    (tmp_path / ".cache").mkdir()
    with pytest.raises(FileNotFoundError, match=r"the folders in .* are left, right; .*the two folders with ir='DIR'"):
        names("folder", tmp_path)
    make_pairs(tmp_path / "a" / "ir", tmp_path / "a" / "vi", ["1"])
    assert names("folder", tmp_path) == ["1"]
    make_pairs(tmp_path / "b" / "ir", tmp_path / "b" / "vi", ["1"])
    with pytest.raises(FileNotFoundError, match=r"the folders in .* are a, b, left, right"):
        names("folder", tmp_path)


def test_one_folder_may_hold_both_images_of_each_pair(tmp_path, make_pairs):
    make_pairs(tmp_path / "x", tmp_path / "y", ["1", "2"])
    images = tmp_path / "IV_images"
    images.mkdir()
    for name in ("1", "2"):
        (tmp_path / "x" / f"{name}.png").rename(images / f"IR{name}.png")
        (tmp_path / "y" / f"{name}.png").rename(images / f"VIS{name}.png")
    for opening in ({"root": images}, {"ir_dir": images, "vi_dir": images}):
        with pytest.warns(ImageWarning, match="2 pairs were matched by their names without words such as"):
            source = load("folder", **opening)
        assert source.names == ["1", "2"]
        assert source.files[0].ir.name == "IR1.png"


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("LLVIP", ["llvip"]),
        ("M3FD_Fusion", ["m3fd"]),
        ("MSRS-main", ["msrs"]),
        ("MSRS-main (1)", ["msrs"]),
        ("RoadScene-master", ["roadscene"]),
        ("roadscene-ab71420f3e16c2f2c94ac7b9e4a1ffdd0d4d5c1b", ["roadscene"]),
        ("TNO_dataset", ["tno"]),
        ("PET-MRI", ["harvard_pet_mri"]),
        ("folder", []),
        ("MSRS_old", []),
        ("my-msrs", []),
    ],
)
def test_folders_are_known_by_the_names_of_archives(folder, expected):
    assert datasets_of(folder) == expected


ARCHIVES = {
    "llvip": ("LLVIP", "LLVIP/infrared/test", "LLVIP/visible/test"),
    "m3fd": ("M3FD_Fusion", "M3FD_Fusion/Ir", "M3FD_Fusion/Vis"),
    "m3fd nested": ("M3FD", "M3FD/M3FD_Fusion/Ir", "M3FD/M3FD_Fusion/Vis"),
    "msrs": ("MSRS-main", "MSRS-main/test/ir", "MSRS-main/test/vi"),
    "msrs twice": ("MSRS-main", "MSRS-main/MSRS-main/test/ir", "MSRS-main/MSRS-main/test/vi"),
    "msrs of SeAFusion": ("MSRS", "MSRS/Infrared/test/MSRS", "MSRS/Visible/test/MSRS"),
    "harvard_pet_mri": ("PET-MRI", "PET-MRI/test/MRI", "PET-MRI/test/PET"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives_are_found_beside_each_other_and_by_their_own_folder(case, tmp_path, make_pairs):
    name, (archive, ir, vi) = case.split()[0], ARCHIVES[case]
    make_pairs(tmp_path / ir, tmp_path / vi, ["a"])
    assert names(name, tmp_path) == names(name, tmp_path / archive) == ["a"]
    for root in (tmp_path, tmp_path / archive):
        found, left_out = discover(root)
        assert (list(found), left_out) == ([name], [])
        assert names(name, found[name]) == ["a"]


def test_the_archive_of_one_split_is_no_other_split(tmp_path, make_pairs):
    make_pairs(tmp_path / "M3FD_Fusion" / "Ir", tmp_path / "M3FD_Fusion" / "Vis", ["f"])
    make_pairs(tmp_path / "M3FD_Detection" / "Ir", tmp_path / "M3FD_Detection" / "Vis", ["d"])
    assert names("m3fd", tmp_path / "M3FD_Fusion") == ["f"]
    with pytest.raises(ValueError, match=r"m3fd in .*M3FD_Detection has no 'test' split, and none is published"):
        names("m3fd", tmp_path / "M3FD_Detection")
    make_pairs(tmp_path / "msrs" / "train" / "ir", tmp_path / "msrs" / "train" / "vi", ["t"])
    assert names("msrs", tmp_path / "msrs" / "train", "train") == ["t"]
    with pytest.raises(FileNotFoundError, match="361 of the 361 published test pairs of msrs are not in"):
        names("msrs", tmp_path / "msrs" / "train")


def test_the_folder_of_another_dataset_is_not_searched(tmp_path):
    assert candidates("msrs", tmp_path / "LLVIP") == [tmp_path / "LLVIP" / "msrs"]


def test_lists_that_lie_with_the_images_are_their_splits(tmp_path, make_pairs):
    make_pairs(tmp_path / "M3FD" / "ir", tmp_path / "M3FD" / "vi", ["1", "2", "3"])
    (tmp_path / "M3FD" / "meta").mkdir()
    (tmp_path / "M3FD" / "meta" / "train.txt").write_text("1.png\n3.png\n")
    assert names("m3fd", tmp_path, "train") == ["1", "3"]
    assert names("m3fd", tmp_path, "all") == ["1", "2", "3"]
    (tmp_path / "M3FD" / "meta" / "val.txt").write_text("4.png\n")
    with pytest.raises(FileNotFoundError, match=r"1 of the 1 .*meta/val.txt's val pairs of m3fd are not in .* '4'"):
        names("m3fd", tmp_path, "val")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("2\n1.png\n", ["1", "2"]),
        ("\ufeff# my test set\n\n 2.PNG \n2\n", ["2"]),
        ("test/ir/1.png\nC:\\data\\2.png\n", ["1", "2"]),
        ("1_ir\nVIS2.png\n", ["1", "2"]),
    ],
)
def test_a_list_chooses_pairs_however_it_names_them(lines, expected, tmp_path, make_pairs):
    make_pairs(tmp_path / "Ir", tmp_path / "Vis", ["1", "2", "3"])
    (tmp_path / "list.txt").write_text(lines)
    assert names("m3fd", tmp_path, names=tmp_path / "list.txt") == expected


def test_a_list_with_names_of_nothing_is_refused_or_told(tmp_path, make_pairs):
    make_pairs(tmp_path / "ir", tmp_path / "vi", ["1", "2"])
    path = tmp_path / "list.txt"
    path.write_text("1\n7\n")
    with pytest.raises(ValueError, match=r"lists 2 pairs, of which 1 are not in folder, first '7', or skip them"):
        names("folder", tmp_path, names=path)
    with pytest.warns(ImageWarning, match="1 of 2 names in .* have no pair and are skipped, first '7'"):
        assert names("folder", tmp_path, names=path, unmatched="skip") == ["1"]
    path.write_text("\n# nothing\n")
    with pytest.raises(ValueError, match=r"lists 0 pairs, .*write one name per line"):
        names("folder", tmp_path, names=path, unmatched="skip")
    path.write_bytes(b"\xff\xfe1")
    with pytest.raises(ValueError, match="no UTF-8 text"):
        names("folder", tmp_path, names=path)
    with pytest.raises(FileNotFoundError, match=r"no list of names at .*nowhere.txt; expected a text file"):
        names("folder", tmp_path, names=tmp_path / "nowhere.txt")
