"""The control endpoints: what another process, such as a running Airflow task, may read and change."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_asposeocr.emulator.faults import Fault
from airflow_provider_asposeocr.emulator.replies import problem
from airflow_provider_asposeocr.emulator.routes import CONTROL_PREFIX
from airflow_provider_asposeocr.emulator.state import EmulatorState


async def answer_control(request: Request, state: EmulatorState) -> Response:
    """Answer one request below ``/_emulator/``.

    :param request: the request.
    :param state: what it reads or changes.
    """
    if not _is_local(request):
        return problem(403, "The control endpoints answer this machine only.")
    name = request.url.path[len(CONTROL_PREFIX) :].strip("/").lower()
    action = _ACTIONS.get((request.method, name))
    if action is None:
        known = any(path == name for _, path in _ACTIONS)
        return problem(405 if known else 404, f"There is no {request.method} {name}.")
    try:
        body = await request.json() if await request.body() else None
        return JSONResponse(action(state, body))
    except (TypeError, ValueError) as error:
        return problem(400, str(error))


def _is_local(request: Request) -> bool:
    return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback


def _calls(state: EmulatorState, _: Any) -> Any:
    return state.calls.to_dict()


def _jobs(state: EmulatorState, _: Any) -> Any:
    return [job.to_dict() for job in state.jobs.snapshot()]


def _submissions(state: EmulatorState, _: Any) -> Any:
    return [submission.to_dict() for submission in list(state.submissions)]


def _transcript(state: EmulatorState, _: Any) -> Any:
    return [entry.to_dict() for entry in list(state.transcript)]


def _inject(state: EmulatorState, body: Any) -> Any:
    faults = [Fault.from_dict(item) for item in (body if isinstance(body, list) else [body])]
    for fault in faults:
        state.faults.add(fault)
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


def _health(state: EmulatorState, _: Any) -> Any:
    return {
        "status": "ok",
        "mode": "scripted" if state.options.scripted else "ocr",
        "jobs": len(state.jobs.snapshot()),
    }


_ACTIONS: dict[tuple[str, str], Callable[[EmulatorState, Any], Any]] = {
    ("GET", "calls"): _calls,
    ("GET", "jobs"): _jobs,
    ("GET", "submissions"): _submissions,
    ("GET", "transcript"): _transcript,
    ("GET", "health"): _health,
    ("POST", "faults"): _inject,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "options"): _set_options,
    ("POST", "reset"): _reset,
    ("POST", "expire-tokens"): _expire_tokens,
}
