"""`fusionbench score`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fusionbench.benchmark.options import Names, choose_dataset, choose_metrics
from fusionbench.benchmark.spec import Selection
from fusionbench.console import print_missing
from fusionbench.data.table import ANY
from fusionbench.images.options import read_options


def score(
    fused: Path | None = None,
    ir: Path | None = None,
    vi: Path | None = None,
    dataset: str = "",
    data: str = "",
    split: str = "test",
    metrics: Names = "",
    protocol: str = "exact",
    resize: bool = False,
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    out: Path = Path("runs/score"),
    unmatched: Literal["refuse", "skip"] = "refuse",
    suffix: str = "",
    names: Path | None = None,
    ir_suffix: str = "",
    vi_suffix: str = "",
    limit: int | None = None,
) -> int:
    """Score a folder of images fused anywhere, against its sources.

    Args:
        fused: folder of fused images, named as the sources.
        ir: folder of infrared images.
        vi: folder of visible images.
        dataset: a known dataset instead of --ir and --vi.
        data: the dataset's folder, or a folder that contains it under its name.
        split: the split of the dataset.
        metrics: metrics, separated by commas; MI@tang selects a variant. By default eleven common ones, as far as the
            protocol has them.
        protocol: decides the variant of metrics without one; see `fusionbench list protocols`.
        resize: resize infrared images to the size of the visible ones if they differ.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image separately. By default the full range of the file's bit depth.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma converts colours to
            gray.
        out: output folder of scores.csv; an interrupted run resumes there.
        unmatched: 'refuse' refuses files without a partner, 'skip' leaves them out and lists them.
        suffix: what follows the name of the pair in fused file names, such as _CBF; or a pattern such as 'CBF_*'. Other
            files are ignored.
        names: text file with the names of the pairs to use, one per line.
        ir_suffix: what follows the name of the pair in infrared file names, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same for visible file names.
        limit: use only the first N pairs.
    """
    from fusionbench.benchmark.score_folder import score_folder
    from fusionbench.console import make_console
    from fusionbench.report.tables import folder_table
    from fusionbench.report.text import show

    if fused is None:
        raise ValueError("score needs --fused, the folder of fused images")
    details: dict[str, Any] = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    details |= {"names": names, "ir_suffix": ir_suffix, "vi_suffix": vi_suffix}
    chosen = choose_dataset(dataset, data, ANY, split=split, ir=ir, vi=vi, **details)
    console = make_console()
    choice = chosen.announce(console)
    problems = score_folder(
        fused,
        choice,
        choose_metrics(metrics, protocol),
        protocol,
        out,
        Selection(limit),
        suffix=suffix,
        console=console,
    )
    show([folder_table(out, suffix.strip("*_-. ") or fused.name)], console)
    return print_missing(console, problems)
