"""Seconds per image for the scores of each paper, and for plain NumPy and SciPy counterparts in the same process.

    python benchmarks/speed/metrics.py [--dataset msrs --root DIR] [--threads 2] [--rounds 5] [--write FILE]

Without a data set, generated scenes of 480 x 640 are scored. The fused image is the mean of the sources. The fastest of
the rounds counts, wall time and processor time; peak memory is that of a process of its own, above what it has before
the first score.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from plain_metrics import PLAIN
from rich.console import Console
from rich.markdown import Markdown
from torch import Tensor

from fusionbench.data import load
from fusionbench.data.synthetic import scene
from fusionbench.metrics import METRICS, evaluate, row
from fusionbench.metrics.images import gray, levels

SETS: dict[str, tuple[str, list[str]]] = {
    "DSPFusion's four": ("dspfusion", ["EN", "MI", "VIF", "Qabf"]),
    "LURE's nine": ("lure", ["CC", "SCD", "PSNR", "SSIM", "MS-SSIM", "AG", "SD", "SF", "EN"]),
    "DRFusion's six": ("drfusion", ["QMI", "QNCIE", "Qabf", "QP", "QCB", "QW"]),
    "ten": ("exact", list(PLAIN)),
    "all but FMI": ("exact", [name for name in METRICS if row(name).family not in ("learned", "fmi")]),
    "FMI, four": ("exact", [name for name in METRICS if row(name).family == "fmi"]),
}
TARGETS = {"ten": 0.060, "DRFusion's six": 0.400}
LEAST_GAIN = 20

HEADER = """# Speed of scores

Milliseconds per image of {height} x {width} from {images}, {threads} thread(s) ({machine}, torch {torch}). The fastest
of {rounds} rounds; *processor* is the time of all threads together, which other work on the machine disturbs less. A
batch has {batch} images; on a CPU it is scored image by image. Made by
`python benchmarks/speed/metrics.py --write docs/speed-metrics.md`.

| scores | float64 | processor | per image of a batch | float32 | peak memory, MiB |
|---|---:|---:|---:|---:|---:|
"""
PLAIN_HEADER = """
The ten scores one after another with NumPy, SciPy and scikit-image (`benchmarks/speed/plain_metrics.py`), which give
the same values to {agreement:.0e}:

| score | plain, ms | here, alone, ms |
|---|---:|---:|
"""


def main() -> None:
    """Measure, print the tables, and write them where asked."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    batch = _triples(arguments)
    if arguments.alone:
        _alone(batch, arguments.alone)
        return
    text = _here(batch, arguments) + _plain(batch, arguments)
    text += _cuda(batch, arguments) if torch.cuda.is_available() else "\nNo CUDA device was there to be measured.\n"
    Console().print(Markdown(text))
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", help="score real pairs; generated scenes otherwise")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="also write the page to this file")
    parser.add_argument("--alone", choices=SETS, help=argparse.SUPPRESS)
    return parser.parse_args()


def _triples(arguments: argparse.Namespace) -> tuple[Tensor, Tensor, Tensor]:
    """(fused, ir, vi) in [0, 1]."""
    if arguments.dataset:
        source = load(arguments.dataset, root=arguments.root, limit=arguments.batch)
        pairs = [source.read(index) for index in range(len(source))]
    else:
        pairs = [scene(seed, 480, 640) for seed in range(arguments.batch)]
    ir = torch.stack([torch.from_numpy(pair.ir)[None] for pair in pairs]) / 255
    vi = torch.stack([torch.from_numpy(pair.vi).permute(2, 0, 1) for pair in pairs]) / 255
    return ((ir + vi) / 2).mul(255).round() / 255, ir, vi


def _fastest(
    call: Callable[[], object], rounds: int, wait: Callable[[], None] = lambda: None, warm: bool = False
) -> tuple[float, float]:
    """Wall and processor seconds of the fastest round, after one that fills caches unless they are warm."""
    if not warm:
        call()
    wall = processor = float("inf")
    for _ in range(rounds):
        wait()
        start, busy = time.perf_counter(), time.process_time()
        call()
        wait()
        wall = min(wall, time.perf_counter() - start)
        processor = min(processor, time.process_time() - busy)
    return wall, processor


