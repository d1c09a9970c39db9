"""`fusionbench degrade`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fusionbench.benchmark.options import Names, choose_dataset, parse_names
from fusionbench.benchmark.spec import Execution, Selection
from fusionbench.console import print_missing
from fusionbench.data.table import DRAWN
from fusionbench.images.options import read_options


def degrade(
    dataset: str = "",
    data: str = "",
    split: str = "test",
    degradation: Names = "ll+lc",
    seed: int = 0,
    workers: int = 0,
    limit: int | None = None,
    out: Path = Path("degraded"),
    ir: Path | None = None,
    vi: Path | None = None,
    resize: bool = False,
    unmatched: Literal["refuse", "skip"] = "refuse",
    names: Path | None = None,
    ir_suffix: str = "",
    vi_suffix: str = "",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
) -> int:
    """Write a degraded test set with a manifest of checksums.

    Args:
        dataset: one dataset; see `fusionbench list datasets`. By default the one in --data, or the generated scenes
            that come with the package.
        data: the dataset's folder, or a folder that contains it under its name.
        split: the split of the dataset.
        degradation: specs, separated by commas.
        seed: random seed; degradations derive their random numbers from it and each image's name.
        workers: processes that read and degrade images.
        limit: use only the first N pairs.
        out: output folder of <degradation>/{ir,vi}/<name>.png and manifest.csv.
        ir: folder of your own infrared images.
        vi: folder of your own visible images.
        resize: resize infrared images to the size of the visible ones if they differ.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        names: text file with the names of the pairs to use, one per line.
        ir_suffix: what follows the name of the pair in infrared file names, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same for visible file names.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image separately. By default the full range of the file's bit depth.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma converts colours to
            gray.
    """
    from fusionbench.benchmark.export import export_degraded
    from fusionbench.console import make_console

    details: dict[str, Any] = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    details |= {"names": names, "ir_suffix": ir_suffix, "vi_suffix": vi_suffix}
    chosen = choose_dataset(dataset, data, DRAWN, split=split, ir=ir, vi=vi, **details)
    console = make_console()
    choice = chosen.announce(console)
    manifest, problems = export_degraded(
        choice, parse_names(degradation), out, Selection(limit, seed), Execution(workers=workers), console
    )
    console.print(f"written: {manifest}", highlight=False, soft_wrap=True)
    return print_missing(console, problems)
