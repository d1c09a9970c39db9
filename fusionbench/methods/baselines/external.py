"""Methods that run outside this package: their images are read from a folder, or their command is called."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from typing_extensions import override

from fusionbench.images.files import SUFFIXES, read_image, write_image
from fusionbench.images.folders import image_files
from fusionbench.images.matching import match_fused, without_suffix
from fusionbench.images.options import ImageWarning
from fusionbench.images.tensors import to_bytes, to_tensor
from fusionbench.methods.common.command import require_output, run_command, size_of
from fusionbench.methods.common.template import check_program, check_template, placeholders
from fusionbench.methods.method import Method
from fusionbench.types import Batch, Color

FILES, FOLDERS = ("ir", "vi", "out"), ("ir_dir", "vi_dir", "out_dir")
"""Placeholders in a command that is called for each pair, or for each batch."""


class External(Method):
    """Fused images by name, from a folder or from a command; needs no accelerator and no weights.

    A command with `{ir}`, `{vi}` and `{out}` is called once per pair; one with `{ir_dir}`, `{vi_dir}` and `{out_dir}`,
    for programs that read folders, once per batch. It reads 8-bit PNGs.

    Args:
        name: the row's name, for messages.
        repository: where its code is, for messages.
        folder: of fused images whose names are the pairs', or all have the same around them; `DIR/*_NAME` says what.
            `{degradation}` in it stands for the pair's degradation with ':' written as '-'.
        command: template; see above.
        timeout: seconds for one call.
        log: file that what the command prints is appended to.
        cwd: folder to run the command in.

    Raises:
        ValueError: neither or both of folder and command, or a command without its placeholders.
        FileNotFoundError: the folder is missing or contains no image.
    """

    def __init__(
        self,
        name: str = "external",
        repository: str = "",
        folder: Path | None = None,
        command: str | None = None,
        timeout: float = 600.0,
        log: Path | None = None,
        cwd: Path | None = None,
    ) -> None:
        super().__init__()
        if folder is not None and command is not None:
            raise ValueError(f"{name} has both a folder of images and a command; give one")
        if folder is None and command is None:
            origin = f" (its code: {repository})" if repository else ""
            raise ValueError(
                f"{name} runs outside this package{origin}; give a folder of its fused images (--fused {name}=DIR) or "
                "a command (--cmd 'python test.py --ir {ir} --vi {vi} --out {out}')"
            )
        if command is not None:
            check_template(command, FOLDERS if "{out_dir}" in command else FILES)
            if cwd is None:
                check_program(command)
        self.title, self.command = name, command
        self.folder = None if folder is None else Path(folder)
        self.timeout, self.log_file, self.cwd = timeout, log, cwd
        self._indexed: dict[Path, dict[str, Path]] = {}
        self._around: dict[Path, tuple[str, str]] = {}
        if self.folder is not None and "{degradation}" not in str(self.folder):
            self._index(self.folder)

    def _index(self, folder: Path) -> Mapping[str, Path]:
        """The images of a folder by the name of their pair, as far as the folder's own name says it."""
        if folder not in self._indexed:
            if "*" in folder.name:
                images = image_files(folder.parent)
                pattern = folder.stem if folder.suffix.lower() in SUFFIXES else folder.name
                images = {pair: images[name] for pair, name in without_suffix(images, pattern, "--fused").items()}
            else:
                images = image_files(folder)
            self._indexed[folder] = images
            if not images:
                raise FileNotFoundError(f"no image in {folder}; supported suffixes: {', '.join(SUFFIXES)}")
        return self._indexed[folder]

    @override
    def fuse(self, batch: Batch) -> Color:
        if self.command is None:
            images = [
                self._of_folder(name, spec) for name, spec in zip(batch["name"], batch["degradation"], strict=True)
            ]
        elif "out_dir" in placeholders(self.command):
            images = self._run_once(batch, self.command)
        else:
            images = [self._run(self.command, ir, vi) for ir, vi in zip(batch["ir"], batch["vi"], strict=True)]
        for name, image in zip(batch["name"], images, strict=True):
            if image.shape[-2:] != batch["vi"].shape[-2:]:
                raise ValueError(
                    f"{self.title}'s image {name!r} is {size_of(image)} and its pair is {size_of(batch['vi'])}; "
                    "images are never resized before they are scored"
                )
        return torch.stack(images).to(batch["vi"])

    def _of_folder(self, name: str, degradation: str) -> Color:
        path = self.file_of(name, degradation)
        if path is None:
            raise FileNotFoundError(f"{self.title} has no image named {name!r} in {self._place(degradation)}")
        return _read(path)

    def file_of(self, name: str, degradation: str) -> Path | None:
        """The fused image of a pair in the method's folder, or None.

        Raises:
            FileNotFoundError: the folder is not there or holds no image.
            ValueError: several images may be the pair's.
        """
        place = self._place(degradation)
        images = self._index(place)
        if name in images:
            return images[name]
        if place not in self._around:
            found, patterns = match_fused(images, [name])
            if len(patterns) > 1:
                raise ValueError(
                    f"{self.title} has the images {', '.join(patterns)} of {name!r}; say which with --fused "
                    f"{self.title}='{place}/{patterns[0]}'"
                )
            before, _, after = "".join(patterns).partition("*")
            # One stray image that holds the name of a pair says nothing of the others.
            if found and all(image.startswith(before) and image.endswith(after) for image in images):
                self._around[place] = before, after
                warnings.warn(
                    f"no image in {place} has the name of a pair; they are taken by the pattern {patterns[0]}, where * "
                    "is that name",
                    ImageWarning,
                    stacklevel=2,
                )
        before, after = self._around.get(place, ("", ""))
        return images.get(f"{before}{name}{after}")

    def _place(self, degradation: str) -> Path:
        return Path(str(self.folder).replace("{degradation}", degradation.replace(":", "-")))

    def _run(self, command: str, ir: torch.Tensor, vi: torch.Tensor) -> Color:
        with TemporaryDirectory() as place:
            paths = {key: Path(place) / f"{key}.png" for key in ("ir", "vi", "out")}
            write_image(paths["ir"], to_bytes(ir))
            write_image(paths["vi"], to_bytes(vi))
            run_command(command, paths, timeout=self.timeout, log=self.log_file, cwd=self.cwd)
            return _read(require_output(paths["out"], command))

    def _run_once(self, batch: Batch, command: str) -> list[Color]:
        with TemporaryDirectory() as place:
            paths = {key: Path(place) / key for key in ("ir_dir", "vi_dir", "out_dir")}
            for path in paths.values():
                path.mkdir()
            for name, ir, vi in zip(batch["name"], batch["ir"], batch["vi"], strict=True):
                write_image(paths["ir_dir"] / f"{name}.png", to_bytes(ir))
                write_image(paths["vi_dir"] / f"{name}.png", to_bytes(vi))
            run_command(command, paths, timeout=self.timeout, log=self.log_file, cwd=self.cwd)
            found = image_files(paths["out_dir"])
            if missing := [name for name in batch["name"] if name not in found]:
                raise FileNotFoundError(f"{command!r} wrote no image named {missing[0]!r} to {{out_dir}}")
            return [_read(found[name]) for name in batch["name"]]


def _read(path: Path) -> Color:
    return to_tensor(read_image(path, channels=3))
