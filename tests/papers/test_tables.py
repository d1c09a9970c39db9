"""The papers' tables as data: every printed value has its cell, every cell its value, every name its row."""

from __future__ import annotations

import csv
import re
from itertools import groupby

import pytest

from fusionbench.metrics import METRICS, choose
from fusionbench.papers.tables import PAPERS, TableBlock, folder, load_paper, read_values

COUNTS = {"drfusion": (5, 458), "dspfusion": (6, 845), "lure": (6, 425)}


@pytest.mark.parametrize("name", PAPERS)
def test_every_value_has_its_cell_and_every_cell_its_value(name):
    paper = load_paper(name)
    cells = [cell for table in paper.tables.values() for cell in expected_cells(table)]
    assert len(cells) == len(set(cells))
    assert set(cells) == set(paper.values)
    assert (len(paper.tables), len(cells)) == COUNTS[name]


@pytest.mark.parametrize("name", PAPERS)
def test_directions_are_those_of_the_scores(name):
    paper = load_paper(name)
    for (*_, metric), value in paper.values.items():
        score = paper.scores.get(metric, metric)
        if score in METRICS:
            assert METRICS[score].higher_is_better is value.higher_is_better, metric


@pytest.mark.parametrize("name", PAPERS)
def test_scores_are_chosen_by_the_papers_protocol(name):
    paper = load_paper(name)
    for table in paper.tables.values():
        for block in table.blocks:
            for metric in block.metrics if block.dataset else ():
                score = paper.scores.get(metric, metric)
                choose(score, paper.protocol)


@pytest.mark.parametrize("name", PAPERS)
def test_measured_panels_say_what_is_unknown_or_how_many_images_there_are(name):
    for table in load_paper(name).tables.values():
        for block in table.blocks:
            if block.dataset:
                assert block.unknown or (block.known and block.images), block.title
            assert set(block.end_to_end) <= set(block.methods), block.title
            assert not (block.dataset and block.restored) or block.degradation != "clean", block.title


@pytest.mark.shared
@pytest.mark.parametrize("name", PAPERS)
def test_values_are_those_of_the_transcription(shared, name):
    values = load_paper(name).values
    for table, cells in groupby(values, key=lambda cell: cell[0]):
        (path,) = [path for path in (shared / "paper_tables").glob(f"*_table{table}.csv") if name in path.name.lower()]
        with path.open(newline="") as stream:
            transcribed = list(csv.DictReader(stream))
        found = [values[cell] for cell in cells]
        assert [value.reported for value in found] == [row["value"] for row in transcribed]
        suggested = [row["value_suggested"] for row in transcribed]
        assert [value.text for value in found] == suggested


def expected_cells(table):
    """The cells that a table's blocks describe."""
    return [
        (table.name, block.printed, block.scenario, method, metric)
        for block in table.blocks
        for method in block.methods
        for metric in block.metrics
    ]


def test_mended_values_keep_what_is_printed():
    value = load_paper("dspfusion").values["1", "MSRS", "typical fusion", "DeFusion", "EN"]
    assert (value.reported, value.number, value.corrected) == ("6350", 6.35, True)
    assert "decimal point" in value.note


def test_unknown_tables_and_papers_are_named():
    with pytest.raises(ValueError, match="unknown paper 'dspfusoin'; did you mean 'dspfusion'"):
        load_paper("dspfusoin")
    with pytest.raises(ValueError, match="unknown table of LURE '7'"):
        load_paper("lure").choose(["1", "7"])


@pytest.mark.parametrize(
    "changes",
    [{}, {"dataset": "msrs", "unmeasured": "no"}, {"dataset": "mrsr"}, {"dataset": "msrs", "degradation": "rian"}],
)
def test_panels_are_checked_when_they_are_made(changes):
    with pytest.raises(ValueError, match=r"one of|did you mean"):
        TableBlock("MSRS", "typical", ("A",), ("EN",), **changes)


def test_a_value_that_is_given_twice_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    lines = (folder() / "reported" / "lure.csv").read_text().splitlines()
    path.write_text("\n".join([*lines[:3], lines[2]]))
    with pytest.raises(ValueError, match="SCD twice"):
        read_values(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no entries; expected paper, citation, protocol, methods, tables"),
        ("- 1", "has no entries"),
        ("paper: x\n", "citation is missing or invalid; expected a text"),
        ("paper: x\ncitation: y\nprotocol: exact\nmethods: 3\n", "methods is missing or invalid; expected a table"),
        ("paper: x\ncitation: y\nprotocol: exact\nmethods: {}\ntables: {1: 5}\n", "table 1: expected a caption and"),
        ("paper: x\ncitation: y\nprotocol: exact\nmethods: {}\ntables: {1: {caption: a, blocks: [2]}}\n", "table 1"),
    ],
)
def test_a_file_that_is_no_papers_is_refused_in_a_sentence(text, why, tmp_path):
    (tmp_path / "lure.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"lure\.yaml.*{re.escape(why)}"):
        load_paper("lure", tmp_path)


def test_a_misspelt_entry_is_named(tmp_path):
    text = (folder() / "lure.yaml").read_text()
    (tmp_path / "lure.yaml").write_text(text.replace("end_to_end", "end_to_end_", 1))
    with pytest.raises(ValueError, match=r"lure.yaml, table 3: .*did you mean 'end_to_end'"):
        load_paper("lure", tmp_path)
