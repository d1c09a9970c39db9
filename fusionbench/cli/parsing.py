"""Parsing the command line and calling a command; errors are one sentence.

A command is a function. Its parameters are options; those without a default are positional. The words are brought into
the form that jsonargparse expects, which then reads the values.
"""

from __future__ import annotations

import inspect
import json
import re
from argparse import SUPPRESS, Action
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

import yaml
from jsonargparse import ArgumentParser, DefaultHelpFormatter, auto_cli
from typing_extensions import override

from fusionbench.cli.wording import expected, in_options
from fusionbench.console import WORDING
from fusionbench.plugins import include_all
from fusionbench.registry import current_names, join_or, similar_names

PROGRAM = "fusionbench"
HELP = ("-h", "--help")
ALL = "--all"
"""Given instead of a name, it means all."""
ABOUT = "_help"
"""Key of the description of a group of commands."""

ALIASES = (
    ("method", "methods"),
    ("dataset", "datasets"),
    ("degradation", "degradations"),
    ("metrics", "metric"),
    ("table", "tables"),
    ("data", "root"),
    ("out", "export", "to"),
    ("source", "from"),
    ("init_from", "start"),
)
"""Options of equal meaning: a command accepts any of a group for the one that it has."""

RENAMED = {"start": "init_from"}
"""Current names of options by their former names, which give a warning."""

_OF_THE_PARSER = {"config", "print_config"}
_EVERYWHERE = "Everywhere: --include PATH, --quiet, --verbose, --debug."
_REWRITTEN: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r", --\w+\+ \w+", ""),
    (r" \{true,false\}(?=\n)", ""),
    (r" \{true,false\}(?= )", " " * len(" {true,false}")),
    (r"(?<=--)[a-z_]+", lambda name: name[0].replace("_", "-")),
    (
        r"  --print-config .*?\n(?=  -|\n)",
        "  --print-config        show all options and their values as YAML, and exit\n",
    ),
    (r"positional arguments:", "arguments:"),
    (r"subcommands:\n.*?Available subcommands:\n", "commands:\n"),
)
"""Parts of jsonargparse's help texts, and their replacements."""

_TRUTHS = ("true", "false")
_SHOWN = 60


class Complaint(Exception):  # noqa: N818 - it never leaves this module
    """An error message of jsonargparse."""


class Help(DefaultHelpFormatter):
    """Help without Python's types, and without empty defaults."""

    @override
    def _get_help_string(self, action: Action) -> str:
        text = (action.help or "").removesuffix(".")
        tells = not (action.default is None or action.default is False or action.default in ("", SUPPRESS))
        return f"{text} (default: %(default)s)" if tells and action.option_strings else text


