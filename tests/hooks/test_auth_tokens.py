"""One token for all: threads, coroutines, forked children; and what becomes of it when it is refused."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import AsposeOcrAuthError, AsposeOcrRequestError
from airflow_provider_asposeocr.api.http import Flow, HttpRequest, HttpResponse, NeedToken
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks import auth, drivers
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig

from .conftest import Connect
from .support import OPERATION, Client, Recorder, Reply, Seen, both_ways, until, within

THREADS = 20
COROUTINES = 200


async def _auntil(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def _ask_many(hook: AsposeOcrHook, count: int, pool: ThreadPoolExecutor) -> list[Any]:
    """Ask for a task from coroutines on one loop and from threads, all at once."""
    loop = asyncio.get_running_loop()
    async with hook.async_session():
        seen: list[Any] = await asyncio.gather(
            *(hook.aget_task(OPERATION, "an-id") for _ in range(count)),
            *(
                loop.run_in_executor(pool, lambda: AsposeOcrHook().get_task(OPERATION, "an-id"))
                for _ in range(THREADS)
            ),
            return_exceptions=True,
        )
        return seen


def test_threads_and_coroutines_share_one_token(hook: AsposeOcrHook, emulator: Emulator) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        emulator.inject("slow", on="token", seconds=0.3)
        first = asyncio.run(_ask_many(hook, COROUTINES, pool))
        assert emulator.calls.token == 1
        emulator.expire_tokens()
        emulator.inject("slow", on="token", seconds=0.3)
        second = asyncio.run(_ask_many(hook, COROUTINES, pool))
    assert {str(task.status) for task in first + second} == {"NotExist"}
    assert len(first + second) == 2 * (COROUTINES + THREADS)
    assert emulator.calls.token == 2


@both_ways
def test_a_kept_token_serves_other_hooks(way: str, emulator: Emulator) -> None:
    for _ in range(3):
        with Client(AsposeOcrHook(), way) as client:
            client.status("an-id")
    assert (emulator.calls.token, emulator.calls.status) == (1, 3)


def test_another_pair_has_another_token(emulator: Emulator, connect: Connect) -> None:
    first = connect(emulator.url)
    first.get_status("an-id")
    other = connect(emulator.url, password="another secret")
    with pytest.raises(AsposeOcrAuthError):
        other.get_status("an-id")
    first.get_status("an-id")
    assert emulator.calls.token == 2


def test_cancelled_leader_hands_over(hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("slow", on="token", seconds=5)

    async def main() -> list[Any]:
        async with hook.async_session():
            leader = asyncio.create_task(hook.aget_status("an-id"))
            await _auntil(lambda: emulator.calls.token == 1)
            others = [asyncio.create_task(hook.aget_status("an-id")) for _ in range(30)]
            in_threads = [asyncio.to_thread(AsposeOcrHook().get_status, "an-id") for _ in range(5)]
            threads = [asyncio.create_task(thread) for thread in in_threads]
            await asyncio.sleep(0)
            leader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leader
            async with asyncio.timeout(4):
                return await asyncio.gather(*others, *threads)

    assert [str(status) for status in asyncio.run(main())] == ["NotExist"] * 35
    assert emulator.calls.token == 2


def test_cancelled_waiter_disturbs_nobody(hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("slow", on="token", seconds=0.5)

    async def main() -> list[Any]:
        async with hook.async_session():
            leader = asyncio.create_task(hook.aget_status("an-id"))
            await _auntil(lambda: emulator.calls.token == 1)
            waiters = [asyncio.create_task(hook.aget_status("an-id")) for _ in range(10)]
            await asyncio.sleep(0.05)
            for waiter in waiters[::2]:
                waiter.cancel()
            return await asyncio.gather(leader, *waiters, return_exceptions=True)

    leader, *waiters = asyncio.run(main())
    assert str(leader) == "NotExist"
    assert all(isinstance(waiter, asyncio.CancelledError) for waiter in waiters[::2])
    assert [str(waiter) for waiter in waiters[1::2]] == ["NotExist"] * 5
    assert emulator.calls.token == 1


def test_a_loop_that_ends_hands_over_to_a_thread(hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("slow", on="token", seconds=5)
    status: list[str] = []
    thread = threading.Thread(target=lambda: status.append(AsposeOcrHook().get_status("an-id")), daemon=True)

    async def main() -> None:
        leader = asyncio.create_task(hook.aget_status("an-id"))
        await _auntil(lambda: emulator.calls.token == 1)
        thread.start()
        assert not leader.done()

    asyncio.run(main())
    thread.join(4)
    assert status == ["NotExist"]
    assert emulator.calls.token == 2


class _Desk:
    """Gives out numbered tokens and accepts those that are not revoked."""

    def __init__(self) -> None:
        self.given = 0
        self.revoked: set[str] = set()

    def __call__(self, seen: Seen) -> Reply | None:
        if seen.target == "/connect/token":
            self.given += 1
            return Reply(b'{"access_token": "token-%d", "expires_in": 3600}' % self.given)
        token = (seen.header("authorization") or "").removeprefix("Bearer ")
        return Reply(b"", 401) if token in self.revoked else None


@both_ways
def test_a_401_invalidates_only_the_token_that_failed(way: str, recorder: Recorder, connect: Connect) -> None:
    """A late 401 for the old token must not throw the new one away."""
    recorder.answer = desk = _Desk()
    late = connect(recorder.url)
    api = late.run_flow(lambda api: _returning(api))
    flow = api.status("an-id")
    with Client(connect(recorder.url), way) as client:
        client.status("an-id")
        next(flow)
        request = flow.send("token-1")
        assert request.token == "token-1"
        desk.revoked.add("token-1")
        client.status("an-id")
        assert desk.given == 2
        # The late one comes back only now, and asks for a token in place of the first.
        need = flow.send(HttpResponse(401, {}, b""))
        assert need == NeedToken(stale="token-1")
        assert client.flow(lambda api: _token(need)) == "token-2"
    assert desk.given == 2


def _returning(api: Any) -> Any:
    return api
    yield


def _token(need: Any) -> Any:
    return (yield need)


@both_ways
def test_second_401_is_the_end(way: str, recorder: Recorder, connect: Connect) -> None:
    recorder.answer = desk = _Desk()
    desk.revoked |= {"token-1", "token-2"}
    with Client(connect(recorder.url), way) as client, pytest.raises(AsposeOcrAuthError) as caught:
        client.status("an-id")
    assert (caught.value.status, desk.given, client.hook.api_calls) == (401, 2, 2)


def test_wrong_credentials_reach_every_waiter_by_one_call(
    recorder: Recorder, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = threading.Semaphore(0)

    def counted(ask: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **more: Any) -> Any:
            asking.release()
            return ask(*args, **more)

        return count

    def refuse_when_all_are_waiting(seen: Seen) -> Reply:
        # Who comes after the answer rightly asks anew.
        for _ in range(50 + THREADS):
            assert asking.acquire(timeout=20)
        time.sleep(0.1)
        return Reply(b'{"error": "invalid_client"}', 400)

    monkeypatch.setattr(drivers, "get_token", counted(auth.get_token))
    recorder.answer = refuse_when_all_are_waiting
    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = asyncio.run(_ask_many(connect(recorder.url), 50, pool))
    assert len(outcomes) == 50 + THREADS
    assert {type(outcome) for outcome in outcomes} == {AsposeOcrAuthError}
    assert [seen.target for seen in recorder.requests] == ["/connect/token"]


@both_ways
def test_wrong_credentials_are_not_repeated(way: str, emulator: Emulator, connect: Connect) -> None:
    with Client(connect(emulator.url, password="wrong"), way) as client:
        with pytest.raises(AsposeOcrAuthError, match="Client ID or the Client secret was rejected") as caught:
            client.submit()
        assert not caught.value.retryable
    assert (emulator.calls.token, emulator.calls.billed) == (1, 0)


@both_ways
def test_a_corrected_secret_works_at_once(way: str, emulator: Emulator, connect: Connect) -> None:
    for _ in range(2):
        with (
            Client(connect(emulator.url, password="wrong"), way) as client,
            pytest.raises(AsposeOcrAuthError),
        ):
            client.submit()
    with Client(connect(emulator.url), way) as client:
        assert client.submit()


@both_ways
def test_short_lived_token_is_renewed_before_use(way: str, emulator: Emulator) -> None:
    emulator.options.token_lifetime = 2
    with Client(AsposeOcrHook(), way) as client:
        client.status("an-id")
        until(lambda: client.status("an-id") and emulator.calls.token == 2)
    assert {entry.status for entry in emulator.transcript} == {200}


def _in_child(work: Callable[[], str]) -> str:
    """Do something in a forked child and return what it says; a child that hangs is killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = work()
        except BaseException as error:
            said = repr(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    try:
        ready = select.select([reader], [], [], 15)[0]
        return os.read(reader, 4096).decode() if ready else "hangs"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)


