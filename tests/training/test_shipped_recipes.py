"""The recipes that come with the package: each can be read, and none decides what the machine must have."""

from __future__ import annotations

import inspect

import pytest
import yaml

from fusionbench import methods
from fusionbench.cli.recipes import recipes
from fusionbench.training.recipe import Recipe

FIELDS = set(inspect.signature(Recipe).parameters)


def read(name):
    return yaml.safe_load(recipes()[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_names_what_there_is(name):
    table = read(name)
    assert set(table) <= FIELDS
    recipe = Recipe(**table)
    # DistilBERT, which one of them reads, is no part of the package.
    if not methods.card_of(recipe.method).backbones:
        assert set(recipe.phases) <= set(methods.build(recipe.method, **recipe.options).phases)


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_takes_the_device_that_is_there(name):
    table = read(name)
    for trainer in (
        table.get("trainer", {}),
        *(phase.get("trainer", {}) for phase in table.get("phases", {}).values()),
    ):
        assert not {"accelerator", "devices", "strategy"} & set(trainer)


def test_drfusion_is_trained_as_it_was_released():
    table = read("drfusion-ivif")
    assert table["seed"] == 2026
    assert table["loader"]["flip"] is False


@pytest.mark.parametrize("name", [name for name in recipes() if name.endswith("-8")])
def test_a_recipe_for_eight_devices_differs_in_batch_rate_length_and_speed_alone(name):
    own, one = read(name), read(name.removesuffix("-8"))
    # Adam's rule: the rate grows with the root of the batch, and the batch of each device stays.
    assert own["loader"]["batch_size"] == one["loader"]["batch_size"]
    assert own["options"].pop("learning_rate") == pytest.approx(8**0.5 * one["options"].pop("learning_rate"), rel=0.02)
    if "max_steps" in one["trainer"]:
        assert own["trainer"].pop("max_steps") == one["trainer"].pop("max_steps") / 8
    for table in (own, one):
        for entry in ("callbacks", "save_every"):
            table.pop(entry, None)
        for entry in ("val_check_interval", "check_val_every_n_epoch"):
            table["trainer"].pop(entry, None)
    assert own == one
    assert "ours" in recipes()[name].read_text(encoding="utf-8").splitlines()[1]
