"""`fusionbench fuse`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fusionbench.benchmark.options import WEIGHTS, choose_methods
from fusionbench.benchmark.spec import DatasetChoice, Execution, MethodChoice, Selection
from fusionbench.console import print_missing, warn
from fusionbench.data.table import ANY
from fusionbench.images.options import read_options


def fuse_images(
    method: str = "lap",
    ir: Path | None = None,
    vi: Path | None = None,
    out: Path = Path("fused"),
    prompt: str | None = None,
    degradation: str | None = None,
    weights: str = "",
    strict: bool = False,
    resize: bool = False,
    unmatched: Literal["refuse", "skip"] = "refuse",
    names: Path | None = None,
    ir_suffix: str = "",
    vi_suffix: str = "",
    limit: int | None = None,
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    seed: int = 0,
    tile: int = 0,
    batch_size: int = 1,
    workers: int = 0,
    accelerator: str = "auto",
    devices: int | str = 1,
    precision: str = "32-true",
) -> int:
    """Fuse your own images: two files, or two folders that pair by name.

    Args:
        method: one method; see `fusionbench list methods`.
        ir: infrared image or folder.
        vi: visible image or folder.
        out: folder for the fused images.
        prompt: what is wrong with the images, in words, for methods that read text.
        degradation: what is wrong with the images, as a spec; 'clean' says nothing is. Nothing is degraded here.
        weights: FILE or METHOD=FILE in place of the file that the method looks for.
        strict: refuse a method whose own weights are missing, instead of fusing with the small network that comes with
            the package.
        resize: bring the infrared image to the size of the visible one where they differ.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        names: text file with the names of the pairs to use, one a line.
        ir_suffix: what infrared file names have behind the name of their pair, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same of visible file names.
        limit: fuse only the first so many pairs.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
        seed: what methods draw from, together with each image's name.
        tile: side of the tiles to fuse at a time, in pixels; 0 fuses whole images.
        batch_size: images of one size to fuse at a time on a GPU; a CPU fuses one after the other.
        workers: processes that read images.
        accelerator: Lightning's accelerator (auto, cpu, gpu).
        devices: how many devices, or which.
        precision: Lightning's precision (32-true, 16-mixed, bf16-mixed).
    """
    from fusionbench.benchmark.preflight import settle
    from fusionbench.console import make_console

    if ir is None or vi is None:
        raise ValueError("fuse needs --ir and --vi, two image files or two folders")
    console = make_console()
    (choice,), notices = settle([_own_weights(method, weights)], strict=strict, option=WEIGHTS)
    warn(console, *notices)

    from fusionbench.api.fuse import fuse_files

    details: dict[str, Any] = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    details |= {"names": names, "ir_suffix": ir_suffix, "vi_suffix": vi_suffix}
    written, failures = fuse_files(
        choice,
        DatasetChoice(ANY, ir_dir=ir, vi_dir=vi, **details),
        out,
        Selection(limit=limit, seed=seed, tile=tile, prompt=prompt, degradation=degradation),
        Execution(batch_size, workers, accelerator, devices, precision),
    )
    images = "image" if len(written) == 1 else "images"
    console.print(f"{len(written)} fused {images} in {out}", highlight=False)
    return print_missing(console, [f"{name}: {reason}" for name, reason in failures.items()])


def _own_weights(method: str, weights: str) -> MethodChoice:
    """One method with the weights of '--weights FILE' or '--weights METHOD=FILE'."""
    if weights and not weights.startswith(f"{method}=") and ("=" not in weights or Path(weights).exists()):
        return MethodChoice(method, weights=Path(weights).expanduser())
    return choose_methods([method], weights)[0]
