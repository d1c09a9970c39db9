"""`fusionbench embed`: a map, a table and a share, and sentences for what cannot be embedded."""

from __future__ import annotations

import pandas as pd
import pytest

from fusionbench.cli import main


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


@pytest.mark.parametrize(
    ("options", "sentence"),
    [("--method average", "has no degradation priors"), ("--limit 1", "give 2 or more")],
)
def test_what_cannot_be_embedded_is_a_sentence(options, sentence, tmp_path, capsys):
    assert main(["embed", *options.split(), "--out", str(tmp_path / "o")]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "o").exists()
