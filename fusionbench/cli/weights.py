"""`fusionbench weights ...`: listing, downloading, importing, exporting and verifying weight files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.console import EXIT_OK, make_console, print_missing
from fusionbench.report.columns import Format, Row, show, show_facts

if TYPE_CHECKING:
    from fusionbench.hub.catalog import WeightsOwner
    from fusionbench.weights.card import WeightsCard

ALL = "all"


def list_all(all: bool = False, format: Format = "text") -> int:  # noqa: A002 - the options' names
    """List the weight files of methods and metrics: state, size and licence.

    Args:
        all: include variants and ablations of methods, with one line per file.
        format: text fits the terminal; csv and json are for programs and have every column in full.
    """
    from fusionbench.hub.catalog import iter_owners
    from fusionbench.methods import METHODS, variant_of

    owners = [*iter_owners()]
    if all or format != "text":
        rows = [_row(owner, [card]) for owner in owners for card in owner.cards]
    else:
        shown = [owner for owner in owners if owner.name not in METHODS or not variant_of(owner.name)]
        rows = [_row(owner, owner.cards) for owner in shown]
    console = make_console()
    show(rows, console, long="files", least=20, cut=True, form=format)
    if format == "text" and not all:
        console.print("\nVariants and ablations are not shown: --all.", style="dim")
    return EXIT_OK


def info(names: str) -> int:
    """Print the details of the weight files of methods or metrics.

    Args:
        names: methods and metrics, separated by commas; --all for all of them.
    """
    console = make_console()
    for owner in _owners(names):
        console.print(owner.name, style="bold")
        for card in (*owner.cards, *owner.published):
            show_facts(_described(owner, card), console)
            console.print()
    return EXIT_OK


def path(names: str) -> int:
    """Print the path of each weight file, or where it is expected.

    Args:
        names: methods and metrics, separated by commas; --all for all of them.
    """
    from fusionbench.weights.store import cache_path, locate

    for owner, card in _files(_owners(names)):
        _say(locate(owner.name, card) or cache_path(owner.name, card))
    return EXIT_OK


def download(names: str, dry_run: bool = False) -> int:
    """Download weight files; an interrupted download is resumed.

    Args:
        names: methods and metrics, separated by commas; --all for all that have an address.
        dry_run: show what would be downloaded, and its size, without writing anything.
    """
    from fusionbench.hub.catalog import check_reachable, fetch
    from fusionbench.weights.download import Servers

    owners = _owners(names)
    if names == ALL:
        owners = [owner for owner in owners if (files := owner.lacking()) and all(card.urls for card in files)]
    if dry_run:
        _show_plan(owners)
        return EXIT_OK
    problems, servers = [], Servers()
    for owner in owners:
        try:
            if names == ALL:
                check_reachable(owner, servers)
            for place in fetch(owner):
                _say(place)
        except (OSError, ValueError) as error:
            if names != ALL:
                raise
            problems.append(f"{owner.name}: {error}")
    return print_missing(make_console(stderr=True), problems, label="")


def import_files(name: str, source: Path = Path(), out: Path | None = None, unverified: bool = False) -> int:
    """Import weight files that you have, converting them if necessary.

    Args:
        name: the method or metric.
        source: the file, or the folder that holds it.
        out: the file to write, to be passed as --weights NAME=FILE; by default in the cache.
        unverified: accept a file without a matching published checksum, such as your own training; results will say so.
    """
    from fusionbench.hub.catalog import install_files, owner_of

    if source == Path():
        raise ValueError("weights import needs --from, the weight file or its folder")
    for place in install_files(owner_of(name), source.expanduser(), out, unverified=unverified):
        _say(place)
    return EXIT_OK


def export(
    name: str,
    source: Path | None = None,
    out: Path | None = None,
    run: Path | None = None,
    licence: str = "",
    about: str = "",
    limits: str = "",
    half: bool = False,
) -> int:
    """Export a trained method as a folder for others: model.safetensors, config.json and a README model card.

    Args:
        name: the method.
        source: its weight file, or the folder of its training.
        out: the output folder; by default the method's name.
        run: folder of a run of it, whose scores are added to the card.
        licence: licence of the weights; by default that of the exported folder that they come from.
        about: a paragraph on its purpose.
        limits: a sentence on where it fails, shown in lists of methods; by default that of the exported folder that the
            weights come from.
        half: round the weights to 16 bits, for half the size.
    """
    from fusionbench.hub.export import export as export_model
    from fusionbench.hub.trained import trained

    model = trained(name, source, option="--from FILE")
    _say(export_model(model, out or Path(name), run=run, licence=licence, about=about, limits=limits, half=half))
    return EXIT_OK


def verify(names: str) -> int:
    """Verify existing weight files against their published checksums.

    Args:
        names: methods and metrics, separated by commas; --all for all of them.
    """
    from fusionbench.weights.store import locate
    from fusionbench.weights.store import verify as verify_file

    problems = []
    for owner, card in _files(_owners(names)):
        place = locate(owner.name, card)
        if place is None:
            _say(f"{owner.name}: {card.file} is not here")
            continue
        try:
            how = verify_file(owner.name, card, place, need=owner.kind == "metric")
            _say(f"{owner.name}: {place}: {how or 'no checksum is published'}")
        except ValueError as error:
            problems.append(str(error))
    return print_missing(make_console(stderr=True), problems, label="")


def _owners(names: str) -> list[WeightsOwner]:
    from fusionbench.benchmark.options import split_commas
    from fusionbench.hub.catalog import all_owners, owner_of

    return all_owners() if names == ALL else [owner_of(name) for name in split_commas(names)]


def _files(owners: Iterable[WeightsOwner]) -> Iterator[tuple[WeightsOwner, WeightsCard]]:
    return ((owner, card) for owner in owners for card in owner.cards)


def _row(owner: WeightsOwner, cards: Sequence[WeightsCard]) -> dict[str, str]:
    states = {owner.state(card): None for card in cards}
    return {
        "name": owner.name,
        "state": " and ".join(states),
        "size": _size(
            sum(card.size for card in cards) if all(card.size for card in cards) else 0,
            sum(card.size or card.approximate_size for card in cards),
        ),
        "kind": owner.kind,
        "files": cards[0].file if len(cards) == 1 else f"{len(cards)} files",
        "licence": ", ".join(dict.fromkeys(owner.facts(card)["licence"] for card in cards)),
    }


def _described(owner: WeightsOwner, card: WeightsCard) -> dict[str, str]:
    from fusionbench.weights.store import locate, search_paths

    read, place = card in owner.cards, locate(owner.name, card)
    return {
        "file": card.file,
        "size": _size(place.stat().st_size if place is not None else card.size, card.approximate_size),
        **owner.facts(card),
        "addresses": "\n".join(card.urls) or "none",
        "looked for at": "\n".join(map(str, search_paths(owner.name, card))) if read else "read by the import only",
        "state": owner.state(card) if read else "",
        "note": card.note,
    }


def _show_plan(owners: list[WeightsOwner]) -> None:
    """Print the files that would be downloaded, each once; unknown sizes are requested from the server."""
    from fusionbench.weights.checksums import FULL
    from fusionbench.weights.download import Servers

    cards: dict[tuple[str, str], tuple[str, WeightsCard]] = {}
    for owner in owners:
        for card in owner.lacking():
            cards.setdefault((card.folder or owner.name, card.file), (owner.name, card))
    rows: list[Row] = []
    total, unknown = 0, 0
    servers = Servers()
    for name, card in cards.values():
        exact = card.size or servers.size(card.urls)
        size = exact or card.approximate_size
        total, unknown = total + size, unknown + (not size)
        rows.append(
            {
                "name": name,
                "size": _size(exact, card.approximate_size),
                "checksum": {FULL: "whole", 0: "none"}.get(len(card.sha256), f"{len(card.sha256)} digits"),
                "file": card.file,
                "address": card.urls[0] if card.urls else "no address",
            }
        )
    console = make_console()
    show(rows, console, long="file")
    rest = f", and {unknown} files of unknown size" if unknown else ""
    console.print(f"{len(cards)} files, about {_size(total)}{rest}; nothing was downloaded", highlight=False)


def _say(text: object) -> None:
    make_console().print(str(text), highlight=False, soft_wrap=True, markup=False)


def _size(size: int, about: int = 0) -> str:
    if not size:
        return f"about {_size(about)}" if about else "?"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


COMMANDS = {
    "_help": "Weight files: look up, download, import, export, verify.",
    "list": list_all,
    "info": info,
    "download": download,
    "export": export,
    "import": import_files,
    "verify": verify,
    "path": path,
}
