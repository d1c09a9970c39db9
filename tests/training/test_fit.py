"""Training: all phases in order, and an interrupted run that ends where an uninterrupted one does."""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from lightning import Trainer
from safetensors.torch import load_file

from fusionbench import methods
from fusionbench.methods.lure.method import LURE
from fusionbench.methods.lure.text.tasks import LEARNED
from fusionbench.training.callbacks import ProgressBar
from fusionbench.training.curves import read_logs
from fusionbench.training.fit import train
from fusionbench.training.recipe import Recipe
from fusionbench.weights.checksums import digest8
from fusionbench.weights.safetensors import read_metadata
from fusionbench.weights.store import PRETRAINED

pytestmark = pytest.mark.filterwarnings(
    # Small trainings are shorter than what Lightning's defaults are made for.
    "ignore:.*does not have many workers.*",
    "ignore:.*smaller than the logging interval.*",
    "ignore:.*in eval mode at the start of training.*",
    "ignore:.*Checkpoint directory.*exists and is not empty.*",
)

LOADER = {
    "datasets": "synthetic", "batch_size": 2, "crop": 32, "workers": 0, "limit": 6, "val_share": 0.2,
    "degradations": ["ll", "ir:lc"],
}  # fmt: skip
TRAINER = {
    "max_epochs": 2, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu",
    "limit_val_batches": 0, "log_every_n_steps": 1,
}  # fmt: skip


def recipe(**changes) -> Recipe:
    options = {"perceptual": "none", "single_stage": True}
    return Recipe(**{"method": "lure-s", "options": options, "loader": LOADER, "trainer": TRAINER, **changes})


@pytest.mark.parametrize("phases", [{}, {"single": {"average_with_initial": 0.5}}], ids=["plain", "averaged"])
def test_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, monkeypatch, phases):
    whole_file = train(recipe(save_every=1, phases=phases), tmp_path / "whole")
    whole = load_file(whole_file)
    step = LURE.training_step

    def interrupted(self, batch, batch_idx):
        if self.global_step == 4:
            raise KeyboardInterrupt
        return step(self, batch, batch_idx)

    monkeypatch.setattr(LURE, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(save_every=1, phases=phases), tmp_path / "parts")
    monkeypatch.setattr(LURE, "training_step", step)
    resumed_file = train(recipe(save_every=1, phases=phases), tmp_path / "parts", resume=True)
    resumed = load_file(resumed_file)
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0, msg=name)
    assert resumed_file.read_bytes() == whole_file.read_bytes()


def test_training_leaves_logs_curves_and_weights(tmp_path):
    path = train(recipe(), tmp_path)
    assert (tmp_path / "single" / "curves.png").stat().st_size > 0
    assert len(read_logs(tmp_path / "single" / "logs")) >= 6
    assert all(torch.isfinite(tensor).all() for tensor in load_file(path).values())


def test_training_goes_on_from_given_weights_and_says_from_which(tmp_path, monkeypatch):
    first = train(recipe(), tmp_path / "first")
    begun = []
    monkeypatch.setattr(LURE, "on_fit_start", lambda self: begun.append(copy.deepcopy(self.state_dict())))
    second = train(recipe(init_from=str(first)), tmp_path / "second")
    for name, tensor in load_file(first).items():
        torch.testing.assert_close(begun[0][name], tensor, rtol=0, atol=0, msg=name)
    assert any((load_file(second)[name] != tensor).any() for name, tensor in load_file(first).items())
    told = read_metadata(second)["recipe"]
    assert told["init_from"] == f"lure-s@{digest8(first)}"
    assert str(tmp_path) not in json.dumps(told)


def test_name_of_the_method_starts_from_the_weights_that_it_fuses_with(tmp_path):
    never = {**TRAINER, "max_epochs": 0}
    options = {"perceptual": "none"}
    path = train(recipe(init_from="lure-s", options=options, trainer=never), tmp_path)
    shipped = methods.load("lure-s").state_dict()
    for name, tensor in load_file(path).items():
        torch.testing.assert_close(tensor, shipped[name], rtol=0, atol=0, msg=name)


def test_final_weights_are_averaged_with_the_initial_ones(tmp_path):
    never = {**TRAINER, "max_epochs": 0}
    initial = load_file(train(recipe(trainer=never), tmp_path / "initial"))
    final = load_file(train(recipe(), tmp_path / "final"))
    averaged = load_file(train(recipe(phases={"single": {"average_with_initial": 0.25}}), tmp_path / "averaged"))
    assert any((initial[name] != final[name]).any() for name in initial)
    for name, tensor in averaged.items():
        mean = 0.25 * initial[name] + 0.75 * final[name]
        torch.testing.assert_close(tensor, mean if tensor.is_floating_point() else final[name], msg=name)


