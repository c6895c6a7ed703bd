"""What arrives is what was sent, also on the second attempt; and a source that changes is not sent."""

from __future__ import annotations

import hashlib
import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrRequestError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.settings import wire_settings
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files.body import CHUNK, make_body
from airflow_provider_asposeocr.files.source import open_source
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

from .support import OPERATION, Client, both_ways, within

MULTIPART = "ImageProcessing/PostBinarizationFile"
LARGE = 5 * 1024 * 1024 + 1


def image(size: int) -> bytes:
    """So many bytes that pass for a photograph."""
    return (b"\xff\xd8\xff" + random.Random(size).randbytes(size))[:size]


def _as_bytes(data: bytes, folder: Path) -> Any:
    return data


def _as_path(data: bytes, folder: Path) -> Any:
    path = folder / "scan.jpg"
    path.write_bytes(data)
    return path


def _as_file(data: bytes, folder: Path) -> Any:
    return io.BytesIO(data)


KINDS = {"bytes": _as_bytes, "path": _as_path, "file": _as_file}
SIZES = (3, 4, 5, 57, 65535, 65536, 65537, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK)


def _arrived(emulator: Emulator) -> list[tuple[int, str]]:
    return [(submission.size, submission.sha256) for submission in emulator.submissions]


def _sent(data: bytes, times: int = 1) -> list[tuple[int, str]]:
    return [(len(data), hashlib.sha256(data).hexdigest())] * times


@both_ways
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", [OPERATION, MULTIPART])
def test_bytes_arrive(
    way: str, kind: str, operation: str, hook: AsposeOcrHook, emulator: Emulator, tmp_path: Path
) -> None:
    with Client(hook, way) as client:
        for size in SIZES:
            client.submit(KINDS[kind](image(size), tmp_path), operation=operation)
    assert _arrived(emulator) == [_sent(image(size))[0] for size in SIZES]


@both_ways
@pytest.mark.parametrize("kind", KINDS)
def test_large_file_arrives(
    way: str, kind: str, hook: AsposeOcrHook, emulator: Emulator, tmp_path: Path
) -> None:
    with Client(hook, way) as client:
        client.submit(KINDS[kind](image(LARGE), tmp_path))
    assert _arrived(emulator) == _sent(image(LARGE))
    (entry,) = (entry for entry in emulator.transcript if entry.kind == "submit")
    assert entry.headers["content-length"] == str(entry.body_bytes)
    assert "transfer-encoding" not in entry.headers


