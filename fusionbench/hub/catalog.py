"""The catalog of weight files of methods and metrics: listing, downloading, importing, verifying."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fusionbench import methods
from fusionbench.files import whole_file
from fusionbench.metrics.pyiqa.rows import NO_REFERENCE, PREFIX, pyiqa_name
from fusionbench.metrics.pyiqa.table import NETWORKS
from fusionbench.metrics.table import spelled
from fusionbench.registry import import_object, unknown_name
from fusionbench.weights.card import WeightsCard
from fusionbench.weights.checksums import FULL, IMPORTED, accept, accepted, sha256
from fusionbench.weights.entry import file_of, split_entry
from fusionbench.weights.read import load_strict, read_state
from fusionbench.weights.safetensors import write_tensors
from fusionbench.weights.store import IN_PACKAGE, PRETRAINED, cache_path, download, locate, recorded_beside, verify

if TYPE_CHECKING:
    from fusionbench.methods.method import Method
    from fusionbench.weights.download import Servers

SAFE = ".safetensors"
"""Suffix of weight files of methods that are trained here."""

MISSING, ALTERED = "missing", "altered or unknown"
"""States of files that are not used."""

RECORDED_LATER = "that of the file is recorded when it is downloaded or imported"


@dataclass(frozen=True)
class WeightsOwner:
    """A method or a metric with the files that it reads.

    Attributes:
        kind: 'method' or 'metric'.
        cards: the files that it reads.
        published: the authors' files, if they must be converted first.
        importer: converts the published files; see MethodCard.
    """

    name: str
    kind: str
    cards: tuple[WeightsCard, ...]
    published: tuple[WeightsCard, ...] = ()
    importer: str = ""

    def state(self, card: WeightsCard) -> str:
        """Whether a file is available, and its provenance."""
        path = locate(self.name, card)
        if path is None:
            return MISSING
        try:
            return verify(self.name, card, path, need=self.kind == "metric") or "here, own or imported"
        except ValueError:
            return ALTERED

    def facts(self, card: WeightsCard) -> dict[str, str]:
        """Checksum, licence, source and limits of a file, with details from an exported method's folder."""
        path = locate(self.name, card)
        try:
            said = recorded_beside(path) if path is not None else {}
        except ValueError:
            said = {}
        digest = said.get("sha256") or card.sha256
        if len(digest) < FULL:
            noted = accepted(path or cache_path(self.name, card))
            known = f"only {digest} is published" if digest else "not published"
            digest = f"{known}; {f'{noted.sha256} was {noted.origin}' if noted else RECORDED_LATER}"
        return {
            "sha256": digest,
            "licence": said.get("licence") or card.licence,
            "source": IN_PACKAGE if path is not None and PRETRAINED in path.parents else card.source,
            "limits": said.get("limits", ""),
        }

    def lacking(self) -> list[WeightsCard]:
        """The files to download: those that are read, or those that these are converted from."""
        wanted = [card for card in self.cards if self.state(card) in (MISSING, ALTERED)]
        return list(self.published) if wanted and self.published else wanted


def iter_owners() -> Iterator[WeightsOwner]:
    """All listed owners of weights: methods, then metrics."""
    for name, card in methods.METHODS.items():
        if card.weights:
            yield WeightsOwner(name, "method", card.weights, card.published, card.importer)
    for name in NO_REFERENCE:
        yield _score(name)


def owner_of(name: str) -> WeightsOwner:
    """The owner of a name: a method or a metric; metrics of pyiqa also as 'pyiqa:brisque'.

    Raises:
        ValueError: unknown name, or it has no weights.
    """
    method = {known.casefold(): known for known in methods.METHODS}.get(name.casefold(), "")
    if method:
        card = methods.METHODS[method]
        if not card.weights:
            raise ValueError(f"{method!r} has no weights")
        return WeightsOwner(method, "method", card.weights, card.published, card.importer)
    if not pyiqa_name(name):
        raise unknown_name("method or metric with weights", name, [one.name for one in iter_owners()])
    found = _score(spelled(name))
    if not found.cards:
        raise ValueError(f"{name!r} has no weights")
    return found


def all_owners() -> list[WeightsOwner]:
    """All owners of weights, including pyiqa's metrics without a row in METRICS."""
    named = [*iter_owners()]
    rest = sorted(set(NETWORKS) - {pyiqa_name(name) for name in NO_REFERENCE})
    return named + [one for name in rest if (one := _score(f"{PREFIX}{name}")).cards]


def _score(name: str) -> WeightsOwner:
    return WeightsOwner(name, "metric", tuple(NETWORKS[pyiqa_name(name)].cards().values()))


def fetch(owner: WeightsOwner, *, progress: bool = True) -> list[Path]:
    """Download the files of a method or metric to where they are searched; existing ones are kept.

    Raises:
        ValueError: a file has no address, or differs from its card.
        OSError: no address could be reached.
    """
    if owner.kind == "method":
        return methods.download(owner.name, progress=progress)
    return download(owner.name, owner.lacking(), progress=progress)


