"""External programs on image files: a command template, run without a shell, with a time limit and a log."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from fusionbench.images.files import read_image, write_image
from fusionbench.images.tensors import to_bytes, to_tensor
from fusionbench.methods.common.template import split_command
from fusionbench.types import Image

_TAIL = 300


def run_command(
    template: str,
    paths: Mapping[str, Path],
    *,
    timeout: float = 600.0,
    log: Path | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a command template on files and wait for it.

    Args:
        template: such as 'python test.py --ir {ir} --vi {vi} --out {out}'; to run in another environment, name that
            environment's interpreter or wrap it ('conda run -n NAME python ...').
        paths: values of the placeholders; made absolute, because the command may run in another folder.
        timeout: seconds after which the command and everything it started is terminated.
        log: file to which its output is appended.
        cwd: folder to run in.

    Raises:
        ValueError: the template is invalid.
        FileNotFoundError: there is no such program.
        TimeoutError: it took too long.
        ChildProcessError: it failed; the message ends with the end of its output.
    """
    words = split_command(template, {name: path.resolve() for name, path in paths.items()})
    with TemporaryDirectory() as folder:
        printed = log or Path(folder) / "log.txt"
        printed.parent.mkdir(parents=True, exist_ok=True)
        with printed.open("ab") as stream:
            stream.write(f"$ {shlex.join(words)}\n".encode())
            stream.flush()
            start = stream.tell()
            status = _wait(words, stream.fileno(), timeout, cwd)
        tail = _tail(printed, start)
    where = f" (log: {log})" if log else ""
    if status is None:
        raise TimeoutError(f"{words[0]!r} was ended after {timeout:g} s{where}{tail}")
    if status:
        raise ChildProcessError(f"{words[0]!r} failed with exit status {status}{where}{tail}")


def _wait(words: list[str], stream: int, timeout: float, cwd: Path | None) -> int | None:
    """The exit status, or None after a timeout."""
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=cwd, start_new_session=True
        )
    except FileNotFoundError as error:
        missing = f"no folder {cwd}" if cwd and not cwd.is_dir() else f"no program {words[0]!r}"
        raise FileNotFoundError(f"{missing}; give its full path") from error
    except PermissionError as error:
        raise PermissionError(f"{words[0]!r} may not be run; make it executable or name its interpreter") from error
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate the command and everything it started; it has its own process group."""
    if sys.platform == "win32":
        process.kill()
    else:
        import os

        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path, start: int) -> str:
    with log.open("rb") as stream:
        stream.seek(start)
        text = " ".join(stream.read().decode(errors="replace").split())
    return f": …{text[-_TAIL:]}" if len(text) > _TAIL else f": {text}" if text else ""


def run_restorer(
    image: Image, template: str, *, timeout: float = 600.0, log: Path | None = None, cwd: Path | None = None
) -> Image:
    """One image, (1 or 3, H, W), restored by an external program.

    Args:
        image: in [0, 1]; the program reads it as an 8-bit PNG.
        template: the command with `{in}` and `{out}`.
        timeout: time limit in seconds.
        log: file to which its output is appended.
        cwd: folder to run in.

    Raises:
        ValueError: the template lacks a placeholder, or the program returned another size.
        FileNotFoundError: it wrote nothing.
        TimeoutError: it took too long.
        ChildProcessError: it failed.
    """
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.png", Path(folder) / "out.png"
        write_image(source, to_bytes(image))
        run_command(template, {"in": source, "out": target}, timeout=timeout, log=log, cwd=cwd)
        result = to_tensor(read_image(require_output(target, template), 1 if len(image) == 1 else 3))
    if result.shape != image.shape:
        raise ValueError(f"{template!r} returned an image of {size_of(result)} for one of {size_of(image)}")
    return result.to(image)


def require_output(target: Path, template: str) -> Path:
    """The output file, if the command has written it.

    Raises:
        FileNotFoundError: it did not.
    """
    if not target.is_file():
        raise FileNotFoundError(f"{template!r} ended well but wrote no image to {{out}}")
    return target


def size_of(image: torch.Tensor) -> str:
    """Width x height, as people write it."""
    return f"{image.shape[-1]}x{image.shape[-2]}"
