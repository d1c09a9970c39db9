"""Contrasts: what they show, that they are reproducible, and that too few files or kinds do not hang."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from fusionbench.data import load
from fusionbench.data.contrastive import (
    ContrastivePairs,
    ContrastiveScenes,
    collate_contrasts,
    contrastive,
    sample_positives,
)
from fusionbench.data.crops import EpochIndex
from fusionbench.data.datamodule import FusionDataModule
from fusionbench.data.sources.base import RawPair

SPECS = ["clean", "ll+lc", "vi:rain+ir:sn", "vi:noise(5~25)"]


class Flat:
    """Scenes of one grey value each, by which their crops are known; visible images are brighter by 7."""

    dataset = "flat"

    def __init__(self, count=6, degradation="clean"):
        self.names = [f"s{n}" for n in range(count)]
        self.degradation = degradation

    def __len__(self):
        return len(self.names)

    def size(self, index):
        return 40, 48

    def read(self, index):
        value = 60 + 20 * index
        ir, vi = np.full((40, 48), value, np.uint8), np.full((40, 48, 3), value + 7, np.uint8)
        return RawPair(self.names[index], ir, vi, degradation=self.degradation)


def test_fields_have_the_sizes_that_training_reads():
    batch = collate_contrasts([ContrastivePairs(Flat(), SPECS, crop=32)[i] for i in range(2)])
    assert batch["ir_positives"].shape == (2, 3, 1, 32, 32)
    assert batch["vi_positives"].shape == (2, 3, 3, 32, 32)
    assert batch["negatives"].shape == (2, 6, 3, 32, 32)
    assert batch["ir_clean"].shape == (2, 1, 32, 32)


def test_positives_are_other_scenes_and_undegraded_where_the_anchor_is():
    pairs = ContrastivePairs(Flat(), ["clean", "ll"], seed=3, crop=16)
    for epoch in range(8):
        item = pairs[EpochIndex(2, epoch)]
        values = (255 * item["ir_positives"]).round().unique().int().tolist()
        assert 100 not in values
        assert len(values) == 3
        if item["degradation"] == "clean":
            assert (255 * item["vi_positives"] - 7).round().unique().int().tolist() == values


def test_negatives_show_the_same_scene_under_every_other_kind():
    pairs = ContrastivePairs(Flat(), SPECS, crop=16)
    kinds = {"ir": 3, "vi": 4}
    assert {modality: len(each) for modality, each in pairs.kinds.items()} == kinds
    seen = set()
    for epoch in range(30):
        item = pairs[EpochIndex(1, epoch)]
        seen.add(item["degradation"].partition("(")[0])
        shown = item["negatives"]
        own = [item["ir"].expand(3, -1, -1), item["vi"]]
        assert not any(
            torch.equal(image, anchor) for image in shown for anchor in own if item["degradation"] != "clean"
        )
        # Two other infrared kinds and three other visible ones make five; the first stands twice.
        assert len({image.numpy().tobytes() for image in shown[:5]}) >= 4
        assert_close(shown[5], shown[0], atol=0, rtol=0)
    assert len(seen) == 4


def test_the_anchor_is_cut_where_its_negatives_are(make_pairs, tmp_path):
    make_pairs(tmp_path / "ir", tmp_path / "vi", ["a", "b", "c", "d"], size=(40, 40))
    source = load("folder", root=tmp_path)
    pairs = ContrastivePairs(source, ["clean", "ll"], crop=16)
    for epoch in range(6):
        item = pairs[EpochIndex(0, epoch)]
        clean, dark = (item["vi_clean"], item["negatives"][0])
        if item["degradation"] == "clean":
            brightness = torch.corrcoef(torch.stack([clean.flatten(), dark.flatten()]))[0, 1]
            assert brightness > 0.7
        else:
            assert_close(item["negatives"][0], clean, atol=0, rtol=0)


def test_items_depend_on_seed_epoch_and_place_only():
    first, second = (ContrastivePairs(Flat(), SPECS, seed=5, crop=24) for _ in range(2))
    for place, epoch in ((0, 0), (3, 1), (0, 0)):
        a, b = first[EpochIndex(place, epoch)], second[EpochIndex(place, epoch)]
        for key in ("ir", "vi", "ir_positives", "vi_positives", "negatives"):
            assert_close(a[key], b[key], atol=0, rtol=0)
    assert not torch.equal(first[EpochIndex(0, 0)]["negatives"], first[EpochIndex(0, 1)]["negatives"])


def test_a_single_pair_and_small_images_still_give_contrasts():
    item = ContrastivePairs(Flat(1), ["ll"], crop=64)[0]
    assert item["ir_positives"].shape == (3, 1, 64, 64)
    assert item["negatives"].shape == (6, 3, 64, 64)


def test_pairs_without_kinds_and_pairs_degraded_on_disk_are_refused():
    with pytest.raises(ValueError, match="need several degradations"):
        ContrastivePairs(Flat(), "clean")
    with pytest.raises(ValueError, match="'s0' is degraded on disk by 'll'"):
        ContrastivePairs(Flat(degradation="ll"), SPECS, crop=16)[0]


@pytest.mark.parametrize(("count", "distinct"), [(1, 1), (2, 1), (3, 2), (4, 3), (9, 3)])
def test_positives_repeat_only_where_they_must(count, distinct):
    rng = np.random.default_rng(0)
    for own in range(count):
        drawn = sample_positives(rng, own, count)
        assert len(drawn) == 3
        assert len(set(drawn)) == distinct
        assert count == 1 or own not in drawn


@pytest.fixture
def ems(save, tmp_path):
    """Three scenes; a pixel tells the scene (red), the modality (green) and the code (blue)."""
    codes = {"ir": ["LC", "Norm", "RN", "SN"], "vi": ["Blur", "LL", "Norm", "RN", "Rain"]}
    for scene in range(3):
        for channel, (modality, names) in enumerate(codes.items()):
            for number, code in enumerate([*names, None]):
                folder = modality.upper() if code else f"{modality.upper()}_enhanced"
                stem = f"{scene:05d}D" + (f"_{code}" if code else "")
                value = [10 * scene, 100 * channel, 20 * number if code else 200]
                if modality == "ir":
                    value = [sum(value)] * 3
                image = np.broadcast_to(np.array(value, np.uint8), (40, 48, 3))
                save(tmp_path / "train" / folder / f"{stem}.png", np.ascontiguousarray(image))
    return load("ems", root=tmp_path, split="train")


def test_scenes_on_disk_are_gone_through_by_visible_file(ems):
    scenes = contrastive(ems, ["clean"], 0, 32, True)
    assert isinstance(scenes, ContrastiveScenes)
    assert len(scenes) == 15
    vi_codes = {name: 20 * i for i, name in enumerate(["Blur", "LL", "Norm", "RN", "Rain"])}
    for place in range(15):
        item = scenes[EpochIndex(place, 0)]
        scene, code, _ = item["name"].split("_")
        red, green, blue = (255 * item["vi"][:, 0, 0]).round().int().tolist()
        assert (red, green, blue) == (10 * int(scene[:5]), 100, vi_codes[code])
        positives = (255 * item["vi_positives"][:, :, 0, 0]).round().int().tolist()
        assert {value[2] for value in positives} == {vi_codes[code]}
        assert red not in {value[0] for value in positives}
        assert (255 * item["vi_clean"][:, 0, 0]).round().int().tolist() == [red, 100, 200]


def test_negatives_on_disk_are_the_first_six_in_the_released_order(ems):
    scenes = ContrastiveScenes(ems.scenes, crop=16)
    ir = {"LC": 0, "Norm": 20, "RN": 40, "SN": 60}
    vi = {"Norm": 40, "RN": 60, "Rain": 80, "Blur": 0, "LL": 20}
    for place in range(5):
        item = scenes[EpochIndex(place, 3)]
        _, vi_code, ir_code = item["name"].split("_")
        shown = (255 * item["negatives"][:, :, 0, 0]).round().int()
        assert shown[:3, 0].tolist() == [value for code, value in ir.items() if code != ir_code]
        assert shown[3:, 2].tolist() == [value for code, value in vi.items() if code != vi_code][:3]
    drawn = {
        (255 * ContrastiveScenes(ems.scenes, seed=s, crop=16, order="random")[0]["negatives"][:, :, 0, 0]).sum().item()
        for s in range(6)
    }
    assert len(drawn) > 1


def test_scenes_without_references_and_unknown_orders_are_refused(ems):
    with pytest.raises(ValueError, match="unknown order of negatives 'sorted'"):
        ContrastiveScenes(ems.scenes, order="sorted")
    ems.scenes["00001D"].ir_clean = None
    with pytest.raises(ValueError, match="'00001D' lacks a clean reference"):
        ContrastiveScenes(ems.scenes)


@pytest.mark.shared
def test_published_scenes_train(shared):
    source = load("ems", root=shared / "data" / "dspfusion", split="val")
    batch = collate_contrasts([ContrastiveScenes(source.scenes, crop=64)[i] for i in (0, 7)])
    assert batch["negatives"].shape == (2, 6, 3, 64, 64)
    assert batch["vi"].isfinite().all()


def test_the_data_module_gives_contrasts_where_they_are_asked_for(ems, tmp_path):
    made = FusionDataModule("synthetic", limit=4, crop=32, workers=0, batch_size=2, degradations=SPECS, contrasts=True)
    on_disk = FusionDataModule(
        "ems", root=tmp_path, val_split="train", crop=32, workers=0, batch_size=2, contrasts=True
    )
    for data in (made, on_disk):
        data.setup("fit")
        batch = next(iter(data.train_dataloader()))
        assert batch["negatives"].shape == (2, 6, 3, 32, 32)
        assert "negatives" not in next(iter(data.val_dataloader()))
    assert isinstance(on_disk.train_pairs, ContrastiveScenes)


def test_contrasts_without_a_crop_are_refused():
    with pytest.raises(ValueError, match="set a crop size"):
        contrastive(Flat(), SPECS, 0, None, True)
