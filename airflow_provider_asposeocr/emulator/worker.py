"""Recognition process: reports once whether its engine is loaded, then answers one request after another.

Requests arrive on standard input, answers go to standard output, each as a JSON message. When its input is
closed the process ends, even in the middle of a page: the emulator that started it is gone.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

from airflow_provider_asposeocr.emulator.limits import give_memory_back, limit_memory

EXIT_MISSING = 3


def main() -> int:
    """Work until standard input ends.

    :return: the exit status, :data:`EXIT_MISSING` if the engine cannot be loaded.
    """
    requests = _requests(Connection(os.dup(sys.stdin.fileno()), writable=False))
    answers = Connection(os.dup(sys.stdout.fileno()), readable=False)
    # Output of libraries would corrupt the answers, and must not reveal anything about a file.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())
    os.dup2(silence, sys.stderr.fileno())
    try:
        # Imported late, so that a missing module can be reported.
        from airflow_provider_asposeocr.emulator import engine, recognition

        engine.load_engine()
    except Exception as error:
        _send(answers, {"missing": f"{type(error).__name__}: {error}"})
        return EXIT_MISSING
    limit_memory()
    _send(answers, {"missing": None})
    for request in requests:
        _send(answers, asdict(recognition.work(request)))
        give_memory_back()
    return 0


def _requests(source: Connection) -> Iterator[Any]:
    received: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def receive() -> None:
        while True:
            try:
                received.put(source.recv_bytes())
            except EOFError:
                os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    while True:
        yield json.loads(received.get())


def _send(answers: Connection, message: dict[str, Any]) -> None:
    answers.send_bytes(json.dumps(message).encode())


if __name__ == "__main__":
    sys.exit(main())
