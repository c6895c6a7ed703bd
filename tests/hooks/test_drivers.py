"""Both drivers: what they wait for, what they repeat and count, and work that they do off the event loop."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrConnectionError,
    AsposeOcrHaltedError,
    AsposeOcrRateLimitError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.http import (
    FailureKind,
    Flow,
    HttpRequest,
    HttpResponse,
    Sleep,
    TransportFailure,
    WaitFor,
    Work,
)
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.hooks.drivers import Meter, metered

from .conftest import Connect
from .scenarios import TEXT
from .support import OPERATION, WAYS, Client, both_ways, free_port

ODD_ID = "TTS a/b+c?d=e&f#g%20é~.'"


@both_ways
def test_ids_arrive_as_they_are(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    with Client(hook, way) as client:
        client.get(ODD_ID)
        client.status(ODD_ID)
        client.cancel(ODD_ID)
    assert [entry.ocr_task_id for entry in emulator.transcript if entry.kind != "token"] == [ODD_ID] * 3


@both_ways
def test_retry_after_is_waited_for(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("status", on="poll", status=503, headers={"Retry-After": "1"})
    with Client(hook, way) as client:
        client.get("an-id")
    first, second = (entry.received_at for entry in emulator.transcript if entry.kind == "poll")
    assert 1.0 <= second - first < 3.0


@both_ways
def test_long_retry_after_is_left_to_the_caller(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("status", on="submit", status=429, headers={"Retry-After": "61"}, times=None)
    with Client(hook, way) as client, pytest.raises(AsposeOcrRateLimitError) as caught:
        client.submit()
    assert (caught.value.retry_after, caught.value.retryable) == (61.0, True)
    assert emulator.calls.submit == 1


@pytest.mark.usefixtures("brisk")
@both_ways
def test_no_repeat_behind_the_flows_back(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    """An HTTP client that repeats by itself makes calls that are paid for, not counted and not paced."""
    with Client(hook, way) as client:
        ocr_task_id = client.submit()
        emulator.inject("drop_before", on="poll", times=None)
        with pytest.raises(AsposeOcrConnectionError):
            client.get(ocr_task_id)
    assert emulator.calls.poll == 5
    assert hook.api_calls == emulator.calls.billed


@pytest.mark.usefixtures("brisk")
def test_service_down(connect: Connect) -> None:
    told = {}
    for way in WAYS:
        hook = connect(f"http://127.0.0.1:{free_port()}", None, None)
        with Client(hook, way) as client, pytest.raises(AsposeOcrConnectionError) as caught:
            client.submit(operation="RecognizeImageTrial")
        assert (caught.value.status, caught.value.retryable) == (None, True)
        told[way] = str(caught.value)
    assert told["sync"] == told["async"]
    assert "the service cannot be reached (Connection refused)" in told["sync"]


@pytest.mark.usefixtures("brisk")
@both_ways
def test_a_call_that_never_left_is_not_counted_as_billed(way: str, connect: Connect) -> None:
    hook = connect(f"http://127.0.0.1:{free_port()}", None, None)
    with Client(hook, way) as client, pytest.raises(AsposeOcrConnectionError):
        client.submit(operation="RecognizeImageTrial")
    assert hook.api_calls == 0


@both_ways
def test_a_reply_of_just_the_limit_is_read(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    with Client(hook, way) as client:
        ocr_task_id = client.submit()

        def get(limit: int) -> Any:
            return client.flow(lambda api: api.poll(get_operation(OPERATION), ocr_task_id, limit=limit))

        size = next(limit for limit in range(100, 400) if not get(limit).unread)
        assert get(size).text == TEXT
        assert get(size - 1).unread


def test_without_a_kept_session_each_call_has_its_own(hook: AsposeOcrHook, emulator: Emulator) -> None:
    async def main() -> str | None:
        ocr_task_id = await hook.asubmit(OPERATION, b"\xff\xd8\xff" + bytes(100))
        return (await hook.aget_task(OPERATION, ocr_task_id)).text

    assert asyncio.run(main()) == TEXT
    assert (emulator.calls.token, hook.api_calls) == (1, 2)


# Steps of a flow


def working(call: Callable[[], Any]) -> Callable[[Any], Flow[Any]]:
    """Return a flow that returns what a call returns, or the error that was thrown into it."""

    def flow(_: Any) -> Flow[Any]:
        try:
            return (yield Work(call))
        except Exception as error:
            return error

    return flow


@both_ways
def test_work_is_done_off_the_event_loop(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    with Client(hook, way) as client:
        thread = client.flow(working(threading.current_thread))
        assert client.flow(working(lambda: "done")) == "done"
    assert (thread is threading.current_thread()) is (way == "sync")
    assert (emulator.transcript, hook.api_calls) == ([], 0)


@both_ways
@pytest.mark.parametrize("error", [AsposeOcrStorageError("the disk is full"), ValueError("x"), KeyError("y")])
def test_what_work_raises_is_thrown_into_the_flow(
    way: str, error: Exception, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    def fail() -> None:
        raise error

    def leaving(_: Any) -> Flow[None]:
        yield Work(fail)

    with Client(hook, way) as client:
        assert client.flow(working(fail)) is error
        with pytest.raises(type(error)) as raised:
            client.flow(leaving)
    assert raised.value is error


@both_ways
def test_what_interrupts_a_driver_ends_the_flow_at_once(
    way: str, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    ended = []

    def flow(_: Any) -> Flow[None]:
        task = asyncio.current_task() if way == "async" else None
        try:
            if task is not None:
                asyncio.get_running_loop().call_soon(task.cancel)
                yield Sleep(30)
            yield Work(interrupt)
        finally:
            ended.append(way)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with Client(hook, way) as client, pytest.raises((KeyboardInterrupt, asyncio.CancelledError)):
        client.flow(flow)
    assert ended == [way]


@both_ways
def test_a_flow_waits_for_what_another_thread_finds(
    way: str, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    found: Future[str] = Future()

    def flow(until: float) -> Callable[[Any], Flow[Any]]:
        def wait(_: Any) -> Flow[Any]:
            try:
                return (yield WaitFor(found, until))
            except TimeoutError:
                return "too late"

        return wait

    with Client(hook, way) as client:
        assert client.flow(flow(time.time() + 0.05)) == "too late"
        assert not found.cancelled()
        threading.Timer(0.05, found.set_result, ["found"]).start()
        assert client.flow(flow(math.inf)) == "found"
        assert client.flow(flow(time.time())) == "found" or way == "async"


def test_a_meter_counts_and_halts_a_part_of_a_flow() -> None:
    """As a batch counts the calls of each of its items; free and lost requests do not count."""
    meter = Meter()
    lost = TransportFailure(FailureKind.NOT_SENT, "nothing listens")
    answers = [HttpResponse(200, {}, b""), lost, TransportFailure(FailureKind.UNKNOWN, "it broke")]

    def flow() -> Flow[list[Any]]:
        seen = []
        for _ in answers:
            seen.append((yield HttpRequest("GET", "http://service/")))
        yield HttpRequest("POST", "http://service/token", billed=False)
        seen.append((yield HttpRequest("GET", "http://service/", until=0.0)))
        meter.halt()
        try:
            yield HttpRequest("GET", "http://service/")
        except AsposeOcrHaltedError:
            seen.append("halted")
        return seen

    steps = metered(flow(), meter)
    next(steps)
    for answer in answers:
        steps.send(answer)
    with pytest.raises(StopIteration) as ended:
        steps.send(HttpResponse(200, {}, b""))
    late = TransportFailure(FailureKind.NOT_SENT, "there was no time left to ask the service")
    assert ended.value.value == [*answers, late, "halted"]
    assert meter.calls == 2
