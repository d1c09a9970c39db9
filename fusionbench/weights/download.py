"""Downloads: several mirrors, checksums, and resumable transfers.

pooch checks whether a file exists and is the right one; the transfer itself is ours, because pooch starts again after
every interruption. An unfinished transfer is `<file>.part`, with its source in `<file>.part.json`.
"""

from __future__ import annotations

import json
import logging
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pooch
import requests
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from fusionbench.console import make_console

ATTEMPTS = 3
"""Number of attempts without a single new byte before the next mirror is tried."""

TIMEOUTS = (10, 60)
"""Timeouts in seconds: to connect, and between two packets."""

SPARE = 2**20
"""Tolerated excess in bytes; larger transfers are aborted, because a server may send without end."""

UNKNOWN = 2**33
"""Largest size in bytes of a file of unknown size."""

_CHUNK = 2**14  # at most this much is lost when a connection breaks

Report = Callable[[int, int | None], None]
"""Called with the bytes received and the total, if known."""


class _RefusedError(OSError):
    """The mirror does not have the file, so a retry is pointless."""


class _CutShortError(OSError):
    """The transfer ended before the file was complete."""


@dataclass(frozen=True)
class _Unfinished:
    """The source of a `.part` file, to decide whether a response continues it."""

    url: str
    validator: str


def fetch(
    urls: Sequence[str],
    target: Path,
    sha256: str | None = None,
    size: int | None = None,
    progress: bool = True,
    wait: float = 1.0,
    about: int | None = None,
) -> Path:
    """Download a file to `target`, from the first of several addresses that has it.

    An existing file with the right checksum, if one is known, is kept.

    Args:
        urls: addresses of the same file, in order of preference.
        sha256: its checksum; without it, only the size can be compared.
        size: its size in bytes.
        progress: show a progress bar in the terminal.
        wait: seconds before a retry of a mirror, doubled each time.
        about: approximate size in bytes, if the exact one is unknown; a file of more than twice that size is refused.

    Raises:
        ValueError: there is no address, or every mirror has a different or larger file than expected.
        OSError: no mirror could be reached or had the file; a partial transfer is kept for the next attempt.
    """
    if not urls:
        raise ValueError(f"no address is known for {target.name}; put the file at {target} manually")
    known_hash = f"sha256:{sha256}" if sha256 else None
    if target.is_file() and not known_hash and size and target.stat().st_size != size:
        raise ValueError(f"{target} has {target.stat().st_size} bytes, expected {size}; delete it to download it again")
    pooch.get_logger().setLevel(logging.WARNING)
    problems: list[str] = []
    wrong = 0
    most = size + SPARE if size else 2 * about + SPARE if about else UNKNOWN
    transfer = partial(_Transfer, target, size or None, most, bool(sha256), wait)
    with _bar(target.name, progress) as report:
        for url in urls:
            try:
                _retrieve(url, known_hash, target, transfer(report))
            except ValueError as error:
                wrong += 1
                problems.append(f"{url}: {_mismatch(error)}")
            except OSError as error:
                problems.append(f"{url}: {_reason(error)}")
            else:
                return target
    message = f"could not download {target.name}: {'; '.join(problems)}"
    if wrong == len(urls):
        raise ValueError(message)
    raise OSError(f"{message}; or put the file at {target} manually")


def _retrieve(url: str, known_hash: str | None, target: Path, transfer: _Transfer) -> None:
    try:
        pooch.retrieve(url, known_hash, fname=target.name, path=target.parent, downloader=transfer)
    except ValueError:
        # The partial file may be of another version: from another mirror, or the file has changed since.
        if not transfer.resumed:
            raise
        pooch.retrieve(url, known_hash, fname=target.name, path=target.parent, downloader=transfer)


