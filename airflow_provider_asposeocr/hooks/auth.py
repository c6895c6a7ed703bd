"""Tokens: one per process and pair of credentials, asked for once however many need it at once.

Threads and event loops wait for the same :class:`concurrent.futures.Future`. Whoever finds no good token
leads: it makes the one call, the others take what comes of it. All of it is flows, as the calls are.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import IO

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrAuthError,
    AsposeOcrConnectionError,
    AsposeOcrError,
)
from airflow_provider_asposeocr.api.http import Flow, NeedToken, Token, WaitFor, Work
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.hooks import host
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig

log = logging.getLogger(__name__)

REMEMBERED = 600.0
"""Seconds for which a rejected pair is not tried again: as long as the service locks it out."""

MAX_WAIT = 60.0
"""Seconds that a process waits for others to sign in with the same pair."""

_ACCEPTED = 0.0
_CHARACTERS = 64
"""Characters that the memory of a pair takes, always the same: no reader finds a part of it."""

_in_process: dict[str, float] = {}
"""The memory of this process, for a host that cannot remember."""


_tokens: dict[str, Token | Future[Token | None]] = {}
"""The token of each pair, or what will come of the sign-in for it: None if another is to try."""
_lock = threading.Lock()


def forget_all() -> None:
    """Forget every token, as a forked child must: the thread that was asking does not live on in it."""
    global _lock
    _lock = threading.Lock()
    _tokens.clear()


os.register_at_fork(after_in_child=forget_all)


def get_token(config: ConnectionConfig, need: NeedToken, *, may_wait: bool = True) -> Flow[str]:
    """Get a good token: a kept one without a step, else from whoever signs in.

    :param config: the connection.
    :param need: the flow's request for it.
    :param may_wait: False where the one to wait for may be a coroutine of the waiting thread.
    :raises AsposeOcrConnectionError: if the sign-in of somebody else does not end in time.
    """
    key = config.token_key()
    while True:
        with _lock:
            kept = _tokens.get(key)
            if isinstance(kept, Token) and kept.value != need.stale and kept.expires_at > time.time():
                return kept.value
            leads = not isinstance(kept, Future)
            asked = _tokens[key] = kept if isinstance(kept, Future) else Future()
        token: Token | None
        if leads:
            signing_in = sign_in(config, need.until, may_wait=may_wait)
            token = yield from _lead(key, asked, signing_in, need.until)
        elif not may_wait:
            token = yield from sign_in(config, need.until, may_wait=False)
        else:
            try:
                token = yield WaitFor(asked, need.until)
            except TimeoutError:
                raise AsposeOcrConnectionError("sign in: no token came before the deadline") from None
        if token is not None:
            return token.value


def _lead(key: str, asked: Future[Token | None], signing_in: Flow[Token], until: float) -> Flow[Token]:
    """Sign in for all who wait."""
    token = failed = None
    try:
        token = yield from signing_in
        return token
    except Exception as error:
        # One that ran out of time says nothing to those who have more of it.
        ran_out = isinstance(error, AsposeOcrError) and error.retryable and time.time() >= until
        failed = None if ran_out else error
        raise
    finally:
        with _lock:
            _tokens.pop(key, None)
            if token is not None:
                _tokens[key] = token
        # Nor does one that was cancelled or killed.
        if failed is None:
            asked.set_result(token)
        else:
            asked.set_exception(failed)


def sign_in(config: ConnectionConfig, until: float = math.inf, *, may_wait: bool = True) -> Flow[Token]:
    """Ask for a token, whatever is kept.

    :param config: the connection.
    :param until: when to give up at the latest, seconds since the epoch.
    :param may_wait: whether other sign-ins on this host are waited for.
    :raises AsposeOcrAuthError: if the credentials are rejected, or were a short while ago on this host.
    """
    patience = min(MAX_WAIT, until - time.time()) if may_wait else 0.0
    with contextlib.ExitStack() as stack:
        yield Work(lambda: stack.enter_context(guarded(config.token_key(), patience)))
        return (yield from config.api(RetryPolicy(until=until)).token(*config.credentials()))


@contextlib.contextmanager
def guarded(key: str, patience: float = MAX_WAIT) -> Iterator[None]:
    """Surround a sign-in: one at a time on this host, and two once the pair has been accepted.

    The memory of a pair is a small file that holds no more than a time.

    :param key: names the pair without telling it: a hash of token URL, Client ID and secret.
    :param patience: seconds to wait for the sign-ins of other processes.
    :raises AsposeOcrAuthError: without a call, if the pair was rejected a short while ago.
    :raises AsposeOcrConnectionError: without a call, if those of others do not end.
    """
    with contextlib.ExitStack() as stack:
        files = _open(key, stack)
        memory = files[0] if files else None
        if files:
            # A single sign-in that hangs keeps nobody out.
            places = files if _read(key, memory) == _ACCEPTED else files[:1]
            place = _lock_one(places, patience) or _lock_one(files, 0.0)
            if place is None:
                raise AsposeOcrConnectionError(
                    "sign in: other processes of this host are signing in with the same Client ID, and "
                    f"did not come to an end within {max(0.0, patience):.0f} s"
                )
            stack.callback(host.unlock, place)
        remembered = _read(key, memory)
        left = (remembered or 0.0) - time.time()
        # A clock that was set back must not lock anyone out for longer than the service does.
        if 0 < left <= REMEMBERED:
            raise AsposeOcrAuthError(
                "sign in: the Client ID or the Client secret was rejected a short while ago on this host and "
                f"is not tried again for {left:.0f} s, since failures lock the pair. Correct the connection: "
                "another secret works at once"
            )
        try:
            yield
        except AsposeOcrAuthError as error:
            if error.status is not None:
                _write(key, memory, time.time() + REMEMBERED)
            raise
        if remembered != _ACCEPTED:
            _write(key, memory, _ACCEPTED)


def _open(key: str, stack: contextlib.ExitStack) -> list[IO[bytes]]:
    """Open the memory and another file to lock; return none where the host remembers nothing."""
    try:
        paths = [host.folder() / f"{key}.{ending}" for ending in ("json", "second")]
        return [stack.enter_context(host.open_shared(path)) for path in paths]
    except OSError as error:
        _warn_once(error.strerror or type(error).__name__)
        return []


@functools.cache
def _warn_once(reason: str) -> None:
    log.warning(
        "Rejected credentials are not remembered on this host (%s): processes with a wrong secret sign in "
        "each for itself, and the service locks the pair after five failures",
        reason,
    )


def _lock_one(places: list[IO[bytes]], patience: float) -> IO[bytes] | None:
    try:
        return host.lock_one(places, patience)
    except OSError as error:
        # Some network file systems know no locks.
        _warn_once(error.strerror or type(error).__name__)
        return places[0]


def _read(key: str, memory: IO[bytes] | None) -> float | None:
    if memory is None:
        return _in_process.get(key)
    try:
        # Past all buffers: others write meanwhile.
        return float(json.loads(os.pread(memory.fileno(), _CHARACTERS, 0))["rejected_until"])
    except (ValueError, KeyError, TypeError):
        return None


def _write(key: str, memory: IO[bytes] | None, until: float) -> None:
    if memory is None:
        _in_process[key] = until
        return
    try:
        os.pwrite(memory.fileno(), json.dumps({"rejected_until": until}).ljust(_CHARACTERS).encode(), 0)
    except OSError as error:
        _warn_once(error.strerror or type(error).__name__)
