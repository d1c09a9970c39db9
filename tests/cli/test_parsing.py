"""What a person types: options by their names and aliases, and mistakes answered with one plain sentence."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fusionbench.cli.commands import COMMANDS
from fusionbench.cli.main import OVERVIEW, main
from fusionbench.cli.parsing import ABOUT, ALIASES, Command, own_name

MISTAKES = {
    "run --limit many": "--limit many: expected a whole number",
    "run --seed=1.5": "--seed 1.5: expected a whole number",
    "run --limit=": "--limit: expected a whole number",
    "run --timeout long": "--timeout long: expected a number",
    "run --batch-size x": "--batch-size x: expected a whole number",
    "run --resize maybe": "--resize maybe: expected true or false, or nothing",
    "run --strict=maybe": "--strict maybe: expected true or false",
    "run --wandb maybe": "--wandb maybe: expected offline or online",
    "score --unmatched drop": "--unmatched drop: expected refuse or skip",
    "train --trainer 3": "trainer is 3; give a table of its entries",
    "run --out": "--out needs a value: a path",
    "run --limit --out o": "--limit needs a value: a whole number",
    "train --trainer.devices": "--trainer.devices needs a value",
    "run --metod lap": "run has no option --metod; did you mean --method?",
    "run --batchsize 3": "run has no option --batchsize; did you mean --batch-size?",
    "run --nothing 3": "run has no option --nothing; see fusionbench run --help",
    "run -o 3": "run has no option -o; did you mean --out?",
    "weights info lure-s --from x": "weights info has no option --from; see fusionbench weights info --help",
    "run lure-s": "run does not take 'lure-s' on its own; write --method lure-s",
    "run MSRS": "run does not take 'MSRS' on its own; write --dataset MSRS",
    "run something": "run does not take 'something' on its own; see fusionbench run --help",
    "report a b": "no results in a; expected <dataset>/<degradation>/<method>/scores.csv below it",
    "report": "report needs RUNS: the run's folder; several are merged, as by `fusionbench results merge`",
    "weights info": "weights info needs NAMES: methods and metrics, separated by commas; --all for all of them",
    "bench": "bench needs PAPER: dspfusion, lure or drfusion",
    "bench paper": "bench paper: expected dspfusion, lure or drfusion",
    "runn": "fusionbench has no command runn; did you mean run?",
    "nothing": "fusionbench has no command nothing; see fusionbench --help",
    "weights inof": "fusionbench weights has no command inof; did you mean info?",
    "--nothing": "fusionbench has no option --nothing; see fusionbench --help",
    "run --config no.yaml": "--config no.yaml: there is no such file; expected a YAML file of options",
    "run --config binary.yaml": "--config binary.yaml: this is not text in UTF-8; expected options in YAML",
    "run --config list.yaml": "--config list.yaml: expected options, one per line, such as 'limit: 2'",
    "run --config broken.yaml": "--config broken.yaml, line 2: this is not YAML (mapping values are not allowed here)",
    "run --config option.yaml": "--config option.yaml: run has no option metod; did you mean method?",
    "run --config value.yaml": "limit in the file of --config: many: expected a whole number",
    "run --quiet --verbose": "--quiet and --verbose contradict each other; give one of them",
}

FILES = {
    "binary.yaml": b"\xff\xfe\x00",
    "list.yaml": b"- a\n- b\n",
    "broken.yaml": b"limit: 2\n a: b: c\n",
    "option.yaml": b"metod: lap\n",
    "value.yaml": b"limit: many\n",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_plain_sentence(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    assert main(words.split()) == 2
    shown = capsys.readouterr()
    assert shown.err == f"fusionbench: {MISTAKES[words]}\n"
    assert not shown.out
    assert sorted(FILES) == sorted(path.name for path in tmp_path.iterdir())


def test_a_long_value_is_cut(capsys):
    assert main(["run", "--limit", "9" * 3000 + "x"]) == 2
    assert len(capsys.readouterr().err) < 150


def commands(group=COMMANDS, before=()):
    for name, command in group.items():
        if isinstance(command, dict):
            yield from commands(command, (*before, name))
        elif name != ABOUT:
            yield Command(" ".join((*before, name)), command)


@pytest.mark.parametrize("command", list(commands()), ids=lambda command: command.name)
def test_aliases_stand_for_one_option_each(command):
    for group in ALIASES:
        assert len(set(group) & set(command.types)) <= 1, f"{command.name} has several of {group}"
    for name in command.options:
        assert own_name(name.replace("_", "-"), command.options) == name


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (
            "run --methods lap --datasets tno --degradations ll --metric EN",
            "--method=lap --dataset=tno --degradation=ll --metrics=EN",
        ),
        ("run --batch-size 2 --resize --strict false", "--batch_size=2 --resize=true --strict=false"),
        ("run --tile -1 --wandb OFFLINE --print-config", "--tile=-1 --wandb=offline --print_config"),
        ("train --trainer.max-steps 2 --options.a=b=c", "--trainer.max_steps=2 --options.a=b=c"),
        ("weights import lure-s --from f --unverified", "lure-s --source=f --unverified=true"),
        ("weights download --dry-run --all", "--dry_run=true all"),
        ("bench LURE", "lure"),
        ("run --method+ lap", "--method+=lap"),
        ("run --limit x --help", "--limit=x --help"),
    ],
)
def test_words_become_what_the_parser_reads(words, read):
    found = {command.name: command for command in commands()}
    first, second, *rest = words.split()
    name, rest = (f"{first} {second}", rest) if f"{first} {second}" in found else (first, [second, *rest])
    assert " ".join(found[name].read(rest)) == read


def test_keys_of_a_config_file_have_aliases_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text("methods: [average]\nmetric: EN\nlimit: 1\nout: a\n")
    assert main(["run", "--config", "run.yaml", "--out", "b"]) == 0
    assert not Path("a").exists()
    assert Path("b/synthetic/clean/average/scores.csv").read_text().splitlines()[0].endswith(",EN")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_program_alone_shows_what_to_type(words, capsys):
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "fusionbench run --method lure --degradation ll+lc" in shown
    for option in ("--version", "--quiet", "--verbose", "--debug", "--help"):
        assert option in shown
    assert max(map(len, shown.splitlines())) <= 80
    for name in COMMANDS:
        assert re.search(rf"^  {name} +[A-Z].*\.$", shown, re.MULTILINE), f"{name} is not said to do anything"
    assert sorted(name for names in OVERVIEW.values() for name in names) == sorted(COMMANDS)


@pytest.mark.parametrize("word", ["--version", "-V", "version"])
def test_the_version_is_shown(word, capsys):
    from fusionbench import __version__

    assert main([word]) == 0
    assert capsys.readouterr().out == f"fusionbench {__version__}\n"


@pytest.mark.parametrize("group", ["data", "results", "weights"])
def test_a_group_alone_shows_its_commands(group, capsys):
    assert main([group]) == 0
    shown = capsys.readouterr().out
    assert COMMANDS[group][ABOUT] in shown
    for name, command in COMMANDS[group].items():
        if name != ABOUT:
            assert name in shown
            assert inspect.getdoc(command).split()[0] in shown


def program(*words, **options):
    return subprocess.run([sys.executable, "-m", "fusionbench", *words], capture_output=True, text=True, **options)


def test_a_batch_job_logs_its_cells_and_a_quiet_one_nothing(tmp_path):
    words = ["run", "--method", "average,max", "--limit", "1", "--metrics", "EN", "--out"]
    loud = program(*words, str(tmp_path / "a"))
    lines = loud.stderr.splitlines()
    assert [line.split(" ", 1)[1].partition(":")[0] for line in lines] == [
        "1/2 synthetic, clean, average",
        "2/2 synthetic, clean, max",
    ]
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d .*: \d+\.\d s \(\d+ % done\)", line) for line in lines)
    assert lines[-1].endswith("(100 % done)")
    quiet = program(*words, str(tmp_path / "b"), "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_quiet_still_says_what_is_missing(tmp_path, capsys):
    words = ["run", "--method", "average", "--metrics", "EN,MUSIQ", "--limit", "1", "--quiet"]
    status = main([*words, "--out", str(tmp_path)])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert ("missing: " in shown.err) == (status == 3)


def test_a_table_read_by_a_program_has_whole_lines(tmp_path):
    words = ["run", "--method", "average", "--limit", "1", "--out", str(tmp_path)]
    shown = program(*words, env={name: value for name, value in os.environ.items() if name != "COLUMNS"}).stdout
    row = next(line for line in shown.splitlines() if "average" in line)
    assert len(re.findall(r"\d+\.\d{3}", row)) == 11
