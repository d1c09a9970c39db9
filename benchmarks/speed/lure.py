"""LURE's inference beside a plain composition of the same layers (`plain_lure`), on a CPU or a GPU.

    python benchmarks/speed/lure.py [--method lure-s] [--sizes 256x256 480x640] [--write docs/speed-lure.md]
    python benchmarks/speed/lure.py --device cuda [--batches 1 8] [--write docs/speed-lure.md]

The plain composition calls one layer after the other, as the paper draws them, and encodes the two sources one after
the other. Both programs take turns and the fastest round counts; peak memory is that of a fresh process each. Weights
are random, and large enough for blocks that start as identities to do something. The language model is asked once and
not measured. Rows that are not measured stay in the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import measuring
import plain_lure
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from fusionbench import methods
from fusionbench.methods.lure.method import LURE

SPREAD = 0.05
"""Added to every parameter."""

CPU, GPU = (columns.replace("| size |", "| method | size |") for columns in (measuring.CPU, measuring.GPU))


def main() -> None:
    """Measure, print the table, and renew its rows where asked."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    with torch.no_grad():
        if arguments.probe:
            print(_probe(arguments.method, arguments.probe, *measuring.size_of(arguments.sizes[0])))
        elif arguments.device == "cpu":
            measuring.tell(CPU, _on_cpu(arguments), 3, arguments.write)
        else:
            measuring.tell(GPU, _on_gpu(arguments), 5, arguments.write)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="lure-s", help="a row of lure")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sizes", nargs="+", default=["256x256", "480x640"], help="height x width")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="the page whose rows are renewed")
    parser.add_argument("--probe", choices=["plain", "ours"], help="print the MiB of one call and stop")
    return parser.parse_args()


def make(name: str, device: str = "cpu") -> LURE:
    """The method with random weights that make it sensitive.

    Raises:
        ValueError: another method has that name.
    """
    torch.manual_seed(0)
    method = methods.build(name).eval()
    if not isinstance(method, LURE):
        raise ValueError(f"{name!r} is another method; give a row of lure")
    for parameter in method.network.parameters():
        parameter.add_(torch.randn_like(parameter) * SPREAD)
    return method.to(device)


def programs(method: LURE, count: int, height: int, width: int, device: str = "cpu") -> dict[str, Callable[[], Tensor]]:
    """Both ways to fuse random pairs."""
    generator = torch.Generator().manual_seed(1)
    ir, vi = (torch.rand(count, c, height, width, generator=generator).to(device) for c in (1, 3))
    said = "The infrared image lacks contrast.", "The visible image is hazy."
    texts = [method.text([sentence] * count) for sentence in said]
    return {
        "plain": lambda: plain_lure.fuse(method.network, ir, vi, *texts),
        "ours": lambda: method.network(ir, vi, *texts),
    }


def _probe(name: str, program: str, height: int, width: int) -> float:
    method = make(name)
    programs(method, 1, 64, 64)[program]()  # libraries are loaded before counting starts
    return measuring.added_mib(programs(method, 1, height, width)[program])


def _on_cpu(arguments: argparse.Namespace) -> list[str]:
    method = make(arguments.method)
    rows = []
    for size in arguments.sizes:
        options = ("--method", arguments.method, "--sizes", size, "--threads", arguments.threads)
        mib = {name: measuring.printed_by(__file__, "--probe", name, *options) for name in ("plain", "ours")}
        for run in programs(method, 1, 64, 64).values():
            run()
        ways = programs(method, 1, *measuring.size_of(size))
        rows.append(f"| {arguments.method} {measuring.cpu_row(size, ways, mib, arguments.rounds)}")
    return rows


def _on_gpu(arguments: argparse.Namespace) -> list[str]:
    rates = {dtype: measuring.cuda_rate(dtype) for dtype in (torch.float32, torch.bfloat16)}
    on = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    method = make(arguments.method, "cuda")
    rows = []
    for size in arguments.sizes:
        for count in arguments.batches:
            ways = programs(method, count, *measuring.size_of(size), device="cuda")
            with FlopCounterMode(display=False) as counter:
                ways["plain"]()
            for dtype, rate in rates.items():
                for name, run in ways.items():
                    seconds, mib = measuring.cuda_seconds(run, dtype, 10 * arguments.rounds)
                    rows.append(
                        f"| {arguments.method} | {size} | {count} | {name} | {str(dtype).removeprefix('torch.')} "
                        f"| {1e3 * seconds:.1f} | {count / seconds:.1f} "
                        f"| {counter.get_total_flops() / rate / seconds:.0%} | {mib:.0f} | {on} |"
                    )
    return rows


if __name__ == "__main__":
    main()
