"""Programs of others in a run: `--cmd` for external methods, `--pre` for restoration before fusion."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from fusionbench.benchmark.inputs import load_pairs
from fusionbench.benchmark.options import choose_methods, parse_commands, parse_data_roots, parse_restorers
from fusionbench.benchmark.restore import Restorer
from fusionbench.benchmark.run import run
from fusionbench.benchmark.spec import Benchmark, DatasetChoice, Execution, MethodChoice, restorers_by_modality
from fusionbench.cli.main import main
from fusionbench.images.files import read_image, write_image

PYTHON = shlex.quote(sys.executable)

MAXIMUM = """
import sys
import numpy as np
from PIL import Image
ir, vi, out = sys.argv[1:]
print("fusing", vi)
Image.fromarray(np.maximum(np.asarray(Image.open(ir).convert("RGB")), np.asarray(Image.open(vi)))).save(out)
"""

NEGATIVE = """
import sys
import numpy as np
from PIL import Image
source, target = sys.argv[1:]
image = np.asarray(Image.open(source))
if image.max() > 240:
    sys.exit("too bright for me")
Image.fromarray(255 - image).save(target)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Three pairs in ir/ and vi/, and two programs."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        write_image(tmp_path / "ir" / f"{name}.png", rng.integers(0, 200, (24, 32), dtype=np.uint8))
        write_image(tmp_path / "vi" / f"{name}.png", rng.integers(0, 200, (24, 32, 3), dtype=np.uint8))
    (tmp_path / "maximum.py").write_text(MAXIMUM)
    (tmp_path / "negative.py").write_text(NEGATIVE)
    return tmp_path


PAIRS = ["--dataset", "folder", "--ir", "ir", "--vi", "vi", "--metrics", "EN", "--out", "o"]


def fuser(place, script="maximum.py") -> str:
    return f"{PYTHON} {shlex.quote(str(place / script))} {{ir}} {{vi}} {{out}}"


def restorer(place, modality="vi") -> str:
    return f"{modality}:{PYTHON} {shlex.quote(str(place / 'negative.py'))} {{in}} {{out}}"


def problems(place, *methods, out="o", execution=None, **changes) -> list[str]:
    """What is missing after a run in Python, which draws no pictures."""
    benchmark = Benchmark(
        datasets=(DatasetChoice("folder", ir_dir=place / "ir", vi_dir=place / "vi"),),
        degradations=("clean",),
        methods=tuple(MethodChoice(method) if isinstance(method, str) else method for method in methods),
        **{"metrics": ("EN",), **changes},
    )
    return run(benchmark, place / out, execution=execution or Execution()).problems


def images(place, method, degradation="clean"):
    folder = place / "o" / "folder" / degradation / method / "images"
    return {path.stem: read_image(path) for path in sorted(folder.glob("*.png"))}


def source(place, modality, name):
    return read_image(place / modality / f"{name}.png", channels=3)


def rows(place, method):
    with (place / "o" / "folder" / "clean" / method / "scores.csv").open() as stream:
        return {row["image"]: row for row in csv.DictReader(stream)}


def test_a_command_is_a_method_beside_others_and_its_output_is_kept(place):
    assert main(["run", "--method", "average,external", "--cmd", fuser(place), *PAIRS]) == 0
    found = images(place, "external")
    assert sorted(found) == ["a", "b", "c"]
    for name, image in found.items():
        np.testing.assert_array_equal(image, np.maximum(source(place, "ir", name), source(place, "vi", name)))
    assert (place / "o" / "logs" / "external.txt").read_text().count("fusing") == 3


def test_several_external_methods_have_a_command_each(place):
    choices = choose_methods(["dcinn", "ddfm"], cmd=f"dcinn={fuser(place)}, ddfm={fuser(place, 'missing.py')}")
    assert len(problems(place, *choices)) == 3
    assert sorted(images(place, "dcinn")) == ["a", "b", "c"]
    assert images(place, "ddfm") == {}
    assert "missing.py" in rows(place, "ddfm")["a"]["status"]
    meta = json.loads((place / "o/folder/clean/dcinn/meta.json").read_text())
    assert meta["settings"]["command"] == fuser(place)


def test_a_command_that_takes_too_long_is_a_row(place):
    slow = MethodChoice("external", command="sh -c 'sleep 60' {ir} {vi} {out}")
    (problem,) = problems(place, slow, timeout=0.3, limit=1)
    assert "'sh' was ended after 0.3 s" in problem
    assert "ended after 0.3 s" in rows(place, "external")["a"]["status"]


def test_restoration_comes_before_fusion_and_scores_keep_their_references(place):
    assert problems(place, "max", pre=(restorer(place),), metrics=("CC",), limit=1) == []
    negative, infrared = 255 - source(place, "vi", "a").astype(int), source(place, "ir", "a")
    # The luma of the negative is what is fused; where it is brighter everywhere, the negative stays.
    brighter = negative.min(-1) > infrared.max(-1)
    assert np.abs(images(place, "max")["a"].astype(int)[brighter] - negative[brighter]).max() <= 2
    # The references are the images before restoration, from which the negative is as far as can be.
    assert float(rows(place, "max")["a"]["CC"]) < 0.5


