"""Getting datasets: downloading and unpacking where possible, instructions for the rest."""

from __future__ import annotations

import shutil
import uuid
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from rich.progress import track

from fusionbench.console import make_console
from fusionbench.data.layouts import splits_on_disk
from fusionbench.data.table import DATASETS, DatasetCard, Mirror, data_root
from fusionbench.registry import lookup
from fusionbench.weights.checksums import accepted, pin, short_of_a_checksum
from fusionbench.weights.download import fetch


def home(name: str, root: str | Path | None = None) -> Path:
    """The folder of a dataset: below the root, unless the root is already that folder."""
    if root is None:
        return data_root() / name
    folder = Path(root).expanduser()
    return folder if folder.name.lower() == name else folder / name


def download(name: str, root: str | Path | None = None, progress: bool = True) -> list[str]:
    """Download a dataset into its folder, as far as it can be downloaded.

    Files that exist are kept, and an interrupted transfer is resumed. Archives are removed once they are unpacked.

    Args:
        root: the dataset's folder, or its parent folder; $FUSIONBENCH_DATA by default.
        progress: show progress bars in the terminal.

    Returns:
        Sentences that say what was done, and what to do manually where a browser is needed.

    Raises:
        ValueError: an unknown name, a wrong checksum or a damaged archive.
        OSError: no mirror could be reached.
    """
    name = lookup("dataset", name, DATASETS)
    card, folder = DATASETS[name], home(name, root)
    if not card.mirrors:
        return [f"{name} needs no download"]
    # An archive that still exists has not been unpacked completely.
    unpacked = not any((folder / mirror.file).is_file() for mirror in card.mirrors if mirror.file)
    if unpacked and (there := splits_on_disk(name, folder)) and set(card.counts) <= set(there):
        return [f"{name} is already in {folder}; `fusionbench data check {name} --data {folder}` checks every pair"]
    done = []
    for mirror in card.mirrors:
        if mirror.urls:
            done.append(f"{_fetched(mirror, folder, progress)} files of {name} are in {folder}")
        else:
            done.append(manual_steps(name, mirror, folder))
    return done


def _fetched(mirror: Mirror, folder: Path, progress: bool) -> int:
    """Download and unpack the archive of a mirror; one without a published checksum is pinned once it is complete.

    Returns:
        The number of files that were unpacked.
    """
    if doubt := short_of_a_checksum(mirror.file, mirror.sha256 or ""):
        make_console(stderr=True).print(doubt, soft_wrap=True)
    archive = fetch(mirror.urls, folder / mirror.file, mirror.sha256, mirror.size, progress)
    origin = f"fetched from {mirror.urls[0]} or a mirror of it"
    if doubt and accepted(archive):
        pin(archive, origin)
    count = unpack(archive, folder, mirror, progress)
    if doubt:
        pin(archive, origin)
    archive.unlink()
    return count


def manual_steps(name: str, mirror: Mirror, folder: Path) -> str:
    """The steps to get a dataset from a page that needs a browser."""
    steps = mirror.manual_steps.replace("ROOT", str(folder))
    return (
        f"{name} cannot be downloaded automatically: open {mirror.page} in a browser, then {steps}; "
        f"`fusionbench data check {name} --data {folder}` checks the result"
    )


def unpack(archive: Path, folder: Path, mirror: Mirror, progress: bool = False) -> int:
    """Unpack those folders of a zip archive that a dataset needs; every file is written atomically.

    Returns:
        The number of files that were unpacked.

    Raises:
        ValueError: the archive is damaged, encrypted or compressed in an unknown way, is larger than the free disk,
            contains none of the folders, or has a file where another member needs a folder.
    """
    try:
        with zipfile.ZipFile(archive) as contents:
            wanted = _wanted(contents, mirror)
            if not wanted:
                raise ValueError(f"{archive} contains none of {', '.join(mirror.keep)}; its layout has changed")
            _check_room(archive, wanted, folder)
            console = make_console(stderr=True)
            for member, target in track(
                wanted, description=f"unpacking {archive.name}", console=console, disable=not progress
            ):
                _extract(contents, member, folder / target)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{archive} is not a complete zip archive ({error}); delete it and download again") from error
    except (RuntimeError, NotImplementedError) as error:
        raise ValueError(f"{archive} cannot be unpacked here ({error}); unpack it into {folder} manually") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(
            f"{error.filename} would be both a file and a folder; remove it, or unpack {archive} into an empty folder"
        ) from error
    return len(wanted)


def _check_room(archive: Path, wanted: Iterable[tuple[zipfile.ZipInfo, PurePosixPath]], folder: Path) -> None:
    """Refuse an archive whose files do not fit on the disk; no file is read beyond the size that the archive says."""
    needed = sum(member.file_size for member, target in wanted if not (folder / target).is_file())
    free = shutil.disk_usage(archive.parent).free
    if needed > free:
        raise ValueError(f"the files of {archive} need {needed} bytes, and {free} are free; unpack it elsewhere")


def _wanted(contents: zipfile.ZipFile, mirror: Mirror) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The members below the folders to keep, with their paths after stripping."""
    wanted = []
    for member in contents.infolist():
        parts = PurePosixPath(member.filename).parts[mirror.strip :]
        path = PurePosixPath(*parts)
        # Members that point outside the folder are never extracted; a backslash separates folders on some systems.
        if member.is_dir() or not parts or ".." in parts or path.is_absolute() or "\\" in member.filename:
            continue
        if not mirror.keep or any(path.is_relative_to(folder) for folder in mirror.keep):
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
    """Where a dataset is available, as sentences."""
    return [
        f"downloaded from {' or '.join(mirror.urls)}"
        if mirror.urls
        else f"manually from {mirror.page}: {mirror.manual_steps}"
        for mirror in card.mirrors
    ]
