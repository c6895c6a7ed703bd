"""Uploads: bodies in any pieces, hashed in flat memory."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.emulator.uploads import (
    Base64Decoder,
    EnvelopeScanner,
    FileSink,
    UploadError,
    read_json_upload,
)
from tests.emulator.client import API, Client
from tests.emulator.process import start_emulator

MIB = 1 << 20


def scan(body: bytes, cuts: list[int]) -> tuple[FileSink, dict[str, object]]:
    """Scan a body that arrives in pieces."""
    sink = FileSink(None)
    scanner = EnvelopeScanner(Base64Decoder(sink))
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, end in itertools.pairwise(edges):
        scanner.feed(body[start:end])
    return sink, scanner.close()


@settings(deadline=None)
@given(
    image=st.binary(max_size=200),
    others=st.dictionaries(
        st.text(max_size=8).filter(lambda key: key.lower() != "image"),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=12), lambda inner: st.lists(inner, max_size=3)
        ),
        max_size=3,
    ),
    place=st.integers(0, 3),
    cuts=st.lists(st.integers(0, 600), max_size=8),
    ascii_only=st.booleans(),
)
def test_any_body_in_any_pieces(
    image: bytes, others: dict[str, object], place: int, cuts: list[int], ascii_only: bool
) -> None:
    members = list(others.items())
    members.insert(place, ("Image", base64.b64encode(image).decode()))
    body = json.dumps(dict(members), ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    sink, rest = scan(body, cuts)
    assert (sink.sha256, sink.size) == (hashlib.sha256(image).hexdigest(), len(image))
    assert rest == others


@settings(deadline=None)
@given(image=st.binary(max_size=60), cuts=st.lists(st.integers(0, 600), max_size=8))
def test_a_wholly_escaped_image(image: bytes, cuts: list[int]) -> None:
    escaped = "".join(f"\\u{ord(character):04X}" for character in base64.b64encode(image).decode())
    sink, _ = scan(f'{{"image":"{escaped}"}}'.encode(), cuts)
    assert sink.size == len(image)


def test_a_nested_image_is_not_the_image() -> None:
    sink, rest = scan(b'{"settings": {"image": "####"}, "list": [{"image": "#"}]}', [])
    assert (sink.size, rest["settings"]) == (0, {"image": "####"})


def test_a_large_envelope_is_refused() -> None:
    with pytest.raises(UploadError, match="too large beside its image"):
        scan(b'{"settings": "' + b"x" * 2 * MIB, [])


def test_nothing_is_kept_of_a_failed_upload(tmp_path: Path) -> None:
    with Emulator(state_dir=tmp_path) as emulator, Client(emulator) as client:
        assert client.call("POST", API + "RecognizeImage", data=b'{"image": "aW1h", "x').status_code == 400
        assert list(tmp_path.iterdir()) == []


def test_a_broken_off_upload_leaves_nothing(emulator: Emulator, client: Client) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"image": "aW1h'
        raise RuntimeError("the client fails")

    with pytest.raises(RuntimeError):
        client.call("POST", API + "RecognizeImage", data=body())
    assert client.post().status_code == 200
    assert len(emulator.submissions) == 1


@pytest.mark.parametrize("form", ["json", "multipart"])
def test_large_uploads_are_hashed_in_flat_memory(form: str) -> None:
    # The clients of this process would hide the emulator's own memory: it gets one of its own.
    chunk = os.urandom(3 * MIB // 4)
    digest = hashlib.sha256(chunk * 80).hexdigest()
    with ServerProcess() as server:
        server.upload(form, chunk, 1)
        before = server.peak_memory()
        ocr_task_id = server.upload(form, chunk, 80)
        assert server.peak_memory() - before < 12 * MIB
        assert server.submission(ocr_task_id) == {"sha256": digest, "size": 80 * len(chunk)}


class ServerProcess:
    """Run the emulator in a process of its own, discarding uploads."""

    def __enter__(self) -> ServerProcess:
        self.process, self.url = start_emulator()
        requests.post(self.url + "/_emulator/options", json={"discard": True}, timeout=10).raise_for_status()
        form = {
            "grant_type": "client_credentials",
            "client_id": "emulator-client-id",
            "client_secret": "emulator-client-secret",
        }
        token = requests.post(self.url + "/connect/token", data=form, timeout=10).json()["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=10)

    def upload(self, form: str, chunk: bytes, count: int) -> str:
        """Send so many chunks as one file."""
        if form == "json":
            path, kind = "RecognizeImage", "application/json"
            pieces = [b'{"settings":{},"image":"', *[base64.b64encode(chunk)] * count, b'"}']
        else:
            path, kind = "ImageProcessing/PostBinarizationFile", "multipart/form-data; boundary=edge"
            head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
            pieces = [head, *[chunk] * count, b"\r\n--edge--\r\n"]
        headers = {**self.headers, "Content-Type": kind}
        answer = requests.post(self.url + API + path, data=iter(pieces), headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.text

    def peak_memory(self) -> int:
        """Return the most memory that the process has had so far, in bytes."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def submission(self, ocr_task_id: str) -> dict[str, object]:
        """Return what the emulator noted of a task."""
        ocr_tasks = requests.get(self.url + "/_emulator/ocr-tasks", timeout=10).json()
        ocr_task = next(ocr_task for ocr_task in ocr_tasks if ocr_task["ocr_task_id"] == ocr_task_id)
        return {"sha256": ocr_task["sha256"], "size": ocr_task["size"]}


@pytest.mark.parametrize(
    "body",
    [
        b'{"image": "aW1h", "settings": {"a": [' + b'"",' * 80_000 + b"1]}}",
        b'{"settings": {}, "image": "' + b"aW1h" * 500_000 + b'"}',
    ],
    ids=["beside the image", "in the image"],
)
def test_others_are_served_while_a_body_is_scanned(body: bytes) -> None:
    turns = 0

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def upload() -> None:
        other = asyncio.create_task(take_turns())
        await read_json_upload(Request({"type": "http", "headers": []}, receive), FileSink(None))
        other.cancel()

    asyncio.run(upload())
    assert turns > 25


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_escapes_in_any_pieces(size: int) -> None:
    image = base64.b64encode(bytes(range(256)) * 2).decode()
    body = ('{"image": "' + image.replace("/", "\\/").replace("+", "\\u002B") + '"}').encode()
    sink, _ = scan(body, list(range(0, len(body), size)))
    assert sink.sha256 == hashlib.sha256(bytes(range(256)) * 2).hexdigest()


@pytest.mark.parametrize(
    "escape", ["\\n", "\\t", "\\\\", '\\"', "\\u000a", "\\u0100", "\\ud800", "\\q", "\\u12", "\\"]
)
def test_other_escapes_are_no_base64(escape: str) -> None:
    body = ('{"image": "aW1h' + escape + 'aW1haW1h"}').encode()
    for size in (1, 1000):
        with pytest.raises(UploadError):
            scan(body, list(range(0, len(body), size)))
