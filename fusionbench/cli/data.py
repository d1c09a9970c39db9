"""`fusionbench data ...`: what is known about datasets, getting them, checking them, sharding them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fusionbench.benchmark.options import parse_names
from fusionbench.console import EXIT_OK, make_console, print_missing
from fusionbench.images.options import read_options
from fusionbench.report.columns import Format, show, show_facts


def list_all(format: Format = "text") -> int:  # noqa: A002 - the option's name
    """List every dataset with what it shows, its splits and its licence.

    Args:
        format: text fits the terminal; csv and json are for programs and hold everything.
    """
    from fusionbench.api.listing import LISTINGS

    listing = LISTINGS["datasets"]
    show(listing.chosen(), make_console(), long=listing.long, form=format)
    return EXIT_OK


def info(name: str) -> int:
    """Print what is known about one dataset.

    Args:
        name: the dataset; see `fusionbench data list`.
    """
    from fusionbench.data import describe

    show_facts(describe(name), make_console())
    return EXIT_OK


def download(name: str, data: Path | None = None) -> int:
    """Fetch a dataset, or say what to put where when that needs a browser; an interrupted transfer goes on.

    Args:
        name: the dataset; see `fusionbench data list`.
        data: its folder, or the one that shall hold it; $FUSIONBENCH_DATA without it.
    """
    from fusionbench.data import download as fetch

    for sentence in fetch(name, data):
        make_console().print(sentence, highlight=False, soft_wrap=True, markup=False)
    return EXIT_OK


def check(
    name: str,
    data: Path | None = None,
    ir: Path | None = None,
    vi: Path | None = None,
    resize: bool = False,
    unmatched: Literal["refuse", "skip"] = "refuse",
    ir_suffix: str = "",
    vi_suffix: str = "",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
) -> int:
    """Read every image of a dataset and count its pairs by split.

    Args:
        name: the dataset; see `fusionbench data list`.
        data: its folder, or the one that holds it; $FUSIONBENCH_DATA without it.
        ir: folder of infrared images of your own, for the dataset folder.
        vi: folder of visible images of your own.
        resize: accept infrared images of another size than the visible ones.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        ir_suffix: what infrared file names have behind the name of their pair, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same of visible file names.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
    """
    from fusionbench.data import check as check_all

    console = make_console()
    problems = []
    details: dict[str, Any] = {"resize": resize, "unmatched": unmatched, "reading": read_options(ir_range, ir_channel)}
    details |= {"ir_dir": ir, "vi_dir": vi, "ir_suffix": ir_suffix, "vi_suffix": vi_suffix}
    for split in check_all(name, data, **details):
        published = "" if split.published is None else f" of {split.published} published"
        console.print(f"{split.split}: {split.pairs} pairs{published}", highlight=False)
        problems += [f"{split.split}: {problem}" for problem in split.problems]
    return print_missing(console, problems, label="problem: ")


def shard(
    dataset: str = "",
    data: Path | None = None,
    out: Path = Path("shards"),
    split: str = "train",
    per_shard: int = 128,
    resize: bool = False,
    unmatched: Literal["refuse", "skip"] = "refuse",
    ir_suffix: str = "",
    vi_suffix: str = "",
    ir_range: str | None = None,
    ir_channel: int | str | None = None,
    limit: int | None = None,
) -> int:
    """Write a dataset as WebDataset shards, for storage that reads long files faster than many; train with --data OUT.

    Args:
        dataset: the dataset; see `fusionbench data list`.
        data: its folder, or the one that holds it; $FUSIONBENCH_DATA without it.
        out: folder of the tar files and their index; further splits of the dataset can be added later.
        split: splits, separated by commas.
        per_shard: pairs in a tar file.
        resize: bring infrared images to the size of the visible ones where they differ.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        ir_suffix: what infrared file names have behind the name of their pair, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same of visible file names.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image by itself. The range of the file's own depth without it.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma for colours as gray.
        limit: at most so many pairs of each split.
    """
    from fusionbench.console import progress
    from fusionbench.data import load
    from fusionbench.data.sources.shards import write_shards

    console = make_console()
    details: dict[str, Any] = {"unmatched": unmatched, "ir_suffix": ir_suffix, "vi_suffix": vi_suffix}
    details |= {"reading": read_options(ir_range, ir_channel)}
    for part in parse_names(split):
        source = load(dataset, root=data, split=part, resize=resize, limit=limit, **details)
        with progress(console, len(source)) as (describe, done):
            describe(f"{dataset}, {part}")
            written = write_shards(source, part, out, per_shard, done)
        size = sum(path.stat().st_size for path in written) / 2**20
        console.print(f"{part}: {len(source)} pairs in {len(written)} shards, {size:.1f} MiB", highlight=False)
    return EXIT_OK


COMMANDS = {
    "_help": "Datasets: look up, download, check, write as shards.",
    "list": list_all,
    "info": info,
    "download": download,
    "check": check,
    "shard": shard,
}
