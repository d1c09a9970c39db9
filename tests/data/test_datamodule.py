from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning import LightningModule, Trainer
from torch import nn

from fusionbench.data.datamodule import EMSDataModule, FusionDataModule, M3FDDataModule, MSRSDataModule, whole_pairs
from fusionbench.data.loading import load
from fusionbench.data.pairs import Pairs
from fusionbench.data.samplers import EpochSampler
from tests.pairs import Counted

# Two cores are few, and how many workers to start is the user's choice.
# Lightning 2.6 asks torch 2.15 a deprecated question about its own loaders.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec:FutureWarning")


@pytest.fixture
def msrs(tmp_path, make_pairs):
    root = tmp_path / "data" / "msrs"
    make_pairs(root / "train" / "ir", root / "train" / "vi", [f"{n:02d}" for n in range(10)], size=(32, 40))
    make_pairs(root / "test" / "ir", root / "test" / "vi", ["x", "y", "z"], size=(32, 40))
    return tmp_path / "data"


class Recorder(LightningModule):
    """A model that learns one number and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.shown, self.validated, self.tested = [], [], []

    def training_step(self, batch, batch_idx):
        assert batch["ir"].shape[-2:] == (16, 16)
        means = batch["vi"].mean((1, 2, 3)).tolist()
        self.shown += [(self.current_epoch, *shown) for shown in zip(batch["name"], means, strict=True)]
        return ((batch["vi"] - self.weight * batch["vi_clean"]) ** 2).mean()

    def validation_step(self, batch, batch_idx):
        self.validated += batch["name"]

    def test_step(self, batch, batch_idx):
        self.tested += batch["name"]

    def predict_step(self, batch, batch_idx):
        return batch["name"], tuple(batch["vi"].shape), batch["degradation"]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(tmp_path, **options) -> Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
    return Trainer(default_root_dir=tmp_path, enable_checkpointing=False, **(quiet | options))


def module(root, **options) -> FusionDataModule:
    defaults = {"batch_size": 3, "workers": 0, "crop": 16, "degradations": ["ll", "vi:rn"], "val_share": 0.2}
    return MSRSDataModule(root=root, **(defaults | options))


def test_training_sees_every_pair_in_every_epoch_and_never_the_same_crop(tmp_path, msrs):
    model = Recorder()
    trainer(tmp_path, max_epochs=3, num_sanity_val_steps=0).fit(model, datamodule=module(msrs, batch_size=4))
    assert len(model.shown) == 24
    for epoch in range(3):
        assert {name for at, name, _ in model.shown if at == epoch} == {f"{n:02d}" for n in range(8)}
    assert len({mean for *_, mean in model.shown}) == 24
    assert model.validated == ["08", "09"] * 3
    assert model.weight < 1


def test_persistent_workers_show_the_same_as_none(tmp_path, msrs):
    shown = []
    for workers in (0, 1):
        model = Recorder()
        trainer(tmp_path, max_epochs=2).fit(model, datamodule=module(msrs, workers=workers))
        shown.append(model.shown)
    assert shown[0] == shown[1]


def test_resumed_training_goes_on_with_the_pairs_of_the_next_epoch(tmp_path, msrs):
    whole = Recorder()
    trainer(tmp_path, max_epochs=3).fit(whole, datamodule=module(msrs))
    first, second = Recorder(), Recorder()
    begun = trainer(tmp_path, max_epochs=2)
    begun.fit(first, datamodule=module(msrs))
    begun.save_checkpoint(tmp_path / "two.ckpt")
    trainer(tmp_path, max_epochs=3).fit(second, datamodule=module(msrs), ckpt_path=tmp_path / "two.ckpt")
    assert first.shown + second.shown == whole.shown
    torch.testing.assert_close(second.weight, whole.weight, rtol=0, atol=0)


def test_validation_split_is_used_where_one_is_named(msrs, make_pairs):
    make_pairs(msrs / "msrs" / "dev" / "ir", msrs / "msrs" / "dev" / "vi", ["v"])
    data = module(msrs, val_split="dev")
    data.setup("fit")
    assert len(data.train_pairs) == 10
    assert data.val_pairs.source.names == ["v"]


def test_test_and_prediction_read_the_test_split(tmp_path, msrs):
    model, data = Recorder(), module(msrs, eval_degradations=["haze"])
    trainer(tmp_path).test(model, datamodule=data, verbose=False)
    assert model.tested == ["x", "y", "z"]
    ((names, shape, degradations),) = trainer(tmp_path).predict(model, datamodule=data)
    assert (names, shape, degradations) == (["x", "y", "z"], (3, 3, 32, 40), ["haze"] * 3)


def test_prediction_groups_equal_sizes(tmp_path, make_pairs):
    for names, size in ((["a", "c", "e"], (8, 8)), (["b", "d"], (8, 12))):
        make_pairs(tmp_path / "test" / "ir", tmp_path / "test" / "vi", names, size=size)
    data = FusionDataModule("roadscene", root=tmp_path, batch_size=2, workers=0)
    batches = trainer(tmp_path).predict(Recorder(), datamodule=data)
    assert [names for names, *_ in batches] == [["a", "c"], ["b", "d"], ["e"]]


def test_several_data_sets_train_together(msrs, make_pairs):
    make_pairs(msrs / "tno" / "train" / "ir", msrs / "tno" / "train" / "vi", ["00", "01"], size=(20, 90))
    data = FusionDataModule(["msrs", "tno"], root=msrs, batch_size=10, workers=0, crop=16, val_share=0.2)
    data.setup("fit")
    assert data.train_pairs.source.names[-2:] == ["msrs__07", "tno__00"]
    (batch,) = data.train_dataloader()
    assert batch["vi"].shape == (9, 3, 16, 16)
    assert data.val_pairs.source.names == ["msrs__08", "msrs__09", "tno__01"]


@pytest.fixture
def two_sets(msrs, make_pairs):
    """Eight and forty training pairs."""
    root = msrs / "m3fd" / "train"
    make_pairs(root / "ir", root / "vi", [f"{n:02d}" for n in range(42)], size=(32, 40))
    return msrs


def test_a_share_of_its_own_shows_a_small_dataset_as_often_as_a_large_one(tmp_path, two_sets):
    def pairs(**options) -> FusionDataModule:
        given = {"batch_size": 4, "workers": 0, "crop": 16, "val_share": 0.05}
        return FusionDataModule(["msrs", "m3fd"], two_sets, **given, shares={"msrs": 1, "m3fd": 1}, **options)

    whole = Recorder()
    trainer(tmp_path, max_epochs=3).fit(whole, datamodule=pairs())
    for epoch in range(3):
        shown = [name.partition("__")[0] for at, name, _ in whole.shown if at == epoch]
        assert abs(shown.count("msrs") - shown.count("m3fd")) <= 1
    # What comes several times in an epoch is cropped anew, and no pair waits for more than its turn.
    names = [name for _, name, _ in whole.shown]
    assert len({mean for *_, mean in whole.shown}) == len(whole.shown)
    counts = {which: [names.count(name) for name in set(names) if name.startswith(which)] for which in ("msrs", "m3fd")}
    assert all(max(each) - min(each) <= 1 for each in counts.values())
    # Interrupted and resumed as without shares; with workers as without.
    first, second, begun = Recorder(), Recorder(), trainer(tmp_path, max_epochs=2)
    begun.fit(first, datamodule=pairs())
    begun.save_checkpoint(tmp_path / "two.ckpt")
    trainer(tmp_path, max_epochs=3).fit(second, datamodule=pairs(), ckpt_path=tmp_path / "two.ckpt")
    assert first.shown + second.shown == whole.shown


def test_processes_divide_an_epoch_of_shares():
    counted = Counted(48, 0)
    samplers = [
        EpochSampler(counted, processes=count, process=process, parts=[8, 40], shares=[2, 1])
        for count, process in ((1, 0), (2, 0), (2, 1))
    ]
    for sampler in samplers:
        sampler.set_epoch(3)
    whole, *halves = map(list, samplers)
    assert [item for pair in zip(*halves, strict=True) for item in pair] == whole
    assert len(whole) == len(samplers[0]) == 48
    assert sum(item.place < 8 for item in whole) == 32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shares": {"msrs": 1}}, "shares has no positive number for 'm3fd'"),
        ({"shares": {"msrs": 1, "m3fd": 0}}, "shares has no positive number for 'm3fd'"),
        ({"shares": {"mrsr": 1}}, "unknown dataset of shares 'mrsr'; did you mean 'msrs'"),
        ({"only": {"ems": ["lc"]}}, "unknown dataset of only 'ems'"),
    ],
)
def test_shares_and_selections_of_other_datasets_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FusionDataModule(["msrs", "m3fd"], **options)


def test_pairs_that_are_degraded_on_disk_train_as_they_are(tmp_path, save):
    for split in ("train", "val"):
        for folder, names in (
            ("IR", ["1_Norm", "1_SN"]),
            ("VI", ["1_Norm", "1_Rain"]),
            ("IR_enhanced", ["1"]),
            ("VI_enhanced", ["1"]),
        ):
            for value, name in enumerate(names):
                save(tmp_path / split / folder / f"{name}.png", np.full((20, 24), 10 + value, np.uint8))
    data = EMSDataModule(root=tmp_path, crop=16, workers=0, batch_size=4)
    data.setup("fit")
    (batch,) = data.train_dataloader()
    assert sorted(batch["degradation"]) == ["clean", "rain", "rain+sn", "sn"]
    assert batch["vi"].shape == batch["vi_clean"].shape == (4, 3, 16, 16)
    assert {round(float(image.mean() * 255)) for image in batch["ir_clean"]} == {10}
    assert len(data.val_pairs) == 4
    data = EMSDataModule(root=tmp_path, crop=16, workers=0, batch_size=1, only={"ems": ["sn"]})
    data.setup("fit")
    (batch,) = data.train_dataloader()
    assert batch["degradation"] == ["sn"]


def test_settings_are_saved_with_the_model(msrs):
    data = module(msrs, seed=7)
    assert data.hparams["seed"] == 7
    assert data.datasets == ["msrs"]
    assert data.hparams["degradations"] == ["ll", "vi:rn"]


@pytest.mark.parametrize(("make", "name"), [(EMSDataModule, "ems"), (MSRSDataModule, "msrs"), (M3FDDataModule, "m3fd")])
def test_named_modules_know_their_data_set(make, name):
    assert make(root="/nowhere").datasets == [name]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"datasets": "mrss"}, "unknown dataset 'mrss'; did you mean 'msrs'"),
        ({"datasets": []}, "needs a dataset"),
        ({"val_share": 0.0}, "val_share between 0 and 1"),
        ({"batch_size": 0}, "batch_size of at least 1"),
    ],
)
def test_wrong_settings_are_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        FusionDataModule(**options)


def test_one_training_pair_cannot_be_divided(msrs):
    data = module(msrs, limit=1)
    with pytest.raises(ValueError, match="msrs has 1 training pairs, too few to hold some out"):
        data.setup("fit")


def test_loaders_need_a_setup(msrs):
    with pytest.raises(ValueError, match=r"call setup\('fit'\)"):
        module(msrs).train_dataloader()


def test_whole_pairs_need_no_trainer(msrs):
    loader = whole_pairs(Pairs(load("msrs", root=msrs), "sn"), batch_size=2)
    assert [batch["name"] for batch in loader] == [["x", "y"], ["z"]]


class Notes(LightningModule):
    """A model that notes in files which process was shown what."""

    def __init__(self, folder) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.folder = folder

    def note(self, what, batch) -> None:
        with (self.folder / f"{what}{self.global_rank}.txt").open("a") as file:
            file.writelines(f"{name}\n" for name in batch["name"])

    def training_step(self, batch, batch_idx):
        self.update_meta("train", batch)
        return (self.weight * batch["vi"]).mean()

    def validation_step(self, batch, batch_idx):
        self.update_meta("validate", batch)

    def predict_step(self, batch, batch_idx):
        self.update_meta("predict", batch)
        return batch["name"]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.slow
def test_two_processes_share_pairs_without_repeats(tmp_path, msrs):
    def noted(what: str) -> list[list[str]]:
        return [(tmp_path / f"{what}{rank}.txt").read_text().split() for rank in range(2)]

    two = {"devices": 2, "strategy": "ddp_fork"}
    fit = trainer(tmp_path, max_epochs=1, num_sanity_val_steps=0, limit_val_batches=0, **two)
    fit.fit(Notes(tmp_path), datamodule=module(msrs, batch_size=2))
    shares = noted("train")
    assert [len(share) for share in shares] == [4, 4]
    assert sorted(shares[0] + shares[1]) == [f"{n:02d}" for n in range(8)]
    trainer(tmp_path, **two).predict(Notes(tmp_path), datamodule=module(msrs), return_predictions=False)
    assert sorted(name for share in noted("predict") for name in share) == ["x", "y", "z"]


def test_raw_frames_are_trained_on_with_a_range(tmp_path, make_pairs, save):
    make_pairs(tmp_path / "ir", tmp_path / "vi", ["a", "b", "c", "d"])
    for path in (tmp_path / "ir").iterdir():
        save(path, 7800 + np.arange(768, dtype=np.uint16).reshape(24, 32))
    given = {"datasets": "folder", "root": tmp_path, "crop": None, "flip": False, "workers": 0}
    with pytest.raises(ValueError, match="--ir-range"):
        FusionDataModule(**given).setup("fit")
    data = FusionDataModule(**given, ir_range="7800,8567")
    data.setup("fit")
    assert data.train_pairs[0]["ir"].max() == 1
    assert data.hparams["ir_range"] == "7800,8567"