class Parser(ArgumentParser):
    """A parser that raises errors instead of printing its usage."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(
            *arguments, **{"allow_abbrev": False, "epilog": _EVERYWHERE, "formatter_class": Help, **options}
        )

    @override
    def format_help(self, *arguments: Any) -> str:
        """The help, with options as they are typed: with '-' instead of '_', and without the parser's notation."""
        group = self._subparsers is not None
        values = [action.dest.upper() for action in self._actions if not action.option_strings and not group]
        usage = " ".join([self.prog.replace(" [options]", ""), *(["COMMAND"] if group else values), "[options]"])
        text = super().format_help(*arguments)
        for pattern, written in _REWRITTEN:
            text = re.sub(pattern, written, text, flags=re.DOTALL)
        text = re.sub(r"\Ausage: .*?\n\n", f"usage: {usage}\n\n", text, flags=re.DOTALL)
        return re.sub(r"  --config .*?\n(?=\n)", "", text, flags=re.DOTALL) if group else text

    @override
    def add_argument(self, *names: str, **options: Any) -> Any:
        # `from` is a keyword of Python and cannot be the name of a parameter.
        return super().add_argument(*names, *(["--from"] if names == ("--source",) else []), **options)

    @override
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise Complaint(message) from ex

    @override
    def parse_string(self, content: str, path: Any = "", *arguments: Any, **options: Any) -> Any:
        """Parse a YAML configuration, whose keys may be aliases."""
        try:
            given = yaml.safe_load(content)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f", line {mark.line + 1}" if mark else ""
            raise Complaint(f"--config {path}{place}: this is not YAML ({getattr(error, 'problem', error)})") from error
        if not isinstance(given, dict):
            raise Complaint(f"--config {path}: expected options, one per line, such as 'limit: 2'")
        asked = list(given)
        try:
            include_all(given.pop("include", ()))
        except (ValueError, OSError, ImportError) as error:
            raise Complaint(f"--config {path}: {error}") from error
        known = {action.dest for action in self._actions} - {"help", *_OF_THE_PARSER}
        named = {}
        for key, value in given.items():
            name = own_name(str(key), known)
            if not name:
                raise Complaint(f"--config {path}: {no_option(self.prog.split()[-1], str(key), known)}")
            named[name] = value
        current_names(f"--config {path}: option", given, RENAMED)
        if list(named) != asked:
            content = yaml.safe_dump(named, sort_keys=False)
        return super().parse_string(content, path, *arguments, **options)


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: its words on the command line.
        function: the function to call.
    """

    name: str
    function: Callable[..., Any]

    @cached_property
    def types(self) -> dict[str, Any]:
        """The type of each parameter."""
        return {name: kind for name, kind in get_type_hints(self.function).items() if name != "return"}

    @cached_property
    def required(self) -> list[str]:
        """The positional parameters, in order."""
        parameters = inspect.signature(self.function).parameters.values()
        return [parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty]

    @property
    def options(self) -> set[str]:
        """The parameters that are options."""
        return set(self.types) - set(self.required)

    def read(self, words: Sequence[str]) -> Iterator[str]:
        """The words in the form that the parser expects: '--name=value' with '_' for '-', and positional values.

        The last positional parameter may be a list, which takes all values that follow.

        Raises:
            ValueError: an option is unknown or lacks its value, or there are too few or too many values.
        """
        rest, wanted, several = list(words), list(self.required), list[str]()
        while rest:
            word = rest.pop(0)
            if word in HELP:
                yield word
                return
            if word == ALL and wanted and "all" not in self.options:
                wanted.pop(0)
                yield "all"
            elif is_option(word):
                yield self._option(word, rest, switch_only=bool(wanted))
            elif wanted and get_origin(self.types[wanted[0]]) is list:
                several.append(word)
            elif wanted:
                yield _cased(word, self.types[wanted.pop(0)])
            else:
                raise ValueError(self._surplus(word))
        if several:
            wanted.pop(0)
            yield json.dumps(several)
        if wanted:
            raise ValueError(f"{self.name} needs {self._needs(wanted[0])}")

    def _option(self, word: str, rest: list[str], *, switch_only: bool) -> str:
        """An option with its value, which is taken from the following words if necessary."""
        typed, equals, value = word.partition("=")
        name = own_name(typed[2:], self.options | _OF_THE_PARSER) if typed.startswith("--") else ""
        if not name:
            raise ValueError(no_option(self.name, typed, self.options))
        current_names("option", {typed[2:]: ""}, RENAMED)
        kind = self.types.get(name)
        if name == "print_config" and not equals:
            return "--print_config"
        if not equals and kind is bool:
            value = "true"
            if rest and rest[0].lower() in _TRUTHS:
                value = rest.pop(0).lower()
            elif rest and not is_option(rest[0]) and not switch_only:
                raise ValueError(f"{typed} {_short(rest[0])}: expected true or false, or nothing")
        elif not equals:
            if not rest or is_option(rest[0]):
                raise ValueError(f"{typed} needs a value{f': {expected(kind)}' if kind else ''}")
            value = rest.pop(0)
        if name == "config":
            _check_config(typed, Path(value))
        return f"--{name}={_cased(value, kind)}"

    def _needs(self, name: str) -> str:
        """A positional parameter, with its help text."""
        about = re.search(rf"^ +{name}: (.*?)\.?$", inspect.getdoc(self.function) or "", re.MULTILINE)
        choices = get_args(self.types[name]) if get_origin(self.types[name]) is Literal else ()
        return f"{name.upper()}: {join_or(choices) if choices else about[1] if about else expected(self.types[name])}"

    def _surplus(self, word: str) -> str:
        from fusionbench.data import DATASETS
        from fusionbench.methods import METHODS

        for option, table in (("method", METHODS), ("dataset", DATASETS)):
            if option in self.options and word.casefold() in table:
                return f"{self.name} does not take {word!r} on its own; write --{option} {word}"
        return f"{self.name} does not take {_short(word)!r} on its own; see {PROGRAM} {self.name} --help"

    def sentence(self, complaint: str, words: Sequence[str]) -> str:
        """A plain sentence for an error message of jsonargparse.

        Args:
            words: the words of the command, as typed.
        """
        key = re.match(r'Parser key "([\w.]+)"', complaint)
        name = key[1].rpartition(".")[2] if key else ""
        if name not in self.types:
            return " ".join(complaint.split())
        typed = [word.partition("=")[0] for word in words if is_option(word)]
        shown = next((word for word in typed if own_name(word[2:], {name}) == name), "")
        if not shown:
            shown = self.name if name in self.required else f"{name} in the file of --config:"
        given = re.search(r"(?:Given value|Got value): (.*)", complaint)
        value = _short(given[1]) if given else ""
        return f"{shown} {value}".strip() + f": expected {expected(self.types[name])}"


def call(words: Sequence[str], commands: Mapping[str, Any]) -> int:
    """Run a command.

    Args:
        words: the command line without the program's name.
        commands: functions, or groups of them, by name.

    Returns:
        The exit status.

    Raises:
        ValueError: the words are wrong.
    """
    found: Any = commands
    called: list[str] = []
    for word in words:
        if word in HELP or not isinstance(found, Mapping):
            break
        if word not in found or word == ABOUT:
            raise ValueError(_no_command(word, called, found))
        called.append(word)
        found = found[word]
    rest = words[len(called) :]
    command = None if isinstance(found, Mapping) else Command(" ".join(called), found)
    arguments = ["--help"] if command is None else command.read(rest)
    options = command.options if command else set()
    wording = WORDING.set(lambda sentence: in_options(sentence, options))
    try:
        # The parser is built for the called command only, because every further command takes time.
        status = auto_cli(
            {called[0]: commands[called[0]]},
            args=[*called, *arguments],
            config_help="file of options in YAML",
            prog=PROGRAM,
            parser_class=Parser,
        )
    except Complaint as complaint:
        raise ValueError(str(complaint) if command is None else command.sentence(str(complaint), rest)) from complaint
    except ValueError as error:
        raise ValueError(in_options(str(error), options)) from error
    except FileNotFoundError as error:
        if error.errno is not None:
            raise
        raise FileNotFoundError(in_options(str(error), options)) from error
    finally:
        WORDING.reset(wording)
    return int(status or 0)


def own_name(typed: str, names: Collection[str]) -> str:
    """The parameter of an option, by its name or an alias, with '-' for '_'; empty if there is none.

    Example:
        >>> own_name("batch-size", {"batch_size"}), own_name("root", {"data"}), own_name("trainer.devices", {"trainer"})
        ('batch_size', 'data', 'trainer.devices')
    """
    head = re.split(r"[.+]", typed.replace("-", "_"))[0]
    alike = next((group for group in ALIASES if head in group), ())
    found = next((name for name in (head, *alike) if name in names), "")
    return found + typed[len(head) :].replace("-", "_") if found else ""


def no_option(command: str, typed: str, names: Iterable[str]) -> str:
    """The error message for an unknown option."""
    options = {name.replace("_", "-") for name in names}
    alike = similar_names(typed.lstrip("-").partition(".")[0].replace("_", "-"), options)
    mark = "--" if typed.startswith("-") else ""
    hint = f"did you mean {join_or(mark + name for name in alike)}?" if alike else f"see {PROGRAM} {command} --help"
    return f"{command} has no option {_short(typed)}; {hint}"


def _check_config(typed: str, path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{typed} {path}: there is no such file; expected a YAML file of options")
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{typed} {path}: this is not text in UTF-8; expected options in YAML") from error


def is_option(word: str) -> bool:
    """Whether a word is an option, and not a value such as -1."""
    return word.startswith("--") or re.match(r"-[A-Za-z]", word) is not None


def _no_command(word: str, called: Sequence[str], group: Mapping[str, Any]) -> str:
    what = " ".join([PROGRAM, *called])
    alike = similar_names(word, (name for name in group if name != ABOUT))
    hint = f"did you mean {join_or(alike)}?" if alike else f"see {what} --help"
    kind = "option" if is_option(word) else "command"
    return f"{what} has no {kind} {_short(word)}; {hint}"


def _cased(value: str, kind: Any) -> str:
    """A value spelled as in its choices, if it equals one in another case."""
    choices = [choice for part in (kind, *get_args(kind)) if get_origin(part) is Literal for choice in get_args(part)]
    return next((choice for choice in choices if choice.casefold() == value.casefold()), value)


def _short(value: str) -> str:
    text = " ".join(value.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
