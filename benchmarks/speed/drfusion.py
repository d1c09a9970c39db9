"""DRFusion's inference beside a plain composition of the same layers, and training with and without recomputation.

    python benchmarks/speed/drfusion.py [--threads 2] [--sizes 480x640 768x1024] [--write docs/speed-drfusion.md]
    python benchmarks/speed/drfusion.py --what training [--crop 256] [--write docs/speed-drfusion.md]
    python benchmarks/speed/drfusion.py --what gpu [--batches 1 8] [--write docs/speed-drfusion.md]

Both programs take turns and the fastest round counts; peak memory is that of a fresh process each. Weights are random,
with predicted noise as small as a trained network's; both results must be equal. Rows of sizes that are not measured
stay in the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import measuring
import torch
from plain_drfusion import restored
from torch import Tensor

from fusionbench.methods.drfusion.method import DRFusion
from fusionbench.types import Batch

FLOPS_PER_PIXEL = 593.3e9 / (480 * 640)
"""Of one step: multiplications and additions of convolutions."""

TRAININGS = {"kept": False, "recomputed": True}
"""Whether a step's activations are recomputed, by what the table calls it."""

TRAINING = "| crop | activations | threads | s | MiB | on |"


def main() -> None:
    """Measure, print the table, and renew its rows where asked."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.probe:
        print(_probe(arguments.probe, *measuring.size_of(arguments.sizes[0])))
    elif arguments.what == "inference":
        measuring.tell(measuring.CPU, _inference(arguments), 2, arguments.write)
    elif arguments.what == "training":
        measuring.tell(TRAINING, _training(arguments), 3, arguments.write)
    else:
        measuring.tell(measuring.GPU, _on_gpu(arguments), 4, arguments.write)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=["inference", "training", "gpu"], default="inference")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sizes", nargs="+", default=["480x640", "768x1024"], help="height x width")
    parser.add_argument("--crop", type=int, default=256, help="side of the crop that is trained on")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="the page whose rows are renewed")
    parser.add_argument("--probe", choices=["plain", "ours", *TRAININGS], help="print the MiB of one call and stop")
    return parser.parse_args()


def make(**options: bool) -> DRFusion:
    """The method with random weights whose predicted noise is small."""
    torch.manual_seed(0)
    method = DRFusion(**options).eval()
    with torch.no_grad():
        method.diffusion.unet.outBlock[2].weight.mul_(0.1)
    return method


def pair(height: int, width: int, count: int = 1) -> Batch:
    """Smooth random images with noise."""
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


def programs(method: DRFusion, batch: Batch) -> dict[str, Callable[[], Tensor]]:
    """Both ways to restore and fuse the pairs."""
    observation = method.observed(batch)
    return {
        "plain": lambda: restored(method.diffusion, observation.ir, observation.vi),
        "ours": lambda: method.diffusion(observation),
    }


def step(method: DRFusion, batch: Batch) -> Tensor:
    """One training step, forwards and backwards."""
    loss = torch.stack(list(method.terms(batch).values())).sum()
    loss.backward()
    return loss.detach()


def _probe(name: str, height: int, width: int) -> float:
    method, batch, small = make(checkpointing=TRAININGS.get(name, False)), pair(height, width), pair(64, 64)
    if name in TRAININGS:
        step(method.train(), small)  # libraries are loaded, and gradients there, before counting starts
        return measuring.added_mib(partial(step, method, batch))
    with torch.no_grad():
        programs(method, small)[name]()
        return measuring.added_mib(programs(method, batch)[name])


def _memory(name: str, size: str, threads: int) -> float:
    return measuring.printed_by(__file__, "--probe", name, "--sizes", size, "--threads", threads)


@torch.no_grad()
def _inference(arguments: argparse.Namespace) -> list[str]:
    method = make()
    rows = []
    for size in arguments.sizes:
        mib = {name: _memory(name, size, arguments.threads) for name in ("plain", "ours")}
        for run in programs(method, pair(64, 64)).values():
            run()
        ways = programs(method, pair(*measuring.size_of(size)))
        rows.append(measuring.cpu_row(size, ways, mib, arguments.rounds))
    return rows


def _training(arguments: argparse.Namespace) -> list[str]:
    size, threads = f"{arguments.crop}x{arguments.crop}", arguments.threads
    batch = pair(*measuring.size_of(size))
    methods = {name: make(checkpointing=checkpointing).train() for name, checkpointing in TRAININGS.items()}
    for method in methods.values():
        step(method, pair(64, 64))
    steps = {name: partial(step, method, batch) for name, method in methods.items()}
    times, _ = measuring.in_turn(steps, arguments.rounds)
    return [
        f"| {size} | {name} | {threads} | {times[name]:.2f} | {_memory(name, size, threads):.0f} "
        f"| {measuring.machine()} |"
        for name in TRAININGS
    ]


@torch.no_grad()
def _on_gpu(arguments: argparse.Namespace) -> list[str]:
    rates = {dtype: measuring.cuda_rate(dtype) for dtype in (torch.float32, torch.bfloat16)}
    on = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    method = make().cuda()
    rows = []
    for size in arguments.sizes:
        height, width = measuring.size_of(size)
        for count in arguments.batches:
            batch = pair(height, width, count)
            moved = {key: value.cuda() if isinstance(value, Tensor) else value for key, value in batch.items()}
            ways = programs(method, Batch(**moved))
            ways["ours, compiled"] = torch.compile(ways["ours"])
            for dtype, rate in rates.items():
                floor = count * FLOPS_PER_PIXEL * method.diffusion.steps * height * width / rate
                for name, run in ways.items():
                    seconds, mib = measuring.cuda_seconds(run, dtype, 10 * arguments.rounds)
                    rows.append(
                        f"| {size} | {count} | {name} | {str(dtype).removeprefix('torch.')} | {1e3 * seconds:.1f} "
                        f"| {count / seconds:.1f} | {floor / seconds:.0%} | {mib:.0f} | {on} |"
                    )
    return rows


if __name__ == "__main__":
    main()
