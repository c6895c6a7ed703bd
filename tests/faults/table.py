"""Everything that goes wrong, as data: faults that strike a task, and states that a wait comes to.

:mod:`tests.faults.matrix` plays all faults in all ways of running, ``test_faults`` a part of them in real
time, and ``test_waits`` all states in all ways of waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.faults.striking import (
    Prepare,
    both,
    completed,
    fault,
    no_connection,
    nothing,
    option,
    refused,
    revoked,
    revoked_pair,
    signed_out,
    wrong_secret,
)

SYNC, DEFERRABLE, POKE, DEFERRED = WAYS = ("sync operator", "deferrable operator", "poke", "deferred sensor")
OPERATORS = (SYNC, DEFERRABLE)
SENSORS = (POKE, DEFERRED)

OK = "success"
FAILS = "AirflowFailException"
DOWN = "AsposeOcrConnectionError"
BROKEN = "AsposeOcrServerError"
LIMITED = "AsposeOcrRateLimitError"
LOST = "AsposeOcrTaskNotFoundError"
LATE = "AsposeOcrTimeoutError"
SENSOR_LATE = "AirflowSensorTimeout"
UNREACHED = "AsposeOcrUnreachedTimeoutError"

T = TypeVar("T")

UNKNOWN_ID = "11111111-2222-3333-4444-555555555555"
NO_PROTOCOL = "not what the protocol says"
ALWAYS: dict[str, Any] = {"times": None}


@dataclass(frozen=True)
class Fault:
    """A fault, and what should come of it.

    :param prepare: makes it happen, after a sensor's OCR task has been submitted.
    :param outcome: of the task: ``success`` or the name of an exception; a mapping where ways differ.
    :param submissions: that an operator makes, as the service counts them; a sensor makes none.
    :param ways: in which it can strike.
    :param kept: whether the OCR task is left alone, and a second try without the fault delivers it.
    :param says: what the message holds.
    :param tokens: token calls after that, where their number matters; a mapping where ways differ.
    :param file: name and content of an operator's source; no content for one that does not exist.
    :param given: further arguments of the task.
    """

    prepare: Prepare = nothing
    outcome: str | Mapping[str, str] = OK
    submissions: int = 1
    ways: tuple[str, ...] = WAYS
    kept: bool = False
    says: str = ""
    tokens: int | Mapping[str, int] | None = None
    file: tuple[str, bytes | None] | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    def expected(self, way: str) -> str:
        """Return what should come of it in one way of running."""
        return self.outcome if isinstance(self.outcome, str) else self.outcome[way]

    def expected_tokens(self, way: str) -> int | None:
        """Return how many token calls there should be in one way of running; None for any number."""
        return self.tokens[way] if isinstance(self.tokens, Mapping) else self.tokens


def soon(seconds: str = "1") -> dict[str, str]:
    """Return the header that asks to wait."""
    return {"Retry-After": seconds}


def by_way(of_sensors: T, of_operators: T) -> dict[str, T]:
    """Return what differs between sensors and operators."""
    return dict.fromkeys(OPERATORS, of_operators) | dict.fromkeys(SENSORS, of_sensors)


def bad_file(name: str, content: bytes | None, says: str, **more: Any) -> Fault:
    """Return what comes of a source that is refused before any call, if nothing else is said."""
    refusal: dict[str, Any] = {"outcome": FAILS, "submissions": 0, "tokens": 0, "ways": OPERATORS}
    return Fault(file=(name, content), says=says, **(refusal | more))


FAULTS: dict[str, Fault] = {
    # Slips of a user
    "missing file": bad_file("no.png", None, "does not exist"),
    "empty file": bad_file("empty.png", b"", "is empty"),
    "no image": bad_file("a.png", b"hello", "is plain text"),
    "unreadable image": bad_file(
        "corrupt.png",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 200,
        "the OCR task failed",
        prepare=option("ocr", True),
        submissions=1,
        tokens=1,
    ),
    "unknown language": Fault(
        nothing, FAILS, 0, OPERATORS, says="did you mean German", tokens=0, given={"language": "Germn"}
    ),
    "unknown id": Fault(
        nothing, FAILS, 0, SENSORS, says="does not know the OCR task", given={"ocr_task_id": UNKNOWN_ID}
    ),
    # Signing in
    "no connection": Fault(no_connection, FAILS, 0, says="there is no Airflow connection", tokens=0),
    "wrong secret": Fault(wrong_secret, FAILS, 0, says="was rejected", tokens=1),
    "token call: 500 once": Fault(both(signed_out, fault("status", "token"))),
    "token call: 503 always": Fault(
        both(signed_out, fault("status", "token", status=503, **ALWAYS)), LIMITED, 0
    ),
    "token call: web page always": Fault(both(signed_out, fault("html_200", "token", **ALWAYS)), BROKEN, 0),
    "token call: reset once": Fault(both(signed_out, fault("drop_before", "token"))),
    "token call: locked for 600 s": Fault(
        both(signed_out, fault("status", "token", status=429, headers=soon("600"), **ALWAYS)),
        by_way(SENSOR_LATE, LIMITED),
        0,
    ),
    "token revoked": Fault(revoked),
    "pair revoked": Fault(revoked_pair, FAILS, 0),
    "401 on a poll": Fault(fault("unauthorized", "poll"), tokens=by_way(1, 2)),
    "401 on every call": Fault(fault("unauthorized", ("submit", "poll", "status"), **ALWAYS), FAILS, 0),
    # Submitting
    "submit: 400": Fault(fault("status", "submit", status=400), FAILS, 0, OPERATORS),
    "submit: 402": Fault(fault("status", "submit", status=402), FAILS, 0, OPERATORS, says="used up"),
    "submit: 413 early": Fault(fault("status", "submit", status=413, early=True), FAILS, 0, OPERATORS),
    "submit: 429, Retry-After 1": Fault(
        fault("status", "submit", status=429, headers=soon()), OK, 1, OPERATORS
    ),
    "submit: 429, Retry-After 300": Fault(
        fault("status", "submit", status=429, headers=soon("300")), LIMITED, 0, OPERATORS
    ),
    "submit: 503 twice": Fault(fault("status", "submit", status=503, times=2), OK, 1, OPERATORS),
    "submit: 503 always": Fault(fault("status", "submit", status=503, **ALWAYS), LIMITED, 0, OPERATORS),
    "submit: 500 once": Fault(fault("status", "submit", status=500), OK, 1, OPERATORS),
    "submit: 500 always": Fault(fault("status", "submit", status=500, **ALWAYS), BROKEN, 0, OPERATORS),
    "submit: reset before": Fault(fault("drop_before", "submit"), OK, 1, OPERATORS),
    "submit: reset after, once": Fault(fault("drop_after_accept", "submit"), OK, 2, OPERATORS),
    "submit: reset after, always": Fault(fault("drop_after_accept", "submit", **ALWAYS), DOWN, 2, OPERATORS),
    "submit: answer cut off": Fault(fault("reset_mid_body", "submit"), OK, 2, OPERATORS),
    "submit: half an id": Fault(fault("truncated_json", "submit"), LOST, 1, OPERATORS),
    "submit: web page in a 200": Fault(fault("html_200", "submit"), OK, 1, OPERATORS),
    "submit: redirect": Fault(fault("redirect", "submit"), FAILS, 0, OPERATORS),
    "submit: OCR task ends in Error": Fault(fault("finish_with_error", "submit"), FAILS, 1, OPERATORS),
    # Waiting
    "service gone": Fault(refused, DOWN, 0, says="cannot be reached"),
    "poll: 500 three times": Fault(fault("status", "poll", status=500, times=3)),
    "poll: 500 always": Fault(fault("status", "poll", status=500, **ALWAYS), BROKEN),
    "poll: 429, Retry-After 1": Fault(fault("status", "poll", status=429, headers=soon(), body="slow down")),
    "poll: 503, Retry-After 3600, once": Fault(
        both(fault("status", "poll", status=503, headers=soon("3600")), completed)
    ),
    "poll: 503, Retry-After 3600, always": Fault(
        fault("status", "poll", status=503, headers=soon("3600"), **ALWAYS),
        by_way(SENSOR_LATE, UNREACHED),
        kept=True,
    ),
    "poll: 403": Fault(fault("status", "poll", status=403), FAILS),
    "poll: reset before, twice": Fault(fault("drop_before", "poll", times=2)),
    "poll: reset after, always": Fault(fault("drop_after_accept", "poll", **ALWAYS), DOWN),
    "poll: answer cut off": Fault(fault("reset_mid_body", "poll")),
    "poll: truncated JSON once": Fault(fault("truncated_json", "poll")),
    "poll: truncated JSON always": Fault(fault("truncated_json", "poll", **ALWAYS), BROKEN, says=NO_PROTOCOL),
    "poll: web page once": Fault(fault("html_200", "poll")),
    "poll: web page always": Fault(fault("html_200", "poll", **ALWAYS), BROKEN, says=NO_PROTOCOL),
    "poll: redirect": Fault(fault("redirect", "poll"), FAILS),
    "poll: slow": Fault(fault("slow", "poll", seconds=1.0)),
    "OCR task ends in Error": Fault(fault("finish_with_error", "poll"), FAILS),
    "OCR task never ends": Fault(fault("never_finish", "poll"), by_way(SENSOR_LATE, LATE)),
    "OCR task forgotten": Fault(fault("forget_ocr_tasks", "poll"), by_way(FAILS, LOST)),
    # Oddities that are no faults
    "unknown status, then done": Fault(
        both(option("unknown_status", "Queued"), option("completed_after_reads", 2))
    ),
    "plain text for Base64": Fault(option("plain_data", True)),
    "id in quotes": Fault(option("id_style", "quoted"), OK, 1, OPERATORS),
}
"""Faults that strike a task, by what happens."""

EVERYDAY = (
    "missing file",
    "empty file",
    "no image",
    "unreadable image",
    "unknown language",
    "unknown id",
    "no connection",
    "wrong secret",
    "service gone",
    "401 on a poll",
    "submit: 402",
    "submit: 429, Retry-After 1",
    "poll: 429, Retry-After 1",
    "poll: answer cut off",
    "poll: truncated JSON once",
    "poll: truncated JSON always",
    "poll: web page once",
    "poll: web page always",
)
"""Faults that users meet most: they are played whenever tests run."""

# States of a wait

WORKER, TRIGGER = WAITING_OPERATORS = ("worker", "trigger")
WAITING_SENSORS: dict[str, dict[str, Any]] = {
    "sensor deferred": {"deferrable": True},
    "sensor waiting": {"deferrable": False, "poke_interval": None},
    "sensor poking": {"deferrable": False},
    "sensor rescheduled": {"deferrable": False, "mode": "reschedule"},
}
RESCHEDULED, BATCH = "sensor rescheduled", "batch item"
WAYS_OF_WAITING = (*WAITING_OPERATORS, *WAITING_SENSORS, BATCH)
POLLS = ("poll", "status")


@dataclass(frozen=True)
class State:
    """A state that a wait comes to.

    :param prepare: makes it so, before the submission.
    :param ends: with this; by way or, under ``operator`` and ``sensor``, by kind of way.
    :param cancels: that operators and batch items make; a sensor makes none.
    :param kept: whether the next try re-attaches to the same OCR task.
    :param timeout: seconds.
    :param interval: seconds between polls.
    :param outage: seconds that are waited out.
    :param polls: of one way at most.
    """

    prepare: Prepare
    ends: dict[str, str] = field(default_factory=lambda: {"operator": OK, "sensor": OK, BATCH: OK})
    cancels: int = 0
    kept: bool = False
    timeout: float = 30.0
    interval: float = 0.1
    outage: float = 300.0
    polls: int = 60

    def end(self, way: str) -> str:
        """Return how it ends in one way of waiting."""
        kind = "operator" if way in WAITING_OPERATORS else "sensor"
        return self.ends.get(way) or self.ends[BATCH if way == BATCH else kind]


def ends(operator: str, sensor: str, item: str | None = None, **more: str) -> dict[str, str]:
    """Return how a state ends."""
    return {"operator": operator, "sensor": sensor, BATCH: item or operator, **more}


def no_sign_in(**arguments: Any) -> Prepare:
    """Refuse the first token at the first poll, and let the next sign-ins fail."""
    return both(fault("unauthorized", POLLS), fault("status", "token", after=1, **arguments))


def busy_for_an_hour(**arguments: Any) -> Prepare:
    """Ask to come again in an hour."""
    return fault("status", POLLS, status=503, headers=soon("3600"), **arguments)


AT_THE_END = ends(UNREACHED, SENSOR_LATE)
STATES = {
    "completes": State(option("completed_after_reads", 2)),
    "Error": State(
        fault("finish_with_error", "submit"), ends(FAILS, FAILS, "AsposeOcrTaskError"), interval=0.2, polls=1
    ),
    "NotExist": State(fault("forget_ocr_tasks", POLLS, times=1), ends(LOST, FAILS), polls=2),
    "outage of polls": State(fault("status", POLLS, times=12, status=503)),
    "outage of connections": State(fault("drop_before", POLLS, times=12)),
    "outage with web pages": State(fault("html_200", POLLS, times=12)),
    "outage of the sign-in": State(no_sign_in(times=12, status=503)),
    "outage of the sign-in, connections": State(no_sign_in(times=12, status=502)),
    "long outage of polls": State(
        fault("status", POLLS, status=500, **ALWAYS),
        ends(BROKEN, BROKEN, **{RESCHEDULED: SENSOR_LATE}),
        kept=True,
        timeout=3.0,
        outage=0.3,
        polls=400,
    ),
    "long outage of the sign-in": State(
        no_sign_in(status=503, **ALWAYS),
        ends(LIMITED, LIMITED, **{RESCHEDULED: SENSOR_LATE}),
        kept=True,
        timeout=3.0,
        outage=0.3,
    ),
    "outage until the deadline": State(
        fault("status", POLLS, status=500, **ALWAYS), AT_THE_END, kept=True, timeout=0.6, polls=100
    ),
    "sign-in down until the deadline": State(
        no_sign_in(status=503, **ALWAYS), AT_THE_END, kept=True, timeout=0.6
    ),
    "pending at the deadline": State(
        fault("never_finish", "submit"), ends(LATE, SENSOR_LATE), cancels=1, timeout=0.6
    ),
    "completed at the deadline": State(
        option("service_seconds", 0.7),
        timeout=2.0,
        interval=30.0,
        polls=12,
    ),
    "busy, then completed at the deadline": State(busy_for_an_hour(), timeout=2.0, polls=2),
    "busy at the deadline": State(
        busy_for_an_hour(**ALWAYS), AT_THE_END, kept=True, timeout=0.6, interval=0.2, polls=2
    ),
    "403": State(fault("status", POLLS, status=403, **ALWAYS), ends(FAILS, FAILS), polls=1),
    "401": State(fault("unauthorized", POLLS, **ALWAYS), ends(FAILS, FAILS), polls=2),
    "credentials rejected": State(no_sign_in(status=400, **ALWAYS), ends(FAILS, FAILS), polls=1),
}
"""States that a wait comes to."""
