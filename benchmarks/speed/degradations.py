"""Degraded pairs per second of one worker, for every degradation, beside reading the same pairs from PNG.

    python benchmarks/speed/degradations.py [--pairs 8] [--rounds 5] [--height 480] [--width 640] [--write FILE]

Reading and degrading take turns within one run; processor time is measured and the fastest round counts, so that other
work on the machine disturbs little. A worker has one thread, as in a DataLoader.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path

import cv2
from rich.console import Console
from rich.markdown import Markdown

from fusionbench.data.synthetic import scene
from fusionbench.degradations import DEGRADATIONS, SCENARIOS, Degradation, parse
from fusionbench.images.files import read_image, write_image
from fusionbench.types import Bytes

COMBINED = ("ll+lc", "ll+sn", "rain+sn", "rain+lc", "oe+lc")
HEADER = """# Speed of the degradations

Pairs per second of one worker with one thread, {height} x {width} pixels, in processor time, fastest of {rounds} rounds
over {pairs} generated pairs ({machine}). *Reading alone* decodes both PNG files of a pair:
{reading:.1f} ms, {per_second:.0f} pairs per second. The last column compares reading and degrading with it. Made by
`python benchmarks/speed/degradations.py --write docs/speed-degradations.md`.

| degradation | ms per pair | pairs per second | read and degraded per second | of reading alone |
|---|---:|---:|---:|---:|
"""


Pair = tuple[Bytes, Bytes]


def main() -> None:
    """Measure every degradation and print the table; write it where asked."""
    arguments = _arguments()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        files = _files(Path(folder), arguments.pairs, arguments.height, arguments.width)
        rows = [(spec, *_fastest(arguments.rounds, files, parse(spec))) for spec in _specs()]
    text = _table(rows, arguments)
    Console().print(Markdown(text))
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--write", type=Path, help="also write the table to this file")
    return parser.parse_args()


def _specs() -> list[str]:
    single = [f"{modality}:{code}" for code, kind in DEGRADATIONS.items() for modality in kind.on]
    return sorted({str(parse(spec)) for spec in (*single, *SCENARIOS, *COMBINED)})


def _files(folder: Path, pairs: int, height: int, width: int) -> list[tuple[Path, Path]]:
    files = []
    for seed in range(pairs):
        made = scene(seed, height, width)
        paths = folder / f"ir{seed}.png", folder / f"vi{seed}.png"
        write_image(paths[0], made.ir)
        write_image(paths[1], made.vi)
        files.append(paths)
    return files


def _fastest(rounds: int, files: list[tuple[Path, Path]], degradation: Degradation) -> tuple[float, float]:
    """Processor seconds per pair of the fastest round of reading and of degrading."""
    pairs = _read(files)
    _degrade(pairs, degradation)  # makes tables, which every later pair finds
    reading, degrading = [], []
    for _ in range(rounds):
        start = time.process_time()
        pairs = _read(files)
        between = time.process_time()
        _degrade(pairs, degradation)
        reading.append(between - start)
        degrading.append(time.process_time() - between)
    return min(reading) / len(files), min(degrading) / len(files)


def _read(files: list[tuple[Path, Path]]) -> list[Pair]:
    return [(read_image(ir, 1), read_image(vi, 3)) for ir, vi in files]


def _degrade(pairs: list[Pair], degradation: Degradation) -> None:
    for number, (ir, vi) in enumerate(pairs):
        degradation.apply(ir, vi, name=str(number), seed=0)


def _table(rows: list[tuple[str, float, float]], arguments: argparse.Namespace) -> str:
    reading = min(read for _, read, _ in rows)
    settings = {name: getattr(arguments, name) for name in ("height", "width", "rounds", "pairs")}
    machine = f"{platform.machine()}, Python {platform.python_version()}, OpenCV {cv2.__version__}"
    text = HEADER.format(**settings, machine=machine, reading=1e3 * reading, per_second=1 / reading)
    for spec, read, degrade in rows:
        both = read + degrade
        text += f"| `{spec}` | {1e3 * degrade:.2f} | {1 / degrade:.0f} | {1 / both:.0f} | {100 * read / both:.0f} % |\n"
    return text


if __name__ == "__main__":
    main()
