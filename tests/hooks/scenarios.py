"""The scenarios of the parity test: what is done, what goes wrong, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_asposeocr.emulator.faults import Fault

TEXT = "The quick brown fox jumps over the lazy dog."
DONE = f"Completed {TEXT}"
PAGE = "<html><body>Bad gateway</body></html>"
PROBLEM = {"Content-Type": "application/problem+json"}


@dataclass(frozen=True)
class Scenario:
    """What is done, what goes wrong, and what comes of it.

    :param name: names the test.
    :param steps: what the client does, in words of ``_step``.
    :param calls: the kinds of calls that the service must see, in order.
    :param outcomes: what the steps return; the last one may be the error that ends them.
    :param faults: what goes wrong.
    :param options: switches of the emulator.
    :param hook: arguments of the hook.
    """

    name: str
    steps: str
    calls: str
    outcomes: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    hook: Mapping[str, Any] = field(default_factory=dict)


def _fault(on: str, kind: str, **arguments: Any) -> tuple[Fault, ...]:
    return (Fault(kind, on, **arguments),)


def _status(on: str, status: int, times: int | None = 1, **arguments: Any) -> tuple[Fault, ...]:
    return (Fault("status", on, times=times, status=status, **arguments),)


SCENARIOS = (
    Scenario(
        "happy path",
        "submit wait status cancel status",
        "token submit poll status cancel status",
        ("id", DONE, "Completed", "None", "NotExist"),
    ),
    Scenario(
        "waiting",
        "submit wait",
        "token submit poll poll poll",
        ("id", DONE),
        options={"completed_after_reads": 2},
    ),
    Scenario(
        "task that fails",
        "submit wait",
        "token submit poll",
        ("id", "AsposeOcrTaskError: the OCR task failed (Error): too dark"),
        _fault("submit", "finish_with_error", messages=("too dark",)),
    ),
    Scenario("id in quotes", "submit get", "token submit poll", ("id", DONE), options={"id_style": "quoted"}),
    Scenario(
        "id and newline", "submit get", "token submit poll", ("id", DONE), options={"id_style": "newline"}
    ),
    Scenario("gzip", "submit get", "token submit poll", ("id", DONE), options={"gzip": True}),
    Scenario(
        "blocking GET",
        "submit get",
        "token submit poll",
        ("id", DONE),
        options={"service_seconds": 0.1, "block_get_seconds": 5},
    ),
    Scenario(
        "delete with 204",
        "submit cancel",
        "token submit cancel",
        ("id", "None"),
        options={"delete_status": 204},
    ),
    Scenario(
        "fetching",
        "submit fetch cancel fetch",
        "token submit poll cancel poll",
        ("id", DONE, "None", "NotExist"),
    ),
    Scenario(
        "fetching a page, then a task that fails",
        "submit fetch",
        "token submit poll poll",
        ("id", "Error"),
        (Fault("finish_with_error", "submit", messages=("too dark",)), Fault("html_200", "poll")),
    ),
    Scenario(
        "waiting for a large result",
        "submit largewait",
        "token submit poll poll",
        ("id", "Completed of 600000"),
        options={"scripted_text": "line of a page\n" * 40_000},
    ),
    # Sign-in
    Scenario("token expires", "submit expire get", "token submit poll token poll", ("id", "None", DONE)),
    Scenario(
        "token never accepted",
        "submit get",
        "token submit poll token poll",
        ("id", "AsposeOcrAuthError 401: get the result of RecognizeImage: the service does not accept"),
        _fault("poll", "unauthorized", times=None),
    ),
    Scenario("token 503", "submit", "token token submit", ("id",), _status("token", 503)),
    Scenario("token dropped", "submit", "token token submit", ("id",), _fault("token", "drop_before")),
    Scenario("token page", "submit", "token token submit", ("id",), _fault("token", "html_200")),
    Scenario("token truncated", "submit", "token token submit", ("id",), _fault("token", "truncated_json")),
    Scenario(
        "token refused",
        "submit",
        "token",
        ("AsposeOcrAuthError 400: sign in: the Client ID or the Client secret was rejected",),
        _status("token", 400, body='{"error":"invalid_client"}'),
    ),
    Scenario(
        "token locked",
        "submit",
        "token",
        ("AsposeOcrRateLimitError 429: sign in: the service refuses to sign in for 600 s",),
        _status("token", 429, headers={"Retry-After": "600"}),
    ),
    # GET
    Scenario("429 bare", "submit get", "token submit poll poll", ("id", DONE), _status("poll", 429)),
    Scenario("429 twice", "submit get", "token submit poll poll poll", ("id", DONE), _status("poll", 429, 2)),
    Scenario(
        "429 and wait long",
        "submit get",
        "token submit poll",
        ("id", "AsposeOcrRateLimitError 429: get the result of RecognizeImage: the service asks"),
        _status("poll", 429, headers={"Retry-After": "120"}),
    ),
    Scenario("503", "submit get", "token submit poll poll", ("id", DONE), _status("poll", 503)),
    Scenario("500", "submit get", "token submit poll poll", ("id", DONE), _status("poll", 500)),
    Scenario(
        "502 page", "submit get", "token submit poll poll", ("id", DONE), _status("poll", 502, body=PAGE)
    ),
    Scenario(
        "502 for ever",
        "submit get",
        "token submit poll poll poll poll poll",
        ("id", "AsposeOcrServerError 502: get the result of RecognizeImage: the service failed"),
        _status("poll", 502, None, body=PAGE),
    ),
    Scenario(
        "page in a 200", "submit get", "token submit poll poll", ("id", DONE), _fault("poll", "html_200")
    ),
    Scenario(
        "truncated", "submit get", "token submit poll poll", ("id", DONE), _fault("poll", "truncated_json")
    ),
    Scenario(
        "cut off", "submit get", "token submit poll poll", ("id", DONE), _fault("poll", "reset_mid_body")
    ),
    Scenario("dropped", "submit get", "token submit poll poll", ("id", DONE), _fault("poll", "drop_before")),
    Scenario(
        "answer dropped",
        "submit get",
        "token submit poll poll",
        ("id", DONE),
        _fault("poll", "drop_after_accept"),
    ),
    Scenario(
        "status dropped",
        "submit status",
        "token submit status status",
        ("id", "Completed"),
        _fault("status", "drop_before"),
    ),
    Scenario(
        "redirect",
        "submit get",
        "token submit poll",
        ("id", "AsposeOcrRequestError 302: get the result of RecognizeImage: the service redirects"),
        _fault("poll", "redirect"),
    ),
    Scenario(
        "permanent redirect",
        "submit get",
        "token submit poll",
        ("id", "AsposeOcrRequestError 308: get the result of RecognizeImage: the service redirects"),
        _fault("poll", "redirect", status=308),
    ),
    Scenario(
        "account inactive",
        "submit get",
        "token submit poll",
        ("id", "AsposeOcrRequestError 403: get the result of RecognizeImage: the account may not do this"),
        _status("poll", 403, body='{"title":"Forbidden","detail":"no credits"}', headers=PROBLEM),
    ),
    # DELETE
    Scenario(
        "cancel 503", "submit cancel", "token submit cancel cancel", ("id", "None"), _status("cancel", 503)
    ),
    Scenario(
        "cancel dropped",
        "submit cancel",
        "token submit cancel cancel",
        ("id", "None"),
        _fault("cancel", "drop_before"),
    ),
    # POST
    Scenario("submit 429", "submit get", "token submit submit poll", ("id", DONE), _status("submit", 429)),
    Scenario("submit 503 twice", "submit", "token submit submit submit", ("id",), _status("submit", 503, 2)),
    Scenario("submit 502", "submit", "token submit submit", ("id",), _status("submit", 502, body=PAGE)),
    Scenario(
        "submit 502 for ever",
        "submit",
        "token submit submit",
        ("AsposeOcrServerError 502: submit to RecognizeImage: the service failed",),
        _status("submit", 502, None, body=PAGE),
    ),
    Scenario("submit page", "submit", "token submit submit", ("id",), _fault("submit", "html_200")),
    Scenario("submit dropped", "submit", "token submit submit", ("id",), _fault("submit", "drop_before")),
    Scenario("submit cut off", "submit", "token submit submit", ("id",), _fault("submit", "reset_mid_body")),
    Scenario(
        "submit answer dropped",
        "submit get",
        "token submit submit poll",
        ("id", DONE),
        _fault("submit", "drop_after_accept"),
    ),
    Scenario(
        "submit answer dropped, no repeat",
        "submit",
        "token submit",
        ("AsposeOcrConnectionError: submit to RecognizeImage: the connection broke before the answer came",),
        _fault("submit", "drop_after_accept"),
        hook={"repeat_ambiguous_submit": False},
    ),
    Scenario("submit 401", "submit", "token submit token submit", ("id",), _fault("submit", "unauthorized")),
    Scenario(
        "submit redirected",
        "submit",
        "token submit",
        ("AsposeOcrRequestError 307: submit to RecognizeImage: the service redirects",),
        _fault("submit", "redirect", status=307),
    ),
    Scenario(
        "submit too large",
        "submit",
        "token submit",
        ("AsposeOcrRequestError 413: submit to RecognizeImage: the source is larger",),
        options={"max_body_bytes": 100},
    ),
    # Replies and ids
    Scenario("large reply", "submit limited", "token submit poll", ("id", "Completed unread ('Text',)")),
    Scenario(
        "odd id", "odd oddstatus oddcancel", "token poll status cancel", ("NotExist", "NotExist", "None")
    ),
    *(
        Scenario(
            f"unknown id, {style}",
            "unknown unknownstatus unknowncancel",
            "token poll status cancel",
            ("NotExist", "NotExist", "None"),
            options={"unknown_id": style},
        )
        for style in ("not_exist", "404", "204")
    ),
    Scenario(
        "waiting for an unknown id",
        "unknownwait",
        "token poll",
        ("AsposeOcrTaskNotFoundError: the service does not know the OCR task",),
        options={"unknown_id": "404"},
    ),
)
