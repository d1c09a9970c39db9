from __future__ import annotations

from collections import Counter

import pytest

from fusionbench.benchmark import results, score_file
from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.score_file import ImageScores
from fusionbench.cli.main import main
from fusionbench.files import read_csv
from fusionbench.report.tables import number, ranks, read_results
from fusionbench.report.text import markdown, tidy, write_report

SCORES = {
    "average": {"a": {"EN": 6.0, "QCV": 300.0}, "b": {"EN": 7.0, "QCV": 100.0}},
    "lap": {"a": {"EN": 7.0, "QCV": 500.0}, "b": {"EN": 7.5}},
    "gff": {"a": {"EN": 5.0, "QCV": 900.0}, "b": {"EN": 5.5, "QCV": 900.0}},
}


@pytest.fixture
def out(tmp_path):
    for method, images in SCORES.items():
        folder = CellFolder(tmp_path / "msrs" / "vi-ll" / method)
        shared = {"dataset": "msrs", "degradation": "ll", "protocol": "exact", "seed": 0, "split": "test"}
        folder.bind_settings({**shared, "method": method, "version": "1"}, {})
        folder.update_meta({"images": {"scored": 2, "available": 9}})
        for image, values in images.items():
            status = "ok" if len(values) == 2 else "QCV undefined: an image is constant"
            folder.scores.add(ImageScores(image, status, values, digest="d"), ["EN", "QCV"])
    return tmp_path


def test_means_are_over_the_images_that_have_the_score(out):
    (block,) = read_results(out).blocks
    assert block.means.loc["average"].tolist() == [6.5, 200.0]
    assert block.means.loc["lap"].tolist() == [7.25, 500.0]
    assert block.counts.loc["lap"].tolist() == [2, 1]


def test_best_and_second_follow_the_direction_of_the_score(out):
    (block,) = read_results(out).blocks
    marks = ranks(block)
    assert marks["EN"].to_dict() == {"average": 2, "lap": 1, "gff": 0}
    assert marks["QCV"].to_dict() == {"average": 1, "lap": 2, "gff": 0}


def test_markdown_marks_directions_partial_runs_and_missing_values(out):
    text = markdown(read_results(out).blocks)
    assert "| method | EN ↑ | QCV ↓ |" in text
    assert "2 of 9 images, partial" in text
    assert "**7.250**" in text
    assert "<u>6.500</u>" in text
    assert "QCV of lap is over 1 of 2 images" in text
    assert "clean sources" in text


def test_csv_has_one_line_per_mean(out):
    frame = tidy(read_results(out).blocks)
    assert len(frame) == 6
    assert frame.loc[(frame["method"] == "lap") & (frame["metric"] == "QCV"), "images"].item() == 1
    assert frame["partial"].all()


def test_report_files_are_written_and_hold_every_image(out):
    paths = write_report(read_results(out))
    assert [path.name for path in paths] == ["table.md", "table.csv", "per_image.csv"]
    assert len(read_results(out).scores) == 6
    assert paths[2].read_text().count("\n") == 7


def test_folder_without_results_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no results in"):
        read_results(tmp_path)


def test_missing_mean_is_a_dash():
    assert number(float("nan")) == "-"
    assert number(1234.5678) == "1234.57"
    assert number(0.12345) == "0.123"
    assert number(0.00012345) == "0.000123"


def test_weights_are_named_beside_every_number(out):
    folder = CellFolder(out / "msrs" / "vi-ll" / "lure-s")
    shared = {"dataset": "msrs", "degradation": "ll", "protocol": "exact", "seed": 0, "split": "test", "version": "1"}
    folder.bind_settings({**shared, "method": "lure-s", "weights": "lure-s@5df8080e"}, {})
    folder.update_meta({"images": {"scored": 2, "available": 9}})
    folder.scores.add(ImageScores("a", "ok", {"EN": 6.0, "QCV": 1.0}, digest="d"), ["EN", "QCV"])
    table, means, images = write_report(read_results(out))
    assert "\n- Weights: lure-s@5df8080e.\n" in table.read_text()
    assert "msrs,ll,lure-s,lure-s@5df8080e,EN,6.0,1,True," in means.read_text().splitlines()
    assert "msrs,ll,lure-s,lure-s@5df8080e,a,ok,6.0,1.0" in images.read_text().splitlines()
    assert "msrs,ll,lap,,a,ok,7.0,500.0" in images.read_text().splitlines()


def test_a_report_reads_each_file_of_a_cell_once(out, monkeypatch):
    reads, read_meta = [], results._read_meta
    monkeypatch.setattr(results, "_read_meta", lambda path: reads.append(path.name) or read_meta(path))
    monkeypatch.setattr(score_file, "read_csv", lambda path: reads.append(path.name) or read_csv(path))
    assert main(["report", str(out), "--html"]) == 3
    assert Counter(reads) == {"meta.json": 3, "scores.csv": 3, "provenance.csv": 3}
