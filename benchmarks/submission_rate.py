"""Measure how many scripted submissions a second the emulator takes, by how many OCR tasks it knows.

Run it as ``python -m benchmarks.submission_rate``. The emulator is a process of its own, the client
another one with several connections. The exit status is 1 when the rate at the largest number of OCR tasks is
too low.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
import urllib.parse
from collections.abc import Sequence

from tests.emulator.client import API
from tests.emulator.process import start_emulator

KNOWN_OCR_TASKS = (1_000, 10_000, 50_000)
MIN_RATE = 500.0
_CONNECTIONS = 4
_BATCH = 2_000
_SETTINGS = {"language": "English", "resultType": "Text", "makeSkewCorrect": True, "Rotate": 0}
_BODY = json.dumps({"image": "aW1hZ2U=", "settings": _SETTINGS}).encode()


class Submitters:
    """Connections that are kept, each with a thread that submits.

    :param url: the base address of the emulator.
    """

    def __init__(self, url: str) -> None:
        self._address = url.removeprefix("http://")
        self._connections = [http.client.HTTPConnection(self._address) for _ in range(_CONNECTIONS)]
        self._headers = {
            "Authorization": f"Bearer {self._sign_in()}",
            "Accept": "text/plain",
            "Content-Type": "application/json",
        }
        self.submitted = 0

    def submit(self, count: int) -> float:
        """Submit over all connections at once; return how many a second were taken."""
        failures: list[object] = []
        share = count // _CONNECTIONS
        threads = [
            threading.Thread(target=self._submit, args=(connection, share, failures))
            for connection in self._connections
        ]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise RuntimeError(f"a submission was not taken: {failures[0]}")
        self.submitted += share * _CONNECTIONS
        return share * _CONNECTIONS / (time.perf_counter() - started)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    def _submit(self, connection: http.client.HTTPConnection, count: int, failures: list[object]) -> None:
        try:
            for _ in range(count):
                connection.request("POST", f"{API}RecognizeImage", _BODY, self._headers)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    failures.append((answer.status, body))
                    return
        except OSError as error:
            failures.append(error)

    def _sign_in(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": "emulator-client-id",
            "client_secret": "emulator-client-secret",
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection = http.client.HTTPConnection(self._address)
        connection.request("POST", "/connect/token", urllib.parse.urlencode(form), headers)
        token = json.load(connection.getresponse())["access_token"]
        connection.close()
        return str(token)


def measure(known: Sequence[int]) -> dict[int, float]:
    """Return the rates, in submissions a second, by the number of OCR tasks known at the beginning."""
    process, url = start_emulator("--no-ocr")
    try:
        submitters = Submitters(url)
        rates = {}
        for count in known:
            while submitters.submitted < count:
                submitters.submit(min(_BATCH, count - submitters.submitted))
            rates[count] = submitters.submit(_BATCH)
            print(f"{count:>7,} known OCR tasks: {rates[count]:>6,.0f} submissions/s", flush=True)
        submitters.close()
        return rates
    finally:
        process.terminate()
        process.communicate()


def main() -> int:
    """Measure, print and judge.

    :return: the exit status.
    """
    rate = measure(KNOWN_OCR_TASKS)[KNOWN_OCR_TASKS[-1]]
    if rate >= MIN_RATE:
        return 0
    print(f"Too slow: at least {MIN_RATE:,.0f} submissions/s are wanted.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
