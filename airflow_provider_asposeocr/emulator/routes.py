"""Routing: maps method and path to a kind of call, with or without ``/ocr`` and regardless of case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_asposeocr.api.operations import OPERATIONS, TASK_STATUS, TOKEN, Operation

CONTROL_PREFIX = "/_emulator/"
_PREFIXES = ("/v5.0/ocr/", "/v5.0/")


@dataclass(frozen=True)
class Route:
    """Kind of call on one path.

    :param kind: ``token``, ``submit``, ``poll``, ``status``, ``cancel`` or ``file``.
    :param operations: the names of the operations whose OCR tasks it serves; empty if it serves all.
    :param authenticated: whether it requires a token.
    """

    kind: str
    operations: tuple[str, ...] = ()
    authenticated: bool = True

    def serves(self, operation: str) -> bool:
        """Return whether OCR tasks of an operation can be accessed here."""
        return not self.operations or operation in self.operations


def _routes_of(operation: Operation) -> dict[tuple[str, str], Route]:
    name, known = operation.name.lower(), operation.authenticated
    own = Route("submit", (operation.name,), known)
    routes = {
        ("POST", name): own,
        ("GET", operation.fetch_path.lower()): Route("poll", own.operations, known),
    }
    if operation.cancellable:
        routes["DELETE", name] = Route("cancel", own.operations, known)
    if operation.fetch_file:
        routes["GET", operation.fetch_file.lower()] = Route("file", own.operations, known)
    return routes


def _build() -> Mapping[tuple[str, str], Route]:
    table: dict[tuple[str, str], Route] = {}
    for operation in OPERATIONS.values():
        if not operation.submits:
            continue
        for key, route in _routes_of(operation).items():
            # The deprecated operations share their fetch paths.
            others = table[key].operations if key in table else ()
            table[key] = Route(route.kind, others + route.operations, route.authenticated)
    table["GET", TASK_STATUS.name.lower()] = Route("status")
    return table


_ROUTES = _build()
_TOKEN_PATH = f"/{TOKEN.name}"


def find_route(method: str, path: str) -> Route | frozenset[str]:
    """Find the route of a request.

    :param method: the HTTP method.
    :param path: the path, without the query.
    :return: the route, or the methods that the path allows; no methods if the path does not exist.
    """
    path = path.lower().rstrip("/")
    if path == _TOKEN_PATH:
        return Route("token", authenticated=False) if method == "POST" else frozenset({"POST"})
    prefix = next((prefix for prefix in _PREFIXES if path.startswith(prefix)), None)
    if prefix is None:
        return frozenset()
    tail = path[len(prefix) :]
    return _ROUTES.get((method, tail)) or frozenset(m for m, known in _ROUTES if known == tail)
