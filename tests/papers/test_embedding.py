"""`fusionbench embed`: a map, a table and a share, and sentences for what cannot be embedded."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from PIL import Image

from fusionbench.cli.main import main


def test_a_map_a_table_and_a_share_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    words = f"embed --dataset synthetic --degradation clean,rain+sn --limit 2 --out {tmp_path / 'o'}"
    assert main(words.split()) == 0
    assert (tmp_path / "o" / "tsne.png").stat().st_size > 1000
    table = pd.read_csv(tmp_path / "o" / "embedding.csv")
    assert len(table) == 2 * 2 * 2
    assert set(table["degradation"]) == {"clean", "rain", "sn"}
    said = " ".join(capsys.readouterr().out.split())
    assert "of 8 images" in said
    assert "by chance 37.5%" in said or "by chance 25.0%" in said


def test_latents_of_lure_are_drawn_before_and_after_training(tmp_path, capsys):
    words = f"embed --method lure-s --degradation ll,haze,lc --limit 2 --crop 32 --out {tmp_path / 'o'}"
    assert main(words.split()) == 0
    with Image.open(tmp_path / "o" / "tsne.png") as picture:
        assert picture.width > 3 * picture.height
    table = pd.read_csv(tmp_path / "o" / "embedding.csv")
    assert set(table["task"]) == {"ll", "hz", "lc", "pseudo"}
    said = capsys.readouterr().out
    distances = [
        float(found) for found in re.findall(r"task means are ([\d.]+) standard deviations within tasks apart", said)
    ]
    untrained, trained, infrared_untrained, infrared_trained = distances
    assert trained < untrained
    assert infrared_trained < infrared_untrained


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--method average", "has neither degradation priors nor task latents"),
        ("--limit 1", "give 2 or more"),
        ("--method lure-s --degradation clean", "gives no image with a task"),
        ("--crop -4", "side of a square"),
    ],
)
def test_what_cannot_be_embedded_is_a_sentence(options, sentence, tmp_path, capsys):
    assert main(["embed", *options.split(), "--out", str(tmp_path / "o")]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "o").exists()
