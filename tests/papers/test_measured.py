"""Measured values as files: what is written is read, runs give lines, and renewing keeps what is better."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusionbench.benchmark.run import run
from fusionbench.benchmark.spec import INPUT, Benchmark, DatasetChoice, MethodChoice
from fusionbench.images.files import write_image
from fusionbench.methods import METHODS
from fusionbench.metrics import choose
from fusionbench.papers.measured import Measurement, image_set, matching, read_measured, write_file
from fusionbench.papers.tables import MEASURED, folder
from fusionbench.weights.card import MODEL
from fusionbench.weights.checksums import digest8
from fusionbench.weights.store import PRETRAINED

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "measured.py"))
collect, renewed = SCRIPT["collect"], SCRIPT["renewed"]

LINE = Measurement(
    dataset="msrs",
    split="test",
    degradation="ll(0.5)",
    seed=0,
    protocol="lure",
    method="gff",
    weights="",
    metric="CC",
    mean=0.5,
    std=0.1,
    images=12,
    image_set="01234567",
    version="0.1.0",
    torch="2.9",
    date="2026-11-27",
)


def test_what_is_written_is_read(tmp_path):
    lines = [LINE, replace(LINE, metric="EN", mean=7.123456789, std=0.0)]
    write_file(tmp_path / "a.csv", reversed(lines))
    assert read_measured(tmp_path) == [LINE, replace(lines[1], mean=7.12346)]
    before = (tmp_path / "a.csv").read_bytes()
    write_file(tmp_path / "a.csv", read_measured(tmp_path))
    assert (tmp_path / "a.csv").read_bytes() == before
    assert read_measured(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",0.5,", ",half,", "line 2 is not a measurement: could not convert string to float: 'half'"),
        ("ll(0.5)", "vi:fog", "line 2 is not a measurement: unknown degradation"),
        ("ll(0.5)", "vi:ll(0.5)", "has the degradation 'vi:ll(0.5)'; in canonical form it is 'll(0.5)'"),
        ("dataset,", "set,", "has the columns set, split"),
    ],
)
def test_a_file_of_another_form_is_refused(old, new, message, tmp_path):
    write_file(tmp_path / "a.csv", [LINE])
    text = (tmp_path / "a.csv").read_text()
    assert old in text
    (tmp_path / "a.csv").write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=r"a\.csv") as error:
        read_measured(tmp_path)
    assert message in str(error.value)


def test_two_lines_of_one_thing_are_refused(tmp_path):
    write_file(tmp_path / "a.csv", [LINE])
    write_file(tmp_path / "b.csv", [replace(LINE, mean=0.6)])
    with pytest.raises(ValueError, match=r"a.csv and .*b.csv give msrs, test, .* twice"):
        read_measured(tmp_path)


def test_a_value_of_more_images_stays_and_one_of_other_weights_goes():
    fewer, more = replace(LINE, images=3, mean=0.4), replace(LINE, images=20, mean=0.6)
    assert renewed([LINE], [fewer]) == [LINE]
    assert renewed([LINE], [more]) == [more]
    other = replace(fewer, weights="gff@00000000")
    assert renewed([LINE], [other]) == [other]
    assert renewed([LINE], [replace(LINE, metric="EN")]) == [LINE, replace(LINE, metric="EN")]


def test_what_is_measured_again_with_the_same_result_keeps_its_date():
    assert renewed([LINE], [replace(LINE, date="2027-01-01", version="0.2.0")]) == [LINE]
    changed = replace(LINE, date="2027-01-01", mean=0.51)
    assert renewed([LINE], [changed]) == [changed]


@pytest.fixture
def pairs(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        write_image(tmp_path / "ir" / f"{name}.png", rng.integers(0, 256, (24, 32), dtype=np.uint8))
        write_image(tmp_path / "vi" / f"{name}.png", rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    return DatasetChoice("folder", ir_dir=tmp_path / "ir", vi_dir=tmp_path / "vi")


def test_a_run_gives_the_means_of_its_cells(pairs, tmp_path):
    methods = (MethodChoice("average"), MethodChoice("external", folder=tmp_path / "vi"))
    run(Benchmark((pairs,), ("clean", "vi:ll"), methods, ("EN",)), tmp_path / "o")
    lines = list(collect(tmp_path / "o", "2026-11-27"))
    assert [(line.method, line.degradation) for line in lines] == [("average", "clean"), ("average", "ll")]
    scores = np.loadtxt(tmp_path / "o/folder/clean/average/scores.csv", delimiter=",", skiprows=1, usecols=2)
    assert (lines[0].mean, lines[0].std) == (pytest.approx(scores.mean()), pytest.approx(scores.std(ddof=1)))
    assert (lines[0].images, lines[0].image_set) == (3, image_set(["c", "b", "a"]))


def test_images_fused_in_tiles_are_no_line(pairs, tmp_path):
    run(Benchmark((pairs,), ("clean",), (MethodChoice("average"),), ("EN",), tile=128), tmp_path / "o")
    assert list(collect(tmp_path / "o", "2026-11-27")) == []


def test_values_of_earlier_weights_of_a_shipped_network_are_not_shown():
    now = f"lure-s@{digest8(PRETRAINED / 'lure-s' / MODEL)}"
    current, outdated = (replace(LINE, method="lure-s", weights=name) for name in (now, "lure-s@00000000"))
    place = ("msrs", "test", "vi:ll(0.5)", "lure", 0)
    assert matching([current], *place) == {("lure-s", "CC"): current}
    assert matching([outdated], *place) == {}
    assert matching([LINE, replace(LINE, split="train", metric="EN")], *place) == {("gff", "CC"): LINE}


def test_the_values_of_the_package_name_what_there_is_and_none_is_of_earlier_weights():
    lines = read_measured(folder() / MEASURED)
    assert lines
    for line in lines:
        assert line.method in METHODS
        choose(line.metric.removesuffix(INPUT), line.protocol)
        assert line.images > 0
    outdated = sorted({line.method for line in lines if line.outdated})
    assert not outdated, f"measured with earlier weights: {outdated}; `make measured DATA=DIR` measures them again"


def test_the_files_of_the_package_are_as_they_are_written(tmp_path):
    paths = sorted((folder() / MEASURED).glob("*.csv"))
    for path in paths:
        write_file(tmp_path / path.name, [line for line in read_measured(folder() / MEASURED) if _in(line, path)])
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def _in(line: Measurement, path: Path) -> bool:
    return line.protocol == path.stem
