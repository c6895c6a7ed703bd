"""The recognition process: it says once whether it can work, then answers one request after the other.

Requests come by standard input, answers go by standard output, each as a message of JSON. When its input ends
the process ends, in the middle of a page too: whoever started it is gone.
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

    :return: the exit status, :data:`EXIT_MISSING` when what the engine needs is not installed.
    """
    requests = _requests(Connection(os.dup(sys.stdin.fileno()), writable=False))
    answers = Connection(os.dup(sys.stdout.fileno()), readable=False)
    # Libraries print: that would corrupt the answers, and what they say of a file is nobody's business.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())
    os.dup2(silence, sys.stderr.fileno())
    try:
        # Not at the top: what is missing has to be reported.
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
