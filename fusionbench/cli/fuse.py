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
        prompt: description of the degradation in words, for methods that read text.
        degradation: spec of the degradation that the images have, for methods that need it; 'clean' for none. Nothing
            is degraded here.
        weights: FILE or METHOD=FILE, weight file to use instead of the default one.
        strict: refuse a method whose own weights are missing, instead of falling back to the small network that comes
            with the package.
        resize: resize infrared images to the size of the visible ones if they differ.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        names: text file with the names of the pairs to use, one per line.
        ir_suffix: what follows the name of the pair in infrared file names, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same for visible file names.
        limit: fuse only the first N pairs.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image separately. By default the full range of the file's bit depth.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma converts colours to
            gray.
        seed: random seed; methods derive their random numbers from it and each image's name.
        tile: tile size in pixels, to fuse large images in tiles; 0 fuses whole images.
        batch_size: images of equal size to fuse at a time on a GPU; on a CPU they are fused one at a time.
        workers: processes that read images.
        accelerator: Lightning's accelerator (auto, cpu, gpu).
        devices: number of devices, or which ones.
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
