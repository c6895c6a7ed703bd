"""Handle of a recognition process: starts it, asks it with a timeout, and can end it at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

_COMMAND = (sys.executable, "-P", "-m", "airflow_provider_asposeocr.emulator.worker")
_MAX_START_SECONDS = 120.0
_EXIT_SECONDS = 1.0


class ProcessEndedError(Exception):
    """Raised when the process ended instead of answering."""


class ProcessNotAskedError(Exception):
    """Raised when the process had ended before it was asked."""


class ProcessTimeoutError(Exception):
    """Raised when the process did not answer in time."""


class RecognitionProcess:
    """Own one recognition process from its start to its end."""

    def __init__(self) -> None:
        # The process must find the same modules as this one, whatever put them on the path.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            # Ctrl-C in a terminal is meant for the emulator, which ends this process itself.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = Connection(os.dup(self._process.stdin.fileno()), readable=False)
        self._answers = Connection(os.dup(self._process.stdout.fileno()), writable=False)
        self._has_ended = False
        self._process.stdin.close()
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def wait_until_ready(self) -> str | None:
        """Wait until the engine is loaded.

        :return: the reason why it cannot be loaded; None once the process is ready.
        """
        missing: str | None = self._receive(_MAX_START_SECONDS)["missing"]
        return missing

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Let the process work on one OCR task and return its outcome.

        :param request: the OCR task.
        :param seconds: the maximum duration.
        :raises ProcessNotAskedError: if the process had ended before.
        :raises ProcessEndedError: if it ends without an answer.
        :raises ProcessTimeoutError: if it takes too long.
        """
        self.send(request)
        return self._receive(seconds)

    def send(self, request: Mapping[str, Any]) -> None:
        """Send an OCR task without waiting for the answer."""
        try:
            self._requests.send_bytes(json.dumps(request).encode())
        except OSError as error:
            self._has_ended = True
            raise ProcessNotAskedError from error

    def close(self) -> None:
        """Close the input of the process, upon which it ends by itself, whatever it is doing."""
        self._requests.close()

    def kill(self) -> None:
        """Kill the process; a thread that waits for its answer gets :class:`ProcessEndedError`."""
        self._process.kill()

    def end(self) -> str:
        """End the process, whether or not it is alive, and release its resources.

        :return: how it ended, for a message.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            # A process that has closed its end of the pipe is about to exit with its own status.
            self._process.wait(_EXIT_SECONDS if self._has_ended else 0)
        self._process.kill()
        status = self._process.wait()
        self._requests.close()
        self._answers.close()
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    def _receive(self, seconds: float) -> dict[str, Any]:
        try:
            if not self._answers.poll(seconds):
                raise ProcessTimeoutError
            return dict(json.loads(self._answers.recv_bytes()))
        except (EOFError, OSError) as error:
            self._has_ended = True
            raise ProcessEndedError from error
