"""Imports run one way: a room imports only what lies in the layers below it, and nothing goes in circles."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .layering import LAYERS, circles, floors, module_graph, report, room, room_graph, upward


@pytest.fixture(scope="module")
def imports():
    return module_graph()


def test_every_room_has_a_layer(imports):
    placed = set().union(*LAYERS)
    assert {room(module) for module in imports} == placed, "give the room its layer in LAYERS of tests/layering.py"


def test_rooms_import_only_what_lies_below_them(imports):
    against = upward(room_graph(imports), LAYERS)
    assert not against, "; ".join(f"{source} imports {target}" for source, target in against)


def test_nothing_goes_in_circles(imports):
    assert circles(imports) == []


def test_the_house_stays_as_small_as_it_was_planned(imports):
    graph = room_graph(imports)
    assert len(graph) <= 24
    assert max(floors(graph).values()) <= 9
    assert sum(map(len, graph.values())) <= 120


def test_circles_floors_and_upward_arrows_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert circles(graph) == [["b", "c"]]
    assert floors(graph) == {"a": 3, "b": 2, "c": 2, "d": 1}
    assert upward(graph, [{"d"}, {"b"}, {"c"}, {"a"}]) == [("b", "c")]


def test_report_names_rooms_and_figures():
    text = report()
    assert " arrows, " in text
    assert "metrics <- " in text


def test_importing_the_tables_imports_nothing_heavy():
    program = (
        "import sys, fusionbench, fusionbench.benchmark.spec, fusionbench.cli.commands; "
        "print([name for name in ('torch', 'lightning', 'pandas', 'cv2', 'scipy', 'albumentations', 'matplotlib')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
