"""Control endpoints: another process, such as a test or a demo, reads and changes the emulator by HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_asposeocr.emulator import replies
from airflow_provider_asposeocr.emulator.access import is_json, refusal_of
from airflow_provider_asposeocr.emulator.faults import Fault
from airflow_provider_asposeocr.emulator.routes import CONTROL_PREFIX
from airflow_provider_asposeocr.emulator.state import EmulatorState
from airflow_provider_asposeocr.emulator.strict_json import read_json
from airflow_provider_asposeocr.emulator.uploads import BodyTooLargeError, CountingReceive

MAX_BODY_BYTES = 1 << 20
"""Maximum size of a request body: enough for thousands of faults or a long scripted text."""

_PIECE = 250
"""Entries of a list that are serialized in one go; other requests are served in between."""

_dumps = json.JSONEncoder(separators=(",", ":")).encode
_Change = Callable[[EmulatorState, Any], Any]


class _Entry(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


async def answer_control(request: Request, receive: CountingReceive, state: EmulatorState) -> Response:
    """Respond to one request below ``/_emulator/``.

    :param request: the request.
    :param receive: the source of its body.
    :param state: the state that it reads or changes.
    """
    refusal = refusal_of(request)
    if refusal:
        await receive.drain()
        return replies.problem(403, refusal)
    name = request.scope["path"][len(CONTROL_PREFIX) :].strip("/").lower()
    read, change = _READS.get(name), _CHANGES.get((request.method, name))
    if request.method == "GET" and read:
        await receive.drain()
        return await _in_pieces(read(state))
    if change is None:
        await receive.drain()
        known = read or any(path == name for _, path in _CHANGES)
        return replies.problem(405 if known else 404, f"There is no {request.method[:20]} {name[:50]}.")
    return await _answer_change(request, receive, change, state)


async def _answer_change(
    request: Request, receive: CountingReceive, change: _Change, state: EmulatorState
) -> Response:
    receive.limit_to(MAX_BODY_BYTES)
    try:
        body = await request.body()
    except BodyTooLargeError:
        return replies.too_large()
    if body and not is_json(request):
        return replies.problem(415, "The body must be sent as application/json, as curl --json does.")
    try:
        return _json(_dumps(change(state, read_json(body) if body else None)))
    except (TypeError, ValueError) as error:
        return replies.problem(400, str(error))


async def _in_pieces(pieces: Iterable[str]) -> Response:
    written = []
    for number, piece in enumerate(pieces, 1):
        written.append(piece)
        if number % _PIECE == 0:
            await asyncio.sleep(0)
    return _json("".join(written))


def _json(text: str) -> Response:
    return Response(text, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _calls(state: EmulatorState) -> Iterator[str]:
    yield _dumps(state.calls.totals())[:-1] + ',"by_ocr_task":{'
    yield from _separated(
        f"{_dumps(ocr_task_id)}:{_dumps(counts.to_dict())}"
        for ocr_task_id, counts in list(state.calls.by_ocr_task.items())
    )
    yield "}}"


def _ocr_tasks(state: EmulatorState) -> Iterator[str]:
    return _list(state.ocr_tasks.snapshot())


def _submissions(state: EmulatorState) -> Iterator[str]:
    return _list(state.submissions.to_list())


def _transcript(state: EmulatorState) -> Iterator[str]:
    return _list(state.transcript.to_list())


def _health(state: EmulatorState) -> Iterator[str]:
    mode = "scripted" if state.options.scripted else "ocr"
    yield _dumps({"status": "ok", "mode": mode, "ocr_tasks": len(state.ocr_tasks)})


def _list(entries: Iterable[_Entry]) -> Iterator[str]:
    yield "["
    yield from _separated(_dumps(entry.to_dict()) for entry in entries)
    yield "]"


def _separated(texts: Iterable[str]) -> Iterator[str]:
    separator = ""
    for text in texts:
        yield separator + text
        separator = ","


def _inject(state: EmulatorState, body: Any) -> Any:
    faults = [Fault.from_dict(item) for item in (body if isinstance(body, list) else [body])]
    state.faults.add(*faults)
    return {"injected": len(faults)}


def _clear_faults(state: EmulatorState, _: Any) -> Any:
    state.faults.clear()
    return {}


def _set_options(state: EmulatorState, body: Any) -> Any:
    if not isinstance(body, dict):
        raise TypeError("The body must be an object of options.")
    state.options.update(body)
    return {"changed": sorted(body)}


def _reset(state: EmulatorState, _: Any) -> Any:
    state.reset()
    return {}


def _expire_tokens(state: EmulatorState, _: Any) -> Any:
    state.tokens.expire_all()
    return {}


_READS: dict[str, Callable[[EmulatorState], Iterator[str]]] = {
    "calls": _calls,
    "ocr-tasks": _ocr_tasks,
    "submissions": _submissions,
    "transcript": _transcript,
    "health": _health,
}

_CHANGES: dict[tuple[str, str], _Change] = {
    ("POST", "faults"): _inject,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "options"): _set_options,
    ("POST", "reset"): _reset,
    ("POST", "expire-tokens"): _expire_tokens,
}
