"""Work divided among processes, each on its own device, without padding or repetition.

The processes share no connection and no lock, so that one that dies does not affect the others. Process k of N takes
every N-th image, and reports its progress in shared memory that only it writes to.
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
from fusionbench.console import LOG, logging_to_stderr
from fusionbench.trainer import world_size

POLL_INTERVAL, TERMINATE_TIMEOUT = 0.1, 5.0
"""Seconds between two checks of the processes, and until a terminated process is killed."""


@dataclass(frozen=True)
class Shard:
    """The part of the work for one process.

    Attributes:
        process: its rank, from 0.
        processes: the number of processes.
        execution: how the process works, on its own device.
    """

    process: int
    processes: int
    execution: Execution

    def of(self, count: int) -> range:
        """Indices of the process's items among `count`."""
        return range(self.process, count, self.processes)


Notify = Callable[[int], None]

Work = Callable[[Shard, Notify, Notify], None]
"""The work of a process on a shard; it reports the number of images just done, and the index of the job it starts.

It must be picklable: a module-level function, or a `functools.partial` of one.
"""


def make_shards(execution: Execution) -> list[Shard]:
    """One shard for each requested device.

    Raises:
        ValueError: a device does not exist, or this process is already one of several.
    """
    if (count := world_size()) > 1:
        raise ValueError(
            f"this is one of {count} processes started by torchrun or srun; start it once, with --devices {count} for "
            "as many processes"
        )
    found = _devices(execution)
    return [Shard(place, len(found), each) for place, each in enumerate(found)]


def _devices(execution: Execution) -> list[Execution]:
    """The same execution on each single device."""
    kind, devices = execution.accelerator, execution.devices
    if kind in ("gpu", "cuda") or (kind == "auto" and torch.cuda.is_available()):
        return [replace(execution, accelerator="cuda", devices=[index]) for index in _cuda(devices)]
    if str(devices) in ("1", "auto"):
        return [replace(execution, devices=1)]
    if kind not in ("auto", "cpu"):
        raise ValueError(f"several processes can run on 'cpu' or 'cuda', not on {kind!r}; use --devices 1")
    if not str(devices).isdigit() or int(str(devices)) < 1:
        raise ValueError(f"--devices {devices!r} is not a number of processes; on a CPU it must be 1 or more")
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
        raise ValueError(f"--devices {devices!r} requests CUDA devices that do not exist; there are {there}")
    return chosen


class _Traced(Exception):  # noqa: N818 - it is the cause of another error and printed with it
    """The traceback of another process, as text."""


class _Progress:
    """The progress of each process: images done and its current job, written by that process alone."""

    def __init__(self, context: SpawnContext, processes: int) -> None:
        self.done: Any = context.RawArray("q", processes)
        self.job: Any = context.RawArray("q", processes)


def run_in_processes(
    work: Work, shards: Sequence[Shard], *, jobs: int, done: Callable[[int], None], ended: Callable[[int], None]
) -> None:
    """Start a process for each shard, and wait for all of them.

    Args:
        jobs: the number of jobs, which every process does in the same order.
        done: called with the number of images just finished.
        ended: called with the index of each job that all processes have finished, in order.

    Raises:
        ValueError: a process found an invalid input, or was killed.
        RuntimeError: a process failed because of a defect; the cause has its traceback.
    """
    context = multiprocessing.get_context("spawn")
    progress, said = _Progress(context, len(shards)), context.SimpleQueue()
    threads = max(1, torch.get_num_threads() // len(shards))
    arguments = (threads, LOG.getEffectiveLevel(), progress, said)
    processes = [context.Process(target=_process, args=(work, shard, *arguments)) for shard in shards]
    # A Ctrl-C while a new process still imports would print a traceback; it inherits that the signal is ignored here.
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
                f"process {number} of {len(processes)} was killed by {name}, which the system sends when memory runs "
                "out; use fewer --devices or --workers or a smaller --batch-size; the same command resumes"
            )
        if process.exitcode:
            raise RuntimeError(f"process {number} of {len(processes)} ended with exit status {process.exitcode}")


def _end(processes: Sequence[Any]) -> None:
    """Stop running processes: by an interrupt first, and kill them after TERMINATE_TIMEOUT."""
    wait(  # A Ctrl-C in a terminal has already reached all of them, and a second one would disturb their shutdown.
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
    """Ignore Ctrl-C in the block, if this is the main thread, which receives it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _process(work: Work, shard: Shard, threads: int, level: int, progress: _Progress, said: Any) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_follow_parent, daemon=True).start()
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)

    def done(count: int) -> None:
        progress.done[shard.process] += count

    def reach(job: int) -> None:
        progress.job[shard.process] = job

    try:
        with logging_to_stderr(level):
            work(shard, done, reach)
    except (ValueError, OSError, ImportError) as error:
        said.put((" ".join(str(error).split()) or type(error).__name__, ""))
    except KeyboardInterrupt:
        return  # The parent process reports it.
    except Exception as error:
        said.put((f"{type(error).__name__}: {error}", traceback.format_exc()))


def _follow_parent() -> None:
    """Exit when the parent process ends, for whatever reason."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGINT)
