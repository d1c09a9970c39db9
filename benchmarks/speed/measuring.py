"""What the measurements of the large methods share: clocks, memory, and rows that go into a page."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.markdown import Markdown
from torch import Tensor

EQUAL = 1e-4
"""How far the results of two programs may lie apart."""

CPU = (
    "| size | threads | plain, s | this package, s | speed-up | plain, MiB | this package, MiB "
    "| largest difference | on |"
)
GPU = "| size | batch | program | precision | ms | images per second | share of the floor | MiB | on |"

MATRIX = 8192
"""Side of the product whose rate is the floor on a GPU."""


def size_of(text: str) -> tuple[int, int]:
    """Height and width from 'HEIGHTxWIDTH'."""
    height, _, width = text.partition("x")
    return int(height), int(width)


def machine() -> str:
    """The processor and torch."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text(encoding="utf-8").splitlines() if names.is_file() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{found[0] if found else platform.processor() or platform.machine()}, torch {torch.__version__}"


def in_turn(programs: Mapping[str, Callable[[], Tensor]], rounds: int) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Fewest seconds of each program on a CPU, and its result.

    With one thread the processor's time counts, which other work on the machine disturbs little; with more the clock
    does, for threads that wait use the processor too.
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    spent: dict[str, list[float]] = {name: [] for name in programs}
    results = {}
    for _ in range(rounds):
        for name, run in programs.items():
            start = clock()
            results[name] = run()
            spent[name].append(clock() - start)
    return {name: min(each) for name, each in spent.items()}, results


def cpu_row(size: str, programs: Mapping[str, Callable[[], Tensor]], mib: Mapping[str, float], rounds: int) -> str:
    """The row of `CPU` for the programs 'plain' and 'ours', which must give the same.

    Args:
        mib: what one call of each adds to a fresh process.

    Raises:
        AssertionError: the results differ.
    """
    times, results = in_turn(programs, rounds)
    torch.testing.assert_close(results["ours"], results["plain"], rtol=0.0, atol=EQUAL)
    difference = (results["ours"] - results["plain"]).abs().max().item()
    return (
        f"| {size} | {torch.get_num_threads()} | {times['plain']:.2f} | {times['ours']:.2f} "
        f"| {times['plain'] / times['ours']:.2f} | {mib['plain']:.0f} | {mib['ours']:.0f} "
        f"| {difference:.1e} | {machine()} |"
    )


def added_mib(run: Callable[[], object]) -> float:
    """What a call adds to the peak memory of this process, which should be a fresh one."""
    before = _peak_kib()
    run()
    return (_peak_kib() - before) / 1024


def _peak_kib() -> int:
    """Peak memory of this process; what `getrusage` gives on Linux begins with that of the process that started it."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text(encoding="utf-8").splitlines() if "VmHWM" in line)


def printed_by(script: str, *options: object) -> float:
    """The number that a script prints in a process of its own."""
    command = [sys.executable, script, *map(str, options)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def cuda_seconds(run: Callable[[], object], dtype: torch.dtype, rounds: int) -> tuple[float, float]:
    """Median seconds of a call under autocast, and the MiB that it adds to what is allocated."""
    with torch.autocast("cuda", dtype=dtype, enabled=dtype != torch.float32):
        for _ in range(3):
            run()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        seconds = _median(run, rounds)
    return seconds, (torch.cuda.max_memory_allocated() - before) / 2**20


def cuda_rate(dtype: torch.dtype) -> float:
    """Operations per second of a large matrix product."""
    a, b = torch.randn(2, MATRIX, MATRIX, device="cuda", dtype=dtype)
    return 2 * MATRIX**3 / _median(lambda: a @ b, 10)


def _median(run: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1e3)
    return sorted(times)[rounds // 2]


def tell(columns: str, rows: Sequence[str], keys: int, page: Path | None) -> None:
    """Print a table, and renew its rows in a page.

    Args:
        columns: the table's first line, by which the page knows it.
        rows: of the table.
        keys: how many leading cells tell a row from the others.
        page: keeps its prose, its other tables, and the rows of this one that were not measured now.

    Raises:
        ValueError: the page has no such table.
    """
    rule = "|" + "---|" * (columns.count("|") - 1)
    Console().print(Markdown("\n".join([columns, rule, *rows])))
    if page is None:
        return
    lines = page.read_text(encoding="utf-8").splitlines()
    if columns not in lines:
        raise ValueError(f"{page} has no table with the columns {columns}")
    first = lines.index(columns) + 2
    last = next((at for at in range(first, len(lines)) if not lines[at].startswith("|")), len(lines))
    kept = {_key(line, keys): line for line in [*lines[first:last], *rows]}
    page.write_text("\n".join([*lines[:first], *kept.values(), *lines[last:]]) + "\n", encoding="utf-8")


def _key(row: str, keys: int) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in row.split("|")[1 : keys + 1])
