"""Two commands that write into one folder, and many kills: nothing is lost, doubled or left over."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from fusionbench.data.synthetic import scene
from fusionbench.files import BusyFolderWarning, exclusive
from fusionbench.images.files import write_image

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot lock a folder")


def test_a_second_command_waits_for_the_first_and_says_who_it_is(tmp_path):
    order: list[str] = []

    def second() -> None:
        with exclusive(tmp_path):
            order.append("second")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=second)
        with exclusive(tmp_path):
            thread.start()
            while not caught:
                time.sleep(0.01)
            order.append("first")
        thread.join()
    assert order == ["first", "second"]
    assert [each.category for each in caught] == [BusyFolderWarning]
    said = str(caught[0].message)
    assert said.endswith(f"writes into {tmp_path}; this one waits until it has ended")
    if Path("/proc/locks").exists():
        assert f"(process {os.getpid()})" in said
    assert not list(tmp_path.iterdir())


def refused_once(folder: Path, thread: threading.Thread, caught: list[object]) -> None:
    """Holds a folder until another thread waits for it, and fails."""
    with exclusive(folder):
        thread.start()
        while not caught:
            time.sleep(0.01)
        raise ValueError("refused")


def test_a_folder_that_goes_away_meanwhile_is_made_again(tmp_path):
    folder, entered = tmp_path / "out", threading.Event()

    def second() -> None:
        with exclusive(folder):
            (folder / "result").touch()
            entered.set()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=second)
        with pytest.raises(ValueError, match="refused"):
            refused_once(folder, thread, caught)
        thread.join()
    assert (folder / "result").exists()


def test_what_is_refused_leaves_no_new_folder(tmp_path):
    with pytest.raises(ValueError, match="no"), exclusive(tmp_path / "a" / "b"):
        raise ValueError("no")
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileExistsError), exclusive(tmp_path / "a" / "b"):
        (tmp_path / "a" / "kept").mkdir() or (tmp_path / "a" / "kept").mkdir()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept"]


@pytest.fixture
def sources(tmp_path) -> Path:
    for index in range(12):
        pair = scene(index, 48, 64)
        write_image(tmp_path / "ir" / f"{index}.png", pair.ir)
        write_image(tmp_path / "vi" / f"{index}.png", pair.vi)
    return tmp_path


def started(sources: Path, out: Path, devices: int) -> subprocess.Popen[str]:
    words = (
        f"run --dataset folder --ir {sources / 'ir'} --vi {sources / 'vi'} --method average,lap "
        f"--degradation clean,ll+lc --metrics EN,CC --devices {devices} --out {out}"
    )
    return subprocess.Popen(
        [sys.executable, "-m", "fusionbench", *words.split()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def finished(process: subprocess.Popen[str]) -> None:
    _, error = process.communicate()
    assert process.returncode == 0, error


def whole(sources: Path) -> dict[str, bytes]:
    """What an undisturbed run writes."""
    finished(started(sources, sources / "whole", 1))
    return files(sources / "whole")


@pytest.mark.parametrize("devices", [1, 2])
def test_two_runs_at_once_write_what_one_does(devices, sources):
    both = [started(sources, sources / "out", devices) for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert files(sources / "out") == whole(sources)


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process alone, as the system does, and wait until those that it started have noticed."""
    process.kill()
    process.communicate()
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)


def killed(sources: Path, kills: int, devices: int) -> None:
    """Kill runs at random moments, each after the last; what the next one leaves is what an undisturbed one does."""
    expected, out = whole(sources), sources / "out"
    draw = random.Random(kills)
    for _ in range(kills):
        process = started(sources, out, devices)
        there = len(list(out.rglob("*.*")))
        wanted = there + draw.randrange(40)
        while process.poll() is None and len(list(out.rglob("*.*"))) < wanted:
            time.sleep(0.005)
        time.sleep(draw.random() * 0.3)
        if process.poll() is None:
            end(process)
            continue
        finished(process)
        assert files(out) == expected
        shutil.rmtree(out)
    finished(started(sources, out, devices))
    assert files(out) == expected


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a kill that nothing can catch")
@pytest.mark.parametrize("devices", [1, 2])
def test_fifty_kills_at_random_moments_change_nothing(devices, sources):
    killed(sources, 25, devices)
