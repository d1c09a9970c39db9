"""Getting data sets: fetching and unpacking what can be fetched, and saying what a person has to do for the rest."""

from __future__ import annotations

import shutil
import uuid
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from rich.progress import track

from fusionbench.console import make_console
from fusionbench.data.loading import splits_on_disk
from fusionbench.data.table import DATASETS, DatasetCard, Mirror, data_root
from fusionbench.registry import lookup
from fusionbench.weights.checksums import accepted, pin, short_of_a_checksum
from fusionbench.weights.download import fetch


def home(name: str, root: str | Path | None = None) -> Path:
    """The folder of a data set: below the root, unless the root is that folder already."""
    if root is None:
        return data_root() / name
    folder = Path(root).expanduser()
    return folder if folder.name.lower() == name else folder / name


def download(name: str, root: str | Path | None = None, progress: bool = True) -> list[str]:
    """Bring a data set to its folder, as far as it can be fetched.

    What is there already is left alone; an interrupted transfer goes on where it stopped. Archives are removed once
    they are unpacked.

    Args:
        root: the data set's folder, or the one that shall hold it; $FUSIONBENCH_DATA without it.
        progress: show bars on the terminal.

    Returns:
        What was done, and for places that need a browser what to put where, as sentences.

    Raises:
        ValueError: an unknown name, a wrong checksum or a damaged archive.
        OSError: no mirror could be reached.
    """
    name = lookup("dataset", name, DATASETS)
    card, folder = DATASETS[name], home(name, root)
    if not card.places:
        return [f"{name} needs no download"]
    # An archive that is still there has not been unpacked to its end.
    unpacked = not any((folder / place.file).is_file() for place in card.places if place.file)
    if unpacked and (there := splits_on_disk(name, folder)) and set(card.counts) <= set(there):
        return [f"{name} is in {folder} already; `fusionbench data check {name} --data {folder}` looks at every pair"]
    done = []
    for place in card.places:
        if place.urls:
            done.append(f"{_fetched(place, folder, progress)} files of {name} are in {folder}")
        else:
            done.append(manual_steps(name, place, folder))
    return done


def _fetched(place: Mirror, folder: Path, progress: bool) -> int:
    """Fetch and unpack the archive of a place; the bytes of one without a checksum are remembered once it is whole.

    Returns:
        How many files were unpacked.
    """
    if doubt := short_of_a_checksum(place.file, place.sha256 or ""):
        make_console(stderr=True).print(doubt, soft_wrap=True)
    archive = fetch(place.urls, folder / place.file, place.sha256, place.size, progress)
    origin = f"fetched from {place.urls[0]} or a mirror of it"
    if doubt and accepted(archive):
        pin(archive, origin)
    count = unpack(archive, folder, place, progress)
    if doubt:
        pin(archive, origin)
    archive.unlink()
    return count


def manual_steps(name: str, place: Mirror, folder: Path) -> str:
    """What a person has to do to get a data set from a place that needs a browser."""
    steps = place.put.replace("ROOT", str(folder))
    return (
        f"{name} cannot be fetched by a program: open {place.page} in a browser, then {steps}; "
        f"`fusionbench data check {name} --data {folder}` tells whether it fits"
    )


def unpack(archive: Path, folder: Path, place: Mirror, progress: bool = False) -> int:
    """Unpack the folders of a zip archive that a data set needs; every file appears complete or not at all.

    Returns:
        How many files were unpacked.

    Raises:
        ValueError: the archive is damaged, or has none of the folders.
    """
    try:
        with zipfile.ZipFile(archive) as contents:
            wanted = _wanted(contents, place)
            if not wanted:
                raise ValueError(f"{archive} holds none of {', '.join(place.keep)}; its layout has changed")
            console = make_console(stderr=True)
            for member, target in track(
                wanted, description=f"unpacking {archive.name}", console=console, disable=not progress
            ):
                _extract(contents, member, folder / target)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{archive} is no complete zip archive ({error}); remove it and download again") from error
    return len(wanted)


def _wanted(contents: zipfile.ZipFile, place: Mirror) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The members below the folders to keep, with their paths after stripping."""
    wanted = []
    for member in contents.infolist():
        parts = PurePosixPath(member.filename).parts[place.strip :]
        path = PurePosixPath(*parts)
        # Members that point out of the folder are never asked for.
        if member.is_dir() or not parts or ".." in parts or path.is_absolute():
            continue
        if not place.keep or any(path.is_relative_to(folder) for folder in place.keep):
            wanted.append((member, path))
    return wanted


def _extract(contents: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    if target.is_file() and target.stat().st_size == member.file_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with contents.open(member) as source, unfinished.open("wb") as file:
            shutil.copyfileobj(source, file)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def mirrors_of(card: DatasetCard) -> list[str]:
    """Where a data set can be had, as sentences."""
    return [
        f"fetched from {' or '.join(place.urls)}" if place.urls else f"by hand from {place.page}: {place.put}"
        for place in card.places
    ]
