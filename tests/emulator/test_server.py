"""Server: ports and kept-alive connections."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client


def test_many_requests_reuse_a_connection_quickly(client: Client) -> None:
    ocr_task_id = client.submit()
    elapsed = sum(client.get(ocr_task_id).elapsed.total_seconds() for _ in range(50))
    assert elapsed < 1.0  # a delayed acknowledgement alone would cost 2 s


def test_a_port_in_use_is_an_error(emulator: Emulator) -> None:
    with pytest.raises(OSError, match="in use"):
        Emulator(port=int(emulator.url.rpartition(":")[2]), ocr=False).start()
    assert requests.get(emulator.url + "/_emulator/health", timeout=5).ok