def _here(batch: tuple[Tensor, Tensor, Tensor], arguments: argparse.Namespace) -> str:
    one = [images[:1] for images in batch]
    text = HEADER.format(
        height=batch[0].shape[2],
        width=batch[0].shape[3],
        images=f"{arguments.dataset} (test)" if arguments.dataset else "generated scenes",
        threads=arguments.threads,
        machine=platform.processor() or platform.machine(),
        torch=torch.__version__,
        rounds=arguments.rounds,
        batch=len(batch[0]),
    )
    verdicts = []
    for title, (protocol, names) in SETS.items():
        score = partial(evaluate, names=names, protocol=protocol)
        wall, processor = _fastest(lambda score=score: score(*one), arguments.rounds)
        together, _ = _fastest(lambda score=score: score(*batch), 1, warm=True)
        rough, _ = _fastest(lambda score=score: score(*one, dtype=torch.float32), arguments.rounds)
        figures = (wall, processor, together / len(batch[0]), rough)
        text += (
            f"| {title} | {' | '.join(f'{1e3 * figure:.1f}' for figure in figures)} | {_peak(title, arguments):.0f} |\n"
        )
        if title in TARGETS:
            verdicts.append(f"{title}: target {1e3 * TARGETS[title]:.0f} ms on two quiet cores, {1e3 * wall:.1f} here.")
    return text + "\n" + " ".join(verdicts) + "\n"


def _plain(batch: tuple[Tensor, Tensor, Tensor], arguments: argparse.Namespace) -> str:
    one = [images[:1] for images in batch]
    planes = [gray(levels(image))[0, 0].numpy() for image in one]
    found = evaluate(*one, list(PLAIN))
    agreement, lines, slow = 0.0, "", np.zeros(2)
    for name, plain in PLAIN.items():
        value = plain(*planes)
        agreement = max(agreement, abs(value - found[name].item()) / abs(value))
        theirs = np.array(_fastest(lambda plain=plain: plain(*planes), 2))
        ours = _fastest(lambda name=name: evaluate(*one, [name]), arguments.rounds)
        slow += theirs
        lines += f"| {name} | {1e3 * theirs[0]:.1f} | {1e3 * ours[0]:.1f} |\n"
    if agreement > 1e-9:
        raise SystemExit(f"the plain counterparts differ by {agreement:.1e}: one of the two is wrong")
    together = np.array(_fastest(lambda: evaluate(*one, list(PLAIN)), arguments.rounds))
    lines += f"| all ten | {1e3 * slow[0]:.0f} | {1e3 * together[0]:.1f}, together |\n"
    gain = slow / together
    verdict = f"\nThat is {gain[0]:.0f} times as fast by the clock (target: {LEAST_GAIN}), {gain[1]:.0f} times by "
    return PLAIN_HEADER.format(agreement=agreement) + lines + verdict + "processor time.\n"


def _peak(title: str, arguments: argparse.Namespace) -> float:
    """MiB that scoring one image needs above what the process had."""
    command = [sys.executable, __file__, "--alone", title, "--threads", str(arguments.threads), "--batch", "1"]
    if arguments.dataset:
        command += ["--dataset", arguments.dataset, "--root", str(arguments.root)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def _alone(batch: tuple[Tensor, Tensor, Tensor], title: str) -> None:
    protocol, names = SETS[title]
    evaluate(*(image[..., :176, :176] for image in batch), names, protocol)
    # Linux forgets the peak of the imports when 5 is written here.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    evaluate(*batch, names, protocol)
    print((_status("VmHWM") - before) / 1024)


def _status(field: str) -> int:
    """A line of Linux's account of this process, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def _cuda(batch: tuple[Tensor, Tensor, Tensor], arguments: argparse.Namespace) -> str:
    """The same on the CUDA device, where a batch is scored at once."""
    images = [image.cuda() for image in batch]
    text = f"\nOn {torch.cuda.get_device_name()}:\n\n"
    text += "| scores | one image, ms | per image of a batch | peak memory of the batch, MiB |\n|---|---:|---:|---:|\n"
    for title, (protocol, names) in SETS.items():
        score = partial(evaluate, names=names, protocol=protocol)
        one, _ = _fastest(
            lambda score=score: score(*(image[:1] for image in images)), arguments.rounds, torch.cuda.synchronize
        )
        torch.cuda.reset_peak_memory_stats()
        together, _ = _fastest(lambda score=score: score(*images), arguments.rounds, torch.cuda.synchronize)
        peak = torch.cuda.max_memory_allocated() / 2**20
        text += f"| {title} | {1e3 * one:.1f} | {1e3 * together / len(images[0]):.2f} | {peak:.0f} |\n"
    return text


if __name__ == "__main__":
    main()
