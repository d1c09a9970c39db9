"""Files that survive a killed process: written atomically or line by line, and checked when read.

Names that come from data are checked before they become names of files.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_UNFINISHED = re.compile(r"\..+\.(\d{1,9})\.tmp")


DEVICES = {"aux", "con", "nul", "prn", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""Names that some systems reserve, whatever their suffix."""

LONGEST = 230
"""Longest name in bytes; file systems allow 255, including suffixes and the mark of unfinished files."""


def check_names(names: Iterable[str], where: object, *, portable: bool = False) -> None:
    """Refuse names that are not plain file names, because the results of a pair are written under its name.

    Args:
        where: where the names come from, for the error message.
        portable: as for `unfit_name`.

    Raises:
        ValueError: a name is empty or hidden, points to another folder, or cannot be a file name.
    """
    for name in names:
        if why := unfit_name(name, portable=portable):
            raise ValueError(f"{where} names a pair {name[:80]!r}, which {why}; rename it")


def unfit_name(name: str, *, portable: bool = False) -> str:
    """Why the results of a pair cannot be written under a name; empty where they can.

    Args:
        portable: the name comes from a file that is passed on, so it must be plain on every system; a backslash is part
            of a name on some and separates folders on others.
    """
    if not name or name.startswith("."):
        return "is empty" if not name else "begins with a dot, as hidden files do"
    if strange := sorted({"/", "\0", os.sep, os.altsep or "/", "\\" if portable else "/"} & set(name)):
        return f"holds {strange[0]!r}"
    if name.split(".")[0].strip().lower() in DEVICES:
        return "is a device name on some systems"
    try:
        return f"has more than {LONGEST} bytes" if len(name.encode()) > LONGEST else ""
    except UnicodeEncodeError:
        return "is not in UTF-8"


def unfinished(path: Path) -> Path:
    """The temporary name under which this process writes a file before renaming it."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def remove_unfinished(folder: Path) -> None:
    """Remove unfinished files that killed processes of this machine left below a folder."""
    for path in folder.rglob(".*.tmp"):
        match = _UNFINISHED.fullmatch(path.name)
        if match and not _alive(int(match[1])):
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if sys.platform == "win32":
        return True  # On Windows, os.kill with 0 would end the process.
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class BusyFolderWarning(UserWarning):
    """Another command writes into the folder of results; this one waits until it has ended."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other commands out of a folder of results until the block ends; if one is in there, wait for its end first.

    Nothing is written: the system locks the folder itself, and releases it when the process ends, however that happens.
    A new folder that is still empty after an error is removed. Systems and file systems without such locks go on
    without.

    Warns:
        BusyFolderWarning: another command is in there.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        with _locked(folder):
            yield
    except BaseException:
        for place in new:
            try:
                place.rmdir()
            except OSError:
                break  # It holds something, or was never made.
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            yield
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if _lock(descriptor, folder):
                yield
                return
        finally:
            os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> bool:
    """Lock an open folder; False if it was removed while this waited."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        warnings.warn(
            f"another command{_holder(descriptor)} writes into {folder}; this one waits until it has ended",
            BusyFolderWarning,
            stacklevel=6,
        )
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return True  # Some network file systems have no locks.
    try:
        return folder.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    """The process that holds a lock, as far as the system tells."""
    inode = str(os.fstat(descriptor).st_ino)
    try:
        lines = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    held = (line.split() for line in lines if " FLOCK " in line and "->" not in line)
    return next((f" (process {words[4]})" for words in held if words[5].rpartition(":")[2] == inode), "")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file, which gets its name when the block ends well and is removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace a text file atomically: readers see the old text or the new one, never a part, even after a kill.

    A file that already holds the text is left alone.
    """
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def digest_of(parts: Iterable[Path | str]) -> str:
    """One SHA-256 over the bytes of several files and strings, in this order.

    Raises:
        OSError: a file cannot be read.
    """
    whole = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part.encode()
        whole.update(hashlib.sha256(data).digest())
    return whole.hexdigest()


def csv_line(cells: Iterable[str]) -> str:
    r"""One line of a CSV file that ends with a line feed.

    Example:
        >>> csv_line(["a", "b, c", "d\re"])
        'a,"b, c","d\re"\n'
    """
    buffer = io.StringIO()
    # csv quotes the line terminator's characters, so that a name with a carriage return stays one cell.
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


class Line(NamedTuple):
    """A row of a CSV file: the number of its last line, and its cells."""

    number: int
    cells: list[str]


def read_csv(path: Path, *, journal: bool = True) -> tuple[list[Line], list[str]]:
    """The readable rows of a CSV file, and one sentence for each fault. A missing file has no rows.

    Args:
        journal: the file is appended to, so that an unfinished last line was left by a killed process and is ignored.
    """
    if not path.exists():
        return [], []
    data = path.read_bytes()
    if not journal and not data.endswith(b"\n"):
        data += b"\n"
    end = _whole(data)
    lines, rest = data.count(b"\n", 0, end), data[end:]
    faults = [f"{path}, line {lines + 1}: a quote is not closed"] if b"\n" in rest else []
    try:
        text = data[:end].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [f"{path} is no UTF-8 text (byte {error.start})"]
    # Not splitlines: a name may contain one of the rarer line separators.
    reader = csv.reader((f"{line}\n" for line in text.split("\n")[:-1]), strict=True)
    rows: list[Line] = []
    try:
        rows.extend(Line(reader.line_num, cells) for cells in reader)
    except csv.Error as error:
        faults.append(f"{path}, line {reader.line_num}: {error}")
    return rows, faults


def _whole(data: bytes) -> int:
    """Number of bytes up to the end of the last complete row; a line feed inside quotes does not end a row."""
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end)
    while quotes % 2:
        start = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', start, end)
        end = start
    return end


class Journal:
    """A CSV file that one process at a time appends to.

    An unfinished last line, left by a killed process, is cut off before the first line is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._healed = False

    def append(self, text: str, *, sync: bool = True) -> None:
        """Add whole lines.

        Args:
            sync: wait until they are on the disk.
        """
        if not self._healed:
            self._heal()
        with self.path.open("ab") as stream:
            stream.write(text.encode())
            stream.flush()
            if sync:
                os.fsync(stream.fileno())

    def _heal(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            data = self.path.read_bytes()
            if (end := _whole(data)) < len(data):
                os.truncate(self.path, end)
        self._healed = True

    def replace(self, text: str) -> None:
        """Replace all lines."""
        write_atomically(self.path, text)
        self._healed = True


def path_name(text: str) -> str:
    """A degradation spec or method name as a folder name: ':' becomes '-', other unsafe characters '_'."""
    return re.sub(r"[^\w.+()=~,-]", "_", text.replace(":", "-"))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


_PACKAGE = Path(__file__).parent


def resources(name: str) -> Path:
    """A folder that comes with fusionbench.

    Args:
        name: 'benchmarks' for the papers' tables and measured values, or 'experiments' for the recipes.

    Raises:
        FileNotFoundError: it is neither in the package nor next to it.
    """
    # The package's own folder first: site-packages next to it may contain another package's folder of the same name.
    places = (_PACKAGE / name, _PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(f"fusionbench was installed without its folder {name} ({places[0]}); install its wheel")
