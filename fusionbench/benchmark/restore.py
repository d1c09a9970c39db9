"""Restoration before fusion: an external program restores one image of every pair before the method fuses it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from fusionbench.degradations import parse
from fusionbench.images.files import read_image, write_image
from fusionbench.images.tensors import to_bytes, to_tensor
from fusionbench.methods.common.command import run_restorer
from fusionbench.types import Image, Pair


@dataclass(frozen=True)
class Restorer:
    """Restores the images of pairs, each once: results are cached by input and command.

    Attributes:
        commands: command template by modality, with `{in}` and `{out}`.
        folder: folder of the results and logs.
        timeout: time limit for one image in seconds.
    """

    commands: Mapping[str, str]
    folder: Path
    timeout: float = 600.0

    def __call__(self, pair: Pair) -> Pair:
        """The pair with restored images, which are then no longer marked as degraded.

        Raises:
            ValueError: a program returned another size.
            OSError: it failed, took too long, or wrote nothing.
        """
        done = pair.copy()
        if "ir" in self.commands:
            done["ir"], done["ir_scale"] = self._image("ir", pair["name"], pair["ir"]), 1
        if "vi" in self.commands:
            done["vi"], done["vi_scale"] = self._image("vi", pair["name"], pair["vi"]), 1
        done["degradation"] = str(parse(pair["degradation"]).without(self.commands))
        return done

    def _image(self, modality: str, name: str, image: Image) -> Image:
        command = self.commands[modality]
        run = hashlib.sha256(command.encode()).hexdigest()[:8]
        seen = hashlib.sha256(to_bytes(image).tobytes()).hexdigest()[:12]
        place = self.folder / f"{modality}-{run}"
        path = place / f"{name}-{seen}.png"
        channels: Literal[1, 3] = 1 if modality == "ir" else 3
        if (kept := _kept(path, channels)) is not None:
            return kept
        result = run_restorer(image, command, timeout=self.timeout, log=place / "log.txt")
        write_image(path, to_bytes(result))
        return to_tensor(read_image(path, channels)).to(torch.float32)


def _kept(path: Path, channels: Literal[1, 3]) -> Image | None:
    """A cached result; one that cannot be read is computed again."""
    try:
        return to_tensor(read_image(path, channels)).to(torch.float32)
    except (ValueError, OSError):
        return None
