from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from fusionbench.data import load
from fusionbench.data.pairs import Pairs, collate
from fusionbench.data.sources.base import RawPair
from fusionbench.degradations import parse
from fusionbench.images.tensors import to_bytes

NAMES = [f"p{number}" for number in range(6)]


@pytest.fixture
def source(tmp_path, make_pairs):
    make_pairs(tmp_path / "ir", tmp_path / "vi", NAMES)
    return load("folder", root=tmp_path)


class Given:
    """A source of pairs in memory."""

    def __init__(self, *pairs: RawPair) -> None:
        self.pairs, self.dataset, self.names = pairs, "given", [pair.name for pair in pairs]

    def __len__(self) -> int:
        return len(self.pairs)

    def size(self, index: int) -> tuple[int, int]:
        return self.pairs[index].ir.shape

    def read(self, index: int) -> RawPair:
        return self.pairs[index]


def test_clean_pair_is_its_own_reference(source):
    pair = Pairs(source)[2]
    raw = source.read(2)
    assert (pair["name"], pair["degradation"], pair["ir_scale"], pair["vi_scale"]) == ("p2", "clean", 1, 1)
    np.testing.assert_array_equal(to_bytes(pair["ir"]), raw.ir)
    np.testing.assert_array_equal(to_bytes(pair["vi"]), raw.vi)
    torch.testing.assert_close(pair["ir_clean"], pair["ir"], rtol=0, atol=0)
    torch.testing.assert_close(pair["vi_clean"], pair["vi"], rtol=0, atol=0)
    assert "prompt" not in pair


def test_degraded_pair_is_what_the_degradation_makes_of_the_bytes(source):
    pair = Pairs(source, "ll+ir:rn", seed=3)[1]
    raw = source.read(1)
    expected = parse("ll+ir:rn").apply(raw.ir, raw.vi, name="p1", seed=3)
    np.testing.assert_array_equal(to_bytes(pair["ir"]), expected.ir)
    np.testing.assert_array_equal(to_bytes(pair["vi"]), expected.vi)
    assert pair["degradation"] == str(expected.degradation)
    np.testing.assert_array_equal(to_bytes(pair["ir_clean"]), raw.ir)
    np.testing.assert_array_equal(to_bytes(pair["vi_clean"]), raw.vi)


def test_scales_of_file_and_degradation_multiply():
    raw = RawPair("a", np.zeros((16, 16), np.uint8), np.zeros((16, 16, 3), np.uint8), ir_scale=2)
    pair = Pairs(Given(raw), "ir:lr(4)")[0]
    assert (pair["ir_scale"], pair["vi_scale"]) == (8, 1)


def test_several_degradations_are_shared_out_by_seed_and_name(source):
    pairs = Pairs(source, ["clean", "ll", "oe", "haze"], seed=1)
    chosen = [pairs[index]["degradation"].split("(")[0] for index in range(len(pairs))]
    assert set(chosen) <= {"clean", "ll", "oe", "haze"}
    assert len(set(chosen)) > 1
    assert chosen == [
        Pairs(source, ["clean", "ll", "oe", "haze"], seed=1)[i]["degradation"].split("(")[0] for i in range(6)
    ]
    others = [
        Pairs(source, ["clean", "ll", "oe", "haze"], seed=seed)[0]["degradation"].split("(")[0] for seed in range(12)
    ]
    assert len(set(others)) > 1


def test_wrong_degradations_are_refused_before_anything_is_read(source):
    with pytest.raises(ValueError, match="fog"):
        Pairs(source, "fog")
    with pytest.raises(ValueError, match="give at least 'clean'"):
        Pairs(source, [])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than cores
@pytest.mark.parametrize("workers", [0, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_workers_and_batches_change_nothing(source, workers, batch_size):
    pairs = Pairs(source, "vi:rain+ir:sn", seed=5)
    alone = {pair["name"]: pair for pair in (pairs[index] for index in reversed(range(6)))}
    for batch in DataLoader(pairs, batch_size=batch_size, num_workers=workers, collate_fn=collate):
        for index, name in enumerate(batch["name"]):
            assert torch.equal(batch["ir"][index], alone[name]["ir"])
            assert torch.equal(batch["vi"][index], alone[name]["vi"])
            assert batch["degradation"][index] == alone[name]["degradation"]


def test_another_process_makes_the_same_bytes(source, tmp_path):
    script = (
        "import sys, hashlib; from fusionbench.data import load; from fusionbench.data.pairs import Pairs;"
        "pair = Pairs(load('folder', root=sys.argv[1]), 'll+sn', seed=9)[3];"
        "print(hashlib.sha256(pair['ir'].numpy().tobytes() + pair['vi'].numpy().tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    pair = Pairs(source, "ll+sn", seed=9)[3]
    assert (
        done.stdout.strip() == hashlib.sha256(pair["ir"].numpy().tobytes() + pair["vi"].numpy().tobytes()).hexdigest()
    )


WORKER_IMPORTS = """
import sys
from torch.utils.data import DataLoader, Dataset
from fusionbench.data.datamodule import FusionDataModule
from fusionbench.degradations import DEGRADATIONS

class Imports(Dataset):
    def __init__(self, pairs):
        self.pairs = pairs
    def __len__(self):
        return len(self.pairs)
    def __getitem__(self, index):
        before = set(sys.modules)
        self.pairs[index]
        return set(sys.modules) - before

every = [f"{modality}:{code}" for code, card in DEGRADATIONS.items() for modality in card.on]
for contrasts in (False, True):
    data = FusionDataModule("synthetic", crop=64, degradations=every, contrasts=contrasts, limit=4)
    data.setup("fit")
    for pairs in (data.train_pairs, data.val_pairs):
        for imported in DataLoader(Imports(pairs), batch_size=None, num_workers=2):
            assert not imported, imported
"""


def test_forked_workers_import_nothing():
    # A logger that watches imports, as W&B's does, fails in them.
    subprocess.run([sys.executable, "-c", WORKER_IMPORTS], check=True)


def test_batch_stacks_every_field(source):
    pairs = Pairs(source, "ll", seed=0)
    batch = collate([pairs[0], pairs[1]])
    assert batch["name"] == ["p0", "p1"]
    assert batch["ir"].shape == batch["ir_clean"].shape == (2, 1, 24, 32)
    assert batch["vi"].shape == batch["vi_clean"].shape == (2, 3, 24, 32)
    assert batch["ir_scale"] == batch["vi_scale"] == [1, 1]
    torch.testing.assert_close(batch["vi"][1], pairs[1]["vi"], rtol=0, atol=0)
    assert "prompt" not in batch


def test_references_need_every_pair_and_prompts_need_one():
    ir, vi = np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8)
    known = RawPair("known", ir, vi, prompt="dark")
    unknown = RawPair("unknown", ir, vi, ir_clean=ir, degradation="ll")
    pairs = Pairs(Given(known, unknown))
    batch = collate([pairs[0], pairs[1]])
    assert "ir_clean" in batch
    assert "vi_clean" not in batch
    assert batch["prompt"] == ["dark", ""]


def test_mixed_sizes_make_no_batch():
    pairs = Pairs(
        Given(
            RawPair("small", np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3), np.uint8)),
            RawPair("large", np.zeros((8, 6), np.uint8), np.zeros((8, 6, 3), np.uint8)),
        )
    )
    with pytest.raises(ValueError, match=r"'small' is 6x4 and 'large' is 6x8.*batch size of 1"):
        collate([pairs[0], pairs[1]])
    with pytest.raises(ValueError, match="no pairs"):
        collate([])
