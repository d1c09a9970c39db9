"""What imports what in the package, read with `ast`: rooms, floors, arrows, circles, and arrows that point upward.

A room is a file or a folder directly below `fusionbench/`, an arrow an import of one room by another, wherever it
stands: at the top of a module, inside a function, or for annotations only. A floor is the number of rooms on the
longest chain of imports down from a room. `python tests/layering.py --report` prints all of it.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fusionbench"

LAYERS = [
    {"console", "extras", "files", "registry", "types", "version"},
    {"plugins", "trainer"},
    {"degradations", "images", "nn"},
    {"weights"},
    {"data", "methods", "metrics"},
    {"benchmark"},
    {"report"},
    {"training"},
    {"api", "hub"},
    {"papers"},
    {"cli"},
    {"__init__", "__main__"},
]
"""From the bottom to the top. Rooms of one layer do not import each other: methods know no metrics and no data."""

Graph = dict[str, set[str]]


def module_name(path: Path) -> str:
    """The dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(path: Path, known: Iterable[str]) -> set[str]:
    """The modules of the package that a file imports anywhere in it.

    Raises:
        ValueError: it imports relatively, or names a module that is not there.
    """
    known = set(known)
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}, line {node.lineno}: relative import; write fusionbench....")
            # `from package import name` imports the module of that name where there is one.
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else str(node.module) for name in below]
        else:
            continue
        names = [name for name in names if name.split(".")[0] == PACKAGE.name]
        if missing := [name for name in names if name not in known]:
            raise ValueError(f"{path}, line {node.lineno}: imports {missing[0]}, which is not there")
        found.update(names)
    return found


def module_graph() -> Graph:
    """The modules that each module imports."""
    known = modules()
    return {name: imported(path, known) - {name} for name, path in known.items()}


def room(module: str) -> str:
    """The first-level file or folder that a module lies in."""
    return module.split(".")[1] if "." in module else "__init__"


def room_graph(imports: Mapping[str, set[str]]) -> Graph:
    """The rooms that each room imports."""
    graph: Graph = {room(module): set() for module in imports}
    for module, targets in imports.items():
        graph[room(module)] |= {room(target) for target in targets} - {room(module)}
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other, each in alphabetic order."""
    reach = {node: _reached(graph, node) for node in graph}
    groups = {frozenset({node, *(other for other in reach[node] if node in reach[other])}) for node in graph}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += graph[node]
    return found


def floors(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """The floor of each node, from 1; nodes of a circle share one."""
    group = {node: node for node in graph} | {node: circle[0] for circle in circles(graph) for node in circle}
    merged: Graph = {group[node]: set() for node in graph}
    for node, targets in graph.items():
        merged[group[node]] |= {group[target] for target in targets} - {group[node]}
    level: dict[str, int] = {}
    for node in TopologicalSorter(merged).static_order():
        level[node] = 1 + max((level[target] for target in merged[node]), default=0)
    return {node: level[group[node]] for node in graph}


def upward(graph: Mapping[str, set[str]], layers: Iterable[Iterable[str]]) -> list[tuple[str, str]]:
    """Arrows to a room of the same layer or of one above.

    Args:
        graph: rooms; those in no layer are left out.
        layers: from the bottom to the top.
    """
    height = {name: number for number, layer in enumerate(layers) for name in layer}
    return sorted(
        (source, target)
        for source, targets in graph.items()
        for target in targets
        if source in height and target in height and height[target] >= height[source]
    )


def lines(folder: Path) -> dict[str, tuple[int, int]]:
    """Files and lines of Python by first-level file or folder; the files that lie flat count as one entry."""
    counted: dict[str, tuple[int, int]] = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        key = f"{parts[0]}/" if len(parts) > 1 else "*.py"
        files, total = counted.get(key, (0, 0))
        counted[key] = (files + 1, total + len(path.read_text(encoding="utf-8").splitlines()))
    return counted


def report() -> str:
    """All figures as text."""
    imports = module_graph()
    graph = room_graph(imports)
    level = floors(graph)
    found = circles(imports)
    against = upward(graph, LAYERS)
    text = [
        f"{len(graph)} rooms, {max(level.values())} floors, {sum(map(len, graph.values()))} arrows, "
        f"{len(found)} circles of modules, {len(against)} arrows upward",
        "",
    ]
    for floor in sorted(set(level.values()), reverse=True):
        for name in sorted(node for node in graph if level[node] == floor):
            text.append(f"floor {floor:2d}  {name} <- {' '.join(sorted(graph[name])) or '-'}")
    text += ["", *(f"circle: {' '.join(circle)}" for circle in found)]
    text += [f"upward: {source} imports {target}" for source, target in against]
    for folder in (PACKAGE, ROOT / "tests"):
        counted = lines(folder)
        total = tuple(map(sum, zip(*counted.values(), strict=True)))
        text += ["", f"{folder.name}/: {total[0]} files, {total[1]} lines of Python"]
        text += [f"  {key:16} {files:4d} files {count:6d} lines" for key, (files, count) in counted.items()]
    return "\n".join(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", required=True, help="print rooms, floors, arrows and circles")
    parser.parse_args()
    print(report())  # noqa: T201
