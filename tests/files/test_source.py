"""Sources: all that a user may call a file."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset, ObjectStoragePath
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_asposeocr.files import storage as storage_module
from airflow_provider_asposeocr.files.source import READ_BLOCK, open_source, source_path
from airflow_provider_asposeocr.files.storage import PACKAGES

from .object_store import ObjectStore
from .sources import content, refused

KINDS: dict[str, Callable[[Path], Any]] = {
    "path as text": str,
    "path": lambda path: path,
    "file URI": lambda path: f"file://{path}",
    "ObjectStoragePath": lambda path: ObjectStoragePath(f"file://{path}"),
    "asset": lambda path: Asset(f"file://{path}"),
    "manifest": lambda path: {"ocr_task_id": "x", "uri": f"file://{path}", "text": None, "results": []},
    "manifest with a path": lambda path: {"uri": str(path)},
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_file_may_be_named_in_many_ways(kind: Callable[[Path], Any], scan: Path, png: bytes) -> None:
    source = open_source(kind(scan))
    assert (source.name, source.size, source.format) == ("scan.png", len(png), "png")
    assert source.uri == f"file://{scan}"
    assert content(source) == png
    assert content(source) == png


@pytest.mark.parametrize(
    "name",
    [
        "my scan.png",
        "no#1.png",
        "really?.png",
        "100%.png",
        "50%25.png",
        "a%20b.png",
        "caf\u00e9 \u5b57.png",
        "a&b=c;d+e.png",
        'it\'s "quoted".png',
        "[x]{y}.png",
        "-.png",
        "noextension",
    ],
)
@pytest.mark.parametrize("as_uri", [False, True])
def test_a_local_name_is_taken_as_it_is(name: str, as_uri: bool, tmp_path: Path, png: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(png)
    source = open_source(f"file://{path}" if as_uri else path)
    assert source.name == name
    assert content(source) == png
    assert content(open_source(source.uri)) == png


def test_a_relative_path(scan: Path, monkeypatch: pytest.MonkeyPatch, png: bytes) -> None:
    monkeypatch.chdir(scan.parent)
    source = open_source("scan.png")
    assert source.uri == f"file://{scan}"
    monkeypatch.chdir("/")
    assert content(source) == png


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes(kind: Callable[[bytes], Any], png: bytes) -> None:
    source = open_source(kind(png))
    assert (source.size, source.format) == (len(png), "png")
    assert content(source) == content(source) == png
    assert "PNG" not in repr(source)


def test_bytes_are_told_apart_by_their_uri(png: bytes) -> None:
    # The URI names the result in a directory: two sources must not meet there.
    assert open_source(png).uri != open_source(png + b"more").uri


def test_an_open_file(scan: Path, png: bytes) -> None:
    with scan.open("rb") as stream:
        stream.seek(7)
        source = open_source(stream)
        assert (source.name, source.size, source.format) == ("scan.png", len(png), "png")
        assert content(source) == content(source) == png
        assert not stream.closed


def test_a_stream_without_a_name(png: bytes) -> None:
    source = open_source(io.BytesIO(png))
    assert source.size == len(png)
    assert content(source) == png


def test_a_file_that_is_open_as_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear all")
    with path.open() as stream:
        assert "letter.txt is open as text" in refused(stream)
    assert "open as text" in refused(io.StringIO("Dear all"))


def test_an_image_that_is_open_as_text_is_refused(scan: Path) -> None:
    with scan.open(encoding="utf-8") as stream:
        assert "scan.png" in refused(stream)


def test_a_stream_that_cannot_seek_is_refused(png: bytes) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert "is not a binary file that can seek" in refused(stream)


def test_a_closed_file_is_refused(scan: Path) -> None:
    with scan.open("rb") as stream:
        pass
    assert "is not a binary file that can seek" in refused(stream)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "source is nothing"),
        ("", "source is nothing"),
        ("  ", "source is nothing"),
        ("None", "source is nothing"),
        ({"bucket": "None", "key": "None"}, "source is a dict"),
        ({"bucket": "b", "key": None}, "source is a dict"),
        (5, "source is a int"),
        (["a.png"], "source is a list"),
        ({}, "source is a dict"),
        ({"bucket": "b"}, "source is a dict"),
        ({"uri": None, "text": "abc"}, "names no stored result: give the task that made it a destination"),
        ({"uri": ""}, "names no stored result"),
    ],
)
def test_what_names_no_file_is_refused(source: Any, said: str) -> None:
    assert said in refused(source)


@pytest.fixture
def no_storage_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing but Airflow itself were installed."""
    fs = importlib.import_module("airflow.sdk.io.fs" if AIRFLOW_V_3_0_PLUS else "airflow.io")
    monkeypatch.setattr(fs, "_register_filesystems", lambda: fs._BUILTIN_SCHEME_TO_FS)
    # Stores that other tests have used are kept by Airflow, whatever is registered.
    stores = importlib.import_module("airflow.sdk.io.store" if AIRFLOW_V_3_0_PLUS else "airflow.io.store")
    monkeypatch.setattr(stores, "_STORE_CACHE", {})


@pytest.mark.usefixtures("no_storage_providers")
@pytest.mark.parametrize(
    "source",
    [
        {"bucket": "scans", "key": "in/a.png"},
        {"bucket": "scans", "key": "/in/a.png"},
        "s3://scans/in/a.png",
        Asset("s3://scans/in/a.png"),
    ],
)
def test_storage_whose_package_is_missing_is_refused_by_the_name_of_the_package(source: Any) -> None:
    said = refused(source)
    assert "s3://" in said
    assert "install apache-airflow-providers-amazon[s3fs]" in said


