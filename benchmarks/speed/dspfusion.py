"""DSPFusion's inference beside a plain composition of the same layers (`plain_dspfusion`), on a CPU or a GPU.

    python benchmarks/speed/dspfusion.py [--threads 1 2] [--sizes 256x256 480x640] [--write docs/speed-dspfusion.md]
    python benchmarks/speed/dspfusion.py --device cuda [--batches 1 8] [--write docs/speed-dspfusion.md]

Both programs take turns and the fastest round counts; peak memory is that of a fresh process each. Weights are random,
and large enough for every prior and every source to move the result; both images must be equal. Rows of sizes that are
not measured stay in the page.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import measuring
import plain_dspfusion
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fusionbench.methods.dspfusion.denoiser import start_noise
from fusionbench.methods.dspfusion.method import DSPFusion
from fusionbench.types import Batch


def main() -> None:
    """Measure, print the table, and renew its rows where asked."""
    arguments = _arguments()
    if arguments.probe:
        print(_probe(arguments.probe, *measuring.size_of(arguments.sizes[0])))
    elif arguments.device == "cpu":
        measuring.tell(measuring.CPU, _on_cpu(arguments), 2, arguments.write)
    else:
        measuring.tell(measuring.GPU, _on_gpu(arguments), 4, arguments.write)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sizes", nargs="+", default=["256x256", "480x640"], help="height x width, divisible by 8")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="the page whose rows are renewed")
    parser.add_argument("--probe", choices=["plain", "ours"], help="print the MiB of one inference and stop")
    return parser.parse_args()


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
    return measuring.added_mib(partial(PROGRAMS[program], method, batch))


def memory(program: str, size: str) -> float:
    """MiB that one inference adds to a fresh process."""
    return measuring.printed_by(__file__, "--probe", program, "--sizes", size)


def _on_cpu(arguments: argparse.Namespace) -> list[str]:
    method = make()
    rows = []
    for size in arguments.sizes:
        batch = pair(1, *measuring.size_of(size))
        mib = {name: memory(name, size) for name in PROGRAMS}
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            for run in PROGRAMS.values():
                run(method, pair(1, 64, 64))
            programs = {name: partial(run, method, batch) for name, run in PROGRAMS.items()}
            rows.append(measuring.cpu_row(size, programs, mib, arguments.rounds))
    return rows


def _on_gpu(arguments: argparse.Namespace) -> list[str]:
    rates = {dtype: measuring.cuda_rate(dtype) for dtype in (torch.float32, torch.bfloat16)}
    on = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    method = make("cuda")
    rows = []
    for size in arguments.sizes:
        for count in arguments.batches:
            batch = pair(count, *measuring.size_of(size), device="cuda")
            with FlopCounterMode(display=False) as counter:
                plain(method, batch)
            programs = {"plain": plain, "this package": ours, "this package, compiled": torch.compile(ours)}
            for dtype, rate in rates.items():
                for name, run in programs.items():
                    seconds, mib = measuring.cuda_seconds(partial(run, method, batch), dtype, 10 * arguments.rounds)
                    floor = counter.get_total_flops() / rate
                    rows.append(
                        f"| {size} | {count} | {name} | {str(dtype).removeprefix('torch.')} | {1e3 * seconds:.1f} "
                        f"| {count / seconds:.1f} | {floor / seconds:.0%} | {mib:.0f} | {on} |"
                    )
    return rows


if __name__ == "__main__":
    main()
