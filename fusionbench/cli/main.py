"""The command line: commands from the signatures in commands.py, and exit statuses from errors.

0 done; 1 a defect of the program; 2 wrong input, nothing run; 3 done with failures or missing values, all listed;
130 interrupted.
"""

from __future__ import annotations

import inspect
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from fusionbench.console import WORDING, showing
from fusionbench.plugins import include_all

EXIT_OK, DEFECT, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

FLAGS = ("--quiet", "--verbose", "--debug")
VERSION = ("--version", "-V", "version")

FIRST = {
    "fusionbench run --method lure --degradation ll+lc": "degrade images, fuse and score them",
    "fusionbench fuse --method dspfusion --ir IR --vi VI --out OUT": "fuse your own images",
    "fusionbench score --fused FUSED --ir IR --vi VI": "score images that were fused anywhere",
}
"""First commands to try, and their purpose."""

OVERVIEW = {
    "Evaluate": ("run", "score", "report", "results", "bench", "profile", "demo"),
    "Process images": ("fuse", "degrade"),
    "Train": ("train", "embed"),
    "Look up and download": ("list", "data", "weights"),
}
"""Commands by purpose."""

EVERYWHERE = {
    "--include PATH": "load plugins from a Python file or package (docs/plugins.md)",
    "--quiet": "show warnings and errors only",
    "--verbose": "log every step, file and image, with the time",
    "--debug": "show the traceback of an error",
    "--version": "show the version",
    "--help": "show this, or the options of a command",
}
"""Options of every command."""

RESUMING = {"run", "demo", "score", "bench", "degrade", "data download", "weights download", "results merge"}
"""Commands that resume when they are run again after an interruption; `train` needs --resume."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; that of the process by default.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    # The signal that ends a batch job has the effect of Ctrl-C. Lightning calls this handler in addition to its own,
    # which only waits for the end of a training step.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        if {"--quiet", "--verbose"} <= set(words):
            raise ValueError("--quiet and --verbose contradict each other; give one of them")
        with _warnings_as_sentences(), showing(quiet="--quiet" in words, verbose="--verbose" in words):
            words = _including(words)
            return _dispatch([word for word in words if word not in FLAGS])
    except (ValueError, OSError, ImportError) as error:
        if debug:
            raise
        print(f"fusionbench: {_sentence(error)}", file=sys.stderr)  # noqa: T201
        return WRONG_INPUT
    except KeyboardInterrupt:
        if debug:
            raise
        print(f"fusionbench: interrupted; {_way_on(words)}", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    except Exception as error:
        # The only catch-all: these errors are not wrong input, and the user still gets one sentence.
        if debug:
            raise
        what = f"{type(error).__name__}: {_sentence(error)}"
        print(f"fusionbench: a defect of the program ({what}); --debug shows the traceback", file=sys.stderr)  # noqa: T201
        return DEFECT


@contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    """Print each of the package's own warnings once, as one line; other warnings look as usual."""
    from fusionbench.files import BusyFolderWarning
    from fusionbench.images.options import ImageWarning
    from fusionbench.registry import RenamedWarning
    from fusionbench.weights.read import WeightsWarning

    sentences = (BusyFolderWarning, ImageWarning, RenamedWarning, WeightsWarning)
    shown: set[str] = set()
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **rest: Any) -> None:
            if not issubclass(category, sentences):
                others(message, category, *where, **rest)
            elif str(message) not in shown:
                shown.add(str(message))
                print(f"fusionbench: warning: {WORDING.get()(str(message))}", file=sys.stderr)  # noqa: T201

        for kind in sentences:
            warnings.simplefilter("always", kind)
        warnings.showwarning = show
        yield


def _including(words: Sequence[str]) -> list[str]:
    """Load the plugins of `--include`, and return the other words.

    Raises:
        ValueError: it lacks its path.
        OSError: there is no such file.
        ImportError: a plugin cannot be imported.
    """
    rest, kept = list(words), []
    while rest:
        word = rest.pop(0)
        option, equals, paths = word.partition("=")
        if option != "--include":
            kept.append(word)
            continue
        paths = paths if equals or not rest else rest.pop(0)
        if not paths or paths.startswith("-"):
            raise ValueError("--include needs the path of a Python file or of a package's folder")
        include_all(paths)
    return kept


def _way_on(words: Sequence[str]) -> str:
    """How to continue after an interruption of this command."""
    spoken = [word for word in words if not word.startswith("-")]
    command = " ".join(spoken[: 2 if spoken[:1] in (["data"], ["weights"]) else 1])
    if command == "train":
        return "the same command with --resume continues from its last checkpoint"
    if command in RESUMING:
        return "the same command continues where it stopped"
    return "the same command starts again"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _dispatch(words: list[str]) -> int:
    from fusionbench.cli.commands import COMMANDS
    from fusionbench.cli.parsing import HELP, call
    from fusionbench.cli.recipes import with_recipe_files
    from fusionbench.cli.train import override_words
    from fusionbench.version import __version__

    if not words or words[0] in HELP:
        print(_overview(COMMANDS, __version__))  # noqa: T201
        return EXIT_OK
    if words[0] in VERSION:
        print(f"fusionbench {__version__}")  # noqa: T201
        return EXIT_OK
    if words[0] == "list" and (len(words) == 1 or words[1].startswith("--format")):
        words = ["list", "tables", *words[1:]]
    if words[0] == "train":
        words = override_words(list(with_recipe_files(words)))
    try:
        return call(words, COMMANDS)
    except SystemExit as stop:  # after a --help
        return int(stop.code or EXIT_OK)


def _overview(commands: Mapping[str, Any], version: str) -> str:
    """The overview that `fusionbench` alone prints."""
    lines = [f"fusionbench {version}: train, run and compare image fusion on degraded input", ""]
    lines += [f"  {words}\n      {what}" for words, what in FIRST.items()]
    for heading, names in OVERVIEW.items():
        lines += ["", heading]
        lines += [f"  {name:8} {_about(commands[name])}" for name in names]
    lines += ["", "Everywhere", *(f"  {option:14} {what}" for option, what in EVERYWHERE.items())]
    return "\n".join([*lines, "", "`fusionbench COMMAND --help` shows the options of a command."])


def _about(command: Any) -> str:
    """The first line of a command's help."""
    text = command["_help"] if isinstance(command, Mapping) else inspect.getdoc(command) or ""
    return str(text).partition("\n")[0]


LONGEST = 300
"""Characters of a path that a message shows."""


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        name = str(error.filename)
        return f"{error.strerror}: {name if len(name) <= LONGEST else f'{name[:LONGEST]}...'}"
    return " ".join(str(error).split()) or type(error).__name__
