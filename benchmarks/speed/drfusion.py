"""DRFusion's inference beside a plain composition of the same layers, and training with and without recomputation.

    python benchmarks/speed/drfusion.py [--rounds 3] [--threads 1] [--write FILE]

The two ways take turns within one run. On a CPU, processor time is measured and the fastest round counts, so that other
work on the machine disturbs little; peak memory is that of a process of its own, above what it has before the first
call. Where there is a CUDA device, it is measured in float32 and bfloat16, compiled and not, one and eight at a time.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from plain_drfusion import restored
from rich.console import Console
from rich.markdown import Markdown
from torch import Tensor

from fusionbench.methods.drfusion.method import DRFusion
from fusionbench.types import Batch

SIZES = ("640x480", "1024x768")
EQUAL = 1e-4
FLOPS_PER_PIXEL = 593.3e9 / (480 * 640)
"""Of one step: multiplications and additions of convolutions."""

HEADER = """# Speed of DRFusion

T = 3, noisy pairs, 31.8 million parameters, {threads} thread(s) ({machine}, torch {torch}). *Plain* is the same layers,
one operation after another (`benchmarks/speed/plain_drfusion.py`). Both results differ by at most {equal} on weights
whose predicted noise is as small as a trained network's. Made by
`python benchmarks/speed/drfusion.py --write docs/speed-drfusion.md`.
"""


def main() -> None:
    """Measure, print the tables, and write them where asked."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.alone:
        _alone(arguments)
        return
    text = HEADER.format(
        threads=arguments.threads,
        machine=platform.processor() or platform.machine(),
        torch=torch.__version__,
        equal=EQUAL,
    )
    text += _inference(arguments) + _training(arguments)
    text += _cuda(arguments.sizes) if torch.cuda.is_available() else "\nNo CUDA device was there to be measured.\n"
    Console().print(Markdown(text))
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="such as 640x480")
    parser.add_argument("--write", type=Path, help="also write the tables to this file")
    parser.add_argument("--alone", choices=["plain", "fused", "train", "recompute"], help="one call; print its memory")
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=640)
    return parser.parse_args()


def _method(**options: bool) -> DRFusion:
    torch.manual_seed(0)
    method = DRFusion(**options).eval()
    with torch.no_grad():
        method.diffusion.unet.outBlock[2].weight.mul_(0.1)
    return method


