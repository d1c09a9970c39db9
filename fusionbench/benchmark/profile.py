"""The cost of a method: parameters, operations, time and memory of fusing one batch.

Operations are counted by torch.utils.flop_counter: convolutions and matrix products as they are executed, two
operations for each multiply-add; sums, norms, activations and Fourier transforms are not counted. Papers often report
multiply-adds as FLOPs, so both are given. Memory is the peak of one call beyond the weights and its input.
"""

from __future__ import annotations

import logging
import math
import re
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from fusionbench import methods
from fusionbench.console import LOG, logging_to_stderr
from fusionbench.degradations import parse
from fusionbench.registry import import_object
from fusionbench.types import Batch

if TYPE_CHECKING:
    from fusionbench.methods.method import Method

log = logging.getLogger(__name__)

SLOW = 1.0
"""Seconds of a call that has a line of its own while it is timed."""

LEAST_RUNS = 3
"""Least number of timed calls, even if the allowed time is over."""

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Request:
    """What to profile, and how.

    Attributes:
        weights: a file instead of the one found by the method's card.
        height: height of the images.
        width: width of the images.
        device: 'cpu' or 'cuda'.
        batch: images per call.
        warm_up: number of calls before the timed ones.
        runs: number of timed calls.
        allowed: seconds after which no further call is timed.
        threads: CPU threads; torch's default if None.
        degradation: the degradation given to methods that invert it.

    Raises:
        ValueError: a number is out of range, or the device does not exist.
    """

    method: str
    weights: Path | None = None
    height: int = 480
    width: int = 640
    device: str = "cpu"
    batch: int = 1
    warm_up: int = 2
    runs: int = 10
    allowed: float = 60.0
    threads: int | None = None
    degradation: str = "clean"

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", methods.spelled(self.method))
        if methods.card_of(self.method).family == "external":
            raise ValueError(f"{self.method!r} runs outside this package and cannot be profiled here")
        methods.check_able(self.method, self.degradation)
        for name in ("height", "width", "batch", "runs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        if self.warm_up < 0 or (self.threads is not None and self.threads < 1):
            raise ValueError(f"warm_up is {self.warm_up} and threads {self.threads}; they must be 0 and 1 or more")
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"device is {self.device!r}; it must be 'cpu' or 'cuda'")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("torch finds no CUDA device here; profile with --device cpu")


@dataclass(frozen=True)
class Profile:
    """The cost of a method on one device.

    Attributes:
        weights: name of the loaded weights; 'none' for methods without, 'random' if they are missing, because neither
            time nor size depends on them.
        hardware: the device's name.
        size: HEIGHTxWIDTH.
        parameters: number of parameters of all its networks.
        flops: operations of one call, per image.
        macs: multiply-adds, half of the operations.
        seconds: median time of one call, per image.
        fastest_quarter: the lower quartile.
        slowest_quarter: the upper quartile.
        runs: number of timed calls.
        memory: peak bytes of one call beyond weights and input; None if the system does not provide it.
    """

    method: str
    weights: str
    device: str
    hardware: str
    threads: int
    size: str
    batch: int
    parameters: int
    flops: int
    macs: int
    seconds: float
    fastest_quarter: float
    slowest_quarter: float
    runs: int
    memory: int | None


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of 'HEIGHTxWIDTH'.

    Raises:
        ValueError: it has another form.

    Example:
        >>> parse_size("480x640")
        (480, 640)
    """
    if match := re.fullmatch(r"(\d+)x(\d+)", text.strip()):
        return int(match[1]), int(match[2])
    raise ValueError(f"size {text!r} is not of the form HEIGHTxWIDTH, such as 480x640")


def profile_method(request: Request) -> Profile:
    """Measure in this process.

    Raises:
        FileNotFoundError: a given weight file is missing.
        RuntimeError: it fails, for example for lack of memory.
    """
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    device = torch.device(request.device)
    _tell(request, "loading")
    method, weights = _open(request)
    method.to(device)
    batch = _batch(request, device)

    def call() -> None:
        method.fuse(batch)

    with torch.inference_mode():
        _tell(request, "a call whose memory is measured")
        with peak_memory(device) as memory:
            call()
            _wait(device)
        _tell(request, "a call whose operations are counted")
        with FlopCounterMode(display=False) as counter:
            call()
        times = timed(call, request, lambda: _wait(device))
    quartiles = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else [times[0]] * 3
    flops = counter.get_total_flops() // request.batch
    return Profile(
        method=request.method,
        weights=weights,
        device=request.device,
        hardware=torch.cuda.get_device_name(device) if request.device == "cuda" else _processor(),
        threads=torch.get_num_threads(),
        size=f"{request.height}x{request.width}",
        batch=request.batch,
        parameters=sum(parameter.numel() for parameter in method.parameters()),
        flops=flops,
        macs=flops // 2,
        seconds=quartiles[1] / request.batch,
        fastest_quarter=quartiles[0] / request.batch,
        slowest_quarter=quartiles[2] / request.batch,
        runs=len(times),
        memory=memory.get("bytes"),
    )


def _tell(request: Request, step: str) -> None:
    log.info("%s on %s: %s", request.method, request.device, step)


def profile_apart(request: Request, level: int = logging.WARNING) -> Profile:
    """Measure in a separate process, so that memory and settings of other methods have no influence.

    Args:
        level: of what that process logs to standard error; its steps are of INFO.

    Raises:
        FileNotFoundError: a given weight file is missing.
        RuntimeError: the method fails, or the process is killed, for example when the system runs out of memory.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_logged, request, level).result()
        except BrokenProcessPool as error:
            raise RuntimeError(f"{request.method} ended its process, perhaps for lack of memory") from error