@both_ways
def test_forked_child_asks_for_its_own_token(way: str, emulator: Emulator) -> None:
    parents, childs = AsposeOcrHook(), AsposeOcrHook()
    parents.get_status("an-id")
    # The connection is looked up here: Airflow does that for coroutines in a thread that no child has.
    childs.get_conn()

    def work() -> str:
        with Client(childs, way) as client:
            return client.status("an-id")

    assert _in_child(work) == "NotExist"
    assert emulator.calls.token == 2


def test_child_forked_while_a_thread_asks(emulator: Emulator) -> None:
    """The thread that asks does not live on in the child: to wait for it would be for ever."""
    emulator.inject("slow", on="token", seconds=1.5)
    thread = threading.Thread(target=lambda: AsposeOcrHook().get_status("an-id"), daemon=True)
    thread.start()
    until(lambda: emulator.calls.token == 1)
    assert _in_child(lambda: str(AsposeOcrHook().get_status("an-id"))) == "NotExist"
    thread.join(10)
    assert (emulator.calls.token, emulator.calls.status) == (2, 2)


def test_sync_call_on_the_loop_while_a_coroutine_asks(emulator: Emulator) -> None:
    """A sensor's hook may be used in a coroutine by mistake: slow, but no deadlock."""
    emulator.inject("slow", on="token", seconds=0.3)

    async def main() -> tuple[str, str]:
        asking = asyncio.create_task(AsposeOcrHook().aget_status("an-id"))
        await _auntil(lambda: emulator.calls.token == 1)
        here = AsposeOcrHook().get_status("an-id")
        return str(here), str(await asking)

    assert within(8, lambda: asyncio.run(main())) == ("NotExist", "NotExist")
    assert emulator.calls.token == 2


