"""Degraded sets on disk: one set of settings and pairs to a folder, however often a command was interrupted."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from fusionbench.benchmark.export import export_degraded
from fusionbench.benchmark.spec import DatasetChoice, Selection
from fusionbench.images.files import read_image, write_image
from tests.pairs import files, write_pairs

SPECS = ["ll+lc", "rain"]


@pytest.fixture
def place(tmp_path):
    write_pairs(tmp_path, [(24, 32), (17, 21), (24, 32)])
    return tmp_path


def choice(place):
    return DatasetChoice("folder", ir_dir=place / "ir", vi_dir=place / "vi")


def listed(folder):
    with (folder / "manifest.csv").open(newline="") as stream:
        return [(row["degradation"], row["name"]) for row in csv.DictReader(stream)]


def true(folder):
    """Whether the manifest lists the images that lie there, with their hashes."""
    with (folder / "manifest.csv").open(newline="") as stream:
        found = {row[kind]: row[f"{kind}_sha256"] for row in csv.DictReader(stream) for kind in ("ir", "vi")}
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.png")}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()} == found


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": 1}, "seed was '0', now '1'"),
        ({"resize": True}, "resize was False, now True"),
        ({"split": "train"}, "split was 'test', now 'train'"),
    ],
)
def test_pairs_of_other_settings_are_refused(changes, sentence, place):
    export_degraded(choice(place), SPECS, place / "set")
    before = files(place / "set")
    selection = Selection(limit=2, seed=changes.get("seed", 0))
    reading = {key: value for key, value in changes.items() if key != "seed"}
    with pytest.raises(ValueError, match=f"{sentence}.*choose another --out"):
        export_degraded(replace(choice(place), **reading), SPECS, place / "set", selection)
    assert files(place / "set") == before


def test_pairs_of_other_sources_are_refused(place):
    export_degraded(choice(place), SPECS, place / "set")
    write_pairs(place / "other", [(24, 32)])
    write_image(place / "other" / "ir" / "0.png", 255 - read_image(place / "ir" / "0.png"))
    with pytest.raises(ValueError, match=r"other sources.*where other images are called 0.*choose another --out"):
        export_degraded(choice(place / "other"), SPECS, place / "set")


def test_what_is_there_stays_and_further_pairs_are_added(place):
    export_degraded(choice(place), SPECS, place / "set", Selection(limit=2))
    before = {path: path.stat().st_mtime_ns for path in (place / "set").rglob("*.png")}
    export_degraded(choice(place), ["haze", *SPECS], place / "set")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    export_degraded(choice(place), ["haze", *SPECS], place / "fresh")
    assert files(place / "set") == files(place / "fresh")
    export_degraded(choice(place), ["haze"], place / "set", Selection(limit=1))
    assert len(listed(place / "set")) == 9
    assert true(place / "set")


def test_a_pair_whose_source_changed_is_degraded_again(place):
    export_degraded(choice(place), SPECS, place / "set")
    write_image(place / "vi" / "1.png", 255 - read_image(place / "vi" / "1.png"))
    export_degraded(choice(place), ["rain"], place / "set")
    assert ("ll+lc", "1") not in listed(place / "set")
    assert true(place / "set")
    export_degraded(choice(place), SPECS, place / "set")
    export_degraded(choice(place), SPECS, place / "fresh")
    assert files(place / "set") == files(place / "fresh")


@pytest.mark.parametrize("kind", ["cut", "merged", "other columns", "missing", "an image replaced", "an image removed"])
def test_what_cannot_be_trusted_is_written_again(kind, place):
    export_degraded(choice(place), SPECS, place / "set")
    whole = files(place / "set")
    manifest, image = place / "set" / "manifest.csv", place / "set" / "rain" / "vi" / "1.png"
    text = manifest.read_text()
    if kind == "missing":
        manifest.unlink()
    elif kind == "an image replaced":
        shutil.copy(place / "vi" / "1.png", image)
    elif kind == "an image removed":
        image.unlink()
    else:
        altered = {"cut": text[:-40], "merged": f"<<<<<<< HEAD\n{text}", "other columns": text.replace("seed", "sed")}
        manifest.write_text(altered[kind])
    export_degraded(choice(place), SPECS, place / "set")
    assert files(place / "set") == whole


def test_a_killed_export_goes_on(place):
    write_pairs(place, [(96, 96)] * 40)
    words = f"degrade --dataset folder --ir {place}/ir --vi {place}/vi --degradation rain,haze --out {place}/set"
    command = [sys.executable, "-m", "fusionbench", *words.split()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    manifest = place / "set" / "manifest.csv"
    while process.poll() is None and not (manifest.exists() and manifest.read_text().count("\n") > 3):
        time.sleep(0.002)
    process.kill()
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in (place / "set").rglob("[!.]*.png")}
    assert 6 <= len(before) < 160
    # What the killed process was writing.
    (place / "set" / "haze" / f".7.png.{process.pid}.tmp").parent.mkdir(parents=True, exist_ok=True)
    (place / "set" / "haze" / f".7.png.{process.pid}.tmp").write_bytes(b"half")
    (place / "set" / "haze" / f".8.png.{os.getpid()}.tmp").write_bytes(b"of a process that lives")
    export_degraded(choice(place), ["rain", "haze"], place / "set")
    again = [path for path, written in before.items() if path.stat().st_mtime_ns != written]
    assert len(again) <= 2
    assert [path.name for path in (place / "set").rglob("*.tmp")] == [f".8.png.{os.getpid()}.tmp"]
    export_degraded(choice(place), ["rain", "haze"], place / "fresh")
    assert files(place / "set") == files(place / "fresh")
