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
