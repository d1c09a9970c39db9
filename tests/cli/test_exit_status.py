"""How a command ends whatever happens in it: one sentence and an exit status."""

from __future__ import annotations

import pytest

from fusionbench.cli.commands import COMMANDS
from fusionbench.cli.main import main


def ending(error):
    def command(out: str = "o") -> int:
        """Ends."""
        raise error

    return command


def test_a_defect_is_one_sentence_and_status_1(monkeypatch, capsys):
    monkeypatch.setitem(COMMANDS, "demo", ending(KeyError("im\nage")))
    assert main(["demo"]) == 1
    error = capsys.readouterr().err
    assert error == "fusionbench: a defect of the program (KeyError: 'im\\nage'); --debug shows the traceback\n"


def test_debug_shows_a_defect_in_full(monkeypatch):
    monkeypatch.setitem(COMMANDS, "demo", ending(KeyError("image")))
    with pytest.raises(KeyError):
        main(["demo", "--debug"])


@pytest.mark.parametrize(
    ("words", "way"),
    [
        ("run --out a", "the same command continues where it stopped"),
        ("data download", "the same command continues where it stopped"),
        ("data shard", "the same command starts again"),
        ("fuse", "the same command starts again"),
        ("train", "the same command with --resume continues from its last checkpoint"),
    ],
)
def test_an_interrupted_command_says_what_is_true_of_it(words, way, monkeypatch, capsys):
    name, *rest = words.split()
    stopped = ending(KeyboardInterrupt())
    monkeypatch.setitem(COMMANDS, name, {rest[0]: stopped} if name == "data" else stopped)
    assert main(words.split()) == 130
    assert capsys.readouterr().err == f"fusionbench: interrupted; {way}\n"
