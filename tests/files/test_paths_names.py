"""Names of files: any is read as it is, and those that none can have are refused for good."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.task import OcrResult
from airflow_provider_asposeocr.files.destination import Names, check_destination, store
from airflow_provider_asposeocr.files.source import open_source

from .object_store import ObjectStore
from .web import Web


def refused(source: Any) -> str:
    """Return the message with which a source is refused, whatever a later try would find."""
    with pytest.raises(AsposeOcrSourceError) as caught:
        open_source(source)
    return str(caught.value)


NO_NAMES: dict[str, Callable[[Path], str]] = {
    "a name that is too long": lambda folder: f"{folder}/{'n' * 300}.png",
    "a path that is too long": lambda folder: f"{folder}{'/folder' * 1000}/a.png",
    "a link to itself": lambda folder: f"{folder}/circle.png",
    "below a link to itself": lambda folder: f"{folder}/circle.png/a.png",
    "U+0000": lambda folder: f"{folder}/a\0b.png",
    "not UTF-8": lambda folder: f"{folder}/a\udce9.png",
}


@pytest.mark.parametrize("as_uri", [False, True])
@pytest.mark.parametrize("name", NO_NAMES.values(), ids=NO_NAMES.keys())
def test_what_can_be_no_file(name: Callable[[Path], str], as_uri: bool, tmp_path: Path) -> None:
    (tmp_path / "circle.png").symlink_to("circle.png")
    path = name(tmp_path)
    said = refused(f"file://{path}" if as_uri else path)
    assert any(part in said for part in ("cannot be a file", "not UTF-8", "does not exist"))
    assert said.isprintable()


@pytest.mark.parametrize("number", [errno.ELOOP, errno.ENAMETOOLONG, errno.EILSEQ])
def test_what_a_storage_calls_no_file(number: int, bucket: ObjectStore) -> None:
    bucket.error = OSError(number, "s3cret")
    said = refused("s3://scans/a.png")
    assert said == f"s3://scans/a.png cannot be a file: {os.strerror(number)}"


def test_a_key_that_is_too_long(bucket: ObjectStore) -> None:
    bucket.error = OSError(errno.EINVAL, "Bad Request")
    assert "the name is too long" in refused(f"s3://scans/{'n' * 1025}")
    with pytest.raises(AsposeOcrStorageError):
        open_source(f"s3://scans/{'n' * 1024}")


def test_an_address_that_is_too_long(web: Web) -> None:
    web.status = 414
    assert "the name is too long" in refused(f"{web.url}/scan.png")


@pytest.mark.parametrize("name", NO_NAMES.values(), ids=NO_NAMES.keys())
def test_what_can_be_no_destination(name: Callable[[Path], str], tmp_path: Path) -> None:
    (tmp_path / "circle.png").symlink_to("circle.png")
    path = name(tmp_path)
    if "circle.png/" not in path:
        with pytest.raises(AsposeOcrDestinationError):
            check_destination(path)
    with pytest.raises(AsposeOcrDestinationError):
        store([OcrResult("Text", b"42")], path, Names("file:///a.png", "RecognizeImage", "x"))


def test_a_destination_that_becomes_too_long(tmp_path: Path) -> None:
    names = Names(f"file:///{'s' * 140}.png", "RecognizeImage", "x" * 140)
    destination = f"{tmp_path}/{{stem}}{{ocr_task_id}}.txt"
    check_destination(destination)
    with pytest.raises(AsposeOcrDestinationError, match="File name too long"):
        store([OcrResult("Text", b"42")], destination, names)


@pytest.mark.parametrize("destination", [f"s3://out/{'n' * 1025}.txt", f"s3://out/{'folder/' * 147}"])
def test_a_destination_that_no_object_store_takes(destination: str, bucket: ObjectStore) -> None:
    with pytest.raises(AsposeOcrDestinationError, match="the name is too long"):
        check_destination(destination)
    check_destination("s3://out/{stem}.txt")


@settings(max_examples=200, deadline=None)
@example(name="a ")
@example(name="a\n")
@example(name="x")
@given(
    name=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40).filter(
        lambda name: name not in (".", "..") and len(name.encode()) <= 200
    )
)
def test_a_file_of_any_name_is_read_by_every_form_of_its_name(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # A file of the same beginning must not be taken for it.
        for end in ("", ".png"):
            (Path(folder) / f"{name[:-1]}{end}x").write_bytes(b"another")
        path = Path(folder) / name
        path.write_bytes(content := b"\x89PNG\r\n\x1a\n" + name.encode())
        for form in (str(path), path, f"file://{path}", {"uri": f"file://{path}"}):
            source = open_source(form)
            for again in (source, open_source(source.uri)):
                with again.open() as stream:
                    assert stream.read() == content
