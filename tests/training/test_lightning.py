"""Methods and data modules as users of Lightning write them: three lines, checkpoints, test, its command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.cli import LightningCLI
from torch.utils.data.distributed import DistributedSampler

import fusionbench
from fusionbench import methods
from fusionbench.data import DATASETS
from fusionbench.data.datamodule import FusionDataModule
from fusionbench.methods.drfusion.config import Architecture
from fusionbench.metrics.table import COMMON_METRICS

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*",
    "ignore:.*smaller than the logging interval.*",
    "ignore:.*LeafSpec.*:FutureWarning",
    "ignore:.*in eval mode at the start of training.*",
)

QUIET = {
    "accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
    "enable_model_summary": False, "num_sanity_val_steps": 0, "limit_val_batches": 1,
}  # fmt: skip
CPU = {"accelerator": "cpu"}
OWN_NETS = {
    "DRFusion": {"size": Architecture(8, (1, 1), 1, 4, 0.0), "milestones": [1, 2]},
    "DSPFusion": {"size": "s", "steps": 2, "phase": "diffusion"},
    "LURE": {"size": "tiny", "vgg_weights": Path("vgg.pth"), "seed": 3},
}


def data(root, **options) -> fusionbench.MSRSDataModule:
    return fusionbench.MSRSDataModule(root, **{"crop": 32, "batch_size": 2, "workers": 0, "val_share": 0.25, **options})


@pytest.fixture
def msrs(make_pairs, tmp_path):
    root = tmp_path / "msrs"
    make_pairs(root / "train" / "ir", root / "train" / "vi", "abcdefgh", size=(48, 64))
    make_pairs(root / "test" / "ir", root / "test" / "vi", "xyz", size=(48, 64))
    return root


def test_every_data_set_has_a_data_module_and_every_trained_method_its_class():
    modules = {module.dataset for module in FusionDataModule.__subclasses__()[0].__subclasses__()}
    assert modules == set(DATASETS) - {"folder"}
    public = {name for name in fusionbench.__all__ if name.endswith("DataModule")}
    assert all(issubclass(getattr(fusionbench, name), FusionDataModule) for name in public)
    assert len(public) == len(modules) + 1
    trained = {type(methods.build(name)).__name__ for name in ("drfusion-s", "dspfusion-s", "lure-s")}
    assert trained == {"DRFusion", "DSPFusion", "LURE"}
    assert all(issubclass(getattr(fusionbench, name), fusionbench.Method) for name in trained)


@pytest.mark.parametrize("name", OWN_NETS)
def test_a_checkpoint_gives_back_the_method_and_its_data(name, msrs, tmp_path):
    cls = getattr(fusionbench, name)
    (tmp_path / "cache").mkdir()
    method, pairs = cls(**OWN_NETS[name]), data(msrs, cache_dir=tmp_path / "cache", flip=False)
    trainer = Trainer(max_steps=1, **QUIET)
    trainer.fit(method, datamodule=pairs)
    trainer.save_checkpoint(tmp_path / "own.ckpt")
    assert torch.load(tmp_path / "own.ckpt", weights_only=True)["hyper_parameters"] == method.hparams
    opened = cls.load_from_checkpoint(tmp_path / "own.ckpt")
    assert opened.next_phase == method.phase
    for key, tensor in method.state_dict().items():
        torch.testing.assert_close(opened.state_dict()[key], tensor, rtol=0, atol=0, msg=key)
    again = fusionbench.MSRSDataModule.load_from_checkpoint(tmp_path / "own.ckpt")
    assert (again.datasets, again.root, again.cache_dir, again.flip) == (
        ["msrs"], str(msrs), str(tmp_path / "cache"), False,
    )  # fmt: skip
    trainer.validate(opened, datamodule=again, verbose=False)
    assert "val/loss" in trainer.logged_metrics
    trainer.fit(opened, datamodule=again)


@pytest.mark.parametrize("name", ["gff", "dspfusion-s"])
def test_test_logs_what_a_run_scores(name, msrs, tmp_path):
    [logged] = Trainer(**QUIET).test(methods.load(name), datamodule=data(msrs, degradations="ll"), verbose=False)
    table = fusionbench.run(
        name, data=msrs, degradation="ll", metrics=list(COMMON_METRICS), out=tmp_path / "run", trainer=CPU
    )
    expected = table[list(COMMON_METRICS)].mean()
    assert logged == {f"test/{metric}": pytest.approx(expected[metric], abs=1e-5) for metric in COMMON_METRICS}


def test_a_method_is_tested_as_it_fuses_and_not_as_its_phase_does(msrs):
    method = fusionbench.DSPFusion(size="s", phase="priors")
    trainer = Trainer(max_steps=1, **QUIET)
    trainer.fit(method, datamodule=data(msrs))
    trainer.test(method, datamodule=data(msrs), verbose=False)
    assert method.phase == ""
    assert method.next_phase == "priors"


def test_lightning_leaves_pairs_to_the_data_module(msrs):
    pairs = data(msrs)
    for stage, loader in (
        ("fit", "train"), ("validate", "val"), ("test", "test"), ("predict", "predict"),
    ):  # fmt: skip
        pairs.setup(stage)
        assert isinstance(getattr(pairs, f"{loader}_dataloader")().sampler, DistributedSampler)


@pytest.mark.parametrize("words", [
    ["--model", "fusionbench.DSPFusion", "--data", "fusionbench.MSRSDataModule"],
    ["--model", "fusionbench.LURE", "--data", "MSRSDataModule"],
    ["--model", "fusionbench.DRFusion", "--data", "fusionbench.FusionDataModule", "--data.datasets", "msrs"],
])  # fmt: skip
def test_lightnings_command_line_trains_validates_and_tests(words, msrs, tmp_path, monkeypatch):
    monkeypatch.setenv("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # of calls that Lightning makes
    words += ["--model.size=s", f"--data.root={msrs}", "--data.crop=32", "--data.batch_size=2", "--data.workers=0"]
    words += ["--trainer.accelerator=cpu", "--trainer.max_steps=1", "--trainer.limit_val_batches=1"]
    words += ["--trainer.enable_progress_bar=false", f"--trainer.default_root_dir={tmp_path}", "--trainer.logger=false"]
    own = ["--trainer.num_sanity_val_steps=0", "--data.val_share=0.25"]

    def program(*given):
        monkeypatch.setattr(sys, "argv", ["program", *given, *words, *own])
        return LightningCLI(
            fusionbench.Method, FusionDataModule, subclass_mode_model=True, subclass_mode_data=True,
            save_config_callback=None, seed_everything_default=0,
        )  # fmt: skip

    fitted = program("fit")
    [checkpoint] = tmp_path.rglob("*.ckpt")
    assert torch.load(checkpoint, weights_only=True)["hyper_parameters"]["size"] == "s"
    for stage, logged in (("validate", "val/loss"), ("test", "test/EN")):
        assert logged in program(stage, f"--ckpt_path={checkpoint}").trainer.logged_metrics
    opened = type(fitted.model).load_from_checkpoint(checkpoint)
    assert opened.hparams["size"] == "s"