@pytest.mark.usefixtures("no_storage_providers")
@pytest.mark.parametrize("scheme", sorted(PACKAGES))
def test_every_scheme_that_is_known_names_its_package(scheme: str) -> None:
    assert f"install {PACKAGES[scheme]}" in refused(f"{scheme}://bucket/a.png")


def test_a_scheme_that_nobody_knows_is_refused() -> None:
    assert "no storage is registered for gopher://" in refused("gopher://bucket/a.png")


def test_a_universal_pathlib_that_is_too_new_for_airflow_is_told_from_a_missing_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As Airflow 3.0 with universal-pathlib 0.3.9 does for every scheme, whatever is registered.
    class IncompatibleProtocolError(TypeError, ValueError):
        pass

    def refuse(uri: str, **options: Any) -> None:
        raise IncompatibleProtocolError(
            f"ObjectStoragePath(...) detected protocol {uri} which is incompatible"
        )

    monkeypatch.setattr(storage_module, "ObjectStoragePath", refuse)
    said = refused("s3://scans/in/a.png")
    assert "universal-pathlib<0.3.9" in said
    assert "apache-airflow-providers-amazon" not in said


def test_a_stored_result_of_any_storage_is_found_by_its_uri(scan: Path) -> None:
    # An entry of a manifest's results holds bucket and key as well, whatever storage they are of.
    entry = {"type": "Text", "uri": f"file://{scan}", "bucket": "b", "key": "scan.png", "bytes": 1}
    assert open_source(entry).uri == f"file://{scan}"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_file_that_is_missing(kind: Callable[[Path], Any], tmp_path: Path) -> None:
    assert refused(kind(tmp_path / "gone.png")) == f"file://{tmp_path}/gone.png does not exist"


def test_a_directory(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"file://{tmp_path} is a directory"


def test_below_a_file(scan: Path) -> None:
    assert str(scan) in refused(scan / "page.png")


def test_a_file_that_may_not_be_read(scan: Path) -> None:
    scan.chmod(0)
    if os.access(scan, os.R_OK):
        pytest.skip("this user may read everything")
    assert "permission denied" in refused(scan)


def test_what_is_empty(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    assert refused(empty) == f"file://{empty} is empty"
    assert "is empty" in refused(b"")
    assert "is empty" in refused(io.BytesIO())


def test_a_link_to_a_file(scan: Path, png: bytes) -> None:
    link = scan.with_name("link.png")
    link.symlink_to(scan)
    source = open_source(link)
    assert source.size == len(png)
    assert content(source) == png


class TestObjectStore:
    """Sources in an object store."""

    def test_an_object(self, bucket: ObjectStore, png: bytes) -> None:
        bucket.objects["scans/in/my scan.png"] = png
        for source in ("s3://scans/in/my scan.png", {"bucket": "scans", "key": "in/my scan.png"}):
            opened = open_source(source)
            assert (opened.uri, opened.name) == ("s3://scans/in/my scan.png", "my scan.png")
            assert (opened.size, opened.format) == (len(png), "png")
            assert content(opened) == png
        assert set(bucket.block_sizes) == {4096, READ_BLOCK}

    def test_a_missing_object(self, bucket: ObjectStore) -> None:
        assert refused("s3://scans/gone.png") == "s3://scans/gone.png does not exist"

    def test_the_content_tag_follows_the_etag(self, bucket: ObjectStore, png: bytes) -> None:
        prints = []
        for data in (png, png, png[:-1] + b"!"):
            bucket.objects["scans/a.png"] = data
            prints.append(open_source("s3://scans/a.png").content_tag)
        assert prints[0] == prints[1] != prints[2]

    @pytest.mark.parametrize(
        "error",
        [OSError("reset"), PermissionError("Forbidden"), RuntimeError("Unable to locate credentials")],
    )
    def test_whatever_a_storage_raises_is_an_error_of_the_source(
        self, error: Exception, bucket: ObjectStore
    ) -> None:
        # Clients of object stores raise errors of their own, which are no OSError.
        bucket.error = error
        assert "s3://scans/a.png" in refused("s3://scans/a.png")


class TestContentTag:
    """A source that has changed has another tag."""

    def test_of_a_file(self, scan: Path, png: bytes) -> None:
        os.utime(scan, (1_000, 1_000))
        first = open_source(scan).content_tag
        assert open_source(str(scan)).content_tag == first
        os.utime(scan, (2_000, 2_000))
        touched = open_source(scan).content_tag
        assert touched != first
        scan.write_bytes(png + b"\0")
        os.utime(scan, (2_000, 2_000))
        assert open_source(scan).content_tag not in (first, touched)

    def test_of_bytes(self, png: bytes) -> None:
        assert open_source(png).content_tag == open_source(bytearray(png)).content_tag
        assert open_source(png).content_tag != open_source(png[:-1] + b"!").content_tag

    @pytest.mark.parametrize("place", [0, 100, 4095])
    def test_of_a_stream(self, place: int) -> None:
        first = bytearray(10_000)
        second = bytearray(first)
        second[place] = 1
        prints = [open_source(io.BytesIO(data)).content_tag for data in (first, first, second)]
        assert prints[0] == prints[1] != prints[2]


def test_the_connection_of_an_argument_counts_where_a_source_names_none(s3_store: Any) -> None:
    bucket = s3_store.url.removeprefix("s3://")
    for source in (f"s3://{bucket}/k", ObjectStoragePath(f"s3://{bucket}/k"), {"bucket": bucket, "key": "k"}):
        assert str(source_path(source, "aws_default")) == f"s3://aws_default@{bucket}/k"
    assert str(source_path(f"s3://aws_default@{bucket}/k", "other")) == f"s3://aws_default@{bucket}/k"
