"""DSPFusion's inference beside a plain composition of the same layers (`plain_dspfusion`), on a CPU or a GPU.

    python benchmarks/speed/dspfusion.py [--threads 1 2] [--sizes 256x256 480x640] [--rounds 3] [--write FILE]
    python benchmarks/speed/dspfusion.py --device cuda [--batches 1 8] [--write FILE]

On a CPU both take turns, processor time is measured and the fastest round counts, so that other work on the machine
disturbs little; peak memory is that of a fresh process each. Weights are random, and large enough for every prior and
every source to move the result; the largest difference between both images is reported.
"""

from __future__ import annotations

import argparse
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import plain_dspfusion
import torch
from rich.console import Console
from rich.markdown import Markdown
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fusionbench.methods.dspfusion.denoiser import start_noise
from fusionbench.methods.dspfusion.method import DSPFusion
from fusionbench.types import Batch

CPU_HEADER = """## On a CPU

{machine}; single precision, one pair, the whole of inference (priors, ten steps of diffusion, fusion). Seconds of the
fastest of {rounds} rounds, both programs in turn: of the processor with one thread, on the clock with more, where
waiting threads use the processor too. Memory is what inference adds to the process.

| size | threads | plain, s | this package, s | times faster | plain, MiB | this package, MiB | largest difference |
|---|---:|---:|---:|---:|---:|---:|---:|
"""
GPU_HEADER = """## On a GPU

{machine}; milliseconds per batch, median of {rounds}. The floor is the arithmetic of the plain composition at the rate
of a large matrix product of the same precision ({rates}).

| size | batch | program | precision | ms | images per second | share of the floor | MiB |
|---|---:|---|---|---:|---:|---:|---:|
"""


def main() -> None:
    """Measure, print the table, and write it where asked."""
    arguments = _arguments()
    if arguments.probe:
        print(_probe(arguments.probe, *_size(arguments.sizes[0])))
        return
    text = _on_cpu(arguments) if arguments.device == "cpu" else _on_gpu(arguments)
    Console().print(Markdown(text))
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sizes", nargs="+", default=["256x256", "480x640"], help="height x width, divisible by 8")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="also write the table to this file")
    parser.add_argument("--probe", choices=["plain", "ours"], help="print the MiB of one inference and stop")
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width)


def make(device: str = "cpu") -> DSPFusion:
    """The method with random weights that make it sensitive."""
    torch.manual_seed(0)
    method = DSPFusion()
    with torch.no_grad():
        for parameter in method.parameters():
            noise = torch.randn_like(parameter)
            if parameter.numel() > 2 and parameter.dim() > 1:
                parameter.mul_(1.5).add_(noise, alpha=0.5 * parameter.std().item())
            else:
                parameter.add_(noise, alpha=0.1)
    return method.eval().requires_grad_(False).to(device)


def pair(count: int, height: int, width: int, device: str = "cpu") -> Batch:
    """Random images."""
    generator = torch.Generator().manual_seed(1)
    return Batch(
        name=[f"pair{i}" for i in range(count)],
        degradation=["clean"] * count,
        ir=torch.rand(count, 1, height, width, generator=generator).to(device),
        vi=torch.rand(count, 3, height, width, generator=generator).to(device),
        ir_scale=[1] * count,
        vi_scale=[1] * count,
    )


@torch.inference_mode()
def plain(method: DSPFusion, batch: Batch) -> Tensor:
    """The plain composition on the method's weights."""
    networks: dict[str, nn.Module] = {name.removeprefix("net_"): net for name, net in method.named_children()}
    start = start_noise(batch["name"], method.seed, method.guides.semantic).to(batch["vi"])
    ir = batch["ir"].expand(-1, 3, -1, -1).contiguous()
    return plain_dspfusion.infer(networks, ir, batch["vi"], start)


@torch.inference_mode()
def ours(method: DSPFusion, batch: Batch) -> Tensor:
    """The package's inference."""
    return method.fuse(batch)


PROGRAMS = {"plain": plain, "ours": ours}


