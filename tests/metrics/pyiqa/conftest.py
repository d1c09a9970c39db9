"""Weight files of the right architectures with random numbers in them, as small as their structure allows."""

from __future__ import annotations

import importlib
import math
import shutil
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torch import Tensor, nn

from fusionbench.metrics.pyiqa.sandbox import quietly, sandboxed
from fusionbench.metrics.pyiqa.table import NETWORKS
from fusionbench.weights.card import WeightsCard
from fusionbench.weights.checksums import accept
from fusionbench.weights.store import cache_path

CLIP_SIZES = {
    "RN50.pt": (1024, 224, (3, 4, 6, 3), 64, None, 77, 49408, 512, 8, 12),
    "ViT-B-32.pt": (512, 224, 12, 768, 32, 77, 49408, 512, 8, 12),
}


def numbers(name: str, like: Tensor, generator: torch.Generator, dtype: torch.dtype | None = None) -> Tensor:
    """Random numbers in the shape of a tensor, over a storage of only as many as the shape's sides have together."""
    # A filter is a constant of the architecture that happens to be saved with it.
    if not like.is_floating_point() or name.endswith(".filter"):
        return like.clone()
    count = sum(like.shape) + 1
    if name.endswith("running_var") or (like.ndim == 1 and name.endswith("weight")):
        pool = 0.5 + torch.rand(count, generator=generator)
    else:
        pool = torch.randn(count, generator=generator) / math.sqrt(max(1, math.prod(like.shape[1:])))
    strides = [1] * like.ndim
    return pool.to(dtype or like.dtype).as_strided(like.shape, strides)


def random_state(network: nn.Module, seed: int = 0, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: numbers(name, tensor, generator, dtype) for name, tensor in network.state_dict().items()}


def unloaded(arch: str, name: str, **options: object) -> nn.Module:
    """A network of pyiqa that has read no file."""
    with sandboxed({}):
        made: nn.Module = getattr(importlib.import_module(f"pyiqa.archs.{arch}_arch"), name)(
            pretrained=False, **options
        )
    return made


class Holder(nn.Module):
    """Tensors under dotted names, for TorchScript."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def script(state: dict[str, Tensor], path: Path) -> None:
    """A TorchScript archive with this state, as CLIP is published."""
    root = Holder()
    for name, tensor in state.items():
        *parents, last = name.split(".")
        module: nn.Module = root
        for parent in parents:
            if parent not in dict(module.named_children()):
                module.add_module(parent, nn.Module())
            module = module.get_submodule(parent)
        if tensor.is_floating_point():
            module.register_parameter(last, nn.Parameter(tensor, requires_grad=False))
        else:
            module.register_buffer(last, tensor)
    with quietly():
        torch.jit.script(root).save(str(path))


def clip(path: Path, seed: int = 0) -> None:
    sizes = CLIP_SIZES[path.name]
    model = importlib.import_module("pyiqa.archs.clip_model").CLIP(*sizes)
    script(random_state(model, seed, torch.float16), path)


def musiq(path: Path, seed: int = 0, classes: int = 1) -> None:
    torch.save(random_state(unloaded("musiq", "MUSIQ", num_class=classes), seed), path)


def tres(path: Path, seed: int = 0) -> None:
    torch.save(random_state(unloaded("tres", "TReS"), seed), path)


def maniqa(path: Path, seed: int = 0) -> None:
    torch.save(random_state(unloaded("maniqa", "MANIQA", train_dataset="koniq", scale=0.8), seed), path)


def liqe(path: Path, seed: int = 0) -> None:
    model = importlib.import_module("pyiqa.archs.clip_model").CLIP(*CLIP_SIZES["ViT-B-32.pt"])
    state = {f"clip_model.{name}": tensor for name, tensor in random_state(model, seed).items()}
    torch.save({"params": state}, path)


def arniqa_encoder(path: Path, seed: int = 0) -> None:
    resnet = importlib.import_module("torchvision.models").resnet50(weights=None)
    encoder = nn.Sequential(*list(resnet.children())[:-1])
    torch.save({f"model.{name}": tensor for name, tensor in random_state(encoder, seed).items()}, path)


class Linear(nn.Module):
    """ARNIQA's regressor: a linear map to one number."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(4096, 1, generator=torch.Generator().manual_seed(seed)) / 64)

    def forward(self, features: Tensor) -> Tensor:
        return features @ self.weights + 0.5


def arniqa_regressor(path: Path, seed: int = 0) -> None:
    with quietly():
        torch.jit.script(Linear(seed)).save(str(path))


def nrqm(path: Path, seed: int = 0) -> None:
    """Three forests of trees with one split, and the linear map of their answers."""
    rng = np.random.default_rng(seed)
    trees = 5
    forests = np.empty((1, 3), dtype=object)
    for index in range(3):
        left, right = np.zeros((3, trees), np.int32), np.zeros((3, trees), np.int32)
        left[0], right[0] = 2, 3
        forests[0, index] = {
            "ldau": left,
            "rdau": right,
            "node": np.zeros((3, trees), np.int32),
            "size": np.zeros((3, trees), np.int32),
            "threshold": rng.random((3, trees)),
            "prediction": rng.random((3, trees)) * 10,
            "attribute": np.ones((3, trees), np.int32),
        }
    savemat(path, {"model": {"linear": rng.random((4, 1)), "rf": forests}})


def pristine(path: Path, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    root = rng.random((36, 36))
    savemat(path, {"mu_prisparam": rng.random((1, 36)), "cov_prisparam": root @ root.T})


MAKE: dict[str, Callable[..., None]] = {
    "ARNIQA.pth": arniqa_encoder,
    "NRQM_model.mat": nrqm,
    "RN50.pt": clip,
    "ViT-B-32.pt": clip,
    "ckpt_koniq10k.pt": maniqa,
    "liqe_koniq.pt": liqe,
    "modelparameters.mat": pristine,
    "musiq_ava_ckpt-e8d3f067.pth": lambda path, seed=0: musiq(path, seed, classes=10),
    "musiq_koniq_ckpt-e95806b9.pth": musiq,
    "regressor_koniq10k.pth": arniqa_regressor,
    "tres_koniq-f0502926.pth": tres,
}
"""Every file of the rows of METRICS."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches: this package's, torch's and Hugging Face's."""
    for variable, folder in {"FUSIONBENCH_HOME": "home", "TORCH_HOME": "torch", "HF_HOME": "hf"}.items():
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hosts that were looked up; nobody answers."""
    asked: list[str] = []

    def unanswered(host: str, *args: object, **kwargs: object) -> None:
        asked.append(host)
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", unanswered)
    return asked


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a file of random numbers by the name of the published one, once for each seed."""

    @cache
    def make(file: str, seed: int = 0) -> Path:
        path = tmp_path_factory.mktemp("made") / file
        with quietly():
            MAKE[file](path, seed)
        return path

    return make


@pytest.fixture
def put(made: Callable[..., Path]) -> Callable[..., list[Path]]:
    """Puts random files for a score where its own are looked for, as a person who accepts them would or not."""

    def put_files(metric: str, seed: int = 0, *, accepted: bool = True) -> list[Path]:
        paths = []
        for card in NETWORKS[metric].cards().values():
            paths.append(put_file(card, made(card.file, seed)))
            if accepted:
                accept(paths[-1], "made by a test")
        return paths

    def put_file(card: WeightsCard, source: Path) -> Path:
        place = cache_path("", card)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
        return place

    return put_files
