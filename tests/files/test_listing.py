"""Which files a batch reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset, ObjectStoragePath

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrSettingsError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.files.listing import display_name, list_sources
from tests.storage.stores import Store

IMAGE = get_operation("RecognizeImage")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Return a folder with files of several kinds, some of them below it."""
    folder = tmp_path / "inbox"
    for name in (
        "b.png",
        "a.PNG",
        "c.jpg",
        "notes.txt",
        "d.pdf",
        ".hidden.png",
        "2026/e.png",
        ".cache/f.png",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def listed(sources: Any, **more: Any) -> list[Any]:
    return list_sources(sources, more.pop("operation", IMAGE), **more).items


def test_a_folder_gives_what_the_operation_reads_sorted(inbox: Path) -> None:
    names = ("2026/e.png", "a.PNG", "b.png", "c.jpg")
    assert listed(f"{inbox}/") == [f"file://{inbox}/{name}" for name in names]


def test_what_an_operation_reads_is_its_own_matter(inbox: Path) -> None:
    pdf = listed(f"{inbox}/", operation=get_operation("RecognizePdf"))
    speech = listed(f"{inbox}/", operation=get_operation("ConvertTextToSpeech"))
    assert pdf == [f"file://{inbox}/d.pdf"]
    assert speech == [f"file://{inbox}/notes.txt"]


@pytest.mark.parametrize("kind", [str, Path, ObjectStoragePath])
def test_a_folder_needs_no_slash_where_it_is_one(inbox: Path, kind: Any) -> None:
    assert listed(kind(f"file://{inbox}" if kind is not Path else str(inbox))) == listed(f"{inbox}/")


def test_a_pattern_gives_what_matches(inbox: Path) -> None:
    assert listed(f"{inbox}/*.png") == [f"file://{inbox}/b.png"]
    assert listed(f"{inbox}/**/*.png") == [f"file://{inbox}/2026/e.png", f"file://{inbox}/b.png"]
    assert listed(f"{inbox}/*.txt") == [f"file://{inbox}/notes.txt"]


def test_a_pattern_that_matches_nothing_gives_nothing(inbox: Path) -> None:
    assert listed(f"{inbox}/*.tiff") == []
    assert listed(f"{inbox}/nowhere/") == []


def test_odd_names_are_found_and_can_be_opened(inbox: Path) -> None:
    (inbox / "odd #1?&.png").write_bytes(b"x")
    (uri,) = listed(f"{inbox}/odd*")
    assert uri == f"file://{inbox}/odd #1?&.png"


def test_what_an_earlier_try_has_written_is_no_source(inbox: Path) -> None:
    (inbox / "out").mkdir()
    (inbox / "out/b-1234.png").write_bytes(b"x")
    assert listed(f"{inbox}/", destination=f"{inbox}/out") == listed(f"{inbox}/")[:-1]


def test_results_beside_the_sources_hide_none_of_them(inbox: Path) -> None:
    assert listed(f"{inbox}/", destination=str(inbox)) == listed(f"{inbox}/")


def test_a_list_keeps_its_order_and_loses_repetitions(tmp_path: Path) -> None:
    sources = ["s3://b/z.png", "s3://b/a.png", "s3://b/z.png", f"{tmp_path}/c.png"]
    assert listed(sources) == ["s3://b/z.png", "s3://b/a.png", f"file://{tmp_path}/c.png"]


def test_a_prefix_stands_before_bare_keys() -> None:
    keys = ["in/a.png", "s3://other/b.png"]
    assert listed(keys, prefix="s3://inbox/") == ["s3://inbox/in/a.png", "s3://other/b.png"]


def test_manifests_are_taken_without_the_text_of_their_documents() -> None:
    manifests = [
        {"ocr_task_id": "1", "uri": "s3://b/a.png", "text": "secret"},
        {"ocr_task_id": "2", "uri": None},
    ]
    assert listed(manifests) == ["s3://b/a.png", {"uri": None}]


def test_the_text_of_a_list_is_the_list() -> None:
    assert listed("['s3://b/a.png', 's3://b/b.png']") == ["s3://b/a.png", "s3://b/b.png"]
    assert listed('["s3://b/a.png"]') == ["s3://b/a.png"]


def test_one_file_is_a_batch_of_one(inbox: Path) -> None:
    one = [f"file://{inbox}/b.png"]
    assert listed(f"{inbox}/b.png") == one
    assert listed(Asset(uri=f"file://{inbox}/b.png")) == one
    assert listed({"bucket": "b", "key": "k.png"}) == [{"bucket": "b", "key": "k.png"}]
    assert listed("https://host/a.png?sig=1*2") == ["https://host/a.png?sig=1*2"]


@pytest.mark.parametrize("sources", [None, "", "None", 5, b"bytes", "['a.png', 'b.png'"])
def test_what_cannot_be_listed_is_refused(sources: Any) -> None:
    with pytest.raises(AsposeOcrSettingsError, match="sources"):
        listed(sources)


def test_a_password_is_refused_before_its_storage_is_asked() -> None:
    with pytest.raises(AsposeOcrSourceError, match="Airflow connection") as caught:
        listed("s3://KEY:SEC/RET@bucket/in/")
    assert "RET" not in str(caught.value)


def test_a_storage_that_is_not_installed_is_named() -> None:
    with pytest.raises(AsposeOcrSourceError, match="no storage is registered for nope"):
        listed("nope://bucket/")


def test_a_storage_that_cannot_be_reached_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWS_NOWHERE",
        '{"conn_type": "aws", "login": "a", "password": "b", "extra": {"endpoint_url": "http://127.0.0.1:9",'
        ' "region_name": "us-east-1", "config_kwargs": {"retries": {"max_attempts": 1}}}}',
    )
    with pytest.raises(AsposeOcrStorageError, match="cannot be listed"):
        listed("s3://bucket/", conn_id="aws_nowhere")


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ("https://user:pw@host/a.png?signature=1", "https://host/a.png"),
        ("s3://conn@bucket/a b.png", "s3://bucket/a b.png"),
        ("file:///in/odd #1?.png", "file:///in/odd #1?.png"),
        ({"bucket": "b", "key": "k"}, "s3://b/k"),
        (Asset(uri="s3://b/k"), "s3://b/k"),
        (b"data", "a bytes"),
    ],
)
def test_names_hold_no_secrets(item: Any, name: str) -> None:
    assert display_name(item) == name


