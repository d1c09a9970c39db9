"""Runs on a machine without weights: what is lacking is said first, the rest is computed, nothing is made up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from fusionbench.benchmark.preflight import check_metrics
from fusionbench.benchmark.spec import MethodChoice
from fusionbench.cli.main import main
from fusionbench.images.files import write_image
from fusionbench.metrics.pyiqa.table import LICENCE
from fusionbench.weights import store
from fusionbench.weights.checksums import accept, sha256
from fusionbench.weights.store import search_paths

PAIR = "--dataset folder --ir ir --vi vi"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch) -> Path:
    """Two pairs, and caches that are empty."""
    monkeypatch.chdir(tmp_path)
    for variable, folder in {"FUSIONBENCH_HOME": "home", "TORCH_HOME": "torch", "HF_HOME": "hf"}.items():
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_image(tmp_path / "ir" / f"{name}.png", rng.integers(0, 256, (100, 200), dtype=np.uint8))
        write_image(tmp_path / "vi" / f"{name}.png", rng.integers(0, 256, (100, 200, 3), dtype=np.uint8))
    return tmp_path


@pytest.fixture
def pristine(folders):
    """Puts parameters of NIQE made from a seed where NIQE reads its own, as a person who accepts them would."""

    def put(seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        root = rng.random((36, 36))
        path = folders / "home" / "weights" / "pyiqa" / "modelparameters.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {"mu_prisparam": rng.random((1, 36)), "cov_prisparam": root @ root.T})
        accept(path, "made by a test")
        return path

    return put


def run(words: str, out: str = "o") -> int:
    return main(f"run --method average,max {PAIR} --out {out} {words}".split())


def cell(method: str = "average", out: str = "o") -> Path:
    return Path(out) / "folder" / "clean" / method


def columns(method: str = "average") -> dict[str, list[str]]:
    lines = [line.split(",") for line in (cell(method) / "scores.csv").read_text().splitlines()]
    return {name: [line[index] for line in lines[1:]] for index, name in enumerate(lines[0])}


def test_a_score_without_weights_is_a_column_of_dashes_with_its_reason(folders, capsys):
    assert run("--metrics EN,MUSIQ,CLIP-IQA") == 3
    table = Path("o/report/table.md").read_text()
    assert "| method | EN ↑ | MUSIQ ↑ | CLIP-IQA ↑ |" in table
    assert table.count("| - | - |") == 2
    for name, place in {"MUSIQ": "pyiqa/musiq_koniq_ckpt-e95806b9.pth", "CLIP-IQA": "clip/RN50.pt"}.items():
        (note,) = [line for line in table.splitlines() if line.startswith(f"- Missing: {name} lacks")]
        assert str(folders / "torch" / "hub" / place) in note
        assert str(folders / "home" / "weights" / place) in note
        assert f"fusionbench weights download {name}" in note
        assert "https://" in note
    assert "is over 0 of" not in table
    assert columns()["MUSIQ"] == ["", ""]
    assert columns()["status"] == ["ok", "ok"]
    shown = capsys.readouterr().out
    assert shown.index("MUSIQ lacks") < shown.index("EN ↑")
    meta = json.loads((cell() / "meta.json").read_text())
    assert sorted(meta["missing"]) == ["CLIP-IQA", "MUSIQ"]


def test_a_strict_run_does_not_start(folders, capsys):
    assert run("--strict --metrics EN,MUSIQ") == 2
    assert "MUSIQ lacks musiq_koniq_ckpt-e95806b9.pth" in capsys.readouterr().err
    assert not Path("o").exists()
    assert run("--strict --metrics EN") == 0


def test_everything_that_methods_and_scores_lack_is_in_one_message(folders, capsys):
    words = f"run --method cscfuse,lap,ifcnn,dspfusion-unstretched {PAIR} --metrics EN,PI,LIQE --out o"
    assert main(words.split()) == 2
    error = capsys.readouterr().err
    files = ["LISTA_Base_Train.model", "LISTA_Detail_Train.model", "LISTA_Decoder.model", "IFCNN-MAX.pth"]
    for file in [
        *files,
        "dspfusion.safetensors",
        "NRQM_model.mat",
        "modelparameters.mat",
        "ViT-B-32.pt",
        "liqe_koniq.pt",
    ]:
        assert f"/{file}" in error
    assert not Path("o").exists()


def test_the_language_model_of_a_method_is_among_what_is_lacking(folders, capsys):
    assert main(f"run --method lure-distilbert {PAIR} --metrics EN,MUSIQ --out o".split()) == 2
    error = capsys.readouterr().err
    snapshot = folders / "hf" / "hub" / "models--distilbert-base-uncased" / "snapshots"
    for part in ("lure-distilbert.safetensors", "MUSIQ lacks", f"searched at {snapshot / '*'}: hf download"):
        assert part in error
    (snapshot / "abc").mkdir(parents=True)
    for file in ("config.json", "model.safetensors"):
        (snapshot / "abc" / file).touch()
    assert main(f"run --method lure-distilbert {PAIR} --metrics EN --out o".split()) == 2
    assert "Hugging Face" not in capsys.readouterr().err


def test_the_answer_comes_without_torch(folders):
    program = (
        "import sys; from fusionbench.benchmark.spec import Benchmark, DatasetChoice, MethodChoice\n"
        "from fusionbench.benchmark.preflight import check\n"
        "metrics = ('EN', 'MUSIQ', 'CLIP-IQA', 'TReS', 'PI', 'NIQE', 'MANIQA', 'LIQE', 'ARNIQA')\n"
        "_, found = check(Benchmark((DatasetChoice('synthetic'),), ('clean',), (MethodChoice('lap'),), metrics))\n"
        "print(len(found.missing), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["8", "False"]


def test_files_that_came_later_fill_the_column_and_no_image_is_fused_again(pristine):
    assert run("--metrics EN,NIQE") == 3
    before = {path: path.stat().st_mtime_ns for path in Path("o").rglob("images/*.png")}
    path = pristine()
    assert run("--metrics EN,NIQE") == 0
    assert before == {path: path.stat().st_mtime_ns for path in Path("o").rglob("images/*.png")}
    assert all(float(value) > 0 for value in columns()["NIQE"])
    meta = json.loads((cell() / "meta.json").read_text())
    assert "NIQE" not in meta["missing"]
    assert meta["metrics"]["NIQE"]["files"] == {"modelparameters.mat": sha256(path)}


def test_the_footnote_names_network_package_files_and_licence(pristine):
    path = pristine()
    assert run("--metrics NIQE,NIQE@input,pyiqa:piqe") == 0
    table = Path("o/report/table.md").read_text()
    digest = sha256(path)[:8]
    unpublished = "modelparameters.mat has no published checksum (made by a test)"
    assert f"- NIQE: niqe of pyiqa 0.1.16, modelparameters.mat@{digest}; {unpublished}.\n" in table
    assert "- pyiqa:piqe: piqe of pyiqa 0.1.16.\n" in table
    assert table.count(LICENCE) == 1
    assert columns()["NIQE"] == columns()["NIQE@input"]


def test_scores_of_other_files_are_never_mixed(pristine, capsys):
    pristine()
    assert run("--metrics NIQE") == 0
    pristine(seed=1)
    assert run("--metrics NIQE") == 2
    assert "holds NIQE of pyiqa 0.1.16 with modelparameters.mat@" in capsys.readouterr().err
    assert run("--metrics EN") == 0
    assert "modelparameters.mat@" in Path("o/report/table.md").read_text()


def test_a_folder_is_scored_without_what_is_lacking(folders):
    for name in ("a", "b"):
        write_image(Path("fused") / f"{name}.png", np.full((100, 200, 3), 90, np.uint8))
    assert main(["score", "--fused", "fused", "--ir", "ir", "--vi", "vi", "--metrics", "EN,MUSIQ", "--out", "s"]) == 3
    assert Path("s/scores.csv").read_text().splitlines()[1] == "a,ok,0.0,"


def test_an_altered_file_is_a_reason_too(pristine):
    path = pristine()
    path.write_bytes(b"altered")
    assert "is not the published modelparameters.mat of 'NIQE'" in check_metrics(["NIQE"]).missing["NIQE"]


def test_weights_of_a_method_that_were_accepted_are_named(shared, folders):
    home = folders / "home" / "weights" / "ifcnn"
    home.mkdir(parents=True)
    path = home / "IFCNN-MAX.pth"
    path.write_bytes((shared / "weights" / "ifcnn" / "IFCNN-MEAN.pth").read_bytes())
    accept(path, "trained by a test")
    assert main(f"run --method ifcnn {PAIR} --metrics EN --out o".split()) == 0
    meta = json.loads((cell("ifcnn") / "meta.json").read_text())
    assert meta["settings"]["weights"] == f"ifcnn@{sha256(path)[:8]}"
    assert "trained by a test" in meta["weights"]["IFCNN-MAX.pth"]
    assert "ifcnn read IFCNN-MAX.pth, which is not as published" in Path("o/report/table.md").read_text()


def test_a_weight_file_of_six_cells_is_looked_up_and_verified_once(folders, monkeypatch):
    calls: list[str] = []
    monkeypatch.setattr(store, "search_paths", lambda *words: calls.append("look-up") or search_paths(*words))
    monkeypatch.setattr(store, "sha256", lambda path: calls.append("verification") or sha256(path))
    words = f"run --method average,max,lure-s --degradation clean,ll+lc {PAIR} --metrics EN --out o"
    assert main(words.split()) == 0
    assert len(list(Path("o").glob("*/*/*/meta.json"))) == 6
    assert calls == ["look-up", "verification"]


def test_scores_that_need_no_network_have_nothing_to_say():
    found = check_metrics(["EN", "MI@tang", "CC@input"])
    assert (found.missing, found.metrics, found.problems) == ({}, {}, [])
    assert MethodChoice("lap").weights is None
