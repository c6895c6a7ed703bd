"""Each difference of a service is named, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_asposeocr.check.observers import OBSERVERS
from airflow_provider_asposeocr.check.unknowns import UNKNOWNS
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.check.configurations import DEFAULTS, OTHER_SIDE, THIRD_SIDE
from tests.check.running import Checker

ASSUMED = {unknown.name: unknown.assumed for unknown in UNKNOWNS if unknown.name in OBSERVERS}
WHERE_CALLS_ARE_REFUSED = {"credits", "retry_later"}

OTHERWISE = {
    "token": "Bearer, 1200 s",
    "rejected_sign_in": "HTTP 401",
    "refused_token": "HTTP 403",
    "ocr_task_id": "a GUID in plain text, with white space around it",
    "wrong_setting": "accepted, then Error",
    "pending_reply": "HTTP 200 with a list of results",
    "task_status": "Queued",
    "held_reply": "yes",
    "status_endpoint": "HTTP 404",
    "response_status_code": "Fine",
    "notices": "yes",
    "members": "billing, queuetime",
    "media_type": "text/plain, gzip",
    "result_data": "not Base64",
    "result_types": "hocr, text",
    "unknown_id": "HTTP 404",
    "delete": "HTTP 204",
    "after_delete": "HTTP 200 with Completed",
}
OTHERWISE_AGAIN = {
    "rejected_sign_in": "HTTP 403",
    "ocr_task_id": "a GUID in quotes",
    "wrong_setting": "accepted, then an end that was not seen",
    "pending_reply": "HTTP 404",
    "result_data": "Base64, without the words of the image",
    "result_kept": "HTTP 204",
    "unknown_id": "HTTP 204",
    "delete": "HTTP 405",
}


def without(*names: str) -> dict[str, str]:
    """Return the assumptions of what a run sees, but for some."""
    return {name: assumed for name, assumed in ASSUMED.items() if name not in names}


def test_a_service_as_it_is_documented(checker: Checker) -> None:
    with Emulator(**DEFAULTS) as emulator:
        run = checker.run(emulator)
        assert (run.status, emulator.calls.billed, emulator.calls.token) == (0, 10, 2)
        assert emulator.ocr_tasks == {}
    assert run.observed("differs") == {}
    assert run.observed("same") == without(*WHERE_CALLS_ARE_REFUSED)
    assert run.report is not None
    assert run.report["stopped"] == ""
    assert run.report["billed_calls"] == {"submit": 2, "fetch": 6, "status": 1, "delete": 1}


def test_a_service_on_the_other_side_of_every_switch(checker: Checker) -> None:
    with Emulator(**OTHER_SIDE) as emulator:
        run = checker.run(emulator)
        assert emulator.calls.billed == 11
    assert run.status == 1
    assert run.observed("differs") == OTHERWISE
    assert run.observed("same") == without(*WHERE_CALLS_ARE_REFUSED, *OTHERWISE)


def test_a_service_on_the_other_side_of_the_switches_that_exclude_these(checker: Checker) -> None:
    with Emulator(**THIRD_SIDE) as emulator:
        run = checker.run(emulator)
    assert run.status == 1
    assert run.observed("differs") == OTHERWISE_AGAIN
    unseen = {"held_reply", "after_delete", *WHERE_CALLS_ARE_REFUSED}
    assert run.observed("same") == without(*unseen, *OTHERWISE_AGAIN)


BILLS_NOTHING: dict[str, tuple[int, dict[str, str], dict[str, str], dict[str, str]]] = {
    "used up": (402, {}, {"credits": "HTTP 402 or 403"}, {}),
    "inactive": (403, {}, {"credits": "HTTP 402 or 403"}, {}),
    "too many": (429, {}, {}, {"credits": "HTTP 429", "retry_later": "HTTP 429"}),
    "later": (503, {"Retry-After": "30"}, {"retry_later": "by Retry-After"}, {}),
}


@pytest.mark.parametrize("case", BILLS_NOTHING)
def test_a_service_that_bills_nothing_is_asked_once(checker: Checker, case: str) -> None:
    """An account without credits: every call but signing in is refused."""
    status, headers, same, differs = BILLS_NOTHING[case]
    with Emulator(**DEFAULTS) as emulator:
        calls = ("submit", "poll", "status", "cancel")
        emulator.inject("status", on=calls, times=None, status=status, headers=headers)
        run = checker.run(emulator)
        assert (run.status, emulator.calls.billed) == (2, 1)
    signed_in = {name: ASSUMED[name] for name in ("token", "rejected_sign_in")}
    assert run.observed("same") == signed_in | same
    assert run.observed("differs") == differs
    assert run.report is not None
    assert run.report["stopped"] == f"the service refuses calls: HTTP {status}"
    assert run.findings["delete"]["note"] == run.report["stopped"]


def test_an_account_that_does_not_exist_costs_one_sign_in(checker: Checker) -> None:
    with Emulator(**DEFAULTS) as emulator:
        emulator.inject("status", on="token", status=400, times=None)
        run = checker.run(emulator)
        assert (run.status, emulator.calls.billed, emulator.calls.token) == (2, 0, 1)
        assert run.observed("same") == {"rejected_sign_in": "HTTP 400"}
        # The pair is remembered, as it is for tasks.
        again = checker.run(emulator)
        assert (again.status, emulator.calls.token) == (2, 1)
        assert again.report is not None
        assert "was rejected a short while ago on this host" in again.report["stopped"]


def answered(on: str, status: int, after: int = 0, body: str | None = None) -> dict[str, Any]:
    """Return the fault that answers one call with another status."""
    return {"fault": "status", "on": on, "status": status, "after": after, "body": body}


ALONE: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "elsewhere": ({}, {"api_prefix": "/v6"}, "address", "not below /v6: HTTP 404, application/problem+json"),
    "older prefix": ({}, {"api_prefix": "/v5.0"}, "address", "below /v5.0"),
    "redirects": (
        {"fault": "redirect", "on": "submit"},
        {},
        "address",
        "not below /v5.0/ocr: HTTP 302, none",
    ),
    "a page": (
        {"fault": "html_200", "on": "submit"},
        {},
        "address",
        "not below /v5.0/ocr: HTTP 200, text/html",
    ),
    "no id": (answered("submit", 200, 0, '"a sentence"'), {}, "ocr_task_id", "none that can be used"),
    "no combined types": (answered("submit", 400), {}, "result_types", "TextAndHocr is refused"),
    "setting breaks it": (answered("submit", 500, 1), {}, "wrong_setting", "HTTP 500"),
    "sign-in breaks": (answered("token", 500, 1), {}, "rejected_sign_in", "HTTP 500"),
    "anybody signs in": (
        answered("token", 200, 1, '{"access_token": "abc"}'),
        {},
        "rejected_sign_in",
        "a token",
    ),
    "no lifetime": (answered("token", 200, 0, '{"access_token": "a"}'), {}, "token", "none, no lifetime"),
    "a page for a reply": ({"fault": "html_200", "on": "poll"}, {}, "pending_reply", "HTTP 200"),
    "fetch breaks": (answered("poll", 500), {}, "pending_reply", "HTTP 500"),
    "no status endpoint": (answered("status", 403), {}, "status_endpoint", "HTTP 403"),
    "ends as error": (
        {"fault": "finish_with_error", "on": "submit"},
        {},
        "result_data",
        "HTTP 200 with Error",
    ),
    "unknown id breaks it": (answered("poll", 500, 3), {}, "unknown_id", "HTTP 500"),
    "odd id": (answered("poll", 200, 3, '{"taskStatus": "x"}'), {}, "unknown_id", "HTTP 200 with x"),
    "wrong token is no id": (answered("poll", 404, 4), {}, "refused_token", "HTTP 404"),
    "no delete": (answered("cancel", 404), {}, "after_delete", "HTTP 200 with Completed"),
    "secret words": (
        answered("poll", 200, 0, '{"taskStatus": "Bearer eyJhbGciOi"}'),
        {},
        "task_status",
        "(no plain word)",
    ),
}


@pytest.mark.parametrize("case", ALONE)
def test_a_service_that_differs_in_one_way(checker: Checker, case: str) -> None:
    fault, extra, name, observed = ALONE[case]
    with Emulator(**DEFAULTS) as emulator:
        if fault:
            emulator.inject(**fault)
        run = checker.run(emulator, **extra)
    assert run.observed("differs")[name] == observed
    (otherwise,) = [unknown.otherwise for unknown in UNKNOWNS if unknown.name == name]
    assert run.findings[name]["note"] == otherwise
    assert run.report is not None
    assert run.status == (2 if run.report["stopped"] else 1)
    assert run.findings["credits"]["observed"] is None


def test_every_unknown_that_a_run_sees_is_seen_to_differ() -> None:
    lists = [OTHERWISE, OTHERWISE_AGAIN, *(differs for *_, differs in BILLS_NOTHING.values())]
    differing = {name for differs in lists for name in differs} | {name for *_, name, _ in ALONE.values()}
    assert differing == OBSERVERS.keys()


def test_an_ocr_task_that_does_not_end_tells_nothing_of_results(checker: Checker) -> None:
    with Emulator(**DEFAULTS) as emulator:
        emulator.inject("never_finish", on="submit")
        run = checker.run(emulator)
        assert emulator.calls.poll == 6
    assert run.findings["result_data"]["observed"] is None
    assert "a longer --wait" in run.findings["result_data"]["note"]


def test_a_page_on_which_nothing_is_found(checker: Checker) -> None:
    with Emulator(**DEFAULTS | {"scripted_text": ""}) as emulator:
        run = checker.run(emulator)
    assert run.findings["result_data"]["observed"] != ASSUMED["result_data"]
    assert run.status == 1


def test_a_connection_that_breaks_ends_the_run(checker: Checker) -> None:
    with Emulator(**DEFAULTS) as emulator:
        emulator.inject("drop_before", on="status")
        run = checker.run(emulator)
        assert (run.status, emulator.calls.submit, emulator.calls.cancel) == (2, 1, 0)
    assert run.report is not None
    assert "connection" in run.report["stopped"]
    assert run.observed("differs") == {}