def test_a_training_whose_recipe_has_former_names_is_resumed(tmp_path):
    averaged = recipe(phases={"single": {"average_with_initial": 0.25}})
    before = train(averaged, tmp_path).read_bytes()
    path = tmp_path / "recipe.json"
    path.write_text(path.read_text().replace('"average_with_initial"', '"keep"'))
    assert train(averaged, tmp_path, resume=True).read_bytes() == before
    path.write_text(path.read_text().replace('"average_with_initial": 0.25', '"keep": 0.5'))
    with pytest.raises(ValueError, match="a training of another recipe"):
        train(averaged, tmp_path, resume=True)


def test_options_of_a_phase_are_a_table():
    with pytest.raises(ValueError, match="trainer is 3; give a table of its options"):
        recipe(phases={"single": {"trainer": 3}})


@pytest.mark.parametrize("share", [1, -0.1, "half"])
def test_the_share_of_the_initial_weights_is_a_number_below_one(share):
    with pytest.raises(ValueError, match=f"'single' is {share!r}; give the share of the initial weights"):
        recipe(phases={"single": {"average_with_initial": share}})


def test_weights_to_start_from_are_named_where_they_are_missing_or_of_another_method(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no initial weights at .*nowhere; pass"):
        train(recipe(init_from=str(tmp_path / "nowhere")), tmp_path / "run")
    with pytest.raises(ValueError, match="another architecture than LURE"):
        train(recipe(init_from=str(PRETRAINED / "dspfusion-s")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_finished_folder_is_refused_without_resume(tmp_path):
    (tmp_path / "recipe.json").write_text("{}")
    (tmp_path / "single").mkdir()
    (tmp_path / "single" / "weights.safetensors").touch()
    with pytest.raises(ValueError, match=r"--resume.*another --out"):
        train(recipe(), tmp_path)
    with pytest.raises(ValueError, match="another recipe"):
        train(recipe(), tmp_path, resume=True)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A training that was interrupted after its second checkpoint."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        step = LURE.training_step

        def interrupted(self, batch, batch_idx):
            if self.global_step == 2:
                raise KeyboardInterrupt
            return step(self, batch, batch_idx)

        patch.setattr(LURE, "training_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(recipe(save_every=1), folder)
    return folder


class Payload:
    def __reduce__(self):
        return exec, ("raise SystemExit('code was run')",)


def of_another_network(path):
    held = torch.load(path, weights_only=True)
    held["state_dict"] = {name: tensor[..., :1] for name, tensor in held["state_dict"].items()}
    torch.save(held, path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "is damaged or not a checkpoint"),
        (lambda path: path.write_bytes(path.read_bytes()[:-3000]), "is damaged or not a checkpoint"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "is damaged or not a checkpoint"),
        (lambda path: path.write_text("<html>"), "is damaged or not a checkpoint|contains more than tensors"),
        (
            lambda path: torch.save(torch.load(path, weights_only=True)["state_dict"], path),
            "not a training checkpoint",
        ),
        (of_another_network, "is the checkpoint of another network"),
        (lambda path: torch.save({"state_dict": Payload()}, path), "code from a checkpoint is never executed"),
    ],
    ids=["empty", "cut", "cut short", "text", "weights", "another network", "payload"],
)
def test_a_checkpoint_that_cannot_be_gone_on_from_is_named(stopped, tmp_path, damage, message):
    checkpoint = shutil.copytree(stopped, tmp_path / "out") / "single" / "last.ckpt"
    damage(checkpoint)
    with pytest.raises(ValueError, match=message) as raised:
        train(recipe(save_every=1), tmp_path / "out", resume=True)
    assert str(raised.value).startswith(str(checkpoint))
    assert str(raised.value).endswith("delete it, and --resume restarts phase 'single'")


def test_damaged_weights_of_a_finished_phase_are_named(tmp_path):
    whole = train(recipe(save_every=1), tmp_path)
    before, finished = whole.read_bytes(), tmp_path / "single" / "weights.safetensors"
    held = finished.read_bytes()
    for damaged in (b"", held[:1000], held[:-1000]):
        finished.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"weights.safetensors is damaged or of another network; delete it"):
            train(recipe(save_every=1), tmp_path, resume=True)
    finished.unlink()
    assert train(recipe(save_every=1), tmp_path, resume=True).read_bytes() == before


def test_checkpoints_are_read_without_running_code(stopped, tmp_path, monkeypatch):
    out = shutil.copytree(stopped, tmp_path / "out")
    asked, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *given, **options: asked.append(options) or load(*given, **options))
    train(recipe(save_every=1), out, resume=True)
    assert len(asked) > 1
    assert all(options["weights_only"] is True for options in asked)


