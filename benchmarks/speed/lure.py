"""LURE's inference beside a plain composition of the same layers, on a CPU or a GPU.

    python benchmarks/speed/lure.py [--method lure-s] [--size 256] [--rounds 3] [--device cpu] [--write FILE]

The plain composition (`plain_lure`) calls one layer after the other, as the paper draws them, and encodes the two
sources one after the other. Both take turns and the fastest round counts: of the processor's time on a CPU, on the
clock on a GPU. The language model is asked once and not measured.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path

import plain_lure
import torch
from rich.console import Console
from rich.markdown import Markdown
from torch import Tensor

from fusionbench import methods
from fusionbench.methods.lure.method import Lure

SPREAD = 0.05
"""Added to every parameter, so that blocks that start as identities do something."""


def main() -> None:
    """Measure, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--method", default="lure-s")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    text = table(chosen.method, chosen.size, chosen.rounds, torch.device(chosen.device))
    Console().print(Markdown(text))
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")


def table(name: str, size: int, rounds: int, device: torch.device) -> str:
    """The measured times as markdown."""
    torch.manual_seed(0)
    method = methods.untrained(name).to(device).eval()
    if not isinstance(method, Lure):
        raise ValueError(f"{name!r} is another method; give a row of lure")
    with torch.no_grad():
        for parameter in method.network.parameters():
            parameter.add_(torch.randn_like(parameter) * SPREAD)
    ir, vi = torch.rand(1, 1, size, size, device=device), torch.rand(1, 3, size, size, device=device)
    with torch.no_grad():
        texts = method.text(["The infrared image lacks contrast."]), method.text(["The visible image is hazy."])
        programs = {
            "plain": lambda: plain_lure.fuse(method.network, ir, vi, *texts),
            "this package": lambda: method.network(ir, vi, *texts),
        }
        seconds = best_of(programs, rounds, device)
        difference = (programs["plain"]() - programs["this package"]()).abs().max().item()
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "CPU"
    return (
        f"{name}, one pair of {size} x {size}, {machine}, {torch.get_num_threads()} threads; seconds of the fastest of "
        f"{rounds} rounds.\n\n| plain | this package | times faster | largest difference |\n|---:|---:|---:|---:|\n"
        f"| {seconds['plain']:.3f} | {seconds['this package']:.3f} | "
        f"{seconds['plain'] / seconds['this package']:.2f} | {difference:.1e} |\n"
    )


def best_of(programs: dict[str, Callable[[], Tensor]], rounds: int, device: torch.device) -> dict[str, float]:
    """The fastest of several rounds, the programs taking turns; each runs once before."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(rounds + 1):
        for name, run in programs.items():
            start = now(device)
            run()
            if turn:
                times[name].append(now(device) - start)
    return {name: min(values) for name, values in times.items()}


def now(device: torch.device) -> float:
    """Seconds: of the processor, or on the clock once a GPU has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


if __name__ == "__main__":
    main()
