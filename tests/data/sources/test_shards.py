"""Shards hold what was put into them, and every pair is seen once per epoch, whoever reads them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import webdataset
from safetensors.torch import load_file

from fusionbench.cli.main import main
from fusionbench.data import load
from fusionbench.data.samplers import EpochSampler
from fusionbench.data.sources.base import ConcatSource, Subset
from fusionbench.data.sources.shards import INDEX, blocks_of, read_index, write_shards
from fusionbench.methods.lure.method import LURE
from fusionbench.training.fit import train
from fusionbench.training.recipe import Recipe
from tests.pairs import Counted

COUNT, PER_SHARD = 14, 3


@pytest.fixture
def folders(tmp_path, make_pairs):
    root = tmp_path / "msrs"
    make_pairs(root / "train" / "ir", root / "train" / "vi", [f"0.{n:02d}" for n in range(COUNT)], size=(32, 40))
    return root


@pytest.fixture
def shards(folders, tmp_path):
    write_shards(load("msrs", root=folders, split="train"), "train", tmp_path / "shards", PER_SHARD)
    return tmp_path / "shards"


def test_shards_hold_the_very_pairs(folders, shards):
    files, sharded = load("msrs", root=folders, split="train"), load("msrs", root=shards, split="train")
    assert sharded.names == files.names
    for index in reversed(range(COUNT)):
        assert sharded.size(index) == (32, 40)
        raw, kept = files.read(index), sharded.read(index)
        np.testing.assert_array_equal(kept.ir, raw.ir)
        np.testing.assert_array_equal(kept.vi, raw.vi)
        assert (kept.name, kept.ir_clean, kept.degradation) == (raw.name, None, "clean")


def test_shards_keep_references_and_what_is_known_of_a_pair(tmp_path, make_pairs):
    root = tmp_path / "ems"
    for folder in ("ir", "vi"):
        (root / "train" / folder).mkdir(parents=True)
    make_pairs(root / "train" / "ir", root / "train" / "vi", ["a"], size=(32, 40))
    source = load("folder", ir_dir=root / "train" / "ir", vi_dir=root / "train" / "vi")
    raw = source.read(0)
    known = {"ir_clean": raw.ir // 2, "vi_clean": raw.vi // 2, "degradation": "ll", "ir_scale": 2, "prompt": "dark"}

    class Known:
        dataset, names = "folder", ["a"]

        def __len__(self):
            return 1

        def size(self, index):
            return source.size(index)

        def read(self, index):
            return type(raw)("a", raw.ir, raw.vi, **known)

    write_shards(Known(), "train", tmp_path / "out")
    kept = load("folder", root=tmp_path / "out", split="train").read(0)
    np.testing.assert_array_equal(kept.vi_clean, known["vi_clean"])
    np.testing.assert_array_equal(kept.ir_clean, known["ir_clean"])
    assert (kept.degradation, kept.ir_scale, kept.vi_scale, kept.prompt) == ("ll", 2, 1, "dark")


@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")  # It closes no file.
def test_webdataset_reads_the_shards_too(shards):
    urls = [str(shards / shard["file"]) for shard in read_index(shards)["splits"]["train"]]
    assert len(urls) == 5
    samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    assert [sample["json"]["name"] for sample in samples] == [f"0.{n:02d}" for n in range(COUNT)]
    np.testing.assert_array_equal(samples[4]["vi.png"], load("msrs", root=shards, split="train").read(4).vi)


def test_equal_pairs_make_equal_files(folders, shards, tmp_path):
    write_shards(load("msrs", root=folders, split="train"), "train", tmp_path / "again", PER_SHARD)
    for path in shards.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_share_out_the_pairs_of_shards_once_each(processes):
    blocks = [range(start, min(start + 4, 26)) for start in range(0, 26, 4)]
    left_out = set()
    for epoch in range(6):
        shares = []
        for process in range(processes):
            sampler = EpochSampler(Counted(26, seed=3), processes=processes, process=process, blocks=blocks)
            sampler.set_epoch(epoch)
            shares.append([turn.place for turn in sampler])
        seen = [place for share in shares for place in share]
        assert len(seen) == len(set(seen)) == 26 // processes * processes
        assert len({len(share) for share in shares}) == 1
        left_out |= set(range(26)) - set(seen)
        # Two processes meet in one shard at most, where the share of one ends and that of the next begins.
        touched = [{place // 4 for place in share} for share in shares]
        assert all(len(one & other) <= 1 for one, other in pairwise(touched))
    assert (len(left_out) > 1) is (processes == 3)


def test_blocks_follow_pairs_through_parts_and_joints(shards, folders):
    source = load("msrs", root=shards, split="train")
    assert blocks_of(Subset(source, range(2, 8))) == [[0], [1, 2, 3], [4, 5]]
    assert blocks_of(ConcatSource([Subset(source, [0]), Subset(source, [13, 12])])) == [[0], [2, 1]]
    assert blocks_of(ConcatSource([source, load("msrs", root=folders, split="train")])) == []


PROGRAM = """
import sys
import torch
from lightning import LightningModule, Trainer
from fusionbench.data.datamodule import FusionDataModule