@both_ways
def test_failure_that_says_nothing_of_the_pair_is_not_kept(
    way: str, emulator: Emulator, hook: AsposeOcrHook
) -> None:
    emulator.inject("status", on="token", status=404)
    with Client(hook, way) as client:
        with pytest.raises(AsposeOcrRequestError):
            client.submit()
        assert client.submit()
    assert emulator.calls.token == 2


@both_ways
def test_rejected_pair_is_not_tried_by_other_processes(
    way: str, emulator: Emulator, connect: Connect
) -> None:
    with Client(connect(emulator.url, password="wrong"), "sync") as client, pytest.raises(AsposeOcrAuthError):
        client.submit()
    childs = connect(emulator.url, password="wrong")
    childs.get_conn()

    def work() -> str:
        with Client(childs, way) as client:
            client.submit()
        return "signed in"

    assert "rejected a short while ago" in _in_child(work)
    assert emulator.calls.token == 1


def test_a_token_that_is_there_is_given_without_asking() -> None:
    """A flow that has one ends without a step."""
    account, another = (ConnectionConfig(client_id=name, client_secret="secret") for name in ("one", "two"))

    def begun(config: ConnectionConfig, stale: str | None = None) -> Flow[str] | str:
        flow = auth.get_token(config, NeedToken(stale))
        try:
            return flow if next(flow) else ""
        except StopIteration as stop:
            return str(stop.value)

    first = begun(account)
    assert not isinstance(first, str)
    request = first.send(None)
    assert isinstance(request, HttpRequest)
    with pytest.raises(StopIteration) as given:
        first.send(HttpResponse(200, {}, b'{"access_token": "token-1", "expires_in": 1}'))
    assert given.value.value == "token-1"
    assert begun(account) == "token-1"
    for flow in (begun(account, "token-1"), begun(another)):
        assert not isinstance(flow, str)
        flow.close()
    until(lambda: not isinstance(begun(account), str))