def test_each_image_is_restored_once_for_all_methods(place):
    assert problems(place, "average", "max", "lap", pre=(restorer(place), restorer(place, "ir")), limit=2) == []
    kept = sorted(path.parent.name.partition("-")[0] for path in (place / "o").glob("restored/*/*.png"))
    assert kept == ["ir", "ir", "vi", "vi"]
    assert [path.read_text().count("$ ") for path in (place / "o").glob("restored/*/log.txt")] == [2, 2]


def test_a_failing_restoration_is_a_row_and_the_rest_goes_on(place, capsys):
    write_image(place / "vi" / "b.png", np.full((24, 32, 3), 250, np.uint8))
    assert main(["run", "--method", "average", "--pre", restorer(place), *PAIRS]) == 3
    assert "too bright for me" in rows(place, "average")["b"]["status"]
    assert rows(place, "average")["c"]["status"] == "ok"
    (log,) = (place / "o").glob("restored/vi-*/log.txt")
    assert "too bright for me" in log.read_text()
    assert "too bright" in " ".join(capsys.readouterr().out.split())


def test_other_restoration_in_the_same_folder_is_refused(place):
    assert problems(place, "average") == []
    with pytest.raises(ValueError, match=r"pre was \[\], now \['vi:"):
        problems(place, "average", pre=(restorer(place),))


def test_workers_restore_as_the_main_process_does(place):
    problems(place, "average", pre=(restorer(place),), limit=2)
    problems(place, "average", pre=(restorer(place),), limit=2, out="w", execution=Execution(workers=2))
    for name, image in images(place, "average").items():
        np.testing.assert_array_equal(image, read_image(place / f"w/folder/clean/average/images/{name}.png"))


def test_what_was_restored_is_no_longer_said_to_be_degraded(place):
    choice = DatasetChoice("folder", ir_dir=place / "ir", vi_dir=place / "vi")
    pair = load_pairs(choice, ["vi:lr(2)+sn"])["vi:lr(2)+sn"][0]
    done = Restorer(restorers_by_modality([restorer(place)]), place / "r")(pair)
    assert pair["vi_scale"] == 2
    assert (done["vi_scale"], done["ir"] is pair["ir"]) == (1, True)
    assert done["degradation"].startswith("sn(")
    assert done["vi_clean"] is pair["vi_clean"]


def test_images_made_elsewhere_are_not_restored(place):
    choice = MethodChoice("external", folder=place / "vi")
    assert problems(place, choice, pre=("vi:no-such-program {in} {out}",)) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--pre", "restore {in} {out}"], "write ir:COMMAND or vi:COMMAND"),
        (["--pre", "vi:restore {in}"], "lacks {out}"),
        (["--pre", "vi:a {in} {out},vi:b {in} {out}"], "two commands for 'vi'"),
        (["--timeout", "0"], "timeout is 0"),
        (["--method", "dcinn,ddfm", "--cmd", "fuse {ir} {vi} {out}"], "could belong to dcinn or ddfm"),
        (["--method", "average", "--cmd", "fuse {ir} {vi} {out}"], "no external method"),
        (["--method", "dcinn", "--cmd", "ddfm=fuse {ir} {vi} {out}"], "'ddfm', which is not in --method dcinn"),
        (["--method", "dcinn", "--cmd", "dcinn=a {ir} {vi} {out},dcinn=b"], "two commands for 'dcinn'"),
        (["--method", "dcinn", "--cmd", "fuse {ir} {vi}"], "lacks {out}"),
    ],
)
def test_wrong_programs_are_one_sentence(place, capsys, words, expected):
    assert main(["run", *words, *PAIRS]) == 2
    assert expected in capsys.readouterr().err
    assert not (place / "o").exists()


def test_commands_keep_their_commas_and_equals_signs():
    cmd = "dcinn=a --x=1,2 {ir} {vi} {out},ddfm=b {ir} {vi} {out} -k v=3"
    assert parse_commands(cmd, ["dcinn", "ddfm"]) == {
        "dcinn": "a --x=1,2 {ir} {vi} {out}",
        "ddfm": "b {ir} {vi} {out} -k v=3",
    }
    assert parse_commands(["ddfm=b {out}"], ["ddfm"]) == {"ddfm": "b {out}"}
    assert parse_restorers(["vi:a,b {in} {out}"]) == ("vi:a,b {in} {out}",)
    assert [choice.command for choice in choose_methods(["lap", "ddfm"], cmd="run {out}")] == [None, "run {out}"]


def test_data_sets_may_lie_together_and_apart():
    assert parse_data_roots("data, ems=/x/y") == (Path("data"), {"ems": Path("/x/y")})
    assert parse_data_roots("") == (None, {})
    with pytest.raises(ValueError, match="unknown dataset 'esm'"):
        parse_data_roots("esm=/x")
    with pytest.raises(ValueError, match="give one, and NAME=DIR"):
        parse_data_roots("a,b")
