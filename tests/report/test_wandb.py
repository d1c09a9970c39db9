"""Weights and Biases without a network: what an offline run holds, read back from its log, and how W&B may fail."""

from __future__ import annotations

import json
import logging
import shutil
import struct
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch

from fusionbench.cli.main import main
from fusionbench.images.files import read_image, write_image
from fusionbench.report.tables import read_results
from fusionbench.report.wandb import SuppressWandbErrors, publish, training_mirror

wandb = pytest.importorskip("wandb", reason="W&B is in the wandb extra")

# W&B leaves its temporary folders to the interpreter's end.
pytestmark = pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")

BLOCK, HEADER = 32768, 7


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path_factory):
    """No key, no server, and no files outside the test's folders."""
    home = tmp_path_factory.mktemp("wandb")
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "HOME"):
        monkeypatch.setenv(name, str(home))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")


def records(path):
    """The records of a .wandb file: protocol buffers in the format of LevelDB's log, after seven bytes of its own."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, parts = path.read_bytes(), HEADER, b""
    assert data[:4] == b":W&B"
    while place < len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + HEADER])
        parts += data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(parts)
            parts = b""


def finished_log(path):
    """All records, once the process that writes them has written the last, which may be a little after the run."""
    for _ in range(100):
        found = list(records(path))
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path} has no end")


def logged(out):
    """By name of the W&B run: its record, config, logged values, artifacts and folder."""
    found = {}
    for path in (out / "wandb").glob("offline-run-*/run-*.wandb"):
        by_kind = {}
        for record in finished_log(path):
            kind = record.WhichOneof("record_type")
            by_kind.setdefault(kind, []).append(getattr(record, kind))
        (run,) = by_kind["run"]
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        values = {}
        for item in (item for entry in by_kind["history"] for item in entry.item):
            first, *rest = item.nested_key or [item.key]
            value = json.loads(item.value_json)
            if rest:
                values.setdefault(first, {})[rest[0]] = value
            else:
                values[first] = value
        found[run.display_name] = (run, config, values, by_kind.get("artifact", []), path.parent)
    return found


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    rng = np.random.default_rng(0)
    for name in "abc":
        write_image(folder / "ir" / f"{name}.png", rng.integers(0, 256, (24, 32), dtype=np.uint8))
        write_image(folder / "vi" / f"{name}.png", rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    return folder


def words(sources, out):
    return (
        f"run --dataset folder --ir {sources}/ir --vi {sources}/vi --method average,max --degradation clean,ll "
        f"--metrics EN,CC --out {out}"
    ).split()


@pytest.fixture(scope="module")
def finished(sources, tmp_path_factory):
    """A run that was not mirrored."""
    out = tmp_path_factory.mktemp("runs") / "night"
    assert main(words(sources, out)) == 0
    return out


@pytest.fixture
def mirrored(finished, tmp_path):
    out = tmp_path / "night"
    shutil.copytree(finished, out)
    assert publish(read_results(out), "offline") == ""
    return out


def test_each_method_is_a_run_of_the_benchmark(mirrored):
    found = logged(mirrored)
    assert set(found) == {"average", "max", "sources"}
    for name, (run, config, values, artifacts, folder) in found.items():
        assert (run.project, run.run_group) == ("fusionbench", "night")
        if name == "sources":
            continue
        scores = read_results(mirrored).scores
        rows = scores[scores["method"] == name]
        assert config["method"] == name
        assert config["degradation"] == ["clean", "ll"]
        assert config["seed"] == 0
        for degradation in ("clean", "ll"):
            for metric in ("EN", "CC"):
                mean = rows.loc[rows["degradation"] == degradation, metric].mean()
                assert values[f"folder {degradation}/{metric}"] == pytest.approx(mean, rel=1e-12)
        table = json.loads((folder / "files" / values["per image/scores"]["path"]).read_text())
        told = pd.DataFrame(table["data"], columns=table["columns"])
        assert told["image"].tolist() == ["a", "b", "c"] * 2
        np.testing.assert_allclose(told["EN"], rows["EN"], rtol=1e-12)
        assert [artifact.type for artifact in artifacts] == ["run_table"]


def test_samples_of_methods_and_sources_share_their_panels(mirrored):
    found = logged(mirrored)
    panels = {f"samples/folder {degradation} {image}" for degradation in ("clean", "ll") for image in "ab"}
    for name, (_, _, values, _, folder) in found.items():
        assert {key for key in values if key.startswith("samples/")} == panels
        for panel in panels:
            paths = values[panel].get("filenames") or [values[panel]["path"]]
            assert len(paths) == (2 if name == "sources" else 1)
            assert all((folder / "files" / path).is_file() for path in paths)


def test_report_page_is_an_artifact(mirrored):
    (artifact,) = logged(mirrored)["sources"][3]
    assert (artifact.name, artifact.type) == ("report-night", "report")
    assert {"index.html", "table.csv"} <= {entry.path for entry in artifact.manifest.contents}


def test_option_of_run_mirrors_and_changes_no_result(sources, finished, tmp_path):
    out = tmp_path / "night"
    shutil.copytree(finished, out)
    assert main([*words(sources, out), "--wandb", "offline"]) == 0
    assert set(logged(out)) == {"average", "max", "sources"}
    for path in finished.glob("*/*/*/scores.csv"):
        assert (out / path.relative_to(finished)).read_bytes() == path.read_bytes()


def test_missing_package_is_a_warning(sources, finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    assert main([*words(sources, out), "--wandb", "offline"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "warning: Weights and Biases failed" in told
    assert "pip install 'fusionbench[wandb]'" in told
    assert len(read_results(out).scores) == 12


def test_refused_login_is_a_warning(finished):
    reason = publish(read_results(finished), "online")
    assert reason.startswith("Weights and Biases failed (")
    assert reason.endswith("the files on disk are complete")


def test_errors_of_this_package_are_not_hidden():
    with pytest.raises(ValueError, match="ours"), SuppressWandbErrors():
        raise ValueError("ours")


def mirror_of(folder, phase):
    return training_mirror("offline", folder, method="lap", phase=phase, recipe={}, settings={})


def test_training_is_mirrored_phase_by_phase(tmp_path):
    for phase in ("one", "two"):
        with mirror_of(tmp_path / phase, phase) as mirror:
            (logger,) = mirror.loggers
            logger.log_metrics({"train/loss": 0.5}, step=3)
        ((name, (run, _, values, _, _)),) = logged(tmp_path / phase).items()
        assert (name, run.run_group) == (f"lap {phase}", "train lap")
        assert values["train/loss"] == 0.5


def test_training_goes_on_without_the_package(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with caplog.at_level(logging.WARNING), mirror_of(tmp_path, "one") as mirror:
        assert mirror.loggers == []
        mirror.picture(tmp_path / "none.png", 1)
    assert "pip install 'fusionbench[wandb]'" in caplog.text


def test_a_picture_that_cannot_be_sent_harms_nothing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), mirror_of(tmp_path, "one") as mirror:
        mirror.picture(tmp_path / "none.png", 1)
    assert "Weights and Biases failed" in caplog.text


def test_a_training_sends_its_pictures_settings_and_recipe(tmp_path):
    words = (
        "train --method lure-s --dataset synthetic --options.perceptual none --options.single_stage true "
        "--loader.limit 4 --loader.batch_size 2 --loader.crop 32 --loader.workers 0 --loader.degradations ll,lc "
        "--trainer.accelerator cpu --trainer.max_steps 2 --trainer.enable_progress_bar false --seed 5 "
        f"--trainer.val_check_interval 1 --wandb offline --out {tmp_path}"
    )
    assert main(words.split()) == 0
    ((name, (run, config, values, artifacts, folder)),) = logged(tmp_path / "single").items()
    assert (name, run.run_group, run.job_type) == ("lure-s single", "train lure-s", "training")
    assert config["method"] == "lure-s"
    assert config["phase"] == "single"
    assert config["seed"] == 5
    assert config["options"] == {"perceptual": "none", "single_stage": True}
    assert config["loader"]["degradations"] == ["ll", "lc"]
    assert config["trainer"]["max_steps"] == 2
    assert config["torch"] == torch.__version__
    assert values["train/loss"] > 0
    assert values["val/loss"] > 0
    (picture,) = (values["samples"][key] for key in ("filenames",))
    assert read_image(folder / "files" / picture[0]).ndim == 3
    (recipe,) = (artifact for artifact in artifacts if artifact.type == "recipe")
    assert recipe.name == "recipe-lure-s"
    (entry,) = recipe.manifest.contents
    assert entry.path == "recipe.json"


def test_a_training_with_workers_is_mirrored_in_a_fresh_process(tmp_path):
    words = (
        "train --method dspfusion-s --loader.limit 8 --loader.batch_size 2 --loader.crop 64 --loader.workers 2 "
        "--trainer.accelerator cpu --trainer.max_steps 1 --trainer.enable_progress_bar false --wandb offline "
        f"--out {tmp_path}"
    )
    subprocess.run([sys.executable, "-m", "fusionbench", *words.split()], check=True)
    for phase in ("priors", "diffusion"):
        assert (tmp_path / phase / "weights.safetensors").exists()
        ((_, (_, _, values, _, _)),) = logged(tmp_path / phase).items()
        assert values["train/loss"] > 0
