"""scores.csv and provenance.csv: what is read back after kills, alterations and many rows."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.score_file import ImageScores, ScoreFile
from fusionbench.files import Journal, csv_line, read_csv, unfit_name

METRICS = ["EN", "MI"]


def row(name: str, value: float = 1.0, **changes) -> ImageScores:
    return ImageScores(name, **{"values": {"EN": value, "MI": value / 3}, "digest": "d", "sources": "s", **changes})


@pytest.fixture
def cell(tmp_path):
    """Three images of which one lacks a score."""
    folder = CellFolder(tmp_path / "cell")
    for name in "ab":
        folder.scores.add(row(name, ord(name) / 7), METRICS)
    folder.scores.add(ImageScores("c", "MI undefined: an image is constant", {"EN": 0.0}, "d", "s"), METRICS)
    folder.scores.sort_rows("abc")
    return folder


ALTERATIONS = {
    "a row too long": (lambda text: text.replace("a,ok,", "a,ok,3.0,4.0,"), "line 2: 6 cells where the heading has 4"),
    "a row too short": (lambda text: text.replace("b,ok,", "b,"), "line 3: 3 cells"),
    "no status": (lambda text: text.replace("a,ok,", "a,,"), "line 2: no status"),
    "a name that leads elsewhere": (
        lambda text: text.replace("a,ok,", "x/../../a,ok,"),
        "line 2: no pair can have the name 'x/../../a', which holds '/'",
    ),
    "no name": (lambda text: text.replace("a,ok,", ",ok,"), "line 2: no image"),
    "text for a number": (lambda text: text.replace("a,ok,", "a,ok,x"), "line 2: EN is 'x"),
    "infinity": (lambda text: text.replace(",0.0,", ",inf,"), "line 4: EN is inf"),
    "a score by hand": (lambda text: text.replace(",0.0,", ",99.0,"), "the row of 'c' was changed after it was scored"),
    "a status by hand": (lambda text: text.replace("MI undefined", "fine"), "the row of 'c' was changed"),
    "merge marks": (lambda text: text.replace("b,ok", "<<<<<<< HEAD\nb,ok"), "line 3: 1 cells"),
    "a row of elsewhere": (lambda text: text + "z,ok,1.0,2.0\n", "the row of 'z' was changed"),
    "other columns": (lambda text: text.replace("EN,MI", "SD,MI"), "the row of 'a' was changed"),
    "a column twice": (lambda text: text.replace("EN,MI", "EN,EN"), "distinct names of metrics"),
    "no heading": (lambda text: text.split("\n", 1)[1], "does not start with image,status"),
    "semicolons": (lambda text: text.replace(",", ";"), "does not start with image,status"),
    "an open quote": (lambda text: text.replace("a,ok", 'a,"ok'), "line 2: a quote is not closed"),
    "other text": (lambda text: "\udcff" + text, "no UTF-8 text"),
}


@pytest.mark.parametrize("kind", ALTERATIONS)
def test_altered_scores_are_refused_in_a_sentence_and_never_believed(kind, cell):
    alter, sentence = ALTERATIONS[kind]
    path, before = cell.folder / "scores.csv", cell.rows()
    path.write_text(alter(path.read_text()), errors="surrogateescape")
    read = CellFolder(cell.folder)
    with pytest.raises(ValueError, match="recomputes such rows") as refused:
        read.checked_rows()
    assert sentence in str(refused.value)
    assert str(path) in str(refused.value)
    assert all(before[name] == found for name, found in read.rows().items())
    # What is trusted and what is computed again make the file what it was.
    for name in before.keys() - read.rows().keys():
        read.scores.add(before[name], METRICS)
    read.scores.sort_rows("abc", "abc")
    assert CellFolder(cell.folder).checked_rows() == before
    assert path.read_text().startswith("image,status,EN,MI\n")


def test_a_spreadsheet_that_only_changed_line_ends_and_digits_is_believed(cell):
    path = cell.folder / "scores.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n").replace(b",0.0,", b",0,"))
    assert CellFolder(cell.folder).checked_rows() == cell.rows()


@pytest.mark.parametrize("text", ["", "image,sources,fused,scores\n", "<<<<<<< HEAD\n", "a,s,d\n"])
def test_rows_without_their_provenance_are_computed_again(text, cell):
    (cell.folder / "provenance.csv").write_text(text)
    read = CellFolder(cell.folder)
    assert read.rows() == {}
    with pytest.raises(ValueError, match="changed after it was scored"):
        read.checked_rows()


def test_rows_of_an_earlier_version_are_read_and_belong_to_nothing(cell):
    (cell.folder / "provenance.csv").unlink()
    read = CellFolder(cell.folder)
    assert {name: found.values for name, found in read.checked_rows().items()} == {
        name: found.values for name, found in cell.rows().items()
    }
    assert all(found.sources == found.digest == "" for found in read.rows().values())
    read.scores.add(row("b"), METRICS)
    assert list(CellFolder(cell.folder).checked_rows()) == ["b"]


def test_a_second_row_of_an_earlier_version_is_refused(cell):
    (cell.folder / "provenance.csv").unlink()
    path = cell.folder / "scores.csv"
    path.write_text(path.read_text() + "a,ok,1.0,2.0\n")
    with pytest.raises(ValueError, match="'a' has a second row"):
        CellFolder(cell.folder).checked_rows()


def test_both_files_hold_one_line_for_each_image_when_a_cell_is_done(cell):
    for name in "abc":
        cell.scores.begin(name, "t")
        cell.scores.add(row(name, 2.0, sources="t"), METRICS)
    cell.scores.sort_rows("abc")
    for name in ("scores.csv", "provenance.csv"):
        assert (cell.folder / name).read_text().count("\n") == 4


def test_images_that_the_data_set_no_longer_has_are_forgotten(cell):
    cell.scores.sort_rows("ac", {"a", "c"})
    again = ScoreFile(cell.folder)
    assert list(again.rows) == list(again.made) == ["a", "c"]


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda it: not unfit_name(it))


@settings(max_examples=60, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=6, unique=True), data=st.data())
def test_whatever_a_kill_cuts_off_the_rows_before_it_are_as_they_were(names, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cell")
    rows = {name: row(name, place / 7) for place, name in enumerate(names)}
    scores = ScoreFile(folder)
    for each in rows.values():
        scores.add(each, METRICS)
    assert dict(ScoreFile(folder).rows) == rows
    assert not ScoreFile(folder).faults
    cut = data.draw(st.sampled_from(["scores.csv", "provenance.csv"]))
    size = (folder / cut).stat().st_size
    os.truncate(folder / cut, data.draw(st.integers(0, size)))
    again = ScoreFile(folder)
    assert again.rows.items() <= rows.items()
    for name in rows.keys() - again.rows.keys():
        again.add(rows[name], METRICS)
    again.sort_rows(names)
    assert dict(ScoreFile(folder).rows) == rows
    whole = ScoreFile(tmp_path_factory.mktemp("whole"))
    for each in rows.values():
        whole.add(each, METRICS)
    whole.sort_rows(names)
    for name in ("scores.csv", "provenance.csv"):
        assert (folder / name).read_bytes() == (whole._scores.path.parent / name).read_bytes()


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(st.lists(NAMES, min_size=2, max_size=3), max_size=6), data=st.data())
def test_a_journal_that_was_cut_holds_whole_rows_and_grows_on(lines, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "a.csv"
    journal = Journal(path)
    for cells in lines:
        journal.append(csv_line(cells))
    if lines:
        os.truncate(path, data.draw(st.integers(0, path.stat().st_size)))
    Journal(path).append(csv_line(["last", "line"]))
    found, faults = read_csv(path)
    assert not faults
    assert [line.cells for line in found[:-1]] == lines[: len(found) - 1]
    assert found[-1].cells == ["last", "line"]


@pytest.mark.parametrize("stop", range(1, 8))
def test_a_kill_between_two_writes_loses_no_row_and_refuses_none(stop, cell, monkeypatch):
    """Every row is scored again with one more metric; the process ends at the given write."""
    before = cell.rows()
    wanted = [row(name, 2.0, values={"EN": 2.0, "MI": 1.0, "SD": 3.0}) for name in "abc"]
    writes = [0]

    def stopping(write):
        def counted(*arguments, **options):
            if writes[0] == stop:
                raise KeyboardInterrupt
            writes[0] += 1
            return write(*arguments, **options)

        return counted

    for name in ("append", "replace"):
        monkeypatch.setattr(Journal, name, stopping(getattr(Journal, name)))
    try:
        for each in wanted:
            cell.scores.add(each, [*METRICS, "SD"])
        cell.scores.sort_rows("abc")
    except KeyboardInterrupt:
        assert writes[0] == stop
    monkeypatch.undo()
    read = CellFolder(cell.folder).checked_rows()
    assert read.keys() == before.keys()
    assert all(found in (before[name], wanted["abc".index(name)]) for name, found in read.items())


def test_parts_of_several_processes_are_what_one_would_have_written(cell):
    cell.scores.begin("a", "t")
    part, other = cell.shard(0, "ac"), cell.shard(1, "b")
    for each in (part, other):
        each.folder.mkdir(parents=True, exist_ok=True)
    part.scores.add(row("a", 5.0, sources="t"), ["EN", "MI", "SD"])
    other.scores.begin("b", "t")  # Fused, and not scored before the process was killed.
    again = CellFolder(cell.folder)
    again.merge("abc")
    assert again.rows()["a"].values["EN"] == 5.0
    assert list(CellFolder(cell.folder).checked_rows()) == ["a", "c"]
    assert ScoreFile(cell.folder).made == {"a": "t", "b": "t", "c": "s"}
    assert not (cell.folder / ".parts").exists()


def test_files_of_fused_folders_get_no_scores(tmp_path):
    folder = CellFolder(tmp_path, images=tmp_path)
    folder.shard(0, ["a"]).fail("a", "no memory")
    folder.merge(["a"])
    assert folder.failures() == {"a": "no memory"}
    assert [path.name for path in tmp_path.iterdir()] == ["failures.csv"]


BATCH, MANY = 200, 4000


def test_a_row_costs_the_same_however_many_there_are(tmp_path, monkeypatch):
    """Fusing, scoring, and scoring again with one more metric: processor time of the first rows and of the last."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # How long a disk takes is not what is measured.
    folder = CellFolder(tmp_path)
    names = [f"image_{index:05d}" for index in range(MANY)]
    metrics = [f"M{index}" for index in range(11)]

    def fuse_and_score(name: str) -> None:
        folder.scores.begin(name, "s")
        folder.scores.add(ImageScores(name, values=dict.fromkeys(metrics, 0.1), digest="d", sources="s"), metrics)

    def score_again(name: str) -> None:
        known = folder.scores.rows[name]
        values = {**known.values, "more": 1.0}
        folder.scores.add(ImageScores(name, values=values, digest="d", sources="s"), [*metrics, "more"])

    for work in (fuse_and_score, score_again):
        seconds = []
        for start in range(0, MANY, BATCH):
            began = time.process_time()
            for name in names[start : start + BATCH]:
                work(name)
            seconds.append(time.process_time() - began)
        assert min(seconds[-5:]) < 1.5 * min(seconds[:5]), (work.__name__, seconds)
    folder.scores.sort_rows(names)
    assert len(CellFolder(tmp_path).checked_rows()) == MANY


def written_and_read() -> int:
    """Bytes that this process has moved so far."""
    return sum(int(line.split()[1]) for line in Path("/proc/self/io").read_text().splitlines()[:2])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="this system does not count the bytes of a process")
def test_a_row_moves_the_same_number_of_bytes_however_many_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    moved = {}
    for count in (BATCH, MANY):
        folder = CellFolder(tmp_path / str(count))
        began = written_and_read()
        for index in range(count):
            folder.scores.begin(f"image_{index:05d}", "s")
            folder.scores.add(row(f"image_{index:05d}"), METRICS)
            folder.fail(f"other_{index:05d}", "no memory")
        folder.scores.sort_rows(f"image_{index:05d}" for index in range(count))
        moved[count] = (written_and_read() - began) / count
    assert moved[MANY] < 1.5 * moved[BATCH]
