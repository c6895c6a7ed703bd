"""Tokens: one per process and pair of credentials, asked for once however many need it at once.

Threads and event loops wait for the same :class:`concurrent.futures.Future`. Whoever finds no good token
leads: it makes the one call, the others take what comes of it.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field

from airflow_provider_asposeocr.api.exceptions import AsposeOcrConnectionError, AsposeOcrError
from airflow_provider_asposeocr.api.http import Token


@dataclass(slots=True)
class _Slot:
    token: Token | None = None
    asking: Future[Token] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def good(self, stale: str | None) -> Token | None:
        """The token that is kept, unless it was refused or has expired."""
        token = self.token
        return token if token and token.value != stale and token.expires_at > time.time() else None

    def claim(self, stale: str | None) -> Token | tuple[Future[Token], bool]:
        """A good token, or the future to wait for and whether the caller leads."""
        with self.lock:
            if token := self.good(stale):
                return token
            if self.asking is not None:
                return self.asking, False
            self.token = None
            self.asking = Future()
            return self.asking, True

    def settle(self, asking: Future[Token], token: Token | None, error: BaseException | None) -> None:
        with self.lock:
            self.asking = None
            self.token = token
        if token is not None:
            asking.set_result(token)
        elif isinstance(error, Exception):
            asking.set_exception(error)
        else:
            # The leader was cancelled, killed or out of time, which says nothing of the pair: another leads.
            asking.cancel()
            asking.set_running_or_notify_cancel()


_slots: dict[str, _Slot] = {}
_slots_lock = threading.Lock()


def _slot(key: str) -> _Slot:
    with _slots_lock:
        return _slots.setdefault(key, _Slot())


def forget_all() -> None:
    """Forget every token, as a forked child must: the thread that was asking does not live on in it."""
    global _slots_lock
    _slots_lock = threading.Lock()
    _slots.clear()


os.register_at_fork(after_in_child=forget_all)


def kept_token(key: str, stale: str | None) -> str | None:
    """A good token if there is one, without a call and without waiting.

    :param key: what the token is kept under.
    :param stale: a token that was refused.
    """
    slot = _slots.get(key)
    token = slot.good(stale) if slot else None
    return token.value if token else None


def get_token(key: str, stale: str | None, until: float, sign_in: Callable[[float], Token]) -> str:
    """Get a good token, for synchronous callers.

    :param key: what the token is kept under.
    :param stale: a token that was refused.
    :param until: when to give up, seconds since the epoch.
    :param sign_in: makes the call; it is given ``until``.
    :raises AsposeOcrConnectionError: if the sign-in of somebody else does not end before that.
    """
    slot = _slot(key)
    while True:
        claim = slot.claim(stale)
        if isinstance(claim, Token):
            return claim.value
        asking, leads = claim
        if not leads:
            if on_event_loop():
                # The leader may be a coroutine of this very thread, which could not go on while we wait.
                return sign_in(until).value
            try:
                return asking.result(_seconds(until)).value
            except CancelledError:
                continue
            except TimeoutError:
                raise _too_late() from None
        try:
            token = sign_in(until)
        except BaseException as error:
            slot.settle(asking, None, None if _ran_out(error, until) else error)
            raise
        slot.settle(asking, token, None)
        return token.value


async def aget_token(
    key: str, stale: str | None, until: float, sign_in: Callable[[float], Awaitable[Token]]
) -> str:
    """As :func:`get_token`, for coroutines."""
    slot = _slot(key)
    while True:
        claim = slot.claim(stale)
        if isinstance(claim, Token):
            return claim.value
        asking, leads = claim
        if not leads:
            try:
                # Shielded: one waiter that is cancelled must not cancel the future of all.
                async with asyncio.timeout(_seconds(until)):
                    return (await asyncio.shield(asyncio.wrap_future(asking))).value
            except TimeoutError:
                raise _too_late() from None
            except asyncio.CancelledError:
                if asking.cancelled() and not _being_cancelled():
                    continue
                raise
        try:
            token = await sign_in(until)
        except BaseException as error:
            slot.settle(asking, None, None if _ran_out(error, until) else error)
            raise
        slot.settle(asking, token, None)
        return token.value


def _seconds(until: float) -> float | None:
    return None if until == math.inf else max(0.0, until - time.time())


def _too_late() -> AsposeOcrConnectionError:
    return AsposeOcrConnectionError("sign in: no token came before the deadline")


def _ran_out(error: BaseException, until: float) -> bool:
    """Tell whether a leader ended for want of time, which says nothing to those who have more of it."""
    return isinstance(error, AsposeOcrError) and error.retryable and time.time() >= until


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def on_event_loop() -> bool:
    """Whether this thread runs an event loop, which must not wait for its own coroutines."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
