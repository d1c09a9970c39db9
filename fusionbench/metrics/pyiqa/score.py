"""No-reference metrics: by networks trained on human opinions, computed by pyiqa.

One image at a time: several of pyiqa's networks give an image another value inside a batch.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

from fusionbench.metrics.functional.images import as_images, rgb
from fusionbench.metrics.pyiqa.preflight import find_files, network_of
from fusionbench.metrics.pyiqa.sandbox import quietly, sandboxed, unfilled
from fusionbench.metrics.pyiqa.table import LICENCE
from fusionbench.nn.cpu.threads import one_thread
from fusionbench.types import Image, Scores
from fusionbench.weights.checksums import sha256

Scorer = Callable[[Image], Scores]

DAMAGE = (RuntimeError, LookupError, AttributeError, TypeError, ValueError, EOFError, pickle.UnpicklingError)
"""Exceptions raised when reading a damaged file or one of another architecture."""


def pyiqa_score(fused: Image, metric: str = "musiq") -> Scores:
    """A no-reference metric of pyiqa; needs the extra `iqa` and the metric's weight files.

    Args:
        fused: (B, 1 or 3, H, W) in [0, 1]; rounded to 8 bits as in a file.
        metric: pyiqa's name; a key of NETWORKS.

    Raises:
        ModuleNotFoundError: pyiqa is not installed.
        FileNotFoundError: a weight file is missing.
        ValueError: unknown metric; a file that is not the published one; images that are too small.

    Source:
        pyiqa 0.1.16, chaofengc/IQA-PyTorch.
    """
    (fused,) = as_images(fused)
    side, least = min(fused.shape[-2:]), network_of(metric).smallest
    if side < least:
        raise ValueError(f"pyiqa's {metric!r} needs images of at least {least} pixels per side, not {side}")
    scorer = load(metric)
    images = rgb(fused)
    return torch.cat([scorer(image[None]) for image in images]).to(fused.device)


def load(metric: str) -> Scorer:
    """The function that evaluates one image, (1, 3, H, W) in [0, 1], with all weights from checked files.

    Raises:
        ModuleNotFoundError: pyiqa is not installed.
        FileNotFoundError: a weight file is missing.
        ValueError: unknown metric; a file that is not the published one or does not fit the network.
    """
    files = find_files(metric).files
    # The digest is part of the key, so that a replaced file is loaded again.
    return _loaded(metric, tuple((place, path, sha256(path)) for place, path in files.items()), device())


def device() -> torch.device:
    """The device on which metrics are computed."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@lru_cache(maxsize=32)
def _loaded(metric: str, files: tuple[tuple[str, Path, str], ...], where: torch.device) -> Scorer:
    _tell_licence()
    network = _built(metric, {place: path for place, path, _ in files}).to(where)

    def scorer(image: Image) -> Scores:
        # Without TensorFloat-32, a GPU's values equal those of a CPU to the last printed digit.
        with one_thread(), torch.inference_mode(), torch.backends.cudnn.flags(True, False, 10, True, False):
            try:
                value: Tensor = network(image.to(where))
            except (RuntimeError, AssertionError) as error:
                raise ValueError(f"pyiqa's {metric!r} failed: {error}") from error
        return value.reshape(1).double()

    return scorer


def _built(metric: str, files: dict[str, Path]) -> nn.Module:
    from scipy.io.matlab import MatReadError

    with quietly():
        pyiqa = importlib.import_module("pyiqa")
    try:
        with sandboxed(files):
            network: nn.Module = pyiqa.create_metric(metric, device=torch.device("cpu")).net
    except (*DAMAGE, OSError, MatReadError) as error:
        names = ", ".join(path.name for path in files.values()) or "no files"
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"pyiqa's {metric!r} cannot be loaded from {names}: {reason}") from error
    if left := unfilled(network):
        raise ValueError(f"the files of pyiqa's {metric!r} do not contain {left[0]}; download them again")
    return network.eval().requires_grad_(False)


@cache
def _tell_licence() -> None:
    Console(stderr=True).print(LICENCE, highlight=False, soft_wrap=True, markup=False)
