"""Read the rooms of the package, its folders and single modules, and which of them import which."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "airflow_provider_asposeocr"

Graph = Mapping[str, frozenset[str]]
"""Each room with those that it imports."""


def read_rooms(package: Path = PACKAGE) -> Graph:
    """Return the rooms and their imports, in the order of their names.

    The package's own ``__init__`` is no room: everything may read the version from it.

    :param package: the folder of the package.
    """
    modules = [(path, room_of(path, package)) for path in sorted(package.rglob("*.py"))]
    rooms = sorted({room for _, room in modules} - {"__init__"})
    return {
        room: frozenset(
            imported
            for path, owner in modules
            if owner == room
            for imported in imported_rooms(path, package.name)
            if imported in rooms and imported != room
        )
        for room in rooms
    }


def room_of(path: Path, package: Path) -> str:
    """Return the room that a module belongs to.

    :param path: the module.
    :param package: the folder of the package.
    """
    return path.relative_to(package).parts[0].removesuffix(".py")


def imported_rooms(path: Path, package: str) -> Iterator[str]:
    """Yield the names below the package that a module imports, anywhere in it.

    :param path: the module.
    :param package: the name of the package.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            if top == package and rest:
                yield rest.partition(".")[0]


def reachable(graph: Graph, room: str) -> frozenset[str]:
    """Return all rooms that a room imports, itself or by way of others.

    :param graph: the rooms.
    :param room: where to begin.
    """
    direct = graph[room]
    return direct.union(*(reachable(graph, other) for other in direct))


def reduced(graph: Graph) -> Graph:
    """Leave out imports that follow from others, as that of ``api`` does from that of ``files``.

    :param graph: the rooms.
    :raises graphlib.CycleError: if rooms import each other, and so do not run one way.
    """
    TopologicalSorter(graph).prepare()
    return {
        room: frozenset(
            other
            for other in direct
            if not any(other in reachable(graph, via) for via in direct if via != other)
        )
        for room, direct in graph.items()
    }


def levels(graph: Graph) -> list[list[str]]:
    """Sort rooms by how much lies below them; one that imports nothing lies right below those that import it.

    :param graph: the rooms.
    """
    height: dict[str, int] = {}
    for room in TopologicalSorter(graph).static_order():
        height[room] = 1 + max((height[other] for other in graph[room]), default=-1)
    for room in graph:
        if not graph[room]:
            height[room] = min((height[other] - 1 for other in graph if room in graph[other]), default=0)
    return [
        [room for room in sorted(graph) if height[room] == level] for level in range(max(height.values()) + 1)
    ]
