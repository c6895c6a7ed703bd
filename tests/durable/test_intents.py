"""What a try that fails leaves of its intent, and so what the next one submits and warns of."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout

from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.emulator.testing import CONNECTION_VARIABLE, Emulator
from airflow_provider_asposeocr.files.source import open_source
from airflow_provider_asposeocr.hooks.drivers import Meter, SyncDriver
from airflow_provider_asposeocr.operators import base
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from tests.batch.support import CountingStore, batch, images
from tests.running import run
from tests.states import StateStore

Spoil = Callable[["Try"], None]


@dataclass
class Try:
    """The first try of a task, to be spoilt."""

    emulator: Emulator
    patch: pytest.MonkeyPatch
    arguments: dict[str, Any]
    source: Path

    def connection(self, **fields: Any) -> None:
        """Change the connection."""
        self.patch.setenv(
            CONNECTION_VARIABLE, json.dumps(json.loads(os.environ[CONNECTION_VARIABLE]) | fields)
        )


def fault(kind: str, on: str = "submit", **arguments: Any) -> Spoil:
    """Let the emulator do something, always if not said otherwise."""
    return lambda first: first.emulator.inject(kind, on=on, **{"times": None, **arguments})


def argument(**arguments: Any) -> Spoil:
    """Give the operator something else."""
    return lambda first: first.arguments.update(arguments)


def connection(**fields: Any) -> Spoil:
    """Change the connection."""
    return lambda first: first.connection(**fields)


def missing(first: Try) -> None:
    first.patch.delenv(CONNECTION_VARIABLE)


def not_listening(first: Try) -> None:
    first.connection(host="http://127.0.0.1:1", port=None)


def content(data: bytes) -> Spoil:
    def spoil(first: Try) -> None:
        first.source.write_bytes(data)

    return spoil


def source_changes(*, after: int = 0) -> Spoil:
    """Let the source be another one after it was read so many times."""

    def spoil(first: Try) -> None:
        def opened(*args: Any, **kwargs: Any) -> Any:
            good = iter([True] * after)
            return replace(open_source(*args, **kwargs), is_current=lambda: next(good, False))

        first.patch.setattr(base, "open_source", opened)

    return spoil


def both(*spoils: Spoil) -> Spoil:
    def spoil(first: Try) -> None:
        for one in spoils:
            one(first)

    return spoil


def interrupted(
    owner: Any, method: str, *, after: int = 0, error: type[BaseException] = AirflowTaskTimeout
) -> Spoil:
    """Raise from outside, as a signal handler does, when a method is called once more."""

    def spoil(first: Try) -> None:
        original, calls = getattr(owner, method), []

        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            if len(calls) > after:
                raise error("from outside")
            return original(*args, **kwargs)

        first.patch.setattr(owner, method, call)

    return spoil


def killed(after: int) -> Spoil:
    """Halt, as a kill does, after so many checks whether it has come."""

    def spoil(first: Try) -> None:
        original, calls = Meter.check, []

        def check(meter: Meter) -> None:
            calls.append(1)
            if len(calls) > after:
                meter.halt()
            original(meter)

        first.patch.setattr(Meter, "check", check)

    return spoil


NOT_SENT: dict[str, Spoil] = {
    "no connection": missing,
    "extra is no object": connection(extra="[1]"),
    "bad timeout in extra": connection(extra=json.dumps({"timeout": "soon"})),
    "bad proxy in extra": connection(extra=json.dumps({"proxies": {"http": "socks5://x"}})),
    "no login": connection(login=None),
    "wrong secret": connection(password="wrong"),
    "nothing listens": not_listening,
    "token: locked": fault("status", "token", status=429, headers={"Retry-After": "600"}),
    "token: 503": fault("status", "token", status=503),
    "token: web page": fault("html_200", "token"),
    "setting that is no JSON": argument(extra_settings={"x": {1}}),
    "wrong language": argument(language="Klingon"),
    "another format": content(b"%PDF-1.7 ..."),
    "empty source": content(b""),
    "source changes": source_changes(),
    "submit: 402": fault("status", status=402),
    "submit: 400": fault("status", status=400),
    "submit: 413 early": fault("status", status=413, early=True),
    "submit: 429 for long": fault("status", status=429, headers={"Retry-After": "600"}),
    "submit: 503": fault("status", status=503),
    "submit: 401": fault("unauthorized"),
    "submit: redirect": fault("redirect"),
    "killed while signing in": killed(after=1),
    "killed in a wait after 503": both(fault("status", status=503), killed(after=3)),
    "timeout while signing in": interrupted(SyncDriver, "_send"),
    "timeout in a wait after 503": both(fault("status", status=503), interrupted(Meter, "sleep")),
    "crash in a wait after 429": both(
        fault("status", status=429), interrupted(Meter, "sleep", error=RuntimeError)
    ),
}
"""After these nothing can have been accepted."""

PERMANENT = {
    *("no connection", "extra is no object", "bad timeout in extra", "bad proxy in extra", "no login"),
    "setting that is no JSON",
    *("wrong secret", "wrong language", "another format", "empty source", "submit: 402", "submit: 400"),
}
"""What no retry can mend."""

PERHAPS_SENT: dict[str, Spoil] = {
    "submit: 500": fault("status", status=500),
    "submit: 500, then 402": both(fault("status", status=500, times=1), fault("status", status=402)),
    "submit: 502, then 503": both(fault("status", status=502, times=1), fault("status", status=503)),
    "submit: 500, then 401": both(fault("status", status=500, times=1), fault("unauthorized")),
    "submit: 500, then the source changes": both(
        fault("status", status=500, times=1), source_changes(after=1)
    ),
    "submit: reset after the body": fault("drop_after_accept"),
    "submit: reset before the answer": fault("drop_before"),
    "submit: web page": fault("html_200"),
    "submit: empty id": fault("status", status=200),
    "killed in a wait after 500": both(fault("status", status=500), killed(after=3)),
    "timeout in a wait after 500": both(fault("status", status=500), interrupted(Meter, "sleep")),
    "timeout on the way": interrupted(SyncDriver, "_send", after=1),
    "crash on the way": interrupted(SyncDriver, "_send", after=1, error=RuntimeError),
    "exit on the way": interrupted(SyncDriver, "_send", after=1, error=SystemExit),
}
"""After these it is not known."""


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryPolicy, "wait", lambda *_: 0.01)


@pytest.mark.parametrize("name", [*NOT_SENT, *PERHAPS_SENT])
def test_an_intent_stays_only_where_something_may_have_been_accepted(
    emulator: Emulator,
    scan: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    png: bytes,
    name: str,
) -> None:
    store = StateStore()
    arguments: dict[str, Any] = {
        "task_id": "t",
        "operation": "RecognizeImage",
        "source": scan,
        "poll_interval": 0.05,
    }
    with monkeypatch.context() as patch:
        first = Try(emulator, patch, dict(arguments), scan)
        (NOT_SENT | PERHAPS_SENT)[name](first)
        with pytest.raises(BaseException) as raised:
            run(AsposeOcrOperator(**first.arguments), task_state_store=store)
    accepted = len(emulator.submissions)
    if name in PERMANENT:
        assert isinstance(raised.value, AirflowFailException)
    intents = [row for row in store.rows.values() if "intent" in json.loads(row)]
    assert bool(intents) is (name in PERHAPS_SENT), raised.value

    emulator.clear_faults()
    if scan.read_bytes() != png:
        scan.write_bytes(png)
    with caplog.at_level(logging.WARNING):
        run(AsposeOcrOperator(**arguments), task_state_store=store)
    assert len(emulator.submissions) == accepted + 1
    assert ("this one is a duplicate" in caplog.text) is (name in PERHAPS_SENT)


IN_A_BATCH = {
    "setting that is no JSON": NOT_SENT["setting that is no JSON"],
    **{
        name: spoil
        for name, spoil in NOT_SENT.items()
        if name.split(":")[0] in ("no login", "token", "submit")
    },
    **{name: NOT_SENT[name] for name in ("no connection", "bad timeout in extra", "wrong secret")},
    **{
        name: PERHAPS_SENT[name]
        for name in ("submit: 500", "submit: reset after the body", "submit: web page")
    },
}


@pytest.mark.parametrize("name", IN_A_BATCH)
def test_a_batch_warns_of_what_may_have_been_accepted_and_of_nothing_else(
    emulator: Emulator,
    tmp_path: Path,
    scan: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    images(tmp_path / "in", 3)
    store = CountingStore()

    def one_try(max_tries: int, **arguments: Any) -> None:
        operator = batch(f"{tmp_path}/in/", f"{tmp_path}/out/", **arguments)
        run(operator, max_tries=max_tries, task_state_store=store)

    with monkeypatch.context() as patch:
        first = Try(emulator, patch, {}, scan)
        IN_A_BATCH[name](first)
        with pytest.raises(Exception) as raised:
            one_try(1, **first.arguments)
    if name in PERMANENT:
        assert isinstance(raised.value, AirflowFailException)
    accepted = len(emulator.submissions)
    assert name in PERHAPS_SENT or not accepted, raised.value

    emulator.clear_faults()
    with caplog.at_level(logging.WARNING):
        # Cleared, since some have failed for good.
        one_try(3)
    assert len(emulator.submissions) == accepted + 3
    warned = "up to 3 of its submissions may not be recorded" in caplog.text
    assert warned is (name in PERHAPS_SENT), raised.value
