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
    """Score a folder of fused images, made anywhere, against its sources.

    Args:
        fused: folder of fused images; they pair with the sources by name.
        ir: folder of infrared images.
        vi: folder of visible images.
        dataset: a known dataset in place of --ir and --vi.
        data: the dataset's folder, or one that holds it under its name.
        split: which pairs of the dataset.
        metrics: scores, separated by commas; MI@tang picks a variant. Eleven common ones, as far as the protocol has
            them, when none are named.
        protocol: which variant a score without one means.
        resize: bring infrared images to the size of the visible ones where they differ.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
        out: where scores.csv goes; an interrupted run goes on there.
        unmatched: 'refuse' refuses files without a partner, 'skip' leaves them out and says so.
        suffix: what fused file names have behind the name of their pair, such as _CBF; or a pattern such as 'CBF_*'.
            Other files are passed over.
        names: text file with the names of the pairs to use, one a line.
        ir_suffix: what infrared file names have behind the name of their pair, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same of visible file names.
        limit: use only the first so many pairs.
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
