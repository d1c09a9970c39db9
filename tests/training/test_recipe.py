"""Recipes: values are checked before anything runs, and the command line wins over a file."""

from __future__ import annotations

import json

import pytest
import yaml

from fusionbench.cli.main import main
from fusionbench.cli.train import override_words
from fusionbench.registry import RenamedWarning
from fusionbench.training.callbacks import SaveRngState
from fusionbench.training.recipe import Recipe, overridden, parsed

TABLES = {
    "options": {"perceptual": "none"},
    "loader": {"datasets": ["msrs"], "crop": 64},
    "trainer": {"accelerator": "cpu", "max_epochs": 9},
    "phases": {
        "representation": {"trainer": {"max_epochs": 0}},
        "fusion": {
            "loader": {"degradations": ["ll"], "crop": 32},
            "trainer": {"max_steps": 9000},
            "average_with_initial": 0.5,
        },
    },
}


def test_what_is_typed_wins_over_a_phases_own_entry():
    changed = overridden(TABLES, parsed(["trainer.max_steps=2", "loader.degradations=[lc, sr4]"]))
    recipe = Recipe("lure-s", **changed)
    assert recipe.of("fusion", "trainer") == {"accelerator": "cpu", "max_steps": 2}
    assert recipe.of("fusion", "loader") == {"datasets": ["msrs"], "crop": 32, "degradations": ["lc", "sr4"]}
    assert recipe.initial_share("fusion") == 0.5


def test_a_length_in_epochs_takes_the_place_of_one_in_steps():
    recipe = Recipe("lure-s", **overridden(TABLES, {"trainer.max_epochs": 3}))
    assert recipe.of("fusion", "trainer") == {"accelerator": "cpu", "max_epochs": 3}


@pytest.mark.parametrize("typed", ["trainer.max_steps=2", "trainer.max_epochs=2"])
def test_a_phase_that_is_passed_over_stays_so_unless_it_is_named(typed):
    changed = overridden(TABLES, parsed([typed]))
    assert changed["phases"]["representation"] == {"trainer": {"max_epochs": 0}}
    named = overridden(TABLES, parsed([typed, "phases.representation.trainer.max_epochs=1"]))
    assert named["phases"]["representation"] == {"trainer": {"max_epochs": 1}}


def test_an_entry_of_one_phase_counts_most_and_leaves_the_others():
    typed = parsed(["phases.fusion.trainer.max_steps=6", "trainer.max_steps=2"])
    changed = overridden(TABLES, typed)
    assert changed["phases"]["fusion"] == {**TABLES["phases"]["fusion"], "trainer": {"max_steps": 6}}
    assert changed["trainer"]["max_steps"] == 2


def test_a_table_changes_its_entries_and_keeps_the_others():
    changed = overridden(TABLES, parsed(["phases={fusion: {trainer: {max_steps: 6}}}", "loader={crop: 16}"]))
    assert changed["phases"]["fusion"] == {
        "loader": {"degradations": ["ll"]},
        "trainer": {"max_steps": 6},
        "average_with_initial": 0.5,
    }
    assert changed["loader"] == {"datasets": ["msrs"], "crop": 16}


def test_values_are_read_as_yaml_and_lists_of_names_by_commas():
    typed = ["options.learning_rate=1e-4", "loader.degradations=ll,blur(1,3)", "loader.datasets=msrs", "trainer.a='x"]
    assert list(parsed(typed).values()) == [1e-4, ["ll", "blur(1,3)"], ["msrs"], "'x"]


def test_words_of_other_commands_stay():
    words = ["run", "--trainer.max_steps", "6"]
    assert override_words(words) == words


