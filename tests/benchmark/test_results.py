from __future__ import annotations

import json

import pytest

from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.score_file import ImageScores
from fusionbench.files import path_name, sha256_of


@pytest.fixture
def folder(tmp_path):
    return CellFolder(tmp_path / "cell")


def test_rows_come_back_as_they_were_added(folder):
    rows = [
        ImageScores("a", values={"EN": 7.25, "SD": 0.1 + 0.2}, digest="d1"),
        ImageScores("b, c", "broken,\nfile", digest="d2"),
    ]
    for row in rows:
        folder.scores.add(row, ["EN", "SD"])
    read = CellFolder(folder.folder).rows()
    assert read["a"] == rows[0]
    assert read["b, c"].status == "broken, file"
    assert read["b, c"].values == {}


def test_line_of_a_killed_write_is_dropped_and_healed(folder):
    folder.scores.add(ImageScores("a", values={"EN": 1.0}, digest="d"), ["EN"])
    path = folder.folder / "scores.csv"
    path.write_text(path.read_text() + "b,ok,2.5")
    assert list(CellFolder(folder.folder).rows()) == ["a"]
    CellFolder(folder.folder).scores.add(ImageScores("b", values={"EN": 3.0}, digest="e"), ["EN"])
    assert path.read_text() == "image,status,EN\na,ok,1.0\nb,ok,3.0\n"


def test_metric_added_later_becomes_a_column(folder):
    folder.scores.add(ImageScores("a", values={"EN": 1.0}, digest="d"), ["EN"])
    folder.scores.add(ImageScores("b", values={"EN": 1.0}, digest="d"), ["EN"])
    folder.scores.add(ImageScores("a", values={"EN": 1.0, "MI": 2.0}, digest="d"), ["MI"])
    assert (folder.folder / "scores.csv").read_text() == "image,status,EN,MI\na,ok,1.0,2.0\nb,ok,1.0,\n"


def test_rows_are_arranged_in_the_order_of_the_data_set(folder):
    for name in "cab":
        folder.scores.add(ImageScores(name, values={"EN": 1.0}), ["EN"])
    folder.scores.sort_rows(["a", "b", "c"])
    assert list(CellFolder(folder.folder).rows()) == ["a", "b", "c"]


def test_an_image_that_is_fused_anew_leaves_nothing_of_the_old_one(folder):
    folder.images.mkdir(parents=True)
    for name in "ab":
        folder.image(name).write_bytes(b"png")
        folder.scores.add(ImageScores(name, values={"EN": 1.0}, sources="s"), ["EN"])
    assert folder.keep_made_from({"a": "t", "b": "s"}) == folder.fused() == {"b"}
    folder.scores.begin("a", "t")
    again = CellFolder(folder.folder)
    assert list(again.checked_rows()) == ["b"]
    assert again.scores.made == {"a": "t", "b": "s"}


def test_images_of_another_run_of_the_same_settings_are_kept(folder):
    """Which has begun after this one looked at the folder."""
    assert folder.rows() == {}
    other = CellFolder(folder.folder)
    other.scores.begin("a", "s")
    other.images.mkdir(parents=True)
    other.image("a").write_bytes(b"png")
    assert folder.keep_made_from({"a": "s"}) == {"a"}


def test_other_settings_are_refused_and_named(folder):
    folder.bind_settings({"seed": 0, "split": "test"}, {"host": "x"})
    folder.bind_settings({"seed": 0, "split": "test"}, {"host": "y"})
    with pytest.raises(ValueError, match=r"seed was 0, now 1.*choose another --out"):
        folder.bind_settings({"seed": 1, "split": "test"}, {})


def test_damaged_meta_is_an_error_that_names_the_file(folder):
    folder.bind_settings({"seed": 0}, {})
    (folder.folder / "meta.json").write_text('{"settings": ')
    with pytest.raises(ValueError, match=r"meta\.json is damaged"):
        CellFolder(folder.folder).bind_settings({"seed": 0}, {})


def test_notes_keep_the_settings(folder):
    folder.bind_settings({"seed": 0}, {})
    folder.update_meta({"images": {"scored": 3}})
    meta = json.loads((folder.folder / "meta.json").read_text())
    assert meta["settings"] == {"seed": 0}
    assert meta["images"] == {"scored": 3}


def test_failures_are_forgotten_when_the_image_comes(folder):
    folder.fail("a", "no memory")
    folder.fail("b", "torn file")
    folder.images.mkdir(parents=True)
    folder.image("a").write_bytes(b"png")
    assert folder.failures() == {"b": "torn file"}


def test_spec_becomes_a_folder_name():
    assert path_name("vi:rain(0.7)+ir:sn") == "vi-rain(0.7)+ir-sn"
    assert "/" not in path_name("a/b c")


def test_digest_is_that_of_the_bytes(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256_of(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
