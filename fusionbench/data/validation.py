"""Looking at data sets: what is known about them, and whether what lies on disk fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench.data.fetch import mirrors_of
from fusionbench.data.loading import advice, candidates, load, splits_on_disk
from fusionbench.data.table import DATASETS, DatasetCard, split_names
from fusionbench.images.options import AS_STORED, ReadOptions
from fusionbench.registry import lookup


@dataclass(frozen=True)
class SplitCheck:
    """What was found of one split.

    Attributes:
        split: its name.
        pairs: how many there are.
        published: how many the published split has; None where none is published.
        problems: one sentence each; empty when all is well.
    """

    split: str
    pairs: int
    published: int | None = None
    problems: list[str] = field(default_factory=list)


def describe(name: str) -> dict[str, str]:
    """What is known about a data set, by heading, in the order in which it is shown.

    Raises:
        ValueError: an unknown name.
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
    reading: ReadOptions = AS_STORED,
    *,
    done: Callable[[int, int], None] = lambda read, total: None,
) -> list[SplitCheck]:
    """Look at every pair of a data set on disk: names, partners, sizes, and whether each image can be read.

    Args:
        root: folder of the data set, or folder that holds it; $FUSIONBENCH_DATA without it.
        reading: how infrared files are read where they leave it open.
        done: called after each pair of a split with how many were read and how many there are.

    Returns:
        One entry per split that is on disk or published.

    Raises:
        FileNotFoundError: nothing of the data set is there.
        ValueError: an unknown name.
    """
    name = lookup("dataset", name, DATASETS)
    card = DATASETS[name]
    there = splits_on_disk(name, root)
    if not there:
        places = " or ".join(map(str, candidates(name, root)))
        raise FileNotFoundError(f"nothing of {name} is in {places}; {advice(name, card, root)}")
    absent = [split for split in card.counts if split not in there and there != ["all"]]
    return [_look(name, split, root, reading, done) for split in there] + [
        SplitCheck(split, 0, card.counts[split], ["not there"]) for split in absent
    ]


def _look(
    name: str, split: str, root: str | Path | None, reading: ReadOptions, done: Callable[[int, int], None]
) -> SplitCheck:
    card = DATASETS[name]
    published = card.counts.get(split)
    try:
        source = load(name, root=root, split=split, reading=reading)
    except (ValueError, FileNotFoundError) as error:
        return SplitCheck(split, 0, published, [str(error)])
    problems = []
    if published is not None and len(source) != published:
        problems.append(f"{len(source)} pairs, published are {published}")
    listed = set(split_names(card, split))
    strangers = [name for name in source.names if listed and name not in listed]
    if strangers:
        problems.append(f"{len(strangers)} pairs are not of the published split, first {strangers[0]!r}")
    for index in range(len(source)):
        try:
            source.read(index)
        except (ValueError, OSError) as error:
            problems.append(str(error))
        done(index + 1, len(source))
    return SplitCheck(split, len(source), published, problems)


def _with_count(card: DatasetCard, split: str) -> str:
    return f"{split} ({card.counts[split]})" if split in card.counts else split
