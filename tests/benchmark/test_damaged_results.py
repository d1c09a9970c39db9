"""Result files that were cut, merged, edited or written by other versions: a sentence or the right numbers."""

from __future__ import annotations

import json
import shutil

import pytest

from fusionbench.cli.main import main
from fusionbench.images.files import read_image, write_image
from fusionbench.report.figure import Absent
from fusionbench.report.pictures import _rows
from fusionbench.report.tables import read_results
from tests.pairs import write_pairs

RUN = [
    "run",
    "--dataset",
    "folder",
    "--ir",
    "ir",
    "--vi",
    "vi",
    "--method",
    "average,max",
    "--metrics",
    "EN,CC",
    "--out",
    "o",
]
CELL = "o/folder/clean/average"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two pairs and a run of them, which each test gets a copy of."""
    place = tmp_path_factory.mktemp("whole")
    write_pairs(place, [(24, 32), (17, 21)])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main(RUN) == 0
    return place


@pytest.fixture
def place(whole, tmp_path, monkeypatch):
    shutil.copytree(whole, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


SCORES = {
    "emptied": lambda text: "",
    "four characters": lambda text: text[:4],
    "cut in the heading": lambda text: text[:6] + "\n",
    "a row too long": lambda text: text.replace("0,ok,", "0,ok,3.0,4.0,"),
    "merge marks": lambda text: text.replace("0,ok", "<<<<<<< HEAD\n0,ok"),
    "semicolons": lambda text: text.replace(",", ";"),
    "text for a number": lambda text: text.replace("0,ok,", "0,ok,x"),
    "infinity": lambda text: "image,status,EN,CC\n0,ok,inf,1.0\n",
    "a score by hand": lambda text: text.replace("0,ok,", "0,ok,9"),
    "a row by hand": lambda text: text + "new,ok,1.0,1.0\n",
    "an empty status": lambda text: text.replace("0,ok,", "0,,"),
    "other bytes": lambda text: "\udcff\udcfe" + text,
}


@pytest.mark.parametrize("kind", SCORES)
def test_altered_scores_are_refused_by_report_and_computed_again_by_run(kind, place, capsys):
    path = place / CELL / "scores.csv"
    before = path.read_text()
    path.write_text(SCORES[kind](before), errors="surrogateescape")
    assert main(["report", "o"]) == 2
    error = capsys.readouterr().err
    assert f"{CELL}/scores.csv" in error
    assert "the command that wrote the folder recomputes such rows" in error
    assert error.count("\n") == 1
    assert main(RUN) == 0
    assert path.read_text() == before


CUT = {
    "after the heading": lambda text: text[: text.index("\n") + 1],
    "after a row": lambda text: "".join(text.splitlines(keepends=True)[:2]),
    "in the middle of a row": lambda text: text[:-4],
    "before the last line's end": lambda text: text[:-1],
}


@pytest.mark.parametrize("html", [[], ["--html"]])
@pytest.mark.parametrize("kind", CUT)
def test_report_says_which_images_a_cut_file_lacks_and_run_adds_them(kind, html, place, capsys):
    path = place / CELL / "scores.csv"
    before = path.read_text()
    path.write_text(CUT[kind](before))
    left = max(path.read_text().count("\n") - 1, 0)
    assert main(["report", "o", *html]) == 3
    told = " ".join(capsys.readouterr().out.split())
    assert f"missing: folder, clean, average: {2 - left} of 2 images have no scores" in told
    assert f"EN of average is over {left} of 2 images" in told
    assert main(RUN) == 0
    assert path.read_text() == before
    assert main(["report", "o"]) == 0


def test_report_misses_a_file_of_scores_and_a_cell_that_was_not_finished(place, capsys):
    (place / CELL / "scores.csv").unlink()
    meta = json.loads((place / CELL.replace("average", "max") / "meta.json").read_text())
    del meta["images"]
    (place / CELL.replace("average", "max") / "meta.json").write_text(json.dumps(meta))
    assert main(["report", "o"]) == 3
    told = capsys.readouterr().out
    assert "missing: folder, clean, average: 2 of 2 images have no scores" in told
    assert "missing: folder, clean, max: it is incomplete" in told


def test_report_says_what_failed(place, capsys):
    (place / "vi" / "0.png").write_bytes(b"broken")
    assert main([*RUN, "--out", "broken"]) == 3
    missed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("missing: ")]
    assert missed
    assert main(["report", "broken"]) == 3
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("missing: ")] == missed


def test_scores_without_settings_are_refused(place, capsys):
    (place / CELL / "meta.json").unlink()
    for words in (["report", "o"], RUN):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert f"{CELL}/meta.json is missing" in error
        assert f"delete the folder {CELL} to compute them again" in error


@pytest.mark.parametrize(
    ("key", "value"), [("version", "9.9"), ("seed", 5), ("protocol", "vifb"), ("split", "train"), ("resize", True)]
)
def test_cells_of_different_runs_make_no_table(key, value, place, capsys):
    path = place / CELL / "meta.json"
    meta = json.loads(path.read_text())
    meta["settings"][key] = value
    path.write_text(json.dumps(meta))
    assert main(["report", "o"]) == 2
    error = capsys.readouterr().err
    assert f"are not of the same run: {key} is {value!r} and" in error
    assert "; move one of them elsewhere" in error


def test_two_folders_of_one_cell_make_no_table(place, capsys):
    shutil.copytree(place / CELL, place / f"{CELL}2")
    assert main(["report", "o"]) == 2
    assert f"{CELL} and {CELL}2 both hold folder, clean, average" in capsys.readouterr().err


META = {
    "cut": lambda meta: json.dumps(meta)[:-9],
    "empty": lambda meta: "",
    "a list": lambda meta: "[]",
    "no settings": lambda meta: json.dumps({"environment": {}}),
    "settings that are no table": lambda meta: json.dumps({**meta, "settings": []}),
    "merge marks": lambda meta: "<<<<<<< HEAD\n" + json.dumps(meta),
    "other bytes": lambda meta: "\udcff",
    "images that are words": lambda meta: json.dumps({**meta, "images": {"scored": "two", "available": 2}}),
    "images that are no table": lambda meta: json.dumps({**meta, "images": 2}),
    "a place that is a word": lambda meta: json.dumps({**meta, "position": "first"}),
    "a metric of nothing": lambda meta: json.dumps({**meta, "metrics": {"NIQE": {}}}),
}


@pytest.mark.parametrize("kind", META)
def test_damaged_settings_are_refused_with_the_file_and_the_way_out(kind, place, capsys):
    path = place / CELL / "meta.json"
    path.write_text(META[kind](json.loads(path.read_text())), errors="surrogateescape")
    for words in (["report", "o"], RUN):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert f"{CELL}/meta.json is damaged" in error
        assert f"delete the folder {CELL} to compute it again" in error
        assert error.count("\n") == 1


def test_a_folder_that_was_deleted_is_computed_again(place):
    before = (place / CELL / "scores.csv").read_text()
    shutil.rmtree(place / CELL)
    assert main(RUN) == 0
    assert (place / CELL / "scores.csv").read_text() == before


def test_settings_that_report_needs_are_named(place, capsys):
    path = place / CELL / "meta.json"
    meta = json.loads(path.read_text())
    del meta["settings"]["dataset"]
    path.write_text(json.dumps(meta))
    assert main(["report", "o"]) == 2
    assert "its settings have no dataset" in capsys.readouterr().err


def test_report_reads_what_an_earlier_version_wrote(place, capsys):
    """Which had no provenance, no list of sources, no precision, and no number of images."""
    assert main(["report", "o"]) == 0
    before = [(place / "o" / "report" / name).read_text() for name in ("table.csv", "per_image.csv")]
    for path in (place / "o").rglob("meta.json"):
        meta = json.loads(path.read_text())
        meta["settings"] |= {"version": "0.0.9"}
        del meta["settings"]["precision"], meta["images"], meta["position"]
        path.write_text(json.dumps(meta))
        (path.parent / "provenance.csv").unlink()
        (path.parent / "scored.sha256").write_text("-  0\n")
    (place / "o" / "folder" / "sources.json").unlink()
    capsys.readouterr()
    assert main(["report", "o"]) == 0
    assert "These values are from fusionbench 0.0.9, and this is" in capsys.readouterr().out
    assert before == [(place / "o" / "report" / name).read_text() for name in ("table.csv", "per_image.csv")]
    assert main(RUN) == 2
    assert "version was '0.0.9'" in capsys.readouterr().err


def test_a_carriage_return_in_a_name_is_part_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path, [(24, 32), (17, 21)])
    for modality in ("ir", "vi"):
        (tmp_path / modality / "0.png").rename(tmp_path / modality / "a\rb.png")
    assert main(RUN) == 0
    before = (tmp_path / CELL / "scores.csv").read_bytes()
    assert main(RUN) == 0
    assert (tmp_path / CELL / "scores.csv").read_bytes() == before
    assert before.count(b"\n") == 3


def test_per_image_scores_have_the_digits_of_the_cells(place):
    lines = (place / CELL / "scores.csv").read_text().splitlines()
    told = (place / "o" / "report" / "per_image.csv").read_text()
    assert all(line.split(",", 1)[1] in told for line in lines[1:])


def test_an_image_that_was_never_fused_is_in_no_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path, [(24, 32), (17, 21), (24, 32)])
    assert main([*RUN, "--limit", "1"]) == 0
    assert [path.name for path in (tmp_path / "o" / "report").glob("*.png")] == ["folder_0.png"]
    assert [path.name for path in (tmp_path / "o" / "folder" / "references" / "vi").iterdir()] == ["0.png"]
    # What an earlier version kept of a pair that it did not fuse is not shown either.
    for folder in ("references", "clean/inputs"):
        for modality in ("ir", "vi"):
            kept = tmp_path / "o" / "folder" / folder / modality
            shutil.copy(kept / "0.png", kept / "1.png")
    assert main(["report", "o", "--html"]) == 0
    assert [path.name for path in (tmp_path / "o" / "report").glob("*.png")] == ["folder_0.png"]


def test_a_fused_image_of_other_sources_is_in_no_picture(place):
    assert main(RUN) == 0  # The copies have another place.
    write_image(place / "vi" / "0.png", 255 - read_image(place / "vi" / "0.png"))
    assert main([*RUN[:7], "--method", "average", "--metrics", "EN,CC", "--out", "o"]) == 0
    (row,) = _rows(read_results(place / "o"), "folder", "0")
    assert [panel.label for panel in row.panels] == ["infrared", "visible", "average", "max"]
    assert row.panels[3] == Absent("max", "other sources")
    assert not any(isinstance(panel, Absent) for panel in row.panels[:3])
