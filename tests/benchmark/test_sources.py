"""Results belong to the images that they were made from, wherever those lie."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from fusionbench.benchmark.results import CellFolder
from fusionbench.benchmark.run import run
from fusionbench.benchmark.score_folder import score_folder
from fusionbench.benchmark.sources import Sources
from fusionbench.benchmark.spec import Benchmark, DatasetChoice, Execution, MethodChoice
from fusionbench.cli.main import main
from fusionbench.data.sources.base import ConcatSource, Subset, digests
from fusionbench.data.sources.folders import FolderSource, match_by_name
from fusionbench.data.synthetic import SyntheticSource
from fusionbench.images.files import read_image, write_image
from fusionbench.report.tables import CHANGED, read_results
from tests.pairs import files, write_pairs

SIZES = [(24, 32), (17, 21), (24, 32)]


@pytest.fixture
def places(tmp_path):
    """Three pairs in a/, others of the same names in b/."""
    write_pairs(tmp_path / "a", SIZES)
    for path in (tmp_path / "a").rglob("*.png"):
        target = tmp_path / "b" / path.relative_to(tmp_path / "a")
        write_image(target, 255 - read_image(path))
    return tmp_path


def choice(place):
    return DatasetChoice("folder", ir_dir=place / "ir", vi_dir=place / "vi")


def asked(place, **changes) -> Benchmark:
    defaults = {"degradations": ("clean", "ll+ir:sn"), "methods": (MethodChoice("average"),), "metrics": ("EN", "CC")}
    return Benchmark(datasets=(choice(place),), **{**defaults, **changes})


def times(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("method", ["average", "max"])
def test_results_of_other_sources_are_refused_for_whatever_method(method, places):
    out = places / "out"
    run(asked(places / "a"), out)
    before = times(out)
    with pytest.raises(ValueError, match="where other images are called 0, 1, 2; choose another --out"):
        run(asked(places / "b", methods=(MethodChoice(method),), metrics=("EN", "MI")), out)
    assert times(out) == before


def test_sources_of_other_names_are_refused_too(places):
    run(asked(places / "a"), places / "out")
    for path in sorted((places / "b").rglob("*.png")):
        path.rename(path.with_name(f"other_{path.name}"))
    with pytest.raises(ValueError, match="where none is called 0, 1, 2"):
        run(asked(places / "b"), places / "out")


def test_a_copy_of_the_sources_goes_on(places):
    out = places / "out"
    run(asked(places / "a"), out)
    shutil.copytree(places / "a", places / "copy")
    shutil.rmtree(places / "a")
    before = times(out)
    assert run(asked(places / "copy"), out).problems == []
    changed = {path.name for path, time in times(out).items() if before.get(path) != time}
    assert changed == {"sources.json"}


def test_what_was_made_from_a_source_that_changed_is_made_again_and_nothing_else(places):
    out, source = places / "out", places / "a"
    run(asked(source), out)
    before = times(out)
    for modality in ("ir", "vi"):
        shutil.copy(places / "b" / modality / "1.png", source / modality)
    run(asked(source), out)
    run(asked(source), places / "fresh")
    assert files(out) == files(places / "fresh")
    kept = [path for path in before if path.parent.name == "images" and path.name != "1.png"]
    assert len(kept) == 4
    assert all(times(out)[path] == before[path] for path in kept)


def test_other_methods_of_a_source_that_changed_have_no_value_until_they_run_again(places):
    out, source = places / "out", places / "a"
    run(asked(source, methods=(MethodChoice("average"), MethodChoice("max"))), out)
    shutil.copy(places / "b" / "ir" / "1.png", source / "ir")
    run(asked(source), out)
    results = read_results(out)
    stale = results.scores[results.scores["status"] == CHANGED]
    assert set(zip(stale["method"], stale["image"], strict=True)) == {("max", "1")}
    assert stale["EN"].isna().all()
    assert results.blocks[0].counts["EN"].to_dict() == {"average": 3, "max": 2}
    run(asked(source, methods=(MethodChoice("max"),)), out)
    assert read_results(out).blocks[0].counts["EN"].to_dict() == {"average": 3, "max": 3}


def test_a_kept_source_that_changed_is_kept_anew(places):
    out, source = places / "out", places / "a"
    run(asked(source), out)
    shutil.copy(places / "b" / "vi" / "0.png", source / "vi")
    run(asked(source), out)
    changed = read_image(places / "b" / "vi" / "0.png")
    for folder in ("references", "clean/inputs"):
        assert np.array_equal(read_image(out / "folder" / folder / "vi" / "0.png"), changed)


def test_results_without_a_record_of_their_sources_are_made_again(places):
    out = places / "out"
    run(asked(places / "a"), out)
    for path in out.rglob("provenance.csv"):
        path.unlink()
    (out / "folder" / "sources.json").write_text("[")
    run(asked(places / "b"), out)
    run(asked(places / "b"), places / "fresh")
    assert files(out / "folder" / "clean" / "average") == files(places / "fresh" / "folder" / "clean" / "average")


def test_scores_of_sources_that_changed_are_computed_again(places):
    source, out = places / "a", places / "s"
    run(asked(source), places / "out")
    fused = places / "out" / "folder" / "clean" / "average" / "images"
    score_folder(fused, choice(source), ["PSNR", "CC"], "exact", out)
    before = (out / "scores.csv").read_text()
    shutil.copy(places / "b" / "vi" / "1.png", source / "vi")
    score_folder(fused, choice(source), ["PSNR", "CC"], "exact", out)
    score_folder(fused, choice(source), ["PSNR", "CC"], "exact", places / "fresh")
    assert (out / "scores.csv").read_text() == (places / "fresh" / "scores.csv").read_text() != before
    with pytest.raises(ValueError, match="holds results of other sources"):
        score_folder(fused, choice(places / "b"), ["PSNR", "CC"], "exact", out)


def test_images_of_others_that_were_replaced_are_taken_again(places):
    theirs, out = places / "theirs", places / "out"
    for index, size in enumerate(SIZES):
        write_image(theirs / f"{index}.png", np.zeros((*size, 3), np.uint8))
    external = asked(places / "a", methods=(MethodChoice("external", folder=theirs),), degradations=("clean",))
    run(external, out)
    write_image(theirs / "1.png", read_image(places / "b" / "vi" / "1.png"))
    run(external, out)
    cell = CellFolder(out / "folder" / "clean" / "external")
    assert np.array_equal(read_image(cell.image("1")), read_image(theirs / "1.png"))
    assert cell.rows()["1"].values["EN"] > 1
    assert cell.rows()["0"].values["EN"] == 0
    assert read_results(out).blocks[0].counts.loc["external", "EN"] == 3


def test_a_fused_image_that_is_damaged_is_fused_again(places):
    out = places / "out"
    run(asked(places / "a"), out)
    image = out / "folder" / "clean" / "average" / "images" / "1.png"
    whole = image.read_bytes()
    image.write_bytes(whole[:200])
    (problem,) = run(asked(places / "a"), out).problems
    assert "1.png" in problem
    assert "the same command fuses it again" in problem
    assert run(asked(places / "a"), out).problems == []
    assert image.read_bytes() == whole


def test_pairs_that_are_gone_are_in_no_mean(places):
    out, source = places / "out", places / "a"
    run(asked(source), out)
    for modality in ("ir", "vi"):
        (source / modality / "1.png").unlink()
    run(asked(source), out)
    assert list(read_results(out).scores["image"].unique()) == ["0", "2"]
    assert read_results(out).blocks[0].images == 2


def test_a_table_is_over_the_images_that_were_asked_for(places):
    out = places / "out"
    run(asked(places / "a"), out)
    run(asked(places / "a", limit=2), out)
    (block, _) = read_results(out).blocks
    assert (block.images, block.available) == (2, 3)
    assert block.counts.loc["average", "EN"] == 2
    before = times(out / "folder" / "clean" / "average" / "images")
    run(asked(places / "a"), out)
    assert read_results(out).blocks[0].images == 3
    assert times(out / "folder" / "clean" / "average" / "images") == before


@pytest.mark.parametrize(
    ("changes", "options", "sentence"),
    [
        ({}, {"execution": Execution(precision="bf16-mixed")}, "precision was '32-true', now 'bf16-mixed'"),
        ({"seed": 5}, {}, "seed was 0, now 5"),
        ({"seed": 5, "methods": (MethodChoice("max"),)}, {}, "seed was 0, now 5"),
        (
            {"protocol": "dspfusion", "degradations": ("vi:ll",), "metrics": ("EN",)},
            {},
            "protocol was 'exact', now 'dspfusion'",
        ),
    ],
)
def test_other_settings_are_refused_beside_results_too(changes, options, sentence, places):
    run(asked(places / "a"), places / "out")
    before = times(places / "out")
    with pytest.raises(ValueError, match=sentence):
        run(asked(places / "a", **changes), places / "out", **options)
    assert times(places / "out") == before


def test_one_precision_has_several_names(places):
    run(asked(places / "a"), places / "out", execution=Execution(precision="32"))
    assert run(asked(places / "a"), places / "out").problems == []


def test_digests_are_of_bytes_and_words_and_not_of_places(places):
    shutil.copytree(places / "a", places / "copy")
    here, there, other = (
        FolderSource("folder", match_by_name(places / place / "ir", places / place / "vi"))
        for place in ("a", "copy", "b")
    )
    assert digests(here) == digests(there)
    assert not set(digests(here).values()) & set(digests(other).values())
    told = FolderSource("folder", here.files, prompts={"1": "it rains"})
    assert {name for name, digest in digests(told).items() if digest != digests(here)[name]} == {"1"}
    assert digests(here, 2) == {name: digests(here)[name] for name in "01"}
    assert digests(Subset(here, [2])) == {"2": digests(here)["2"]}
    joined = ConcatSource([here, other])
    assert joined.digest(4) == other.digest(1)
    (places / "a" / "ir" / "0.png").unlink()
    assert digests(here)["0"] == ""


def test_generated_scenes_differ_by_seed_split_and_size():
    found = {
        SyntheticSource(**options).digest(0)
        for options in ({}, {"seed": 1}, {"split": "train"}, {"sizes": [(64, 64)]}, {"count": 3})
    }
    assert len(found) == 4


@pytest.mark.parametrize("text", ["", "{", "[]", '{"place": 1, "images": {}}', "\udcff", '{"images": {}}'])
def test_a_damaged_list_of_sources_is_none(text, tmp_path):
    (tmp_path / "sources.json").write_text(text, errors="surrogateescape")
    assert Sources.read(tmp_path) == Sources()


def test_an_old_score_is_never_told_of_other_sources(places, monkeypatch, capsys):
    monkeypatch.chdir(places)
    words = "run --dataset folder --ir {0}/ir --vi {0}/vi --method average --metrics EN --out o"
    assert main(words.format("a").split()) == 0
    assert main(words.format("b").split()) == 2
    assert "o/folder holds results of other sources" in capsys.readouterr().err
    meta = json.loads((places / "o/folder/clean/average/meta.json").read_text())
    assert meta["settings"]["precision"] == "32-true"