class _Transfer:
    """A downloader for pooch: one URL to one file, resuming a partial file if that is safe."""

    def __init__(self, target: Path, size: int | None, most: int, checked: bool, wait: float, report: Report) -> None:
        self.part = target.with_name(f"{target.name}.part")
        self.about = target.with_name(f"{target.name}.part.json")
        self.size = size
        self.most = most
        self.checked = checked
        self.report = report
        self.wait = wait
        self.resumed = False
        self.reached = False

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        failures = 0
        while True:
            before = self._there()
            try:
                self._get(url)
                break
            except _RefusedError:
                raise
            except (_CutShortError, requests.RequestException) as error:
                failures = 1 if self._there() > before else failures + 1
                if failures >= ATTEMPTS or (not self.reached and _is_hopeless(error)):
                    raise
                time.sleep(self.wait * 2 ** (failures - 1))
        if self.size is not None and self._there() != self.size:
            found = self._there()
            self._forget()
            raise ValueError(f"it has {found} bytes, expected {self.size}")
        # To pooch's temporary file, which it verifies and moves to the target.
        shutil.move(self.part, output_file)
        self._forget()

    def _there(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)

    def _get(self, url: str) -> None:
        """One request, for the whole file or the rest of it."""
        # A compressed response could not be continued with bytes of the file.
        headers = {"Accept-Encoding": "identity"}
        start = self._there() if self._continues(url) else 0
        if start:
            headers["Range"] = f"bytes={start}-"
        if start and not self.checked:
            headers["If-Range"] = self._unfinished().validator
        with _ask("GET", url, headers=headers, stream=True, timeout=TIMEOUTS) as answer:
            self.reached = True
            if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                if answer.headers.get("Content-Range", "").endswith(f"/{start}"):
                    return  # All of it had arrived before the process was stopped.
                self._forget()
                raise _CutShortError("the partial file was longer than the whole; starting again")
            self._check_answer(answer)
            if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
                start = 0
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                self._forget()
                raise _CutShortError("the response does not continue the partial file; starting again")
            self.resumed = start > 0
            total = _total(answer, start)
            self._check_room(total or 0, start)
            self._note(_Unfinished(url, _validator(answer)))
            self._write(answer, start, total or self.size)
        if total is not None and self._there() < total:
            raise _CutShortError(f"the connection ended after {self._there()} of {total} bytes")

    def _write(self, answer: requests.Response, start: int, total: int | None) -> None:
        self.part.parent.mkdir(parents=True, exist_ok=True)
        with self.part.open("ab" if start else "wb") as file:
            there = start
            self.report(there, total)
            for chunk in answer.iter_content(_CHUNK):
                there += len(chunk)
                if there > self.most:
                    break
                file.write(chunk)
                self.report(there, total)
        if there > self.most:
            self._check_room(there, start)

    def _check_room(self, total: int, start: int) -> None:
        """Refuse a file that is larger than expected, or than the free space."""
        if total > self.most:
            self._forget()
            raise ValueError(f"it has more than the {self.size or self.most} bytes that were expected")
        free = shutil.disk_usage(_existing(self.part.parent)).free
        if total - start > free:
            raise _RefusedError(f"it needs {total - start} bytes, and {free} are free at {self.part.parent}")

    def _check_answer(self, answer: requests.Response) -> None:
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _CutShortError(f"status {answer.status_code} {answer.reason}")
        if not answer.ok:
            raise _RefusedError(f"status {answer.status_code} {answer.reason}")
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise _RefusedError("it answers with a web page instead of the file")

    def _unfinished(self) -> _Unfinished:
        try:
            return _Unfinished(**json.loads(self.about.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return _Unfinished("", "")

    def _continues(self, url: str) -> bool:
        """Whether the partial file can be resumed from this URL; a checksum verifies it afterwards."""
        return self.checked or (self._unfinished().url == url and bool(self._unfinished().validator))

    def _note(self, unfinished: _Unfinished) -> None:
        self.about.parent.mkdir(parents=True, exist_ok=True)
        self.about.write_text(json.dumps(asdict(unfinished)), encoding="utf-8")


class Servers:
    """Metadata of files from servers; one that does not answer is not asked again."""

    def __init__(self) -> None:
        self._silent: dict[str, bool] = {}

    def size(self, urls: Sequence[str]) -> int:
        """Size of a file in bytes, 0 if no server provides it."""
        for url in urls:
            answer = self._head(url)
            length = answer.headers.get("Content-Length", "") if answer is not None and answer.ok else ""
            if length.isdigit():
                return int(length)
        return 0

    def answers(self, url: str) -> bool:
        """Whether the host of an address answers; it is asked only once."""
        host = urlsplit(url).netloc
        if host not in self._silent:
            self._head(url)
        return not self._silent[host]

    def _head(self, url: str) -> requests.Response | None:
        host = urlsplit(url).netloc
        if self._silent.get(host):
            return None
        try:
            answer = _ask("HEAD", url, allow_redirects=True, timeout=3)
        except OSError:
            self._silent[host] = True
            return None
        self._silent[host] = False
        return answer


def _ask(method: str, url: str, **options: Any) -> requests.Response:
    """A request that does not follow redirects from https to anything else."""
    return requests.request(method, url, hooks={"response": _check_redirection}, **options)


def _check_redirection(answer: requests.Response, **_: Any) -> None:
    # The hook is called before the redirect is followed.
    target = urljoin(answer.url, answer.headers.get("Location", ""))
    if answer.is_redirect and urlsplit(answer.url).scheme == "https" != urlsplit(target).scheme:
        raise _RefusedError(f"it redirects from https to {target}, where the file could be tampered with")


def _existing(folder: Path) -> Path:
    """The nearest existing parent folder."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _validator(answer: requests.Response) -> str:
    """The strong validator (ETag) of a file's version; empty if there is none or only a weak one."""
    tag = str(answer.headers.get("ETag", ""))
    return str(answer.headers.get("Last-Modified", "")) if not tag or tag.startswith("W/") else tag


def _total(answer: requests.Response, start: int) -> int | None:
    """Size of the whole file in bytes, if the response contains it."""
    _, _, total = answer.headers.get("Content-Range", "").partition("/")
    if total.isdigit():
        return int(total)
    length = answer.headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else None


def _is_hopeless(error: Exception) -> bool:
    return _is_unknown_host(error) or isinstance(error, requests.exceptions.SSLError)


def _is_unknown_host(error: Exception) -> bool:
    """Whether the host cannot be resolved: there is no network, so a retry is pointless."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, Exception) and isinstance(reason.__context__, socket.gaierror)


def _mismatch(error: ValueError) -> str:
    text = str(error)
    return "its checksum differs from the known one" if "hash" in text.lower() else text


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted here"
    if _is_unknown_host(error):
        return "the host is unknown; is there a network?"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error)


@contextmanager
def _bar(name: str, shown: bool) -> Iterator[Report]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=make_console(stderr=True), disable=not shown) as bar:
        task = bar.add_task(name, total=None)
        yield lambda there, total: bar.update(task, completed=there, total=total)
