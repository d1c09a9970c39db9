"""Images of one modality with their clean versions."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.data.crops import TrainingPairs
from fusionbench.data.datamodule import FusionDataModule
from fusionbench.data.pairs import Pairs, collate
from fusionbench.data.sources.restoration import RESTORATION, restoration
from fusionbench.images.files import write_image


def write(folder, names, channels=3, level=100):
    rng = np.random.default_rng(0)
    for name in names:
        shape = (24, 32, 3) if channels == 3 else (24, 32)
        write_image(folder / f"{name}.png", rng.integers(level, level + 50, shape).astype(np.uint8))


@pytest.fixture
def root(tmp_path):
    """One small set of each sort, as their authors lay them out."""
    write(tmp_path / "lol" / "our485" / "low", ["1", "22"], level=5)
    write(tmp_path / "lol" / "our485" / "high", ["1", "22", "400"])
    write(tmp_path / "reside" / "hazy", ["1_1_0.9", "1_2_0.7", "14_1_0.8"], level=200)
    write(tmp_path / "reside" / "clear", ["1", "14"])
    exposures = ["0", "N1", "N1.5", "P1", "P1.5"]
    write(tmp_path / "exposure_errors" / "training" / "INPUT_IMAGES", [f"a1-jn_x_{each}" for each in exposures])
    write(tmp_path / "exposure_errors" / "training" / "GT_IMAGES", ["a1-jn_x"])
    write(tmp_path / "ir_images" / "ir", ["t1", "t2"], channels=1)
    write(tmp_path / "vi_images", ["p1", "p2"])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "names", "spec"),
    [
        ("lol", ["1", "22"], "ll"),
        ("reside", ["14_1_0.8", "1_1_0.9", "1_2_0.7"], "haze"),
        ("exposure_errors", ["a1-jn_x_P1", "a1-jn_x_P1.5"], "oe"),
        ("ir_images", ["t1", "t2"], "clean"),
        ("vi_images", ["p1", "p2"], "clean"),
    ],
)
def test_each_layout_is_read(root, name, names, spec):
    source = restoration(name, [root / name])
    assert source.names == names
    raw = source.read(0)
    assert (raw.degradation, raw.only) == (spec, RESTORATION[name].modality)
    assert source.size(0) == raw.vi.shape[:2] == raw.ir.shape == (24, 32)
    blank = raw.vi if raw.only == "ir" else raw.ir
    assert blank.max() == 0


def test_degraded_image_comes_with_the_clean_one_of_its_name(root):
    source = restoration("reside", [root / "reside"])
    clean = {name.split("_")[0]: source.read(index).vi_clean for index, name in enumerate(source.names)}
    first = [source.read(index).vi_clean for index, name in enumerate(source.names) if name.startswith("1_")]
    assert np.array_equal(first[0], first[1])
    assert not np.array_equal(clean["1"], clean["14"])


def test_degraded_image_without_a_clean_one_is_named(root):
    write(root / "lol" / "our485" / "low", ["99"])
    with pytest.raises(ValueError, match=r"1 degraded images of lol have no clean one in .*first 99\.png"):
        restoration("lol", [root / "lol"])


def test_sizes_that_differ_are_named(root):
    write_image(root / "lol" / "our485" / "high" / "1.png", np.zeros((8, 9, 3), np.uint8))
    with pytest.raises(ValueError, match=r"clean version 1\.png differ in size: 32x24 and 9x8"):
        restoration("lol", [root / "lol"]).read(0)


def test_missing_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no images of lol in .*our485/low.*; it is available from https"):
        restoration("lol", [tmp_path])


def test_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match="unknown restoration dataset 'lols'; did you mean 'lol'"):
        restoration("lols", [])


def test_images_are_degraded_by_what_fits_them(root):
    specs = ["ll", "lc", "ir:sr4", "ll+lc"]
    infrared = TrainingPairs(restoration("ir_images", [root / "ir_images"]), specs, crop=16)
    visible = TrainingPairs(restoration("vi_images", [root / "vi_images"]), specs, crop=16)
    onto_disk = TrainingPairs(restoration("lol", [root / "lol"]), specs, crop=16)
    drawn = []
    for epoch in range(12):
        infrared.epoch = epoch
        drawn.append(infrared[0]["degradation"].partition("(")[0])
        assert visible[0]["degradation"] == "ll"
        assert onto_disk[0]["degradation"] == "ll"
    assert set(drawn) == {"lc", "sr4"}


def test_images_that_nothing_fits_are_named(root):
    with pytest.raises(ValueError, match="'t1' has only its 'ir' image, and none of ll, oe degrades that alone"):
        TrainingPairs(restoration("ir_images", [root / "ir_images"]), ["ll", "oe"])[0]


def test_whole_images_too_are_degraded_by_what_fits_them(root):
    pairs = Pairs(restoration("ir_images", [root / "ir_images"]), ["ll", "lc"])
    assert [pairs[index]["degradation"].partition("(")[0] for index in range(2)] == ["lc", "lc"]


def test_data_module_mixes_restoration_sets(root):
    module = FusionDataModule(
        ["lol", "reside", "ir_images"], root=root, degradations=["lc", "ir:sr4"], eval_degradations=["lc", "ir:sr4"],
        crop=16, batch_size=1, workers=0, val_share=0.3,
    )  # fmt: skip
    module.setup("fit")
    seen = [
        (name.split("__")[0], spec.partition("(")[0])
        for batch in module.train_dataloader()
        for name, spec in zip(batch["name"], batch["degradation"], strict=True)
    ]
    assert {("lol", "ll"), ("reside", "haze")} <= set(seen)
    assert {spec for name, spec in seen if name == "ir_images"} <= {"lc", "sr4"}
    assert all("vi_clean" in batch for batch in module.val_dataloader())


def test_blank_image_is_its_own_reference(root):
    batch = collate([Pairs(restoration("lol", [root / "lol"]))[0]])
    assert batch["ir"].abs().max() == batch["ir_clean"].abs().max() == 0
    assert batch["degradation"] == ["ll"]