def check_reachable(owner: WeightsOwner, servers: Servers) -> None:
    """Quickly check that at least one of a file's servers can be reached, before retrying each of them.

    Raises:
        OSError: none of them answers.
    """
    for card in owner.lacking():
        if not any(servers.answers(url) for url in card.urls):
            hosts = ", ".join(dict.fromkeys(urlsplit(url).netloc for url in card.urls))
            raise OSError(f"{card.file} cannot be downloaded: no answer from {hosts}")


def install_files(
    owner: WeightsOwner, source: Path, target: Path | None = None, *, unverified: bool = False
) -> list[Path]:
    """Install files given by the user to where they are searched.

    Args:
        source: the file, one of its tables (`FILE#ENTRY`), or a folder with the files under their names, or under any
            names with their checksums.
        target: the file to write instead; for one file only.
        unverified: accept files without a matching published checksum; results will say so.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file differs from the published one, and `unverified` is not set; or it can never be used, as it
            is not a weight file or is of another network.
    """
    if not file_of(source).exists():
        raise FileNotFoundError(f"{source} does not exist; pass a weight file or its folder")
    if owner.importer and not _is_own(owner, source):
        place = target or cache_path(owner.name, owner.cards[0])
        import_object(owner.importer)(source, place)
        accept(place, IMPORTED)
        return [place]
    found = [(card, path) for card in owner.cards if (path := _file_of(card, source, alone=len(owner.cards) == 1))]
    if source.is_dir():
        lacking = sorted({*_missing(owner)} - {card.file for card, _ in found})
    else:
        lacking = [] if found else _files(owner)
    if lacking or not found:
        raise FileNotFoundError(f"{source} neither is nor contains {' and '.join(lacking or _files(owner))}")
    if target is not None and len(found) > 1:
        raise ValueError(
            f"{owner.name!r} needs {len(found)} files, which cannot be written to one {target}; leave out --out"
        )
    return [_put(owner, card, path, target, unverified) for card, path in found]


def _files(owner: WeightsOwner) -> list[str]:
    return [card.file for card in owner.cards]


def _missing(owner: WeightsOwner) -> list[str]:
    return [card.file for card in owner.cards if locate(owner.name, card) is None]


def _is_own(owner: WeightsOwner, source: Path) -> bool:
    """Whether the given files are already in this package's format."""
    return file_of(source).is_file() and file_of(source).suffix == Path(owner.cards[0].file).suffix


def _file_of(card: WeightsCard, source: Path, *, alone: bool) -> Path | None:
    if file_of(source).is_file():
        known = source.name in (card.file, *card.aliases) or _has_sum(card, source)
        return source if alone or known else None
    for name in (card.file, *card.aliases):
        if (source / name).is_file():
            return source / name
    return next((path for path in sorted(source.iterdir()) if path.is_file() and _has_sum(card, path)), None)


def _has_sum(card: WeightsCard, path: Path) -> bool:
    if card.size and path.stat().st_size != card.size and not card.aliases:
        return False
    if len(card.sha256) < FULL and not card.aliases:
        return False
    return sha256(path) in {card.sha256, *card.aliases.values()}


def _put(owner: WeightsOwner, card: WeightsCard, source: Path, target: Path | None, unverified: bool) -> Path:
    also = {digest: name for name, digest in card.aliases.items()}
    place = target or cache_path(owner.name, card).with_name(also.get(sha256(source), card.file))
    if not unverified:
        verify(owner.name, card, source, need=owner.kind == "metric")
    if owner.kind == "metric":
        _check_kind(source)
        method = None
    else:
        method = _filled(owner, card, source)
    if method is not None and (split_entry(source)[1] or place.suffix == SAFE != source.suffix):
        numbers = method.get_submodule(card.submodule).state_dict()
        write_tensors(numbers, place, {"method": owner.name, "sha256": {source.name: sha256(source)}})
    elif source.resolve() != place.resolve():
        with whole_file(place) as unfinished:
            shutil.copyfile(source, unfinished)
    if unverified:
        accept(place, f"imported from {source.resolve()}")
    return place


def _filled(owner: WeightsOwner, card: WeightsCard, source: Path) -> Method:
    """The method with a file's tensors in it.

    Raises:
        ValueError: the file does not fit.
    """
    method = methods.build(owner.name)
    module = method.get_submodule(card.submodule)
    state = read_state(source, module)
    method.check_weights(state)
    load_strict(module, state, card, source)
    return method


def _check_kind(source: Path) -> None:
    """Refuse what is by its first bytes no file of torch though its name says so; pyiqa fills its networks itself."""
    with source.open("rb") as stream:
        start = stream.read(2)
    if source.suffix in (".pth", ".pt") and start != b"PK" and start[:1] != b"\x80":
        raise ValueError(f"{source} is no weight file of torch; download it again")