class Recorder(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
    def training_step(self, batch, batch_idx):
        with open(f"{sys.argv[2]}/{self.current_epoch}-{self.global_rank}.txt", "a") as stream:
            stream.writelines(f"{name}\\n" for name in batch["name"])
        return self.weight * batch["vi"].mean()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

if __name__ == "__main__":
    data = FusionDataModule("msrs", sys.argv[1], batch_size=3, workers=2, crop=16, val_share=0.14)
    Trainer(
        accelerator="cpu", devices=2, strategy="ddp", max_epochs=2, limit_val_batches=0, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        use_distributed_sampler=False,
    ).fit(Recorder(), data)
"""


def test_two_processes_with_two_workers_each_see_every_pair_once_per_epoch(shards, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "seen").mkdir()
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(shards), str(tmp_path / "seen")],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )
    assert done.returncode == 0, done.stderr
    orders = []
    for epoch in range(2):
        parts = [(tmp_path / "seen" / f"{epoch}-{rank}.txt").read_text().split() for rank in range(2)]
        assert [len(part) for part in parts] == [6, 6]
        assert Counter(parts[0] + parts[1]) == Counter(f"0.{n:02d}" for n in range(12))
        orders.append(parts)
    assert orders[0] != orders[1]


@pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*",
    "ignore:.*smaller than the logging interval.*",
    "ignore:.*in eval mode at the start of training.*",
)
def test_training_from_shards_resumes_in_the_middle_of_an_epoch(shards, tmp_path, monkeypatch):
    recipe = Recipe(
        "lure-s",
        options={"perceptual": "none", "single_stage": True},
        loader={"datasets": "msrs", "root": str(shards), "batch_size": 2, "crop": 16, "workers": 1, "val_share": 0.14,
                "degradations": ["ll"]},
        trainer={"max_epochs": 2, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu",
                 "limit_val_batches": 0, "log_every_n_steps": 1},
        save_every=1,
    )  # fmt: skip
    seen, step = [], LURE.training_step

    def recorded(self, batch, batch_idx):
        if len(seen) == stop:
            raise KeyboardInterrupt
        seen.append((self.current_epoch, *batch["name"]))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(LURE, "training_step", recorded)
    stop = None
    whole = load_file(train(recipe, tmp_path / "whole"))
    expected = list(seen)
    seen.clear()
    stop = 8
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "parts")
    stop = None
    resumed = load_file(train(recipe, tmp_path / "parts", resume=True))
    assert seen == expected
    assert Counter(name for epoch, *names in seen for name in names) == Counter({f"0.{n:02d}": 2 for n in range(12)})
    for name, tensor in whole.items():
        np.testing.assert_array_equal(resumed[name].numpy(), tensor.numpy(), err_msg=name)


def test_shards_that_are_not_right_are_refused_with_a_sentence(shards, tmp_path):
    first = shards / "train-000000.tar"
    whole = first.read_bytes()
    pixels = json.loads((shards / INDEX).read_text())["splits"]["train"][0]["pairs"][1]["parts"]["vi"]
    first.write_bytes(whole[: pixels[0] + 60] + b"?" + whole[pixels[0] + 61 :])
    source = load("msrs", root=shards, split="train")
    source.read(0)
    with pytest.raises(ValueError, match=r"train-000000.tar is damaged at '0.01'; copy it again"):
        source.read(1)
    first.write_bytes(whole[:-512])
    with pytest.raises(ValueError, match=r"train-000000.tar has \d+ bytes and should have \d+ according to index.json"):
        load("msrs", root=shards, split="train")
    first.unlink()
    with pytest.raises(FileNotFoundError, match=r"train-000000.tar is missing but listed in index.json"):
        load("msrs", root=shards, split="train")
    with pytest.raises(FileNotFoundError, match=r"holds shards of train, but none of 'test'.*--split test"):
        load("msrs", root=shards, split="test")
    with pytest.raises(ValueError, match="holds shards of 'msrs', not of 'llvip'"):
        load("llvip", root=shards, split="train")
    (shards / INDEX).write_text('{"format": 3}')
    with pytest.raises(ValueError, match=r"index.json is not an index of shards.*fusionbench data shard"):
        load("msrs", root=shards, split="train")


@pytest.mark.parametrize(
    "name", ["../../outside", "/tmp/outside", "a/../../b", "..", "", "a\0b", "nul", ".a", "c\\..\\x"]
)
def test_names_that_lead_out_of_the_folder_are_refused_where_shards_are_opened(shards, tmp_path, name, capsys):
    index = read_index(shards)
    index["splits"]["train"][0]["pairs"][1]["name"] = name
    (shards / INDEX).write_text(json.dumps(index))
    before = set(tmp_path.rglob("*"))
    out = tmp_path / "deep" / "out"
    words = [
        "run",
        "--dataset",
        "msrs",
        "--root",
        str(shards),
        "--split",
        "train",
        "--metrics",
        "EN",
        "--out",
        str(out),
    ]
    assert main([*words, "--method", "average"]) == 2
    assert f"{shards} names a pair {name!r}, which " in capsys.readouterr().err
    assert set(tmp_path.rglob("*")) == before


def test_names_that_no_other_system_has_are_not_written_into_shards(tmp_path, make_pairs):
    make_pairs(tmp_path / "ir", tmp_path / "vi", ["a", "b\\c"])
    with pytest.raises(ValueError, match=r"folder names a pair 'b\\\\c', which holds .*; rename it"):
        write_shards(load("folder", root=tmp_path), "all", tmp_path / "shards")
    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize("place", [[10**15, 9, 0], [0, 10**15, 0], [-9, 9, 0]])
def test_places_outside_of_a_shard_are_named(shards, place):
    index = read_index(shards)
    index["splits"]["train"][0]["pairs"][1]["parts"]["vi"] = place
    (shards / INDEX).write_text(json.dumps(index))
    source = load("msrs", root=shards, split="train")
    with pytest.raises(ValueError, match=r"index\.json is damaged at '0\.01'; shard the dataset again"):
        source.read(1)
    assert source.read(0).name == "0.00"


def test_shards_lie_in_their_own_folder(shards, tmp_path):
    index = read_index(shards)
    first = index["splits"]["train"][0]
    (shards / first["file"]).rename(tmp_path / "elsewhere.tar")
    first["file"] = "../elsewhere.tar"
    (shards / INDEX).write_text(json.dumps(index))
    with pytest.raises(
        ValueError,
        match=(
            r"names a shard '\.\./elsewhere\.tar' outside its folder; shard the dataset "
            r"again"
        ),
    ):
        load("msrs", root=shards, split="train")


def test_the_command_shards_splits_and_refuses_one_that_is_there(folders, tmp_path, make_pairs, capsys):
    make_pairs(folders / "test" / "ir", folders / "test" / "vi", ["x", "y"], size=(32, 40))
    words = ["data", "shard", "--dataset", "msrs", "--root", str(folders), "--out", str(tmp_path / "out")]
    assert main([*words, "--split", "train,test", "--per-shard", "10"]) == 0
    assert "train: 14 pairs in 2 shards" in capsys.readouterr().out
    assert load("msrs", root=tmp_path / "out", split="test").names == ["x", "y"]
    assert main(words) == 2
    assert "already holds shards of msrs, train and test; choose another --out" in capsys.readouterr().err


def test_training_takes_the_data_set_from_the_index(shards):
    from fusionbench.cli.train import _data

    assert _data(str(shards), None, {}) == {"loader.datasets": "msrs", "loader.root": str(shards)}
