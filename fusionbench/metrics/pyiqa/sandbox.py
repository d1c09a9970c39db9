"""A sandbox in which pyiqa builds its networks, with access only to files that were checked before.

By itself, pyiqa downloads missing files, checks no hash, unpickles code and starts from pretrained backbones that its
own checkpoint then replaces. Inside the sandbox

- torch's hub folder is a temporary one with links to the checked files only;
- looking up a host fails at once, so that no connection is attempted;
- torch.load reads only tensors;
- networks are initialised with NaN instead of random numbers: a tensor that no file fills stays NaN and is detected
  afterwards, instead of silently producing a value.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import shutil
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

BACKBONES = ("resnet18", "resnet34", "resnet50", "vgg16")
"""Functions of torchvision.models that pyiqa's networks start from; timm's all go through one function."""

INITIAL = tuple(name for name in vars(torch.nn.init) if name.endswith("_") and not name.startswith("_"))
"""Functions of torch.nn.init that initialise a tensor."""


@contextmanager
def sandboxed(files: Mapping[str, Path]) -> Iterator[None]:
    """Give pyiqa access to these files only.

    Args:
        files: checked files by their path below torch's hub folder.

    Raises:
        ImportError: the installed pyiqa has another structure than expected.
    """
    with TemporaryDirectory(prefix="fusionbench-") as folder, ExitStack() as stack:
        hub = Path(folder)
        (hub / "pyiqa").mkdir()
        for place, path in files.items():
            _link(path, hub / place)
        stack.enter_context(quietly())
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(patch.dict(os.environ, {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1"}))
        for place, name, value in _replacements(hub):
            if not hasattr(place, name):
                needed = "this needs pyiqa 0.1.16 with the packages of its time"
                raise ImportError(f"{place.__name__} has no {name}: {needed}")
            stack.enter_context(patch.object(place, name, value))
        yield


def _replacements(hub: Path) -> list[tuple[Any, str, Any]]:
    names = ("pyiqa.archs.clip_model", "pyiqa.archs.topiq_arch", "timm", "torchvision.models")
    modules = {name: importlib.import_module(name) for name in names}
    topiq = modules["pyiqa.archs.topiq_arch"]
    # Modules copy this name when they are imported, so those already imported have their own copy.
    caches = [
        module
        for name, module in sys.modules.items()
        if name.startswith("pyiqa.") and hasattr(module, "DEFAULT_CACHE_DIR")
    ]
    return [
        (torch.hub, "_hub_dir", str(hub)),
        *((module, "DEFAULT_CACHE_DIR", str(hub / "pyiqa")) for module in caches),
        # The file has been checked; pyiqa would download another one instead of an accepted file.
        (modules["pyiqa.archs.clip_model"], "_download", lambda url, root: str(Path(root) / url.rpartition("/")[2])),
        (topiq, "create_swin", _unfilled(topiq.create_swin, pretrained=False)),
        (modules["timm"], "create_model", _unfilled(modules["timm"].create_model, pretrained=False)),
        *(
            (modules["torchvision.models"], name, _unfilled(getattr(modules["torchvision.models"], name), weights=None))
            for name in BACKBONES
        ),
        *((torch.nn.init, name, _blank) for name in INITIAL),
        (socket, "getaddrinfo", _no_network(socket.getaddrinfo)),
    ]


def _unfilled(make: Callable[..., nn.Module], **changes: Any) -> Callable[..., nn.Module]:
    def made(*args: Any, **kwargs: Any) -> nn.Module:
        network = make(*args, **{**kwargs, **changes})
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.fill_(torch.nan)
        return network

    return made


def _blank(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    with torch.no_grad():
        return tensor.fill_(torch.nan)


def unfilled(network: nn.Module) -> list[str]:
    """The names of tensors that no file filled."""
    # pyiqa keeps some networks in lists, to exclude them from the state it saves.
    lists = [held for part in network.modules() for held in vars(part).values() if isinstance(held, list)]
    networks = [network, *(one for held in lists for one in held if isinstance(one, nn.Module))]
    return [name for one in networks for name, tensor in one.state_dict().items() if torch.isnan(tensor).any()]


def _no_network(look_up: Callable[..., Any]) -> Callable[..., Any]:
    inside = threading.get_ident()

    def looked_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == inside:
            raise OSError(f"pyiqa requests a file from {host} that is not among those known for this metric")
        return look_up(host, *args, **kwargs)

    return looked_up


def _link(path: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        _to_mat(path, place)
        return
    try:
        place.symlink_to(path.resolve())
    except OSError:  # some systems and users may not create links
        shutil.copyfile(path, place)


def _to_mat(path: Path, place: Path) -> None:
    """Convert NIQE's parameters from BasicSR's format to MATLAB's."""
    from scipy.io import savemat

    with np.load(path, allow_pickle=False) as given:
        savemat(place, {"mu_prisparam": given["mu_pris_param"], "cov_prisparam": given["cov_pris_param"]})


@contextmanager
def quietly() -> Iterator[None]:
    """Suppress what pyiqa prints while loading, and warnings of Python and torch about third-party code."""
    logger = logging.getLogger("pyiqa")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            # CLIP is published as TorchScript, which pyiqa loads.
            warnings.filterwarnings("ignore", message=".*torch.jit.*", category=FutureWarning)
            warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
            # openai-clip imports pkg_resources, which setuptools below 81 still has but deprecates.
            warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
            # pyiqa does not close its table of datasets.
            warnings.filterwarnings("ignore", category=ResourceWarning)
            yield
    finally:
        logger.setLevel(level)
