"""Tokens: one per process and pair of credentials, asked for once however many need it at once.

Threads and event loops wait for the same :class:`concurrent.futures.Future`. Whoever finds no good token
leads: it makes the one call, the others take what comes of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import io
import json
import logging
import math
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrConnectionError,
    AsposeOcrError,
)
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


log = logging.getLogger(__name__)

REMEMBERED = 600.0
"""Seconds for which a rejected pair is not tried again: as long as the service locks it out."""

MAX_WAIT = 60.0
"""Seconds that a process waits for others to sign in with the same pair."""

_ACCEPTED = 0.0
_CHARACTERS = 64
"""Characters that the memory of a pair takes, always the same: no reader finds a part of it."""

_in_process: dict[str, io.StringIO] = {}
"""What this process remembers where the host cannot."""


class Rejection:
    """The memory of one pair of credentials: a small file that holds no more than a time.

    :param key: names the pair without telling it: a hash of token URL, Client ID and secret.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    @contextlib.contextmanager
    def guard(self, patience: float = MAX_WAIT) -> Iterator[None]:
        """Surround a sign-in: one at a time on this host, and two once the pair has been accepted.

        :param patience: seconds to wait for the sign-ins of other processes.
        :raises AsposeOcrAuthError: without a call, if the pair was rejected a short while ago.
        :raises AsposeOcrConnectionError: without a call, if those of others do not end.
        """
        with contextlib.ExitStack() as stack:
            memory, *places = self._open(stack)
            if places:
                accepted = _read(memory) == _ACCEPTED
                # A single sign-in that hangs keeps nobody out.
                place = _lock(places if accepted else places[:1], patience) or _lock(places, 0.0)
                if place is None:
                    raise AsposeOcrConnectionError(
                        "sign in: other processes of this host are signing in with the same Client ID, and "
                        f"did not come to an end within {max(0.0, patience):.0f} s"
                    )
                stack.callback(_unlock, place)
            accepted = _read(memory) == _ACCEPTED
            _refuse_until(_read(memory))
            try:
                yield
            except AsposeOcrAuthError as error:
                if error.status is not None:
                    _write(memory, time.time() + REMEMBERED)
                raise
            if not accepted:
                _write(memory, _ACCEPTED)

    @contextlib.asynccontextmanager
    async def aguard(self, patience: float = MAX_WAIT) -> AsyncIterator[None]:
        """As :meth:`guard`, waiting for other processes off the event loop."""
        guard = self.guard(patience)
        await asyncio.to_thread(guard.__enter__)
        try:
            yield
        except BaseException as error:
            guard.__exit__(type(error), error, error.__traceback__)
            raise
        guard.__exit__(None, None, None)

    def _open(self, stack: contextlib.ExitStack) -> list[IO[str]]:
        """The memory, and the files to lock, of which there are none where the host remembers nothing."""
        try:
            folder = _folder()
            memory = stack.enter_context(_opened(folder / f"{self._key}.json"))
            return [memory, memory, stack.enter_context(_opened(folder / f"{self._key}.second"))]
        except OSError as error:
            _warn_once(error.strerror or type(error).__name__)
            return [_in_process.setdefault(self._key, io.StringIO())]


@functools.cache
def _warn_once(reason: str) -> None:
    log.warning(
        "Rejected credentials are not remembered on this host (%s): processes with a wrong secret sign in "
        "each for itself, and the service locks the pair after five failures",
        reason,
    )


def _folder() -> Path:
    """A folder of this user alone.

    :raises OSError: if another user has made it first.
    """
    folder = Path(tempfile.gettempdir()) / f"asposeocr-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(1, "the folder belongs to another user or is open to others")
    return folder


def _opened(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")


def _lock(places: list[IO[str]], patience: float) -> IO[str] | None:
    """Lock one of several files and return it, or None; never wait for ever.

    A holder that dies loses its lock, but a child that it has forked may live on and hold it, too.
    """
    end = time.monotonic() + patience
    while True:
        for place in places:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            except OSError as error:
                # Some network file systems know no locks.
                _warn_once(error.strerror or type(error).__name__)
            return place
        if time.monotonic() >= end:
            return None
        time.sleep(0.02)


def _unlock(place: IO[str]) -> None:
    # Closing would not do: a child forked meanwhile holds the same lock by its own handle.
    with contextlib.suppress(OSError):
        fcntl.flock(place, fcntl.LOCK_UN)


def _refuse_until(until: float | None) -> None:
    left = (until or 0.0) - time.time()
    # A clock that was set back must not lock anyone out for longer than the service does.
    if 0 < left <= REMEMBERED:
        raise AsposeOcrAuthError(
            "sign in: the Client ID or the Client secret was rejected a short while ago on this host and is "
            f"not tried again for {left:.0f} s, since failures lock the pair. Correct the connection: "
            "another secret works at once"
        )


def _read(memory: IO[str]) -> float | None:
    # Past all buffers: others write meanwhile.
    if isinstance(memory, io.StringIO):
        data: str | bytes = memory.getvalue()
    else:
        data = os.pread(memory.fileno(), _CHARACTERS, 0)
    try:
        return float(json.loads(data)["rejected_until"])
    except (ValueError, KeyError, TypeError):
        return None


def _write(memory: IO[str], until: float) -> None:
    text = json.dumps({"rejected_until": until}).ljust(_CHARACTERS)
    if isinstance(memory, io.StringIO):
        memory.seek(0)
        memory.write(text)
        return
    try:
        os.pwrite(memory.fileno(), text.encode(), 0)
    except OSError as error:
        _warn_once(error.strerror or type(error).__name__)
