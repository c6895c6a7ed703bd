"""Emulator for tests: ``with Emulator() as emulator:`` runs a complete local service on a free port."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from airflow_provider_asposeocr.emulator.calls import Calls, TranscriptEntry
from airflow_provider_asposeocr.emulator.extra import extra_missing, require_ocr
from airflow_provider_asposeocr.emulator.faults import Fault
from airflow_provider_asposeocr.emulator.ocr_tasks import OcrTask
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.submission import Submission

try:
    # Starlette imports it only when the first form arrives, which would be too late to report it missing.
    import python_multipart  # noqa: F401

    from airflow_provider_asposeocr.emulator.app import EmulatorApp
    from airflow_provider_asposeocr.emulator.server import ServerThread
    from airflow_provider_asposeocr.emulator.state import EmulatorState
except ImportError as error:
    raise extra_missing(error) from error

CONNECTION_VARIABLE = "AIRFLOW_CONN_ASPOSEOCR_DEFAULT"
"""Environment variable that defines the Airflow connection ``asposeocr_default``."""


class Emulator:
    """Run a local Aspose.OCR Cloud in a thread of this process.

    :param port: the port to listen on; 0 picks a free one.
    :param host: the address to listen on.
    :param options: any option of :class:`EmulatorOptions`, by its name.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1", **options: Any) -> None:
        self.options = EmulatorOptions(**options)
        self._address = (host, port)
        self._state: EmulatorState | None = None
        self._server: ServerThread | None = None

    def __enter__(self) -> Self:
        """Start serving."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving."""
        self.stop()

    def start(self) -> None:
        """Start serving; return once requests are answered.

        :raises ImportError: if it is to recognize images and the libraries for that are missing.
        :raises OSError: if the address or the state directory cannot be used.
        """
        if not self.options.scripted:
            require_ocr()
        state = EmulatorState(self.options)
        try:
            state.start()
            server = ServerThread(EmulatorApp(state), *self._address)
        except BaseException:
            state.close()
            raise
        server.start()
        self._state, self._server = state, server

    def stop(self) -> None:
        """Stop serving and end all threads and processes, whatever they are doing."""
        if self._server and self._state:
            self._server.stop()
            self._state.close()
            self._server = None

    @property
    def url(self) -> str:
        """Base address, such as ``http://127.0.0.1:43210``."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return f"http://{self._server.host}:{self._server.port}"

    @property
    def client_id(self) -> str:
        """Accepted client id."""
        return self.options.client_id

    @property
    def client_secret(self) -> str:
        """Accepted client secret."""
        return self.options.client_secret

    @property
    def calls(self) -> Calls:
        """Number of calls that arrived, by kind and by OCR task."""
        return self._running.calls

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token granted so far, so that a test can search the logs of a client for them."""
        return self._running.tokens.granted

    @property
    def submissions(self) -> list[Submission]:
        """Submissions, oldest first."""
        return self._running.submissions.to_list()

    @property
    def transcript(self) -> list[TranscriptEntry]:
        """Requests, oldest first."""
        return self._running.transcript.to_list()

    @property
    def ocr_tasks(self) -> dict[str, OcrTask]:
        """Known OCR tasks by id."""
        return {ocr_task.ocr_task_id: ocr_task for ocr_task in self._running.ocr_tasks.snapshot()}

    def inject(self, fault: Fault | str, on: str | Sequence[str] = "any", **arguments: Any) -> None:
        """Inject a fault.

        :param fault: a rule, or the kind of one.
        :param on: the kinds of calls it applies to, if ``fault`` is a kind.
        :param arguments: further arguments of :class:`Fault`, if ``fault`` is a kind.
        """
        self._running.faults.add(fault if isinstance(fault, Fault) else Fault(fault, on, **arguments))

    def clear_faults(self) -> None:
        """Remove all injected faults."""
        self._running.faults.clear()

    def expire_tokens(self) -> None:
        """Invalidate every token granted so far."""
        self._running.tokens.expire_all()

    def forget_ocr_tasks(self) -> None:
        """Forget all OCR tasks, as the service does after their retention."""
        self._running.ocr_tasks.clear()

    def reset(self) -> None:
        """Forget OCR tasks, tokens, faults, counters and transcript; keep the options."""
        self._running.reset()

    def connection_json(self) -> str:
        """Return the Airflow connection to this emulator as JSON, for :data:`CONNECTION_VARIABLE`."""
        return json.dumps(
            {
                "conn_type": "asposeocr",
                "host": self.url,
                "login": self.client_id,
                "password": self.client_secret,
            }
        )

    def connection_uri(self) -> str:
        """Return the Airflow connection to this emulator as a URI."""
        login, password = (urllib.parse.quote(part, safe="") for part in (self.client_id, self.client_secret))
        scheme, _, address = self.url.partition("://")
        return f"asposeocr://{login}:{password}@{scheme}%3A%2F%2F{address}"

    @property
    def _running(self) -> EmulatorState:
        if self._state is None:
            raise RuntimeError("the emulator has not been started")
        return self._state