def test_a_training_that_ended_before_its_first_checkpoint_claims_nothing(tmp_path, monkeypatch):
    step = LURE.training_step
    monkeypatch.setattr(LURE, "training_step", lambda self, batch, index: batch["ir"].sum() * float("nan"))
    with pytest.raises(ValueError, match="the loss is nan"):
        train(recipe(), tmp_path)
    monkeypatch.setattr(LURE, "training_step", step)
    train(recipe(seed=1), tmp_path)
    assert json.loads((tmp_path / "recipe.json").read_text())["seed"] == 1


def test_what_a_later_phase_is_refused_for_is_said_before_the_first_begins(tmp_path):
    later = {"fusion": {"trainer": {"strategy": "ddpp"}}}
    with pytest.raises(ValueError, match="the trainer of phase 'fusion' cannot be set up"):
        train(recipe(options={"perceptual": "none"}, phases=later), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "phase", "expected"),
    [
        ({}, "representation", LEARNED),
        ({}, "fusion", ("clean",)),
        ({"fuse_degraded": True}, "fusion", ("clean", *LEARNED)),
        ({"single_stage": True}, "single", LEARNED),
    ],
)
def test_a_training_without_degradations_has_those_of_its_method(tmp_path, options, phase, expected):
    loader = {name: value for name, value in LOADER.items() if name != "degradations"}
    never = {**TRAINER, "max_epochs": 0}
    path = train(recipe(options={"perceptual": "none", **options}, loader=loader, trainer=never), tmp_path)
    told = json.loads((tmp_path / "recipe.json").read_text())
    assert told["phases"][phase]["loader"]["degradations"] == list(expected)
    assert read_metadata(path)["recipe"]["phases"] == told["phases"]


def test_short_trainings_log_every_step_and_lightning_keeps_its_advice_to_itself(tmp_path, recwarn):
    trainer = {name: value for name, value in TRAINER.items() if name not in ("max_epochs", "log_every_n_steps")}
    train(recipe(trainer={**trainer, "max_steps": 3}), tmp_path)
    assert read_logs(tmp_path / "single" / "logs")["train/loss"].notna().sum() == 3
    assert not [warning for warning in recwarn if "logging interval" in str(warning.message)]


@pytest.mark.parametrize(("length", "shown"), [({"max_steps": 3}, "Epoch 1 "), ({"max_epochs": 3}, "Epoch 1/2")])
def test_the_bar_shows_no_last_epoch_where_the_length_is_in_steps(length, shown):
    bar = ProgressBar()
    bar._trainer = Trainer(**length, accelerator="cpu", logger=False, enable_checkpointing=False)
    assert f"{bar._get_train_description(1)} ".startswith(shown)


def test_loss_that_is_no_number_stops_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(LURE, "training_step", lambda self, batch, index: batch["ir"].sum() * float("nan"))
    with pytest.raises(ValueError, match=r"the loss is nan at step 0.*learning rate"):
        train(recipe(), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "lure-x"}, "unknown method 'lure-x'; did you mean 'lure-s'"),
        ({"trainer": {"max_epoch": 1}}, "did you mean 'max_epochs'"),
        ({"loader": {"batchsize": 1}}, "did you mean 'batch_size'"),
        ({"phases": {"single": {"train": {}}}}, "entry of a phase"),
    ],
)
def test_misspelt_recipe_is_refused_before_anything_runs(changes, message):
    with pytest.raises(ValueError, match=message):
        recipe(**changes)


def test_method_without_phases_and_unknown_phase_are_named(tmp_path):
    with pytest.raises(ValueError, match="'lap' has no training phases"):
        train(Recipe("lap"), tmp_path)
    with pytest.raises(ValueError, match="unknown phase of lure-s 'sinlge'; did you mean 'single'"):
        train(recipe(phases={"sinlge": {}}), tmp_path)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX")
def test_a_group_that_is_asked_to_end_says_that_the_training_was_interrupted(tmp_path):
    words = (
        f"{sys.executable} -m fusionbench train --method lure-s --options.perceptual none --dataset synthetic "
        "--loader.limit 8 --loader.batch_size 2 --loader.crop 32 --loader.workers 2 --trainer.max_steps 100000 "
        f"--trainer.accelerator cpu --trainer.enable_progress_bar false --save-every 1 --out {tmp_path}"
    ).split()
    with subprocess.Popen(words, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(1200):
            if (tmp_path / "representation" / "last.ckpt").exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGTERM)
        _, errors = process.communicate()
    assert process.returncode == 130
    interrupted = "fusionbench: interrupted; the same command with --resume continues from its last checkpoint"
    assert errors.splitlines()[-1] == interrupted
