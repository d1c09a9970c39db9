"""Images as people have them, through the commands: read right, refused before anything runs, or told in one line."""

from __future__ import annotations

import csv
import inspect
import json
import re

import numpy as np
import pytest
from PIL import Image

import fusionbench
from fusionbench.cli import main
from fusionbench.cli.commands import COMMANDS
from fusionbench.images.files import read_image, write_image
from fusionbench.images.levels import FOURTH, RANGE
from fusionbench.images.options import ImageWarning

IR = np.add.outer(np.arange(24), 3 * np.arange(32)).astype(np.uint8)
VI = np.random.default_rng(0).integers(256, size=(24, 32, 3), dtype=np.uint8)
RAW = 7800 + 8 * IR.astype(np.uint16)

SOURCES = "--ir ir --vi vi"
COMMANDS_THAT_READ = {
    "run": f"run --dataset folder {SOURCES} --method average --metrics EN,CC --out out",
    "fuse": f"fuse {SOURCES} --method average --out out",
    "score": f"score --fused fused {SOURCES} --metrics EN,CC --out out",
    "degrade": f"degrade --dataset folder {SOURCES} --degradation ll --out out",
}
NUMBERS = ("run", "score", "degrade")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two pairs in ir/ and vi/, and fused images in fused/; the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        write_image(tmp_path / "ir" / f"{name}.png", IR)
        write_image(tmp_path / "vi" / f"{name}.png", VI)
        write_image(tmp_path / "fused" / f"{name}.png", VI // 2 + IR[..., None] // 2)
    return tmp_path


@pytest.fixture
def call(capsys):
    """Runs a command; its status and what it said on either stream, on one line each."""

    def run(words: str):
        status = main.main(words.split())
        said = capsys.readouterr()
        return status, " ".join(said.out.split()), said.err

    return run


def raw_frames(folder, offset: int = 0) -> None:
    for name in ("a", "b"):
        Image.fromarray(RAW + offset).save(folder / "ir" / f"{name}.png")


@pytest.mark.parametrize("name", NUMBERS)
def test_raw_frames_are_refused_before_anything_runs_and_read_with_a_range(name, folders, call):
    raw_frames(folders)
    status, _, told = call(COMMANDS_THAT_READ[name])
    assert status == 2
    assert re.fullmatch(r"fusionbench: ir/a\.png holds values from 7800 to 8728 of 65535, .* auto\)\n", told)
    assert not (folders / "out").exists()
    assert call(f"{COMMANDS_THAT_READ[name]} --ir-range 7800,8728")[0] == 0


def test_fusing_raw_frames_stretches_each_by_itself_and_says_so(folders, call):
    raw_frames(folders)
    status, _, told = call(COMMANDS_THAT_READ["fuse"])
    assert status == 0
    assert re.fullmatch(r"fusionbench: warning: ir/a\.png holds .*--ir-range auto\), as is done now\n", told)
    alone = read_image("out/a.png")
    assert call(COMMANDS_THAT_READ["fuse"] + " --ir-range auto")[2] == ""
    np.testing.assert_array_equal(read_image("out/a.png"), alone)
    assert call(COMMANDS_THAT_READ["fuse"] + " --ir-range 0,65535")[2] == ""
    assert np.abs(read_image("out/a.png").astype(int) - alone).mean() > 20


def test_a_range_gives_the_scores_of_the_8_bit_images(folders, call):
    assert call(COMMANDS_THAT_READ["score"])[0] == 0
    expected = (folders / "out" / "scores.csv").read_text()
    raw_frames(folders)
    scored = COMMANDS_THAT_READ["score"].replace("--out out", "--out raw")
    assert call(f"{scored} --ir-range 7800,9840")[0] == 0
    assert (folders / "raw" / "scores.csv").read_text() == expected


@pytest.mark.parametrize("name", ["run", "score"])
def test_results_belong_to_the_range_and_the_channel(name, folders, call):
    assert call(COMMANDS_THAT_READ[name] + " --ir-range 0,200 --ir-channel 0")[0] == 0
    meta = next(folders.glob("out/**/meta.json"))
    settings = json.loads(meta.read_text())["settings"]
    assert (settings["ir_range"], settings["ir_channel"]) == ([0, 200], 0)
    status, _, told = call(COMMANDS_THAT_READ[name] + " --ir-range 0,100 --ir-channel 0")
    assert status == 2
    assert "ir_range was [0.0, 200.0], now [0.0, 100.0]" in told
    assert call(COMMANDS_THAT_READ[name])[0] == 2


@pytest.mark.parametrize("name", COMMANDS_THAT_READ)
def test_false_colour_is_one_line_and_the_luma_can_be_meant(name, folders, call):
    for path in (folders / "ir").iterdir():
        write_image(path, VI)
    status, _, told = call(COMMANDS_THAT_READ[name])
    assert status == 0
    assert told.startswith("fusionbench: warning: 2 of 2 examined infrared images are in colour, first ir/a.png;")
    assert told.count("warning") == 1
    out = "--out luma"
    assert "warning" not in call(f"{COMMANDS_THAT_READ[name]} --ir-channel luma {out}")[2]


@pytest.mark.parametrize("name", COMMANDS_THAT_READ)
def test_one_folder_of_four_channels_is_both_modalities(name, folders, call):
    for path in (folders / "vi").iterdir():
        Image.fromarray(np.dstack([VI, IR])).save(path)
    words = COMMANDS_THAT_READ[name].replace("--ir ir", "--ir vi")
    status, _, told = call(words)
    assert status == 2
    assert "--ir-channel 3" in told
    assert call(f"{words} --ir-channel 3")[0] == 0
    out = "--out two"
    write = call(f"{COMMANDS_THAT_READ[name]} {out} --ir-channel 0")
    assert write[0] == 2
    assert "vi/a.png: its last channel is not opaque" in write[2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (VI.astype(np.float32)[..., 0], "fused/a.tif holds floating-point values from 0 to 25.*; convert it to 8 bits"),
        (VI.astype(np.uint16)[..., 0], "fused/a.tif holds values from 0 to 25.* of 65535, which would leave 1 of 256"),
        (np.dstack([VI, IR]), "fused/a.tif: its last channel is not opaque; save the image without transparency"),
    ],
    ids=["floats", "8 bits in 16", "transparency"],
)
def test_fused_images_that_would_be_scored_wrong_are_refused(values, message, folders, call):
    for name in ("a", "b"):
        (folders / "fused" / f"{name}.png").unlink()
        Image.fromarray(values).save(folders / "fused" / f"{name}.tif")
    status, _, told = call(COMMANDS_THAT_READ["score"])
    assert status == 2
    assert re.search(message, told)
    assert not (folders / "out").exists()


