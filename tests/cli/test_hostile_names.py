"""Names that mean something to a terminal, a spreadsheet or a browser are shown as they are."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fusionbench.cli.main import main
from fusionbench.images.files import write_image

NAMES = [
    "[red]x",
    "=1+1",
    "@s",
    "-x",
    "<b>x&y",
    "<script>alert(1)",
    'a"b',
    "a'b",
    "a\nb",
    "a\rb",
    "a|b",
    "a\\b_c$%",
    "{{7*7}}",
]
MODALITIES = {"ir": (32, 32), "vi": (32, 32, 3)}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Pairs of these names, in folders whose names look like markup too."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in NAMES:
        for modality, shape in MODALITIES.items():
            write_image(Path(f"[b]{modality}") / f"{name}.png", rng.integers(0, 256, shape, dtype=np.uint8))
    return tmp_path


PAIRS = "--ir [b]ir --vi [b]vi"


def test_tables_hold_names_as_they_are(place, capsys):
    assert main(f"run --method average --metrics EN {PAIRS} --out [/o]".split()) == 0
    assert "written: [/o]/report/table.md" in capsys.readouterr().out
    for path in ("[/o]/report/per_image.csv", "[/o]/folder/clean/average/scores.csv"):
        with Path(path).open(newline="", encoding="utf-8") as stream:
            assert sorted(row["image"] for row in csv.DictReader(stream)) == sorted(NAMES)
    assert main(f"run --method average --metrics EN {PAIRS} --out [/o]".split()) == 0


def test_every_command_says_names_as_they_are(place, capsys):
    Path("[b]vi/=1+1.png").write_bytes(b"")
    Path("[b]vi/[red]x.png").write_bytes(b"")
    for words, said in {
        f"run --method average --metrics EN {PAIRS} --out [/o]": "clean, average, [red]x: cannot read [b]vi/[red]x.png",
        f"fuse --method average {PAIRS} --out [/f]": "missing: =1+1: cannot read [b]vi/=1+1.png",
        f"degrade --degradation ll {PAIRS} --out [/d]": "written: [/d]/manifest.csv",
        "data check folder --ir [b]ir --vi [b]vi": "cannot read [b]vi/[red]x.png",
        "report [/o]": "missing: folder, clean, average, [red]x: cannot read",
    }.items():
        assert main(words.split()) == 3
        assert said in " ".join(capsys.readouterr().out.split())


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_a_page_with_such_names_has_the_elements_of_any_page(place):
    elements = []
    for out, names in (("[/o]", "hostile"), ("plain", "plain")):
        if names == "plain":
            for modality in MODALITIES:
                for number, path in enumerate(sorted(Path(f"[b]{modality}").iterdir())):
                    path.rename(Path(f"[b]{modality}/{number}.png"))
        assert main(f"run --method average --metrics EN {PAIRS} --out {out}".split()) == 0
        assert main(["report", out, "--html"]) == 0
        page = Page()
        page.feed((Path(out) / "report" / "index.html").read_text(encoding="utf-8"))
        elements.append((sorted(page.tags), page.handlers))
    assert elements[0] == elements[1]


def test_scripts_of_a_page_hold_names_as_data(place):
    assert main(f"run --method average --metrics EN {PAIRS} --out o".split()) == 0
    assert main(["report", "o", "--html"]) == 0
    text = Path("o/report/index.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in text
    assert "<b>x&y" not in text
    assert json.dumps("{{7*7}}")[1:-1] in text