@both_ways
@pytest.mark.parametrize("source", [b"", b"B", b"%PDF-1.7"], ids=["empty", "one byte", "PDF"])
def test_what_cannot_be_read_is_not_sent(
    way: str, source: bytes, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    with Client(hook, way) as client, pytest.raises(AsposeOcrSourceError):
        client.submit(source)
    assert emulator.transcript == []


@both_ways
def test_file_object_is_sent_from_its_beginning_and_stays_open(
    way: str, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    stream = io.BytesIO(image(1000))
    stream.seek(500)
    with Client(hook, way) as client:
        client.submit(stream)
        client.submit(stream)
    assert _arrived(emulator) == _sent(image(1000), 2)
    assert not stream.closed


FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    # name: (fault, how often the body was accepted)
    "reset before": ({"fault": "drop_before"}, 1),
    "reset after": ({"fault": "drop_after_accept"}, 2),
    "503": ({"fault": "status", "status": 503}, 1),
    "503 before the body": ({"fault": "status", "status": 503, "early": True}, 1),
    "429": ({"fault": "status", "status": 429}, 1),
    "401": ({"fault": "unauthorized"}, 1),
    "502": ({"fault": "status", "status": 502}, 1),
}


@pytest.mark.usefixtures("brisk")
@both_ways
@pytest.mark.parametrize("kind", ["path", "file"])
@pytest.mark.parametrize("fault", FAULTS)
def test_repeat_sends_the_whole_body_again(
    way: str, kind: str, fault: str, hook: AsposeOcrHook, emulator: Emulator, tmp_path: Path
) -> None:
    data = image(2_000_001)
    arguments, accepted = FAULTS[fault]
    emulator.inject(on="submit", **arguments)
    with Client(hook, way) as client:
        assert client.get(client.submit(KINDS[kind](data, tmp_path))).status == "Completed"
    assert _arrived(emulator) == _sent(data, accepted)
    assert emulator.calls.submit == hook.api_calls - 1 == 2


@both_ways
def test_refusal_in_the_middle_of_the_upload(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.options.max_body_bytes = 100_000
    with Client(hook, way) as client, pytest.raises(AsposeOcrRequestError, match="larger than the service"):
        client.submit(image(150_000))
    assert emulator.submissions == []


class _Changing(io.BytesIO):
    """A file that changes between the look at its head and the end of its upload.

    :param data: what it holds at first.
    :param change: what is done to it, once.
    :param at: when so many bytes have been read.
    """

    def __init__(self, data: bytes, change: Callable[[io.BytesIO], Any], at: int) -> None:
        super().__init__(data)
        self._change: Callable[[io.BytesIO], Any] | None = change
        self._at = at

    def read(self, size: int | None = -1) -> bytes:
        if self._change and self.tell() >= self._at:
            change, self._change = self._change, None
            place = self.tell()
            change(self)
            self.seek(place)
        return super().read(size)


def _shrink(stream: io.BytesIO) -> None:
    stream.truncate(2 * CHUNK)


def _grow(stream: io.BytesIO) -> None:
    stream.seek(0, os.SEEK_END)
    stream.write(b"more")


def _vanish(stream: io.BytesIO) -> None:
    raise OSError("the disk is gone")


def _close(stream: io.BytesIO) -> None:
    stream.close()


CHANGES = {
    "shrinks": (_shrink, AsposeOcrSourceError, "ended .* bytes early while it was read"),
    "grows": (_grow, AsposeOcrSourceError, "grew while it was read"),
    "cannot be read": (_vanish, AsposeOcrStorageError, "cannot be read: OSError"),
    "is closed": (_close, AsposeOcrStorageError, "cannot be read: ValueError"),
}


@both_ways
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("size", [3 * CHUNK, 5_000_000])
@pytest.mark.parametrize("operation", [OPERATION, MULTIPART])
def test_source_that_changes_in_mid_upload(
    way: str, change: str, size: int, operation: str, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    act, error, message = CHANGES[change]
    stream = _Changing(image(size), act, at=CHUNK)

    def submit() -> None:
        with Client(hook, way) as client:
            client.submit(stream, operation=operation)

    with pytest.raises(error, match=message):
        within(5, submit)
    assert emulator.submissions == []
    # Not one attempt more: it was seen to have changed. The one may be gone before it is counted.
    assert emulator.calls.submit <= 1


@both_ways
@pytest.mark.parametrize("change", ["shrinks", "grows", "is gone"])
def test_file_that_changed_before_the_upload(
    way: str, change: str, hook: AsposeOcrHook, emulator: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "scan.jpg"
    path.write_bytes(image(400_000))
    source = open_source(path)
    operation = get_operation(OPERATION)
    if change == "is gone":
        path.unlink()
    else:
        path.write_bytes(image(300_000 if change == "shrinks" else 500_000))

    def submit() -> None:
        body = make_body(operation, source, wire_settings(operation, None))
        with Client(hook, way) as client:
            client.flow(lambda api: api.submit(operation, body))

    error = AsposeOcrStorageError if change == "is gone" else AsposeOcrSourceError
    with pytest.raises(error, match=r"scan\.jpg"):
        within(5, submit)
    assert emulator.submissions == []
    assert emulator.calls.submit <= 1


@both_ways
def test_the_connection_is_good_after_a_source_that_changed(
    way: str, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    with Client(hook, way) as client:
        with pytest.raises(AsposeOcrSourceError):
            client.submit(_Changing(image(3 * CHUNK), _shrink, at=CHUNK))
        client.submit(image(1000))
    assert _arrived(emulator) == _sent(image(1000))