def test_one_fused_image_that_would_be_scored_wrong_is_missing_with_its_reason(folders, call):
    for number in range(20):
        for folder in ("ir", "vi", "fused"):
            (folders / folder / f"{number:02d}.png").write_bytes((folders / folder / "a.png").read_bytes())
    Image.fromarray(VI.astype(np.uint16)[..., 0]).save(folders / "fused" / "01.png")
    status, said, _ = call(COMMANDS_THAT_READ["score"])
    assert status == 3
    assert "which would leave 1 of 256 gray levels" in said
    rows = {row["image"]: row for row in csv.DictReader((folders / "out" / "scores.csv").read_text().splitlines())}
    assert rows["01"]["EN"] == ""
    assert rows["02"]["status"] == "ok"


@pytest.mark.parametrize("name", COMMANDS_THAT_READ)
def test_a_photograph_on_its_side_is_turned(name, folders, call):
    upright = fusionbench.fuse("average", IR, VI)
    tag = Image.Exif()
    tag[0x0112] = 6
    for path in (folders / "vi").iterdir():
        Image.fromarray(np.ascontiguousarray(np.rot90(VI))).save(path, exif=tag)
    status, _, told = call(COMMANDS_THAT_READ[name])
    assert status == 0
    assert "warning: an EXIF orientation rotates one image of 2 of 2 pairs, first vi/a.png (orientation 6)" in told
    if name == "fuse":
        np.testing.assert_allclose(fusionbench.read_image("out/a.png"), upright, atol=0.5 / 255 + 1e-6)