def _probe(program: str, height: int, width: int) -> float:
    torch.set_num_threads(1)
    method, batch = make(), pair(1, height, width)
    PROGRAMS[program](method, pair(1, 64, 64))  # libraries are loaded before counting starts
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    PROGRAMS[program](method, batch)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def _memory(program: str, size: str) -> float:
    command = [sys.executable, __file__, "--probe", program, "--sizes", size]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _on_cpu(arguments: argparse.Namespace) -> str:
    text = CPU_HEADER.format(machine=f"{_processor()}, torch {torch.__version__}", rounds=arguments.rounds)
    method = make()
    for size in arguments.sizes:
        batch = pair(1, *_size(size))
        mib = {name: _memory(name, size) for name in PROGRAMS}
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            times, images = _in_turn(method, batch, arguments.rounds)
            difference = (images["plain"] - images["ours"]).abs().max().item()
            text += (
                f"| {size} | {threads} | {times['plain']:.2f} | {times['ours']:.2f} | "
                f"{times['plain'] / times['ours']:.2f} | {mib['plain']:.0f} | {mib['ours']:.0f} | {difference:.1e} |\n"
            )
    return text


def _in_turn(method: DSPFusion, batch: Batch, rounds: int) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Fewest seconds of each program, and its image."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    spent: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    images = {}
    for run in PROGRAMS.values():
        run(method, pair(1, 64, 64))
    for _ in range(rounds):
        for name, run in PROGRAMS.items():
            start = clock()
            images[name] = run(method, batch)
            spent[name].append(clock() - start)
    return {name: min(each) for name, each in spent.items()}, images


def _processor() -> str:
    names = Path("/proc/cpuinfo")
    lines = names.read_text(encoding="utf-8").splitlines() if names.is_file() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor() or platform.machine()


def _on_gpu(arguments: argparse.Namespace) -> str:
    rates = {dtype: _matmul_rate(dtype) for dtype in (torch.float32, torch.bfloat16)}
    told = ", ".join(f"{str(dtype).removeprefix('torch.')} {rate / 1e12:.0f} TFLOP/s" for dtype, rate in rates.items())
    machine = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    text = GPU_HEADER.format(machine=machine, rounds=arguments.rounds * 10, rates=told)
    method = make("cuda")
    for size in arguments.sizes:
        for count in arguments.batches:
            batch = pair(count, *_size(size), device="cuda")
            with FlopCounterMode(display=False) as counter:
                plain(method, batch)
            compiled = torch.compile(ours)
            for name, run, dtype in (
                ("plain", plain, torch.float32),
                ("this package", ours, torch.float32),
                ("this package, compiled", compiled, torch.float32),
                ("plain", plain, torch.bfloat16),
                ("this package", ours, torch.bfloat16),
                ("this package, compiled", compiled, torch.bfloat16),
            ):
                seconds, mib = _cuda_seconds(run, method, batch, dtype, arguments.rounds * 10)
                floor = counter.get_total_flops() / rates[dtype]
                text += (
                    f"| {size} | {count} | {name} | {str(dtype).removeprefix('torch.')} | {1e3 * seconds:.1f} | "
                    f"{count / seconds:.1f} | {100 * floor / seconds:.0f} % | {mib:.0f} |\n"
                )
    return text


def _matmul_rate(dtype: torch.dtype, side: int = 8192) -> float:
    a, b = torch.randn(2, side, side, device="cuda", dtype=dtype)
    return 2 * side**3 / _cuda_median(lambda: a @ b, 10)


def _cuda_seconds(
    run: Callable[[DSPFusion, Batch], Tensor], method: DSPFusion, batch: Batch, dtype: torch.dtype, rounds: int
) -> tuple[float, float]:
    with torch.autocast("cuda", dtype=dtype, enabled=dtype != torch.float32):
        for _ in range(3):
            run(method, batch)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        seconds = _cuda_median(lambda: run(method, batch), rounds)
    return seconds, (torch.cuda.max_memory_allocated() - before) / 2**20


def _cuda_median(run: Callable[[], Tensor], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1e3)
    return sorted(times)[rounds // 2]


if __name__ == "__main__":
    main()
