"""Going on: what a training may be told anew, what it is refused for, and what an interruption leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from safetensors.torch import load_file

from fusionbench import LURE
from fusionbench.training.fit import train
from fusionbench.training.recipe import Recipe
from fusionbench.training.resume import differing_entry, settled

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*",
    "ignore:.*smaller than the logging interval.*",
    "ignore:.*in eval mode at the start of training.*",
    "ignore:.*Checkpoint directory.*exists and is not empty.*",
)

LOADER = {"datasets": "synthetic", "batch_size": 2, "crop": 32, "workers": 0, "limit": 6, "val_share": 0.2}
TRAINER = {
    "max_epochs": 2, "enable_progress_bar": False, "accelerator": "cpu", "limit_val_batches": 0, "log_every_n_steps": 1,
}  # fmt: skip


def recipe(loader=None, trainer=None, **changes) -> Recipe:
    tables = {"loader": {**LOADER, **(loader or {})}, "trainer": {**TRAINER, **(trainer or {})}}
    return Recipe("lure-s", **{"options": {"single_stage": True}, **tables, **changes})


def differs(first: Recipe, second: Recipe, tmp_path) -> str:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(settled(first.entries()), default=str))
    return differing_entry(path, second, ["single"])


@pytest.mark.parametrize(
    "changes",
    [
        {"loader": {"workers": 3, "cache_gib": 0.5}},
        {"loader": {"datasets": ["synthetic"]}},
        {"loader": {"flip": True}},  # as it is by default
        {"trainer": {"devices": 2, "strategy": "ddp", "enable_progress_bar": True, "max_time": "00:01:00:00"}},
        {"trainer": {"max_epochs": 3}},
        {"save_every": 7},
        {"callbacks": ["LearningRateMonitor"]},
        {"phases": {"single": {"loader": {"crop": 32}}}},
    ],
    ids=str,
)
def test_what_changes_no_result_is_free(changes, tmp_path):
    assert differs(recipe(), recipe(**changes), tmp_path) == ""


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"loader": {"crop": 16}}, "its phases.single.loader.crop is 32 and not 16"),
        ({"loader": {"degradations": ["ll"]}}, "its phases.single.loader.degradations is None and not ['ll']"),
        ({"trainer": {"precision": "bf16-mixed"}}, "its phases.single.trainer.precision is None and not 'bf16-mixed'"),
        ({"trainer": {"max_epochs": 1}}, "its phases.single.trainer.max_epochs is 2 and not 1"),
        ({"seed": 1}, "its seed is 0 and not 1"),
        ({"options": {"single_stage": True, "seed": 2}}, "its options.seed is None and not 2"),
        ({"phases": {"single": {"average_with_initial": 0.5}}}, "average_with_initial is 0.0 and not 0.5"),
    ],
)
def test_what_changes_the_result_is_named(changes, difference, tmp_path):
    assert difference in differs(recipe(), recipe(**changes), tmp_path)


def test_a_folder_is_the_same_however_it_is_written(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    first = recipe({"root": str(tmp_path / "data")})
    assert all(
        differs(first, recipe({"root": root}), tmp_path) == "" for root in ("data", "./data/", f"{tmp_path}/data/")
    )
    assert "loader.root is" in differs(first, recipe({"root": str(tmp_path)}), tmp_path)


def test_an_interruption_saves_the_step_and_the_resumed_training_ends_as_if_there_had_been_none(tmp_path, monkeypatch):
    whole = load_file(train(recipe(), tmp_path / "whole"))
    step = LURE.training_step

    def interrupted(self, batch, batch_idx):
        loss = step(self, batch, batch_idx)
        if self.global_step == 3:
            signal.raise_signal(signal.SIGINT)
            torch.rand(5)  # what the rest of a step draws is part of it
        return loss

    monkeypatch.setattr(LURE, "training_step", interrupted)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(), tmp_path / "parts")
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.setattr(LURE, "training_step", step)
    assert torch.load(tmp_path / "parts/single/last.ckpt", weights_only=True)["global_step"] == 4
    resumed = load_file(train(recipe(save_every=3, loader={"workers": 1}), tmp_path / "parts", resume=True))
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0, msg=name)


def drfusion(length: int, unit: str = "max_steps") -> Recipe:
    trainer = {**TRAINER, "max_epochs": None, unit: length}
    return Recipe("drfusion-s", loader=LOADER, trainer=trainer, options={"milestones": [1]}, save_every=1000)


@pytest.mark.parametrize(("unit", "short", "long"), [("max_steps", 3, 5), ("max_epochs", 1, 2)])
def test_a_finished_phase_becomes_longer_and_ends_as_if_it_had_been(tmp_path, unit, short, long):
    whole = load_file(train(drfusion(long, unit), tmp_path / "whole"))
    train(drfusion(short, unit), tmp_path / "parts")
    resumed = load_file(train(drfusion(long, unit), tmp_path / "parts", resume=True))
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0, msg=name)
    before = (tmp_path / "parts/fusion/last.ckpt").stat().st_mtime_ns
    train(drfusion(long, unit), tmp_path / "parts", resume=True)  # Finished as it is now.
    assert (tmp_path / "parts/fusion/last.ckpt").stat().st_mtime_ns == before


def test_a_phase_does_not_become_longer_under_a_later_one(tmp_path):
    def both(**lengths: int) -> Recipe:
        phases = {phase: {"trainer": {"max_steps": steps}} for phase, steps in lengths.items()}
        trainer = {**TRAINER, "max_epochs": None}
        return Recipe("dspfusion-s", loader=LOADER, trainer=trainer, phases=phases)

    train(both(priors=1, diffusion=1), tmp_path)
    with pytest.raises(ValueError, match=r"'priors' would become longer, and 'diffusion' has begun .* delete"):
        train(both(priors=2, diffusion=2), tmp_path, resume=True)
    train(both(priors=1, diffusion=2), tmp_path, resume=True)
    assert torch.load(tmp_path / "diffusion/last.ckpt", weights_only=True)["global_step"] == 2


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX")
def test_a_group_of_processes_with_workers_saves_before_it_ends(tmp_path):
    words = (
        f"{sys.executable} -m fusionbench train --method lure-s --options.single_stage true --loader.limit 8 "
        "--loader.batch_size 2 --loader.crop 32 --loader.workers 2 --trainer.max_steps 100000 "
        f"--trainer.accelerator cpu --trainer.enable_progress_bar false --save-every 100000 --out {tmp_path}"
    ).split()
    logged = tmp_path / "single" / "logs" / "version_0" / "metrics.csv"
    with subprocess.Popen(words, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(1200):
            if logged.exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGTERM)
        _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1].endswith("the same command with --resume continues from its last checkpoint")
    assert torch.load(tmp_path / "single" / "last.ckpt", weights_only=True)["global_step"] > 0


def test_classes_that_a_recipe_names_take_part_and_the_best_checkpoint_is_kept(tmp_path):
    callbacks = [{"class_path": "EarlyStopping", "init_args": {"monitor": "val/loss"}}, "EMAWeightAveraging"]
    loggers = [{"class_path": "CSVLogger", "init_args": {"name": "mine"}}]
    validated = {"limit_val_batches": 1}
    path = train(recipe(trainer=validated, callbacks=callbacks, loggers=loggers), tmp_path)
    assert (tmp_path / "single" / "mine" / "version_0" / "metrics.csv").exists()
    best = LURE.load_from_checkpoint(tmp_path / "single" / "best.ckpt").state_dict()
    assert best.keys() == load_file(path).keys()
    plain = load_file(train(recipe(trainer=validated), tmp_path / "plain"))
    assert any(not tensor.equal(plain[name]) for name, tensor in load_file(path).items())  # averaged
    assert EMAWeightAveraging.__name__ in json.loads((tmp_path / "recipe.json").read_text())["callbacks"]


def test_a_checkpoint_callback_of_ones_own_takes_the_place_of_the_best(tmp_path):
    own = {"class_path": "ModelCheckpoint", "init_args": {"monitor": "val/loss", "dirpath": str(tmp_path / "own")}}
    train(recipe(trainer={"limit_val_batches": 1}, phases={"single": {"callbacks": [own]}}), tmp_path)
    assert len(list((tmp_path / "own").glob("*.ckpt"))) == 1
    assert not (tmp_path / "single" / "best.ckpt").exists()
    assert ModelCheckpoint.__name__ == own["class_path"]


def test_batches_to_overfit_are_the_same_in_every_epoch(tmp_path, monkeypatch):
    seen, step = [], LURE.training_step

    def recorded(self, batch, batch_idx):
        seen.append((list(batch["name"]), batch["vi"].clone()))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(LURE, "training_step", recorded)
    train(recipe(trainer={"overfit_batches": 1, "max_epochs": 3}), tmp_path)
    assert len(seen) == 3
    assert all(names == seen[0][0] and pixels.equal(seen[0][1]) for names, pixels in seen)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"callbacks": ["EarlyStoppin"]}, "unknown class of callbacks 'EarlyStoppin'; did you mean 'EarlyStopping'"),
        ({"callbacks": ["EarlyStopping"]}, "callbacks cannot have 'EarlyStopping': .* required: monitor"),
        ({"callbacks": ["fusionbench.LURE"]}, "callbacks cannot have 'fusionbench.LURE'"),
        ({"callbacks": "EarlyStopping"}, "give a list of classes"),
        (
            {"loggers": [{"class_path": "CSVLogger", "init_args": {"nam": "a"}}]},
            "Option 'nam' is not accepted|required",
        ),
        ({"callbacks": [{"class_path:EarlyStopping": None}]}, "it names no class_path; in YAML, a space follows"),
        ({"trainer": {"callbacks": []}}, "'callbacks' is set by the training itself; give classes as --callbacks"),
        ({"trainer": {"default_root_dir": "a"}}, "'default_root_dir' is set by the training itself; name the folder"),
        ({"trainer": {"plugins": "a"}}, r"it takes Union\[Precision, ClusterEnvironment, CheckpointIO, LayerSync"),
    ],
)
def test_classes_that_cannot_be_made_are_refused_at_once(changes, message):
    with pytest.raises(ValueError, match=message):
        recipe(**changes)