def test_every_command_that_reads_infrared_files_has_the_options_that_sentences_name():
    named = {option.replace("-", "_") for option in re.findall(r"--([a-z-]+)", RANGE + FOURTH)}
    assert named == {"ir_range", "ir_channel"}
    readers = [COMMANDS[name] for name in ("run", "fuse", "score", "degrade", "train", "bench", "embed")]
    for command in [*readers, COMMANDS["data"]["check"], COMMANDS["data"]["shard"]]:
        assert named <= set(inspect.signature(command).parameters), command


@pytest.mark.parametrize("options", ["--ir-range 5", "--ir-channel 9"])
def test_options_of_another_form_are_named(options, folders, call):
    status, _, told = call(f"{COMMANDS_THAT_READ['run']} {options}")
    assert status == 2
    assert options.split()[0] in told


def test_generated_scenes_take_no_range(folders, call):
    status, _, told = call("run --method average --metrics EN --ir-range auto --out out")
    assert status == 2
    assert "--ir-range and --ir-channel have no effect here: the scenes of synthetic are generated" in told


def test_processes_tell_a_warning_once(folders, call):
    for path in (folders / "ir").iterdir():
        write_image(path, VI)
    status, _, told = call(f"{COMMANDS_THAT_READ['run']} --devices 2 --accelerator cpu")
    assert status == 0
    assert told.count("are in colour") == 1


def test_in_python_floats_and_bytes_and_files_are_fused_alike(folders):
    expected = fusionbench.fuse("average", IR, VI)
    assert expected.mean() == pytest.approx((VI.astype(float) + IR[..., None]).mean() / 510, rel=0.02)
    for ir, vi in ((IR / 255, VI / 255), ("ir/a.png", "vi/a.png"), (IR[None], VI.transpose(2, 0, 1))):
        np.testing.assert_allclose(fusionbench.fuse("average", ir, vi), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"vi goes from 0 to 255; .*: divide it by 255"):
        fusionbench.fuse("average", IR, VI.astype(np.float32))
    raw_frames(folders)
    with pytest.raises(ValueError, match=r"ir/a\.png holds values from 7800 to 8728"):
        fusionbench.fuse("average", "ir/a.png", VI)
    stretched = fusionbench.fuse("average", "ir/a.png", VI, ir_range=(7800, 9840))
    np.testing.assert_allclose(stretched, expected, atol=1 / 255)


def test_in_python_colour_in_the_infrared_place_is_told():
    for ir in (VI, VI / 255):
        with pytest.warns(ImageWarning, match="ir is in colour; its luma is used"):
            fusionbench.fuse("average", ir, VI)


def test_in_python_images_are_read_and_written(folders):
    image = fusionbench.read_image("vi/a.png")
    assert image.shape == (3, 24, 32)
    fusionbench.write_image("new/c.png", image)
    fusionbench.write_image("new/d.png", VI)
    fusionbench.write_image("new/e.png", IR / 255)
    for name in "cd":
        np.testing.assert_array_equal(read_image(f"new/{name}.png"), VI)
    np.testing.assert_array_equal(read_image("new/e.png"), IR)
    with pytest.raises(ValueError, match="the image goes from 0 to 510"):
        fusionbench.write_image("new/f.png", image * 510)
    raw_frames(folders)
    assert fusionbench.read_image("ir/a.png", ir_range="auto").max() == 1
