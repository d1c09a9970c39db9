"""Methods that run elsewhere: folders of images, commands, and what goes wrong with them."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

import pytest
import torch

from fusionbench import methods
from fusionbench.images import files
from fusionbench.images.tensors import to_bytes
from fusionbench.methods.common.command import run_command, run_restorer
from fusionbench.methods.common.template import placeholders, split_command

PYTHON = shlex.quote(sys.executable)

MEAN_OF_FILES = """
import sys
import numpy as np
from PIL import Image
ir, vi, out = sys.argv[1:]
mean = (np.asarray(Image.open(ir).convert("RGB"), float) + np.asarray(Image.open(vi), float)) / 2
Image.fromarray(mean.round().astype(np.uint8)).save(out)
print("fused", out)
"""

MAXIMUM_OF_FOLDERS = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
ir, vi, out = map(Path, sys.argv[1:])
for path in ir.iterdir():
    both = np.maximum(np.asarray(Image.open(path).convert("RGB")), np.asarray(Image.open(vi / path.name)))
    Image.fromarray(both).save(out / path.name)
"""


@pytest.fixture
def script(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "a folder" / "script.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return f"{PYTHON} {shlex.quote(str(path))}"

    return write


def write_image(path: Path, image: torch.Tensor) -> None:
    files.write_image(path, to_bytes(image))


def eight_bit(image: torch.Tensor) -> torch.Tensor:
    return (image * 255).round() / 255


def test_a_folder_of_images_is_a_method(tmp_path, pairs):
    batch = pairs(13, 17, count=2)
    for name, image in zip(batch["name"], batch["vi"], strict=True):
        write_image(tmp_path / f"{name}.png", image)
    fused = methods.load("external", folder=tmp_path).fuse(batch)
    torch.testing.assert_close(fused, eight_bit(batch["vi"]))


def test_a_folder_may_depend_on_the_degradation(tmp_path, pairs):
    batch = pairs(8, 9)
    batch["degradation"] = ["vi:noise(0.1)"]
    folder = tmp_path / "vi-noise(0.1)"
    folder.mkdir()
    write_image(folder / "pair0.png", batch["vi"][0])
    fused = methods.load("u2fusion", folder=tmp_path / "{degradation}").fuse(batch)
    torch.testing.assert_close(fused, eight_bit(batch["vi"]))


def test_a_missing_image_is_named(tmp_path, pairs):
    write_image(tmp_path / "other.png", torch.zeros(3, 8, 8))
    with pytest.raises(FileNotFoundError, match=r"emma has no image named 'pair0' in .*"):
        methods.load("emma", folder=tmp_path).fuse(pairs(8, 8))


def test_an_image_of_another_size_is_refused(tmp_path, pairs):
    write_image(tmp_path / "pair0.png", torch.zeros(3, 8, 9))
    with pytest.raises(ValueError, match="image 'pair0' is 9x8 and its pair is 8x8"):
        methods.load("external", folder=tmp_path).fuse(pairs(8, 8))


@pytest.mark.parametrize("name", sorted(methods.EXTERNAL))
def test_every_external_row_says_what_it_needs(name, tmp_path):
    with pytest.raises(ValueError, match=f"{name} runs outside this package") as caught:
        methods.load(name)
    assert f"--fused {name}=DIR" in str(caught.value)
    assert methods.METHODS[name].repository in str(caught.value)
    write_image(tmp_path / "a.png", torch.zeros(3, 4, 4))
    assert methods.load(name, folder=tmp_path).weights_name == ""


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"folder": Path("nowhere")}, FileNotFoundError, "no folder nowhere"),
        ({"folder": Path(), "command": "x {ir} {vi} {out}"}, ValueError, "both a folder of images and a command"),
        ({"command": "fuse {ir} {vi}"}, ValueError, r"lacks \{out\}"),
        ({"command": "fuse {vi} {out}"}, ValueError, r"lacks \{ir\}"),
        ({"command": "fuse {ir_dir} {out_dir}"}, ValueError, r"lacks \{vi_dir\}"),
    ],
)
def test_impossible_settings_are_refused_at_once(options, error, message):
    with pytest.raises(error, match=message):
        methods.load("external", **options)


def test_a_command_is_a_method(script, pairs, tmp_path):
    batch = pairs(9, 14, count=2)
    log = tmp_path / "logs" / "run.txt"
    method = methods.load("ddfm", command=script(MEAN_OF_FILES) + " {ir} {vi} {out}", log=log)
    expected = (eight_bit(batch["ir"]) + eight_bit(batch["vi"])) / 2
    torch.testing.assert_close(method.fuse(batch), expected.expand(-1, 3, -1, -1), atol=0.51 / 255, rtol=0)
    assert log.read_text().count("fused ") == 2


