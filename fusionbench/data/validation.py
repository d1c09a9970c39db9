"""Descriptions of datasets, and checks of the files on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.data.fetch import mirrors_of
from fusionbench.data.layouts import advice, candidates, folders_in, splits_on_disk
from fusionbench.data.loading import load
from fusionbench.data.table import DATASETS, DatasetCard, split_names
from fusionbench.registry import lookup


@dataclass(frozen=True)
class SplitCheck:
    """The result of checking one split.

    Attributes:
        split: its name.
        pairs: number of pairs found.
        published: number of pairs in the published split; None if none is published.
        problems: one sentence per problem.
    """

    split: str
    pairs: int
    published: int | None = None
    problems: list[str] = field(default_factory=list)


def describe(name: str) -> dict[str, str]:
    """What is known about a dataset, by heading, in the order in which it is shown.

    Raises:
        ValueError: unknown name.
    """
    name = lookup("dataset", name, DATASETS)
    card = DATASETS[name]
    facts = {
        "name": name,
        "title": card.title,
        "paper": card.paper,
        "home": card.url,
        "licence": card.licence,
        "splits": ", ".join(_with_count(card, split) for split in dict.fromkeys((*card.splits, *card.counts))),
        "split lists": ", ".join(f"{split} ({len(split_names(card, split))} names)" for split in card.lists),
        "layouts": "; ".join(f"{layout.ir} + {layout.vi}" for layout in card.layouts),
        "where": "; ".join(mirrors_of(card)),
        "note": card.note,
    }
    return {heading: fact for heading, fact in facts.items() if fact}


def check(
    name: str,
    root: str | Path | None = None,
    *,
    done: Callable[[int, int], None] = lambda read, total: None,
    **opening: Any,
) -> list[SplitCheck]:
    """Check every pair of a dataset on disk: names, partners, sizes, and whether each image can be read.

    Args:
        root: folder of the dataset, or its parent folder; $FUSIONBENCH_DATA by default.
        done: called after each pair of a split with the number of pairs read and the total.
        opening: how it is opened; further arguments of `load`.

    Returns:
        One result per split that is on disk or published.

    Raises:
        FileNotFoundError: no part of the dataset is there.
        ValueError: unknown name.
    """
    name = lookup("dataset", name, DATASETS)
    card = DATASETS[name]
    there = ["all"] if opening.get("ir_dir") or opening.get("vi_dir") else splits_on_disk(name, root)
    if not there:
        places = " or ".join(map(str, candidates(name, root)))
        others = folders_in(candidates(name, root))
        raise FileNotFoundError(f"no part of {name} is in {places}{others}; {advice(name, card, root)}")
    absent = [split for split in card.counts if split not in there and there != ["all"]]
    return [_look(name, split, done, root=root, **opening) for split in there] + [
        SplitCheck(split, 0, card.counts[split], ["not there"]) for split in absent
    ]


def _look(name: str, split: str, done: Callable[[int, int], None], **opening: Any) -> SplitCheck:
    card = DATASETS[name]
    published = card.counts.get(split)
    try:
        source = load(name, split=split, **opening)
    except (ValueError, FileNotFoundError) as error:
        return SplitCheck(split, 0, published, [str(error)])
    problems = []
    if published is not None and len(source) != published:
        problems.append(f"{len(source)} pairs instead of the published {published}")
    listed = set(split_names(card, split))
    strangers = [name for name in source.names if listed and name not in listed]
    if strangers:
        problems.append(f"{len(strangers)} pairs are not in the published split, first {strangers[0]!r}")
    for index in range(len(source)):
        try:
            source.read(index)
        except (ValueError, OSError) as error:
            problems.append(str(error))
        done(index + 1, len(source))
    return SplitCheck(split, len(source), published, problems)


def _with_count(card: DatasetCard, split: str) -> str:
    return f"{split} ({card.counts[split]})" if split in card.counts else split
