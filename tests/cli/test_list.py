"""What `fusionbench list` shows: on a terminal of 80 columns, through a pipe, and for programs."""

from __future__ import annotations

import csv
import json
import re

import pytest

from fusionbench.api.listing import LISTINGS, state_of
from fusionbench.cli.main import main
from fusionbench.methods import METHODS, variant_of
from fusionbench.report.columns import shortened

COMMANDS = [*(f"list {name}" for name in LISTINGS), "list", "data list", "weights list", "weights list --all"]


@pytest.fixture
def shown(capsys, monkeypatch, tmp_path):
    """The lines that a command prints, on a terminal of so many columns or through a pipe."""
    for name in ("FUSIONBENCH_HOME", "FUSIONBENCH_DATA", "TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path))

    def call(words, columns=None):
        if columns:
            monkeypatch.setenv("COLUMNS", str(columns))
        else:
            monkeypatch.delenv("COLUMNS", raising=False)
        assert main(words.split()) == 0
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return call


@pytest.mark.parametrize("words", COMMANDS)
def test_a_table_fits_80_columns_without_broken_words(words, shown):
    narrow, wide = shown(words, 80), shown(words)
    table = narrow[
        : next((index for index, line in enumerate(narrow) if line.startswith("hidden for lack of space")), len(narrow))
    ]
    assert all(len(line) <= 80 for line in table)
    # What a program wrote is there in full, so every word on the terminal must be one of its words or the end of a cut.
    words_in_full = set(" ".join(wide).split())
    for word in " ".join(table).split():
        whole = word.removesuffix("…")
        assert whole in words_in_full or (word != whole and any(full.startswith(whole) for full in words_in_full)), word


@pytest.mark.parametrize("words", COMMANDS)
def test_a_table_through_a_pipe_has_one_line_a_row(words, shown):
    lines = shown(words)
    rows = json.loads("\n".join(shown(f"{words} --format json")))
    if words in ("list methods", "weights list"):
        rows = [row for row in rows if row[next(iter(row))] not in METHODS or not variant_of(row[next(iter(row))])]
    names = dict.fromkeys(next(iter(row.values())) for row in rows)
    assert [name for name in names if not any(line.startswith(f"{name} ") for line in lines)] == []


@pytest.mark.parametrize("name", LISTINGS)
def test_csv_and_json_hold_the_same_rows_in_full(name, shown):
    rows = list(csv.DictReader(shown(f"list {name} --format csv")))
    assert rows == json.loads("\n".join(shown(f"list {name} --format JSON")))
    assert len(rows) == len(LISTINGS[name].chosen(every=True)) > 9


def test_list_alone_shows_what_can_be_listed(shown):
    lines = shown("list", 80)
    for name in LISTINGS:
        assert any(re.match(rf"{name} +\d+ ", line) for line in lines)


def test_variants_are_folded_unless_asked_for(shown):
    few, every = shown("list methods"), shown("list methods --all")
    assert not any(line.startswith("lure-s-gate ") for line in few)
    assert any(line.startswith("lure-s-gate ") for line in every)
    assert any("--all" in line for line in few)
    for name in ("lure", "lure-s", "drfusion-medical", "dspfusion", "ifcnn", "average", "external"):
        assert any(line.startswith(f"{name} ") for line in few)


def test_every_variant_is_of_a_method_of_its_own():
    for name in METHODS:
        assert not variant_of(name) or not variant_of(variant_of(name))
    assert sum(not variant_of(name) for name in METHODS) < 50


def test_names_can_be_filtered(shown, capsys):
    lines = shown("list methods --match LURE-S*")
    names = [line.split()[0] for line in lines[1 : lines.index("")]]
    assert "lure-s-gate" in names
    assert all(name.startswith("lure-s") for name in names)
    assert main(["list", "metrics", "--match", "nope"]) == 2
    assert "--match 'nope' fits none of the metrics; fusionbench list metrics shows them" in capsys.readouterr().err


def test_a_method_says_whether_it_can_run_here(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path))
    states = {name: state_of(name) for name in ("average", "lure-s", "lure", "ifcnn", "text-if")}
    assert states == {
        "average": "ready",
        "lure-s": "ready",
        "lure": "runs as lure-s",
        "ifcnn": "needs weights",
        "text-if": "external",
    }


@pytest.mark.parametrize("words", ["list methods", "list methods --match lure-s"])
def test_limits_of_networks_are_told_on_a_narrow_terminal_too(words, shown, monkeypatch, tmp_path):
    told = " ".join(shown(words, 60))
    assert "lure-s: Hazy daylight comes out as dark as night" in told
    assert "dark as night" not in " ".join(shown("list methods --match average", 60))
    place = tmp_path / "weights" / "lure" / "lure-s.safetensors"
    place.parent.mkdir(parents=True)
    place.touch()  # Weights of one's own have other limits.
    assert "dark as night" not in " ".join(shown(words, 60))


def test_a_word_that_is_too_long_is_cut_itself():
    assert shortened("final_lrr_net_lam2_1.5.model", 10) == "final_lrr…"
    assert shortened("drfusion-medical.safetensors", 12) == "drfusion-me…"
    assert shortened("two words", 9) == "two words"
