"""The command line: sub-commands from the signatures in commands.py, and how errors become exit statuses.

0 done; 1 a defect of the program; 2 wrong input, nothing run; 3 done with failures or missing values, all listed;
130 interrupted.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

DEFECT, WRONG_INPUT, INTERRUPTED = 1, 2, 130

# `from` cannot be a parameter in Python; the option that users type is --from. A name that must be given may be --all.
RENAMED = {"--from": "--source", "--all": "all"}

TRUTHS = ("true", "false")

RESUMING = {"run", "demo", "score", "bench", "data download", "weights download"}
"""Commands that go on where they were interrupted when they are given again; a training needs --resume."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; that of the process by default.

    Returns:
        The exit status.
    """
    words = [RENAMED.get(word, word) for word in (sys.argv[1:] if arguments is None else arguments)]
    debug = "--debug" in words
    # Nothing here needs the network; albumentations would look for a newer version of itself.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    # What ends a batch job ends a command as Ctrl-C does. Lightning calls this handler beside its own, which only takes
    # note until a training step ends.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _dispatch([word for word in words if word != "--debug"])
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
        # The only net for everything: what ends here is no wrong input, and a person still gets one sentence.
        if debug:
            raise
        what = f"{type(error).__name__}: {_sentence(error)}"
        print(f"fusionbench: a defect of the program ({what}); --debug shows the traceback", file=sys.stderr)  # noqa: T201
        return DEFECT


def _way_on(words: Sequence[str]) -> str:
    """What a person can do after an interruption of this command."""
    spoken = [word for word in words if not word.startswith("-")]
    command = " ".join(spoken[: 2 if spoken[:1] in (["data"], ["weights"]) else 1])
    if command == "train":
        return "the same command with --resume goes on where it stopped"
    if command in RESUMING:
        return "the same command goes on where it stopped"
    return "the same command begins again"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _dispatch(words: list[str]) -> int:
    from jsonargparse import auto_cli

    from fusionbench.commands import COMMANDS
    from fusionbench.resources import with_recipe_files
    from fusionbench.version import __version__

    if words == ["--version"]:
        print(f"fusionbench {__version__}")  # noqa: T201
        return 0
    words = list(_spelled(words, {f"--{name}" for name in _switches(COMMANDS)}))
    if words[:1] == ["train"]:
        words = list(with_recipe_files(words))
    status = auto_cli(COMMANDS, args=words or ["--help"], prog="fusionbench")
    return int(status or 0)


def _spelled(words: Sequence[str], switches: set[str]) -> Iterator[str]:
    """Options with '_' for '-', and switches that stand alone set to true: what the parser made of signatures reads."""
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not name.startswith("--"):
            yield word
            continue
        name = "--" + name[2:].replace("-", "_")
        yield name + equals + value
        following = words[index + 1].lower() if index + 1 < len(words) else ""
        if name in switches and not equals and following not in TRUTHS:
            yield "true"


def _switches(commands: Mapping[str, Any]) -> Iterator[str]:
    """Names of all parameters that are true or false."""
    for command in commands.values():
        if isinstance(command, Mapping):
            yield from _switches(command)
        elif callable(command):
            parameters = inspect.signature(command).parameters.values()
            yield from (parameter.name for parameter in parameters if parameter.annotation in ("bool", bool))


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.strerror}: {error.filename}"
    return " ".join(str(error).split()) or type(error).__name__
