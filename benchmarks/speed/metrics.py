"""Milliseconds per image for the scores of each paper, and for plain NumPy and SciPy counterparts in the same process.

    python benchmarks/speed/metrics.py [--what all|sets|plain|cuda] [--only SET ...] --fused DIR --ir DIR --vi DIR
        [--threads 1] [--rounds 5] [--write docs/speed-metrics.md]

The first images of the three folders are scored, which have to be of one size; without folders generated scenes of
480 x 640, fused by their mean. The fastest of the rounds counts, in the processor's time with one thread, which is what
an image is scored in here, else by the clock. Peak memory is that of a process of its own, above what it has before the
first score. Rows that were not measured now stay in the page, so that it can be measured in parts.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from measuring import machine, printed_by, tell
from plain_metrics import PLAIN
from torch import Tensor

from fusionbench.data.synthetic import scene
from fusionbench.images.files import read_image
from fusionbench.metrics import METRICS, evaluate, row
from fusionbench.metrics.functional.images import gray

SETS: dict[str, tuple[str, list[str]]] = {
    "DSPFusion's four": ("dspfusion", ["EN", "MI", "VIF", "Qabf"]),
    "LURE's nine": ("lure", ["CC", "SCD", "PSNR", "SSIM", "MS-SSIM", "AG", "SD", "SF", "EN"]),
    "DRFusion's six": ("drfusion", ["QMI", "QNCIE", "Qabf", "QP", "QCB", "QW"]),
    "ten": ("exact", list(PLAIN)),
    "all but FMI": ("exact", [name for name in METRICS if not row(name).family.endswith((".score", ".fmi"))]),
    "FMI, four": ("exact", [name for name in METRICS if row(name).family.endswith(".fmi")]),
}
ON_CPU = "| metrics | threads | one image, ms | each of a batch, ms | float32, ms | peak memory, MiB | on |"
BESIDE = "| metric | threads | NumPy and SciPy, ms | here, ms | speed-up | difference | on |"
ON_CUDA = "| metrics | one image, ms | each of a batch, ms | peak memory, MiB | on |"
Triples = tuple[Tensor, Tensor, Tensor]


def main() -> None:
    """Measure, print the tables, and renew their rows where asked."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    batch = _folders(arguments) if arguments.fused else _scenes(arguments.batch)
    if arguments.alone:
        print(_peak(batch, arguments.alone))
        return
    for what, (columns, keys, measure) in TABLES.items():
        if arguments.what == what or (arguments.what == "all" and (what != "cuda" or torch.cuda.is_available())):
            tell(columns, measure(batch, arguments), keys, arguments.write)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=["all", *TABLES], default="all", help="which tables")
    parser.add_argument("--only", choices=SETS, nargs="+", default=list(SETS), help="measure these sets")
    for what in ("fused", "ir", "vi"):
        parser.add_argument(f"--{what}", type=Path, help=f"folder of {what} images; generated scenes without")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1, help="of NumPy and SciPy")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="also renew the rows of this page")
    parser.add_argument("--alone", choices=SETS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if len({bool(getattr(arguments, what)) for what in ("fused", "ir", "vi")}) > 1:
        parser.error("--fused, --ir and --vi go together")
    return arguments


def _folders(arguments: argparse.Namespace) -> Triples:
    """The first images of the folders, matched by their names."""
    paths = sorted(path for path in arguments.fused.iterdir() if path.is_file())[: arguments.batch]
    fused, ir, vi = (
        torch.cat([_image(next(folder.glob(f"{path.stem}.*"))) for path in paths])
        for folder in (arguments.fused, arguments.ir, arguments.vi)
    )
    return fused, ir, vi


def _image(path: Path) -> Tensor:
    pixels = torch.from_numpy(read_image(path))
    return pixels.view(*pixels.shape[:2], -1).permute(2, 0, 1)[None].contiguous() / 255


def _scenes(count: int) -> Triples:
    pairs = [scene(seed, 480, 640) for seed in range(count)]
    ir = torch.stack([torch.from_numpy(pair.ir)[None] for pair in pairs]) / 255
    vi = torch.stack([torch.from_numpy(pair.vi).permute(2, 0, 1) for pair in pairs]) / 255
    return ((ir + vi) / 2).mul(255).round() / 255, ir, vi


def _fastest(call: Callable[[], object], rounds: int, wait: Callable[[], None] | None = None) -> float:
    """Milliseconds of the fastest round, after one that fills caches; by the clock where something is waited for."""
    clock = time.process_time if wait is None and torch.get_num_threads() == 1 else time.perf_counter
    call()
    spent = []
    for _ in range(rounds):
        if wait is not None:
            wait()
        start = clock()
        call()
        if wait is not None:
            wait()
        spent.append(clock() - start)
    return 1e3 * min(spent)


def _sets(batch: Triples, arguments: argparse.Namespace) -> list[str]:
    one, count = [images[:1] for images in batch], len(batch[0])
    rows = []
    for title in arguments.only:
        protocol, names = SETS[title]
        score = partial(evaluate, names=names, protocol=protocol)
        alone = _fastest(partial(score, *one), arguments.rounds)
        together = _fastest(partial(score, *batch), 1) / count
        rough = _fastest(partial(score, *one, dtype=torch.float32), arguments.rounds)
        figures = f"{alone:.1f} | {together:.1f} | {rough:.1f} | {_added(title, arguments):.0f}"
        rows.append(f"| {title} | {arguments.threads} | {figures} | {machine()} |")
    return rows


def _added(title: str, arguments: argparse.Namespace) -> float:
    """MiB that scoring one image needs above what the process had."""
    options: list[object] = ["--alone", title, "--threads", arguments.threads, "--batch", 1]
    if arguments.fused:
        options += ["--fused", arguments.fused, "--ir", arguments.ir, "--vi", arguments.vi]
    return printed_by(__file__, *options)


def _peak(batch: Sequence[Tensor], title: str) -> float:
    protocol, names = SETS[title]
    evaluate(*(image[..., :176, :176] for image in batch), names, protocol)
    # Linux forgets the peak of the imports when 5 is written here.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    evaluate(*batch, names, protocol)
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    """A line of Linux's account of this process, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def _plain(batch: Triples, arguments: argparse.Namespace) -> list[str]:
    """One score after another with NumPy, SciPy and scikit-image, beside the same scores here."""
    one = [images[:1] for images in batch]
    planes = [gray(image)[0, 0].numpy() for image in one]
    found = evaluate(*one, list(PLAIN))
    rows, slow, apart = [], 0.0, 0.0
    for name, plain in PLAIN.items():
        value = plain(*planes)
        difference = abs(value - found[name].item()) / abs(value)
        if difference > 1e-9:
            sys.exit(f"{name} and its plain counterpart differ by {difference:.1e}: one of the two is wrong")
        theirs = _fastest(partial(plain, *planes), 2)
        ours = _fastest(partial(evaluate, *one, [name]), arguments.rounds)
        rows.append(_beside(name, theirs, ours, difference, arguments))
        slow, apart = slow + theirs, max(apart, difference)
    together = _fastest(partial(evaluate, *one, list(PLAIN)), arguments.rounds)
    return [*rows, _beside("all ten, here together", slow, together, apart, arguments)]


def _beside(name: str, theirs: float, ours: float, difference: float, arguments: argparse.Namespace) -> str:
    figures = f"{theirs:.1f} | {ours:.1f} | {theirs / ours:.1f} | {difference:.0e}"
    return f"| {name} | {arguments.threads} | {figures} | {machine()} |"


def _cuda(batch: Triples, arguments: argparse.Namespace) -> list[str]:
    """The sets on a CUDA device, where a batch is scored at once."""
    if not torch.cuda.is_available():
        sys.exit("no CUDA device is here; --what sets measures the processor")
    images = [image.cuda() for image in batch]
    rows = []
    for title in arguments.only:
        protocol, names = SETS[title]
        score = partial(evaluate, names=names, protocol=protocol)
        alone = _fastest(partial(score, *(image[:1] for image in images)), arguments.rounds, torch.cuda.synchronize)
        torch.cuda.reset_peak_memory_stats()
        together = _fastest(partial(score, *images), arguments.rounds, torch.cuda.synchronize) / len(images[0])
        peak = torch.cuda.max_memory_allocated() / 2**20
        device = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
        rows.append(f"| {title} | {alone:.1f} | {together:.2f} | {peak:.0f} | {device} |")
    return rows


TABLES = {"sets": (ON_CPU, 2, _sets), "plain": (BESIDE, 2, _plain), "cuda": (ON_CUDA, 1, _cuda)}

if __name__ == "__main__":
    main()