def test_an_option_without_a_value_is_left_to_the_parser():
    for words in (["train", "--trainer.max_steps", "--out", "o"], ["train", "--out", "o", "--trainer.max_steps"]):
        assert override_words(words) == words


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["--trainer.devices", "-5"], {"trainer": {"devices": -5}}),
        (["--trainer.max-steps=6", "--overrides", "trainer.devices=2"], {"trainer": {"max_steps": 6, "devices": 2}}),
        (
            ["--loader", "{crop: 16, flip: false}", "--loader.degradations", "[ll]", "--trainer", "{max_epochs: 2}"],
            {"loader": {"crop": 16, "flip": False, "degradations": ["ll"]}, "trainer": {"max_epochs": 2}},
        ),
        (
            ["--options", "{perceptual: none}", "--loader={crop: 16}"],
            {"options": {"perceptual": "none"}, "loader": {"crop": 16}},
        ),
        (["--phases", "{fusion: {average_with_initial: 0.5}}"], {"phases": {"fusion": {"average_with_initial": 0.5}}}),
    ],
)
def test_every_typed_entry_reaches_the_recipe(typed, expected, monkeypatch):
    import fusionbench.training.recipe

    seen = {}
    monkeypatch.setattr(fusionbench.training.recipe, "Recipe", lambda method, **told: seen.update(told) or 1 / 0)
    assert main(["train", *typed]) == 1
    for table, entries in expected.items():
        assert {name: seen[table].get(name) for name in entries} == entries


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--trainer.max_steps many", "trainer option 'max_steps' is 'many'; it takes int"),
        ("--trainer.devices -5", "the trainer of phase 'representation' cannot be set up: `devices` selected"),
        ("--trainer.max_step 5", "unknown trainer option 'max_step'; did you mean 'max_steps'"),
        ("--trainer.strategy ddpp", "phase 'representation' cannot be set up: You selected an invalid strategy"),
        ("--loader.batch_size few", "loader option 'batch_size' is 'few'; it takes int"),
        ("--loader 5", "loader is 5; give a table of its entries"),
        ("--loader.degradations ll,lcc", "unknown degradation 'lcc'; did you mean 'lc'"),
        ("--options.learning_rate fast", "method option 'learning_rate' is 'fast'; it takes float"),
        ("--options.phase fusion", "a recipe has every phase of its method"),
        ("--phases.fusion 3", "phases.fusion is 3; give a table"),
        ("--phases.fusio.trainer.max_steps 3", "unknown phase of lure-s 'fusio'; did you mean 'fusion'"),
        ("--overrides nothing=3", "'nothing=3' sets no entry of a recipe"),
        ("--data nowhere", "--data 'nowhere' names no dataset"),
        ("--data msrs --loader.root nowhere --trainer.max_epochs 1", "nowhere"),
        ("--options.perceptual vgg", "needs VGG-16"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_and_claims_no_folder(typed, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    out = tmp_path / "out"
    words = f"train --method lure-s --trainer.accelerator cpu --options.perceptual none {typed} --out {out}".split()
    assert main(words) == 2
    assert message in capsys.readouterr().err
    assert not list(out.rglob("*.ckpt"))
    corrected = "--loader.limit 4 --loader.workers 0 --loader.batch_size 2 --loader.crop 32 --trainer.max_epochs 0"
    words = f"train --method lure-s --trainer.accelerator cpu --options.perceptual none --out {out} {corrected}".split()
    assert main(words) == 0


def test_the_command_line_wins_over_a_recipes_phases(tmp_path):
    recipe = {
        "method": "lure-s",
        "options": {"perceptual": "none", "single_stage": True},
        "loader": {"batch_size": 2, "crop": 32, "workers": 0, "limit": 6},
        "trainer": {"accelerator": "cpu", "limit_val_batches": 0, "enable_progress_bar": False},
        "phases": {"single": {"loader": {"degradations": ["oe"]}, "trainer": {"max_steps": 9000}}},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    typed = "--trainer.max_steps 2 --loader.degradations ll,lc --save-every 1"
    assert main(f"train --config {tmp_path}/recipe.yaml {typed} --out {tmp_path}/out".split()) == 0
    told = json.loads((tmp_path / "out" / "recipe.json").read_text(encoding="utf-8"))
    assert told["phases"] == {"single": {"loader": {}, "trainer": {}}}
    assert told["trainer"]["max_steps"] == 2
    assert told["loader"]["degradations"] == ["ll", "lc"]
    logged = (tmp_path / "out" / "single" / "logs" / "version_0" / "metrics.csv").read_text(encoding="utf-8")
    steps = [line.split(",")[logged.splitlines()[0].split(",").index("step")] for line in logged.splitlines()[1:]]
    assert max(map(int, steps)) == 1


def test_former_names_in_a_recipe_are_read_with_a_warning():
    with pytest.warns(RenamedWarning, match="'keep' is now called 'average_with_initial'"):
        recipe = Recipe("lure-s", phases={"fusion": {"keep": 0.5}})
    assert recipe.initial_share("fusion") == 0.5
    with pytest.warns(RenamedWarning, match="'quiet_start' is now called 'zero_init'"):
        recipe = Recipe("drfusion-s", options={"quiet_start": True})
    assert recipe.options == {"zero_init": True}


def test_an_entry_under_its_former_and_its_present_name_is_refused():
    with pytest.raises(ValueError, match="both are given; give 'average_with_initial' alone"):
        Recipe("lure-s", phases={"fusion": {"keep": 0.5, "average_with_initial": 0.25}})


@pytest.mark.parametrize("typed", ["--start nowhere", "--config former.yaml"])
def test_former_options_of_the_command_line_are_read_with_one_line_about_it(typed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "former.yaml").write_text("start: nowhere\n", encoding="utf-8")
    assert main(f"train --method lure-s --options.perceptual none --out out {typed}".split()) == 2
    said = capsys.readouterr().err
    assert "no initial weights at nowhere" in said
    assert said.count("'start' is now called 'init_from'") == 1


def test_the_random_state_of_earlier_checkpoints_is_found():
    # Trainer.fit looks for this key in the checkpoint, and would leave the generators alone without a word.
    assert SaveRngState().state_key == "RandomState"