def _batch(height: int, width: int, count: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 4, height // 8, width // 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
    images = (smooth + 0.05 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)
    return Batch(
        name=[str(index) for index in range(count)],
        degradation=["noise"] * count,
        ir=images[:, :1],
        vi=images[:, 1:],
        ir_clean=images[:, :1],
        vi_clean=images[:, 1:],
        ir_scale=[1] * count,
        vi_scale=[1] * count,
    )


def _ways(method: DRFusion, batch: Batch) -> dict[str, Callable[[], Tensor]]:
    observation = method.observed(batch)
    return {
        "plain": lambda: restored(method.diffusion, observation.ir, observation.vi),
        "fused": lambda: method.diffusion(observation),
    }


@torch.no_grad()
def _inference(arguments: argparse.Namespace) -> str:
    method = _method()
    rows = []
    for size in arguments.sizes:
        width, height = map(int, size.split("x"))
        ways = _ways(method, _batch(height, width))
        spent: dict[str, list[float]] = {name: [] for name in ways}
        results = {}
        for _ in range(arguments.rounds):
            for name, way in ways.items():
                start = time.process_time()
                results[name] = way()
                spent[name].append(time.process_time() - start)
        torch.testing.assert_close(results["fused"], results["plain"], rtol=0.0, atol=EQUAL)
        difference = (results["fused"] - results["plain"]).abs().max().item()
        plain, fused = min(spent["plain"]), min(spent["fused"])
        ratio = statistics.median(a / b for a, b in zip(spent["plain"], spent["fused"], strict=True))
        memory = [_memory(name, height, width, arguments.threads) for name in ways]
        rows.append(
            f"| {size} | {plain:.1f} | {fused:.1f} | {plain / fused:.2f} | {ratio:.2f} | {difference:.1e} "
            f"| {memory[0]:.0f} | {memory[1]:.0f} |"
        )
    head = (
        "\n## Inference on a CPU\n\nProcessor seconds per image, fastest of "
        f"{arguments.rounds} rounds; peak memory in MiB.\n\n"
        "| size | plain | ours | times faster | median of the rounds | largest difference | plain, MiB | ours, MiB |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    return head + "\n".join(rows) + "\n"


def _training(arguments: argparse.Namespace) -> str:
    batch = _batch(256, 256)
    spent = {}
    for name, recompute in (("kept", False), ("recomputed", True)):
        method = _method(recompute=recompute).train()
        start = time.process_time()
        torch.stack(list(method.terms(batch).values())).sum().backward()
        spent[name] = time.process_time() - start
    memory = {
        name: _memory(alone, 256, 256, arguments.threads)
        for name, alone in (("kept", "train"), ("recomputed", "recompute"))
    }
    rows = [f"| {name} | {spent[name]:.1f} | {memory[name]:.0f} |" for name in spent]
    head = (
        "\n## One training step\n\nForwards and backwards on one crop of 256x256: activations of all steps kept, or "
        "those of one step at a time computed again (`recompute`).\n\n"
        "| activations | processor seconds | peak MiB |\n|---|---:|---:|\n"
    )
    return head + "\n".join(rows) + "\n"


def _memory(alone: str, height: int, width: int, threads: int) -> float:
    """Peak memory of a call in a fresh process, in MiB."""
    command = [sys.executable, __file__, "--alone", alone, "--threads", str(threads)]
    command += ["--height", str(height), "--width", str(width)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _alone(arguments: argparse.Namespace) -> None:
    batch = _batch(arguments.height, arguments.width)
    method = _method(recompute=arguments.alone == "recompute")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if arguments.alone in ("plain", "fused"):
        with torch.no_grad():
            _ways(method, batch)[arguments.alone]()
    else:
        torch.stack(list(method.train().terms(batch).values())).sum().backward()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


@torch.no_grad()
def _cuda(sizes: Sequence[str]) -> str:
    method = _method().cuda()
    rows = []
    for size in sizes:
        width, height = map(int, size.split("x"))
        for dtype in (torch.float32, torch.bfloat16):
            floor = FLOPS_PER_PIXEL * method.diffusion.steps * height * width / _matmul_rate(dtype)
            for count in (1, 8):
                batch = _batch(height, width, count)
                moved = {key: value.cuda() if isinstance(value, Tensor) else value for key, value in batch.items()}
                ways = _ways(method, Batch(**moved))
                ways["compiled"] = torch.compile(ways["fused"])
                for name, way in ways.items():
                    seconds = _seconds(way, dtype) / count
                    rows.append(
                        f"| {size} | {str(dtype).removeprefix('torch.')} | {count} | {name} "
                        f"| {1000 * seconds:.1f} | {1 / seconds:.1f} | {floor / seconds:.0%} |"
                    )
    head = (
        f"\n## Inference on {torch.cuda.get_device_name()}\n\nThe floor is the convolutions' operations at the rate of "
        "a large matrix product of the same type.\n\n"
        "| size | type | batch | way | ms per image | images per second | share of the floor |\n"
        "|---|---|---:|---|---:|---:|---:|\n"
    )
    return head + "\n".join(rows) + "\n"


def _seconds(way: Callable[[], Tensor], dtype: torch.dtype, rounds: int = 10) -> float:
    with torch.autocast("cuda", dtype=dtype, enabled=dtype != torch.float32):
        for _ in range(3):
            way()
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(rounds):
            way()
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / rounds


def _matmul_rate(dtype: torch.dtype, side: int = 8192) -> float:
    first, second = (torch.randn(side, side, device="cuda", dtype=dtype) for _ in range(2))
    return 2 * side**3 / _seconds(lambda: first @ second, torch.float32)


if __name__ == "__main__":
    main()
