"""Training pairs per second: reading alone, degraded crops from files and from the cache of decoded images.

    python benchmarks/speed/data.py [--dataset msrs --root DIR --split train] [--crop 256] [--workers 2] [--write FILE]

Without a dataset, generated scenes of 480 x 640 are written as PNG first. Processor time is that of one process with
one thread; the loader's rate is wall time with its workers, which other work on the machine disturbs.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import torch
from rich.console import Console
from rich.markdown import Markdown
from torch.utils.data import DataLoader

from fusionbench.data import load
from fusionbench.data.crops import EpochIndex, TrainingPairs
from fusionbench.data.datamodule import start_worker
from fusionbench.data.pairs import collate
from fusionbench.data.samplers import EpochSampler
from fusionbench.data.sources.base import Source, Subset
from fusionbench.data.sources.cache import SharedCache
from fusionbench.data.synthetic import scene
from fusionbench.images.files import write_image

# Every degradation of one image, and the combinations that DSPFusion tests.
SINGLE = ("clean", "ll", "oe", "rain", "haze", "vi:blur", "vi:rn", "lc", "ir:rn", "sn", "sr4")
SPECS = (*SINGLE, "ll+lc", "ll+sn", "rain+sn")
SHOWN = 20
"""How often an epoch shows each pair, so that it lasts some seconds."""

HEADER = """# Speed of training data

Pairs per second at crops of {crop} from {pairs} pairs of {dataset} of {height} x {width}, degraded by one of {specs}
specs drawn for each ({listed}). Measured with {machine}, by
`python benchmarks/speed/data.py --dataset {dataset} --root DATA --write docs/speed-data.md`.

| what | processor ms per pair | pairs per second and core |
|---|---:|---:|
"""
LOADER = """
Through the loader with {workers} workers, batches of 8, wall time of the fastest epoch of {shown} crops:

| what | pairs per second |
|---|---:|
| every pair is decoded, as in a first epoch | {decoding:.0f} |
| decoded images come from the cache that the workers share, as in later epochs | {cached:.0f} |

The target is 150 on two cores. Starting the workers took {start:.1f} s, once per training.
"""


def main() -> None:
    """Measure and print; write the page where asked."""
    arguments = _arguments()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        source = _source(arguments, Path(folder))
        text = _page(source, arguments)
    Console().print(Markdown(text))
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", type=Path, help="also write the page to this file")
    return parser.parse_args()


def _source(arguments: argparse.Namespace, folder: Path) -> Source:
    if arguments.dataset:
        return load(arguments.dataset, root=arguments.root, split=arguments.split, limit=arguments.pairs)
    for seed in range(arguments.pairs):
        made = scene(seed, 480, 640)
        write_image(folder / "ir" / f"{seed}.png", made.ir)
        write_image(folder / "vi" / f"{seed}.png", made.vi)
    return load("folder", root=folder)


def _page(source: Source, arguments: argparse.Namespace) -> str:
    height, width = source.size(0)
    files = TrainingPairs(source, SPECS, crop=arguments.crop)
    cached = TrainingPairs(SharedCache(source, 2**32), SPECS, crop=arguments.crop)
    rows = {
        "reading alone": _seconds(lambda index, epoch: source.read(index), source, arguments.epochs),
        "degraded crops, from files": _seconds(lambda i, e: files[EpochIndex(i, e)], source, arguments.epochs),
        "degraded crops, decoded before": _seconds(lambda i, e: cached[EpochIndex(i, e)], source, arguments.epochs),
    }
    text = HEADER.format(
        crop=arguments.crop,
        pairs=len(source),
        height=height,
        width=width,
        specs=len(SPECS),
        listed=", ".join(f"`{spec}`" for spec in SPECS),
        dataset=source.dataset,
        machine=f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}",
    )
    text += "".join(f"| {what} | {1e3 * seconds:.2f} | {1 / seconds:.0f} |\n" for what, seconds in rows.items())
    decoding, start = _loader_rate(source, arguments)
    warm, _ = _loader_rate(SharedCache(source, 2**32), arguments)
    return text + LOADER.format(
        workers=arguments.workers, shown=SHOWN * len(source), decoding=decoding, cached=warm, start=start
    )


def _seconds(item: Callable[[int, int], object], source: Source, epochs: int) -> float:
    """Processor seconds per item in the fastest epoch, after one that fills caches and tables."""
    fastest = float("inf")
    for epoch in range(epochs):
        start = time.process_time()
        for index in range(len(source)):
            item(index, epoch)
        if epoch:
            fastest = min(fastest, (time.process_time() - start) / len(source))
    return fastest


def _loader_rate(source: Source, arguments: argparse.Namespace) -> tuple[float, float]:
    """Pairs per second in the fastest epoch but the first, and seconds until the first batch of the first one."""
    repeated = Subset(source, list(range(len(source))) * SHOWN)
    pairs = TrainingPairs(repeated, SPECS, crop=arguments.crop)
    sampler = EpochSampler(pairs)
    loader = DataLoader(
        pairs,
        batch_size=8,
        sampler=sampler,
        collate_fn=collate,
        num_workers=arguments.workers,
        persistent_workers=arguments.workers > 0,
        worker_init_fn=start_worker,
    )
    rates, waited = [], []
    for epoch in range(4):
        sampler.set_epoch(epoch)
        count, start = 0, time.perf_counter()
        for batch in loader:
            if not count:
                waited.append(time.perf_counter() - start)
            count += len(batch["name"])
        rates.append(count / (time.perf_counter() - start))
    return max(rates[1:]), waited[0]


if __name__ == "__main__":
    main()
