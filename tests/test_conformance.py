"""What client and emulator say to each other over real sockets, checked against the API's description."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import ValidationError

from airflow_provider_asposeocr.api.operations import OPERATIONS, Body, get_operation
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.description import Description, Exchange, decoded

REGION = {"rect": {"topLeftX": 1, "topLeftY": 2, "bottomRightX": 30, "bottomRightY": 40}, "order": 0}
EVERYTHING = {
    "language": "ukrainian",
    "rotate": 90,
    "dsr_mode": "craftpoly",
    "dsr_confidence": "high",
    "result_type": "textandpdf",
    "make_spell_check": "True",
}
SUBMITTING = [name for name, operation in OPERATIONS.items() if operation.submits]
SOURCES = {
    "pdf": b"%PDF-1.7\n",
    "djvu": b"AT&TFORM\0\0\0\0DJVU",
    "plain text": "Hello \u00e9 \u5b57".encode(),
}
SETTINGS = {
    "RecognizeRegions": {
        "regions": [
            {"rect": {"topLeftX": 0, "topLeftY": 0, "bottomRightX": 9, "bottomRightY": 9}, "order": 0}
        ]
    }
}
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class Wire:
    """A proxy between client and emulator that writes down everything."""

    url: str
    emulator: Emulator
    seen: list[Exchange] = field(default_factory=list)

    def calls(self, method: str) -> list[Exchange]:
        """Return the exchanges of a method, sign-ins apart."""
        return [one for one in self.seen if one.method == method and one.path != "/connect/token"]


@pytest.fixture
def wire(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Return the default connection leads through a recording proxy to the emulator."""
    upstream = urlsplit(emulator.url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            connection = HTTPConnection(upstream, timeout=10)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            reply = answer.read()
            connection.close()
            sent = {name.lower(): value for name, value in self.headers.items()}
            got = {name.lower(): value for name, value in answer.getheaders()}
            recorded.seen.append(Exchange(self.command, self.path, sent, body, answer.status, got, reply))
            self.send_response(answer.status)
            for name, value in got.items():
                if name not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_GET = do_POST = do_DELETE = _pass_on

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recorded = Wire(f"http://127.0.0.1:{server.server_port}", emulator)
    connection = json.loads(emulator.connection_json())
    monkeypatch.setenv("AIRFLOW_CONN_ASPOSEOCR_DEFAULT", json.dumps({**connection, "host": recorded.url}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield recorded
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def description(contract: Path) -> Description:
    """Return the API's description, read once."""
    return Description(yaml.load((contract / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader))


def talk(operation: str, source: Any, settings: Any, *, deferred: bool) -> str:
    """Submit, ask for status and results, and cancel: in a worker, or on an event loop."""
    hook = AsposeOcrHook()

    async def on_a_loop() -> str:
        async with hook.async_session():
            ocr_task_id = await hook.asubmit(operation, source, settings)
            await hook.aget_status(ocr_task_id)
            await hook.aget_task(operation, ocr_task_id)
            await hook.acancel(operation, ocr_task_id)
            return ocr_task_id

    if deferred:
        return asyncio.run(on_a_loop())
    ocr_task_id = hook.submit(operation, source, settings)
    hook.get_status(ocr_task_id)
    hook.get_task(operation, ocr_task_id)
    hook.cancel(operation, ocr_task_id)
    return ocr_task_id


@pytest.mark.parametrize("deferred", [False, True], ids=["requests", "aiohttp"])
@pytest.mark.parametrize("name", SUBMITTING)
def test_every_request_and_every_answer_is_as_described(
    name: str, deferred: bool, wire: Wire, png: bytes, description: Description
) -> None:
    operation = get_operation(name)
    source = SOURCES.get(operation.input_formats[0], png)
    ocr_task_id = talk(name, source, SETTINGS.get(name), deferred=deferred)
    for exchange in wire.seen:
        description.check_request(exchange)
        description.check_reply(exchange)
    (submitted,) = wire.calls("POST")
    assert submitted.path == f"/v5.0/ocr/{name}"
    payload = decoded(submitted)[operation.payload]
    if operation.body is Body.JSON_BASE64:
        assert base64.b64decode(payload, validate=True) == source
    elif operation.body is Body.JSON_TEXT:
        assert payload == source.decode()
    else:
        assert payload.encode("latin-1") == source
    status, fetched = wire.calls("GET")
    assert status.target == f"/v5.0/ocr/Utilities/GetTaskStatus?id={ocr_task_id}"
    assert fetched.target == f"/v5.0/ocr/{operation.fetch_path}?id={ocr_task_id}"
    assert [one.target for one in wire.calls("DELETE")] == (
        [f"/v5.0/ocr/{name}?id={ocr_task_id}"] if operation.cancellable else []
    )
    assert [one.path for one in wire.seen].count("/connect/token") == 1


@pytest.mark.parametrize("deferred", [False, True], ids=["requests", "aiohttp"])
def test_signing_in_is_as_described(deferred: bool, wire: Wire, description: Description) -> None:
    talk("BinarizeImage", b"GIF89a\1\0\1\0", None, deferred=deferred)
    signed_in = wire.seen[0]
    assert (signed_in.method, signed_in.target) == ("POST", "/connect/token")
    description.check_request(signed_in)
    description.check_reply(signed_in)
    assert decoded(signed_in) == {
        "grant_type": "client_credentials",
        "client_id": wire.emulator.client_id,
        "client_secret": wire.emulator.client_secret,
    }
    token = json.loads(signed_in.reply)["access_token"]
    assert {one.headers["authorization"] for one in wire.seen[1:]} == {f"Bearer {token}"}


@pytest.mark.parametrize("deferred", [False, True], ids=["requests", "aiohttp"])
def test_trial_calls_are_made_without_credentials(
    deferred: bool, wire: Wire, scan: Path, monkeypatch: pytest.MonkeyPatch, description: Description
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_ASPOSEOCR_DEFAULT", json.dumps({"conn_type": "asposeocr", "host": wire.url})
    )
    hook = AsposeOcrHook()

    async def on_a_loop() -> None:
        ocr_task_id = await hook.asubmit("RecognizeImageTrial", scan)
        await hook.aget_task("RecognizeImageTrial", ocr_task_id)

    if deferred:
        asyncio.run(on_a_loop())
    else:
        hook.get_task("RecognizeImageTrial", hook.submit("RecognizeImageTrial", scan))
    assert [one.method for one in wire.seen] == ["POST", "GET"]
    for exchange in wire.seen:
        description.check_request(exchange)
        description.check_reply(exchange)
        assert "authorization" not in exchange.headers


def test_both_drivers_send_the_same(wire: Wire, scan: Path) -> None:
    talk("RecognizeImage", scan, EVERYTHING, deferred=False)
    first, wire.seen = wire.seen, []
    talk("RecognizeImage", scan, EVERYTHING, deferred=True)
    shown = ("accept", "content-type", "content-length", "user-agent", "accept-encoding", "authorization")
    # The token is kept, so that the second time nobody signs in.
    for one, other in zip(first[1:], wire.seen, strict=True):
        assert (one.method, one.path, one.body) == (other.method, other.path, other.body)
        assert [one.headers.get(name) for name in shown] == [other.headers.get(name) for name in shown]


def test_the_vendor_spelling_of_every_setting_is_sent(
    wire: Wire, scan: Path, description: Description
) -> None:
    AsposeOcrHook().submit("RecognizeImage", scan, EVERYTHING)
    (submitted,) = wire.calls("POST")
    description.check_request(submitted)
    assert decoded(submitted)["settings"] == {
        "language": "Ukrainan",
        "makeSkewCorrect": True,
        "makeBinarization": False,
        "makeContrastCorrection": True,
        "makeUpsampling": False,
        "makeSpellCheck": True,
        "Rotate": 90,
        "dsrMode": "PolygonalTextDetector",
        "dsrConfidence": "High",
        "resultType": "TextAndPdf",
    }


def test_the_check_itself_finds_what_is_wrong(wire: Wire, scan: Path, description: Description) -> None:
    AsposeOcrHook().submit("RecognizeImage", scan, {"rotate": 90})
    (good,) = wire.calls("POST")
    description.check_request(good)
    body = json.loads(good.body)
    wrong_bodies = (
        {"image": body["image"]},
        {**body, "settings": {**body["settings"], "language": "Klingon"}},
        {**body, "settings": {**body["settings"], "makeBinarization": "False"}},
        {**body, "settings": {**body["settings"], "rotate": 90}},
        {**body, "settings": {**body["settings"], "novel": 1}},
    )
    for wrong in wrong_bodies:
        data = json.dumps(wrong).encode()
        headers = {**good.headers, "content-length": str(len(data))}
        exchange = Exchange("POST", good.target, headers, data, 200, good.reply_headers, good.reply)
        with pytest.raises((AssertionError, ValidationError)):
            description.check_request(exchange)
