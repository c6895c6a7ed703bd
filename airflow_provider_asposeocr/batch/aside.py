"""An event loop in a thread of its own, so that signals find the main thread outside of it.

A signal handler that raises, as Airflow's alarm for ``execution_timeout`` does, may do so anywhere in the
main thread: inside an event loop the error could end up in some callback and be lost.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def run_aside(main: Callable[[], Coroutine[Any, Any, T]], interrupt: Callable[[], None]) -> T:
    """Run a coroutine on an event loop in another thread, and wait here for what it returns.

    :param main: makes the coroutine.
    :param interrupt: asks it to come to an end soon; called when a signal handler raises meanwhile. The
        error goes on when the coroutine has ended.
    """
    ended: Future[T] = Future()

    def run() -> None:
        try:
            ended.set_result(asyncio.run(main()))
        except BaseException as error:
            ended.set_exception(error)

    here = contextvars.copy_context()
    threading.Thread(target=here.run, args=(run,), name="asposeocr-batch", daemon=True).start()
    try:
        return ended.result()
    except BaseException:
        if not ended.done():
            interrupt()
            ended.exception()
        raise