class TestRemote:
    """Storages that are reached over a network. Airflow's paths name the connection in their URIs."""

    @pytest.fixture
    def url(self, remote: Store) -> str:
        for name in ("in/b.png", "in/a.png", "in/sub/c.png", "in/notes.txt", "other/d.png"):
            remote.put(name, b"x")
        return remote.url

    @pytest.fixture
    def named(self, remote: Store, url: str) -> str:
        return url.replace("://", f"://{remote.conn_id}@")

    def test_a_folder(self, remote: Store, url: str, named: str) -> None:
        found = list_sources(f"{url}/in/", IMAGE, remote.conn_id)
        assert found.items == [f"{named}/in/a.png", f"{named}/in/b.png", f"{named}/in/sub/c.png"]
        assert found.conn_id == remote.conn_id

    def test_a_pattern(self, remote: Store, url: str, named: str) -> None:
        names = ("in/a.png", "in/b.png", "other/d.png")
        assert listed(f"{url}/*/*.png", conn_id=remote.conn_id) == [f"{named}/{name}" for name in names]

    def test_what_an_earlier_try_has_written_is_no_source(self, remote: Store, url: str) -> None:
        found = listed(f"{url}/in/", conn_id=remote.conn_id, destination=f"{url}/in/sub")
        assert [uri.rpartition("/")[2] for uri in found] == ["a.png", "b.png"]

    def test_files_that_have_come_since_are_found(self, remote: Store, url: str) -> None:
        before = listed(f"{url}/in/", conn_id=remote.conn_id)
        remote.put("in/new.png", b"x")
        assert len(listed(f"{url}/in/", conn_id=remote.conn_id)) == len(before) + 1


def test_the_connection_may_stand_in_the_uri(s3_store: Store) -> None:
    s3_store.put("in/a.png", b"x")
    bucket = s3_store.url.removeprefix("s3://")
    found = list_sources(f"s3://aws_default@{bucket}/in/", IMAGE)
    assert found.items == [f"s3://aws_default@{bucket}/in/a.png"]
    assert found.conn_id == "aws_default"
