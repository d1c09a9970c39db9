"""Work divided among processes, each on a device of its own: nothing is padded, nothing is done twice.

The processes share no connection and no lock, so that one that dies leaves the others alone. Each takes every
so-many-th image, and tells how far it is in a place of memory that nobody else writes to.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext
from typing import Any

import cv2
import torch

from fusionbench.benchmark.spec import Execution
from fusionbench.trainer import world_size

POLL_INTERVAL, TERMINATE_TIMEOUT = 0.1, 5.0
"""Seconds between two looks at the processes, and until one that shall end is killed."""


@dataclass(frozen=True)
class Shard:
    """What of the work is one process's.

    Attributes:
        process: its number, from 0.
        processes: how many there are.
        execution: how the work is done in it, on a device of its own.
    """

    process: int
    processes: int
    execution: Execution

    def of(self, count: int) -> range:
        """Places of the process's own among so many."""
        return range(self.process, count, self.processes)


Notify = Callable[[int], None]

Work = Callable[[Shard, Notify, Notify], None]
"""What a process does of a shard; it reports how many images it has just done, and the place of the job that begins.

A new process must be able to find it: a function of a module, or `functools.partial` of one.
"""


def make_shards(execution: Execution) -> list[Shard]:
    """One share for each device that is asked for.

    Raises:
        ValueError: the devices are not there, or this process is one of several already.
    """
    if (count := world_size()) > 1:
        raise ValueError(
            f"this is one of {count} processes that torchrun or srun started; start it once, and let --devices {count} "
            "start the processes"
        )
    found = _devices(execution)
    return [Shard(place, len(found), each) for place, each in enumerate(found)]


def _devices(execution: Execution) -> list[Execution]:
    """The same on each device alone."""
    kind, devices = execution.accelerator, execution.devices
    if kind in ("gpu", "cuda") or (kind == "auto" and torch.cuda.is_available()):
        return [replace(execution, accelerator="cuda", devices=[index]) for index in _cuda(devices)]
    if str(devices) in ("1", "auto"):
        return [replace(execution, devices=1)]
    if kind not in ("auto", "cpu"):
        raise ValueError(f"several processes run on 'cpu' or 'cuda', not on {kind!r}; take --devices 1")
    if not str(devices).isdigit() or int(str(devices)) < 1:
        raise ValueError(f"--devices {devices!r} is no number of processes; on a processor it is 1 or more")
    return [replace(execution, accelerator="cpu", devices=1)] * int(str(devices))


def _cuda(devices: int | str | Sequence[int]) -> list[int]:
    there = torch.cuda.device_count()
    words = str(devices).strip("[]() ")
    try:
        listed = [int(word) for word in words.split(",") if word.strip()] if words != "auto" else [-1]
    except ValueError as error:
        raise ValueError(f"--devices {devices!r} is neither a number nor a list of devices such as 0,1") from error
    if listed == [-1]:
        chosen = list(range(there))
    elif "," in words or not isinstance(devices, int | str):
        chosen = listed
    else:
        chosen = list(range(listed[0])) if listed else []
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(range(there)):
        raise ValueError(f"--devices {devices!r} asks for CUDA devices that are not there; there are {there}")
    return chosen


class _Traced(Exception):  # noqa: N818 - it is the cause of an error, printed below that
    """The traceback of another process, as text."""


class _Progress:
    """How far each process is: images done and the job it is at, written by that process alone."""

    def __init__(self, context: SpawnContext, processes: int) -> None:
        self.done: Any = context.RawArray("q", processes)
        self.job: Any = context.RawArray("q", processes)


def run_in_processes(
    work: Work, shards: Sequence[Shard], *, jobs: int, done: Callable[[int], None], ended: Callable[[int], None]
) -> None:
    """Let a process work on each share, and wait for all of them.

    Args:
        jobs: how many jobs the work goes through, each process in the same order.
        done: called with the number of images that were just finished.
        ended: called with the place of a job that no process works on any more, in order.

    Raises:
        ValueError: an input is wrong, as a process found, or a process was killed.
        RuntimeError: a process failed because of a defect; its cause holds the traceback of that process.
    """
    context = multiprocessing.get_context("spawn")
    progress, said = _Progress(context, len(shards)), context.SimpleQueue()
    threads = max(1, torch.get_num_threads() // len(shards))
    processes = [context.Process(target=_process, args=(work, shard, threads, progress, said)) for shard in shards]
    # A Ctrl-C while a new process still imports would print a traceback; what is ignored here is ignored there.
    with _interrupts_ignored():
        for process in processes:
            process.start()
    counted = reached = 0
    try:
        alive = True
        while alive:
            alive = any(process.is_alive() for process in processes)
            time.sleep(POLL_INTERVAL if alive else 0)
            before, counted = counted, sum(progress.done)
            done(counted - before)
            _check(processes, said)
            while reached < min([*progress.job, jobs]):
                ended(reached)
                reached += 1
    finally:
        _end(processes)
        for job in range(reached, jobs):
            ended(job)


def _check(processes: Sequence[Any], said: Any) -> None:
    if not said.empty():
        sentence, traced = said.get()
        if traced:
            raise RuntimeError(f"one of {len(processes)} processes failed: {sentence}") from _Traced(traced)
        raise ValueError(sentence)
    for number, process in enumerate(processes):
        if process.exitcode is not None and process.exitcode < 0:
            name = signal.Signals(-process.exitcode).name
            raise ValueError(
                f"process {number} of {len(processes)} was ended by {name}, which the system sends when memory runs "
                "out; take fewer --devices, --workers or a smaller --batch-size; the same command goes on"
            )
        if process.exitcode:
            raise RuntimeError(f"process {number} of {len(processes)} ended with exit status {process.exitcode}")


def _end(processes: Sequence[Any]) -> None:
    """End what still runs: by an interrupt first, by force after TERMINATE_TIMEOUT."""
    wait(  # A Ctrl-C in a terminal reached all of them already, and a second one would disturb how they end.
        [process.sentinel for process in processes], timeout=5 * POLL_INTERVAL
    )
    for process in processes:
        if process.is_alive():
            os.kill(process.pid, signal.SIGINT)
    deadline = time.monotonic() + TERMINATE_TIMEOUT
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ctrl-C does nothing in the block, where this thread is the one that gets it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _process(work: Work, shard: Shard, threads: int, progress: _Progress, said: Any) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_follow_parent, daemon=True).start()
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)

    def done(count: int) -> None:
        progress.done[shard.process] += count

    def reach(job: int) -> None:
        progress.job[shard.process] = job

    try:
        work(shard, done, reach)
    except (ValueError, OSError, ImportError) as error:
        said.put((" ".join(str(error).split()) or type(error).__name__, ""))
    except KeyboardInterrupt:
        return  # The process that started this one says so.
    except Exception as error:
        said.put((f"{type(error).__name__}: {error}", traceback.format_exc()))


def _follow_parent() -> None:
    """End with the process that started this one, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGINT)
