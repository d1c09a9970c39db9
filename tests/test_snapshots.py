"""What users see and read back, held word for word: every --help, the tables of a tiny run, a degraded set on disk.

`make snapshots` writes tests/snapshots/ anew; the change then shows in `git diff`, where it can be judged.
"""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusionbench.cli.commands import COMMANDS
from fusionbench.cli.main import main
from fusionbench.images.files import read_image, write_image
from fusionbench.papers.tables import folder as papers_folder
from fusionbench.version import __version__

SNAPSHOTS = Path(__file__).parent / "snapshots"
NUMBER = re.compile(r"(-?\d+\.\d+(?:e-?\d+)?)")
RELATIVE, ABSOLUTE = 1e-5, 1e-7
"""How far numbers may be apart: processors round sums of 32-bit numbers differently."""

SIZES = {"a": (96, 120), "b": (90, 110)}


def words_of_commands(commands: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words that call each command, groups of commands among them."""
    yield before
    for name, command in commands.items():
        if isinstance(command, Mapping):
            yield from words_of_commands(command, (*before, name))
        elif callable(command):
            yield (*before, name)


@pytest.fixture
def hold(request):
    """Compares a text with its snapshot, or writes the snapshot if pytest runs with --renew."""

    def compare(name: str, text: str) -> None:
        path = SNAPSHOTS / name
        if request.config.getoption("--renew", default=False):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no tests/snapshots/{name}; `make snapshots` writes it"
        differing = differences(path.read_text(encoding="utf-8"), text)
        assert not differing, "\n".join(
            [f"tests/snapshots/{name} changed; if it was meant to, `make snapshots` renews it", *differing]
        )

    return compare


def differences(expected: str, found: str) -> list[str]:
    """Lines that differ in more than the last digits of a number."""
    pairs = zip_lines(expected.splitlines(), found.splitlines())
    return [f"- {old}\n+ {new}" for old, new in pairs if not alike(old, new)][:10]


def zip_lines(expected: list[str], found: list[str]) -> Iterator[tuple[str, str]]:
    count = max(len(expected), len(found))
    missing = "(nothing)"
    return zip(expected + [missing] * (count - len(expected)), found + [missing] * (count - len(found)), strict=True)


def alike(old: str, new: str) -> bool:
    before, after = NUMBER.split(old), NUMBER.split(new)
    return before[::2] == after[::2] and np.allclose(
        [float(number) for number in before[1::2]],
        [float(number) for number in after[1::2]],
        rtol=RELATIVE,
        atol=ABSOLUTE,
    )


def test_a_word_a_line_and_a_digit_make_a_difference_and_rounding_makes_none():
    assert not differences("EN 7.1234567\nend", "EN 7.1234569\nend")
    assert differences("EN 7.1234", "EN 7.1244")
    assert differences("EN 7.1234", "SD 7.1234")
    assert differences("one\ntwo", "one")


@pytest.mark.parametrize("words", list(words_of_commands(COMMANDS)), ids=" ".join)
def test_help(words, hold, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main([*words, "--help"]) == 0
    hold(f"help/{'-'.join(words) or 'fusionbench'}.txt", capsys.readouterr().out)


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Two smooth pairs in ir/ and vi/, and the same as the test set of data/m3fd/."""
    monkeypatch.chdir(tmp_path)
    for name in ("FUSIONBENCH_HOME", "FUSIONBENCH_DATA", "TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name, (height, width) in SIZES.items():
        ramps = np.add.outer(np.arange(height) * 2, np.arange(width))
        ir = (ramps + rng.integers(0, 20, ramps.shape)) % 256
        vi = np.stack([(channel * ramps + rng.integers(0, 9, ramps.shape)) % 256 for channel in (1, 2, 3)], axis=-1)
        for folder in (tmp_path, tmp_path / "data" / "m3fd" / "test"):
            write_image(folder / "ir" / f"{name}.png", ir.astype(np.uint8))
            write_image(folder / "vi" / f"{name}.png", vi.astype(np.uint8))


def test_tables_of_a_run(sources, hold):
    words = "run --dataset folder --ir ir --vi vi --method average,max --degradation clean,ll+ir:sn --out run"
    assert main([*words.split(), "--metrics", "EN,SF,MI,CC,CC@input,SSIM,Qabf,VIF"]) == 0
    hold("run/table.md", Path("run/report/table.md").read_text(encoding="utf-8"))
    hold("run/table.csv", Path("run/report/table.csv").read_text(encoding="utf-8"))
    for degradation in ("clean", "ll+ir-sn"):
        text = Path(f"run/folder/{degradation}/max/scores.csv").read_text(encoding="utf-8")
        hold(f"run/scores-{degradation}.csv", text)


def test_tables_of_a_paper(sources, hold):
    for part in ("lure.yaml", "reported/lure.csv"):  # without the measured values that come with the package
        (Path("papers") / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(papers_folder() / part, Path("papers") / part)
    words = "bench lure --table 1 --root data --out bench --methods average,max --benchmarks papers"
    assert main(words.split()) == 3
    for kind in ("tex", "md", "csv"):
        text = Path(f"bench/report/table1.{kind}").read_text(encoding="utf-8")
        hold(f"paper/table1.{kind}", text)


def test_exported_set(sources, hold):
    """Hashes are of decoded pixels, as the bytes of a PNG depend on the library that packed it."""
    words = "degrade --dataset folder --ir ir --vi vi --degradation clean,ll+lc,rain+sn,haze --out set"
    assert main(words.split()) == 0
    text = Path("set/manifest.csv").read_text(encoding="utf-8")
    for record in csv.DictReader(text.splitlines()):
        for modality in ("ir", "vi"):
            path = Path("set") / record[modality]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == record[f"{modality}_sha256"]
            pixels = hashlib.sha256(read_image(path).tobytes()).hexdigest()
            text = text.replace(record[f"{modality}_sha256"], pixels)
    hold("set/manifest.csv", text.replace(f",{__version__}\n", ",VERSION\n"))