def _logged(request: Request, level: int) -> Profile:
    with logging_to_stderr(level):
        return profile_method(request)


def profile_all(requests: Iterable[Request], console: Console | None = None) -> tuple[list[Profile], list[str]]:
    """Measure one after the other, each in a separate process.

    Args:
        console: if given and not quiet, each step is logged to standard error.

    Returns:
        The measurements, and one sentence for each that failed.
    """
    found, problems = [], []
    level = logging.WARNING if console is None or console.quiet else min(logging.INFO, LOG.getEffectiveLevel())
    for request in requests:
        try:
            found.append(profile_apart(request, level))
        except (ValueError, OSError, RuntimeError) as error:
            problems.append(f"{request.method} on {request.device}: {' '.join(str(error).split())}")
    return found, problems


def _open(request: Request) -> tuple[Method, str]:
    card = methods.card_of(request.method)
    try:
        method = methods.load(request.method, weights=request.weights, strict=True)
    except FileNotFoundError:
        if request.weights is not None:
            raise
        method = import_object(card.target)(**card.options).eval().requires_grad_(False)
        return method, "random"
    return method, method.weights_name or "none"


def _batch(request: Request, device: torch.device) -> Batch:
    generator = torch.Generator().manual_seed(0)
    shape = (request.height, request.width)
    return Batch(
        name=[f"image{index}" for index in range(request.batch)],
        degradation=[str(parse(request.degradation))] * request.batch,
        ir=torch.rand(request.batch, 1, *shape, generator=generator).to(device),
        vi=torch.rand(request.batch, 3, *shape, generator=generator).to(device),
        ir_scale=[parse(request.degradation).scale("ir")] * request.batch,
        vi_scale=[parse(request.degradation).scale("vi")] * request.batch,
    )


def timed(call: Callable[[], None], request: Request, wait: Callable[[], None] = lambda: None) -> list[float]:
    """Seconds of each call after the warm-up.

    Args:
        wait: returns when the device has finished its work.
    """
    _tell(request, "warm-up")
    for _ in range(request.warm_up):
        call()
    wait()
    _tell(request, f"timed calls: {request.runs}, or as many as begin within {request.allowed:g} s")
    times: list[float] = []
    end = time.perf_counter() + request.allowed
    while len(times) < request.runs and (len(times) < LEAST_RUNS or time.perf_counter() < end):
        start = time.perf_counter()
        call()
        wait()
        times.append(time.perf_counter() - start)
        # A line for each quick call would be many.
        log.log(logging.INFO if times[-1] > SLOW else logging.DEBUG, "call %d: %.3g s", len(times), times[-1])
    return times


@contextmanager
def peak_memory(device: torch.device) -> Iterator[dict[str, int]]:
    """The peak memory of the block beyond what was allocated before, as 'bytes'; empty if it is unknown.

    On CUDA it is counted by torch's allocator; on the CPU it is the growth of the process, as reported by Linux.
    """
    found: dict[str, int] = {}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield found
        found["bytes"] = torch.cuda.max_memory_allocated(device) - before
        return
    try:
        CLEAR.write_text("5", encoding="ascii")  # resets the peak
        resident = _status("VmRSS")
    except OSError:
        yield found
        return
    yield found
    found["bytes"] = _status("VmHWM") - resident


def _status(key: str) -> int:
    match = re.search(rf"^{key}:\s+(\d+) kB$", STATUS.read_text(encoding="ascii"), re.MULTILINE)
    if match is None:
        raise OSError(f"{STATUS} does not contain {key}")
    return 1024 * int(match[1])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1] if match else "CPU"


def frame(profiles: list[Profile]) -> pd.DataFrame:
    """One line per method and device, in the units of the fields."""
    return pd.DataFrame([asdict(entry) for entry in profiles], columns=[part.name for part in fields(Profile)])


def table(profiles: list[Profile]) -> Table:
    """The table that `fusionbench profile` prints."""
    shown = Table()
    shown.add_column("method", overflow="fold")
    for title in ("on", "M params", "GFLOPs", "GMACs", "ms", "quartiles", "peak MB"):
        shown.add_column(title, justify="right", no_wrap=True)
    for entry in profiles:
        quartiles = (entry.fastest_quarter, entry.slowest_quarter)
        shown.add_row(
            entry.method + ("*" if entry.weights == "random" else ""),
            entry.device,
            _three(entry.parameters / 1e6),
            _three(entry.flops / 1e9),
            _three(entry.macs / 1e9),
            _three(entry.seconds * 1e3),
            " to ".join(_three(quartile * 1e3) for quartile in quartiles),
            "-" if entry.memory is None else _three(entry.memory / 2**20),
        )
    return shown


def _three(value: float) -> str:
    """At least three significant digits, without exponents."""
    return f"{value:.0f}" if value >= 1000 or value == 0 else f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"


def footnotes(profiles: list[Profile]) -> list[str]:
    """Explanations of the numbers."""
    first: dict[str, Any] = {}
    for entry in profiles:
        first.setdefault(entry.device, f"{entry.hardware}, {entry.threads} threads, torch {torch.__version__}")
    notes = [f"{device}: {hardware}" for device, hardware in first.items()]
    notes.append(
        "Per image of a batch. GFLOPs: convolutions and matrix products as run, two operations per multiply-add; "
        "nothing else is counted. Time: median after warm-up with quartiles. Peak: memory of one call beyond "
        "weights and input."
    )
    if any(entry.weights == "random" for entry in profiles):
        notes.append("* random weights, because none were found; neither time nor size depends on them.")
    return notes
