"""`fusionbench data ...`: looking up, downloading, checking and sharding datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fusionbench.benchmark.options import parse_names
from fusionbench.console import EXIT_OK, make_console, print_missing
from fusionbench.images.options import read_options
from fusionbench.report.columns import Format, show, show_facts


def list_all(format: Format = "text") -> int:  # noqa: A002 - the option's name
    """List all datasets with their content, splits and licence.

    Args:
        format: text fits the terminal; csv and json are for programs and have every column in full.
    """
    from fusionbench.api.listing import LISTINGS

    listing = LISTINGS["datasets"]
    show(listing.chosen(), make_console(), long=listing.long, form=format)
    return EXIT_OK


def info(name: str) -> int:
    """Print the details of a dataset.

    Args:
        name: the dataset; see `fusionbench data list`.
    """
    from fusionbench.data import describe

    show_facts(describe(name), make_console())
    return EXIT_OK


def download(name: str, data: Path | None = None) -> int:
    """Download a dataset, or explain how if that needs a browser; an interrupted download is resumed.

    Args:
        name: the dataset; see `fusionbench data list`.
        data: its folder, or the folder to create it in; by default $FUSIONBENCH_DATA.
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
        data: its folder, or a folder that contains it under its name; by default $FUSIONBENCH_DATA.
        ir: folder of your own infrared images, for the dataset `folder`.
        vi: folder of your own visible images.
        resize: accept infrared images that differ in size from the visible ones.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        ir_suffix: what follows the name of the pair in infrared file names, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same for visible file names.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image separately. By default the full range of the file's bit depth.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma converts colours to
            gray.
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
    """Write a dataset as WebDataset shards, for storage that is slow with many small files; train with --data OUT.

    Args:
        dataset: the dataset; see `fusionbench data list`.
        data: its folder, or a folder that contains it under its name; by default $FUSIONBENCH_DATA.
        out: folder of the tar files and their index; other splits of the dataset can be added later.
        split: splits, separated by commas.
        per_shard: pairs per tar file.
        resize: resize infrared images to the size of the visible ones if they differ.
        unmatched: 'refuse' refuses images without a partner, 'skip' leaves them out.
        ir_suffix: what follows the name of the pair in infrared file names, such as _ir; or a pattern such as 'IR*'.
        vi_suffix: the same for visible file names.
        ir_range: the values of infrared files that become black and white, LOW,HIGH, for raw frames and temperatures;
            auto stretches each image separately. By default the full range of the file's bit depth.
        ir_channel: the channel of infrared files that is the infrared image, counted from 0; luma converts colours to
            gray.
        limit: use only the first N pairs of each split.
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