def test_a_command_may_read_whole_folders(script, pairs):
    batch = pairs(7, 11, count=3)
    method = methods.load("external", command=script(MAXIMUM_OF_FOLDERS) + " {ir_dir} {vi_dir} {out_dir}")
    torch.testing.assert_close(method.fuse(batch), torch.maximum(*map(eight_bit, (batch["ir"], batch["vi"]))))


def test_a_folder_command_that_skips_an_image_is_caught(script, pairs):
    program = script("import pathlib, sys, shutil; shutil.copy(sys.argv[1] + '/pair0.png', sys.argv[2])")
    method = methods.load("external", command=program + " {vi_dir} {out_dir} {ir_dir}")
    with pytest.raises(FileNotFoundError, match="wrote no image named 'pair1'"):
        method.fuse(pairs(6, 6, count=2))


def test_a_command_that_writes_nothing_is_caught(script, pairs):
    method = methods.load("external", command=script("pass") + " {ir} {vi} {out}")
    with pytest.raises(FileNotFoundError, match="ended well but wrote no image"):
        method.fuse(pairs(6, 6))


def test_a_failing_command_shows_its_last_words(script):
    program = script("import sys; print('x' * 1000); sys.exit('no such model: net.pth')")
    with pytest.raises(ChildProcessError, match=r"exit status 1: ….*no such model: net\.pth$"):
        run_command(program, {})


def test_a_slow_command_is_ended_with_all_that_it_started(script, tmp_path):
    mark = tmp_path / "mark"
    child = f"import time, pathlib; time.sleep(3); pathlib.Path({str(mark)!r}).touch()"
    program = script(
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(3600)"
    )
    with pytest.raises(TimeoutError, match=r"was ended after 1 s"):
        run_command(program, {}, timeout=1.0)
    time.sleep(3)
    assert not mark.exists()


def test_a_missing_program_and_a_missing_folder_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match="no program 'no-such-program-here'"):
        run_command("no-such-program-here --x", {})
    with pytest.raises(FileNotFoundError, match="no folder"):
        run_command(f"{PYTHON} -V", {}, cwd=tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="permission bits")
def test_a_file_that_may_not_be_run(tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(PermissionError, match="make it executable"):
        run_command(shlex.quote(str(program)), {})


def test_words_are_split_before_they_are_filled_in(tmp_path):
    path = tmp_path / "a b; rm -rf c.png"
    assert split_command("tool '--opt=x y' --out={out} {out}", {"out": path}) == [
        "tool",
        "--opt=x y",
        f"--out={path}",
        str(path),
    ]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("tool 'x", "cannot be split"),
        ("", "is empty"),
        (
            "tool {image}",
            r"unknown placeholder \{image\}; .* \{ir\}, "
            r"\{out\}",
        ),
    ],
)
def test_wrong_templates_are_refused(template, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        split_command(template, {"ir": tmp_path, "out": tmp_path})
    assert placeholders("{a} {b} {a}") == {"a", "b"}


def test_restoration_runs_on_files(script):
    program = script(
        "import sys; from PIL import Image, ImageOps; ImageOps.invert(Image.open(sys.argv[1])).save(sys.argv[2])"
    )
    for channels in (1, 3):
        image = torch.rand(channels, 5, 8, generator=torch.Generator().manual_seed(channels))
        torch.testing.assert_close(run_restorer(image, program + " {in} {out}"), 1 - eight_bit(image))


def test_restoration_must_keep_the_size(script):
    program = script("import sys; from PIL import Image; Image.open(sys.argv[1]).resize((4, 4)).save(sys.argv[2])")
    with pytest.raises(ValueError, match="returned an image of 4x4 for one of 8x5"):
        run_restorer(torch.zeros(3, 5, 8), program + " {in} {out}")
    with pytest.raises(ValueError, match=r"lacks \{in\}"):
        run_restorer(torch.zeros(3, 5, 8), program + " {out}")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no image in .*; supported suffixes:"):
        methods.load("external", folder=tmp_path)


def test_hidden_files_beside_the_fused_images_are_passed_over(tmp_path, pairs):
    batch = pairs(6, 8)
    write_image(tmp_path / "pair0.png", batch["vi"][0])
    (tmp_path / "._pair0.png").write_bytes(b"resource fork")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    write_image(tmp_path / ".ipynb_checkpoints" / "pair0.png", batch["ir"][0])
    torch.testing.assert_close(methods.load("external", folder=tmp_path).fuse(batch), eight_bit(batch["vi"]))
