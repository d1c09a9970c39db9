"""Fixtures that the whole suite shares."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each process has a core of its own, as have the programs that its tests start.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from PIL import Image

from .server import Behaviour, Folder, Misbehaving, listening

SHARED = Path(__file__).parents[2] / "shared"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A job in the background ignores interrupts, and so would every program that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew", action="store_true", help="write tests/snapshots/ anew from what is printed now")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development material beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no development material at {SHARED}")
    return SHARED


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in one order: split over threads, they round otherwise, and a short training ends elsewhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def serve() -> Iterator[Callable[[str, Behaviour], str]]:
    """Gives addresses for behaviours; a path without one is not found."""
    with listening(Misbehaving) as server:
        server.behaviours = {}

        def add(path: str, how: Behaviour | None = None) -> str:
            if how is not None:
                server.behaviours[path] = how
            return f"http://127.0.0.1:{server.server_port}{path}"

        yield add


@pytest.fixture
def public(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which its files can be fetched."""
    folder = tmp_path / "public"
    folder.mkdir()
    with listening(partial(Folder, directory=str(folder))) as server:
        yield folder, f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def save():
    """Writes an array as an image file; the suffix chooses the format."""

    def write(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels)
        (image if mode is None else image.convert(mode)).save(path)
        return path

    return write


@pytest.fixture
def make_pairs(save):
    """Writes pairs of noise into two folders; every pair differs from every other."""

    def make(ir: Path, vi: Path, names, size=(24, 32), suffix=".png") -> None:
        for number, name in enumerate(names):
            rng = np.random.default_rng(number)
            save(ir / f"{name}{suffix}", rng.integers(256, size=size, dtype=np.uint8))
            save(vi / f"{name}{suffix}", rng.integers(256, size=(*size, 3), dtype=np.uint8))

    return make
