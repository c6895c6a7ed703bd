"""``Emulator``: imports, start and stop, and the connection for Airflow."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API, Client

HEAVY = ("cv2", "rapidocr", "onnxruntime", "numpy", "PIL", "reportlab", "airflow")


def test_scripted_mode_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "import airflow_provider_asposeocr.emulator\n"
        "assert not [m for m in sys.modules if m.startswith(('starlette', 'uvicorn'))]\n"
        "from airflow_provider_asposeocr.emulator.testing import Emulator\n"
        "with Emulator(ocr=False): pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_stop_is_quick_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    emulator = Emulator(ocr=False, service_seconds=1000, block_get_seconds=1000)
    emulator.start()
    address = ("127.0.0.1", int(emulator.url.rpartition(":")[2]))
    with (
        Client(emulator) as client,
        socket.create_connection(address) as idle,
        socket.create_connection(address) as busy,
    ):
        idle.sendall(b"GET / HT")
        ocr_task_id = client.submit()
        token = client.session.headers["Authorization"]
        request = f"GET {API}RecognizeImage?id={ocr_task_id} HTTP/1.1\r\nHost: x\r\n"
        busy.sendall(f"{request}Authorization: {token!s}\r\n\r\n".encode())
        _wait_for(lambda: emulator.calls.poll == 1)
        started = time.monotonic()
        emulator.stop()
        assert time.monotonic() - started < 1
        assert set(threading.enumerate()) == before


def test_stopping_twice_and_reading_afterwards() -> None:
    emulator = Emulator(ocr=False)
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url
    with emulator, Client(emulator) as client:
        client.submit()
    emulator.stop()
    assert emulator.calls.submit == 1


def test_the_connection_of_airflow(emulator: Emulator) -> None:
    assert '"conn_type": "asposeocr"' in emulator.connection_json()
    assert emulator.connection_uri().startswith(
        "asposeocr://emulator-client-id:emulator-client-secret@http%3A"
    )


def _wait_for(condition: object) -> None:
    assert callable(condition)
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
