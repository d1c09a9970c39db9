"""`fusionbench fuse` as people call it: whose weights, and what remains when an image fails the second time."""

from __future__ import annotations

import pytest

from fusionbench.cli.main import main
from fusionbench.images.files import write_image
from tests.pairs import scene


@pytest.fixture
def folders(tmp_path):
    for name in ("a", "b"):
        pair = scene(0, 48, 64)
        write_image(tmp_path / "ir" / f"{name}.png", pair.ir)
        write_image(tmp_path / "vi" / f"{name}.png", pair.vi)
    return tmp_path


def fuse(folder, *options):
    sources = ["--ir", str(folder / "ir"), "--vi", str(folder / "vi"), "--out", str(folder / "out")]
    try:
        return main(["fuse", *sources, *options])
    except SystemExit as stop:
        return stop.code


def test_an_image_that_fails_the_second_time_is_missing(folders, capsys):
    assert not fuse(folders, "--method", "average")
    (folders / "vi" / "a.png").write_bytes(b"broken")
    assert fuse(folders, "--method", "average") == 3
    said = capsys.readouterr().out
    assert "1 fused image in" in said
    assert "missing: a:" in said
    assert [path.name for path in (folders / "out").glob("*.png")] == ["b.png"]


@pytest.mark.parametrize("out", ["vi", "ir", "new/../vi", "ir/fused"])
def test_sources_are_never_the_place_of_what_is_written(out, folders, capsys):
    (folders / "vi" / "a.png").write_bytes(b"broken")
    before = {path: path.read_bytes() for path in folders.rglob("*.png")}
    assert fuse(folders, "--method", "average", "--out", str(folders / out)) == 2
    assert "choose another --out" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folders.rglob("*") if path.is_file()} == before


def test_a_source_file_is_never_replaced_by_the_fused_image(folders, capsys):
    pair = ["--ir", str(folders / "ir" / "a.png"), "--vi", str(folders / "vi" / "b.png")]
    before = (folders / "vi" / "b.png").read_bytes()
    assert fuse(folders, *pair, "--out", str(folders / "vi")) == 2
    assert "would replace" in capsys.readouterr().err
    assert (folders / "vi" / "b.png").read_bytes() == before
    assert not fuse(folders, *pair, "--out", str(folders / "ir" / ".." / "fused"))
    assert (folders / "fused" / "b.png").is_file()


@pytest.mark.parametrize("weights", ["mine.pth", "ifcnn=mine.pth"])
def test_weights_are_those_of_the_only_method_with_or_without_its_name(weights, folders, capsys):
    assert fuse(folders, "--method", "ifcnn", "--weights", weights) == 2
    assert "is not at mine.pth" in "".join(capsys.readouterr())


def test_weights_of_another_method_are_refused(folders, capsys):
    assert fuse(folders, "--method", "ifcnn", "--weights", "lap=mine.pth") == 2
    assert "--weights names 'lap'" in "".join(capsys.readouterr())


def test_the_small_network_fuses_where_weights_are_not_here_and_says_so(folders, monkeypatch, capsys):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(folders / "home"))
    assert not fuse(folders, "--method", "dspfusion")
    said = " ".join(capsys.readouterr().out.split())
    assert "the weights of 'dspfusion' are missing, so 'dspfusion-s' runs" in said
    assert sorted(path.name for path in (folders / "out").glob("*.png")) == ["a.png", "b.png"]


def test_no_other_network_fuses_where_somebody_named_weights(folders, monkeypatch, capsys):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(folders / "home"))
    assert fuse(folders, "--method", "dspfusion", "--weights", "mine.pth") == 2
    assert "mine.pth" in "".join(capsys.readouterr())
