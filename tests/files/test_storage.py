"""A name is never taken for more than a name, wherever it stands."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.task import OcrResult
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files.destination import Names, store
from airflow_provider_asposeocr.files.listing import list_sources
from airflow_provider_asposeocr.files.source import open_source
from airflow_provider_asposeocr.files.storage import canonical, storage_path
from tests.batch.support import batch, image
from tests.running import run
from tests.storage.stores import Store

IMAGE = get_operation("RecognizeImage")
TEXT = OcrResult("Text", b"recognized")
NAMES = Names("file:///in/scan.png", "RecognizeImage", "x")
ODD = ("a::b", "a::b::c", "a?b", "a#b", "a%20b", "scan[1]", "a*b", "{x}", "a b", "zip::a", "a@b:c", "é", "ह")
NAME = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)


def read(source: Any) -> bytes:
    with open_source(source).open() as stream:
        return stream.read()


@pytest.mark.parametrize("name", ODD)
class TestOddNames:
    """Every storage, every use of a name."""

    def test_a_source(self, name: str, store: Store) -> None:
        right, wrong = image(1), image(2)
        for other in ("a", "scan1", "b", "b.png", "ab"):
            store.put(f"{other}.png", wrong)
        uri = store.put(f"{name}.png", right)
        source = open_source(uri, store.conn_id)
        with source.open() as stream:
            assert stream.read() == right
        assert source.name == f"{name}.png"
        if store.conn_id:
            assert read(source.uri) == right
            assert read(ObjectStoragePath(source.uri)) == right

    def test_a_destination(self, name: str, store: Store) -> None:
        (entry,) = _stored(f"{store.url}/out/{name}.txt", store.conn_id)
        assert store.files() == {f"out/{name}.txt": b"recognized"}
        assert read(entry["uri"]) == b"recognized"
        if "bucket" in entry:
            assert f"/{entry['key']}".endswith(f"/out/{name}.txt")

    def test_a_folder_that_is_listed(self, name: str, store: Store) -> None:
        store.put("a/other.png", image())
        store.put(f"{name}/{name}.png", image())
        for text in (f"{store.url}/{name}/", f"{store.url}/{name}", f"{store.url}/{name}/*.png"):
            (uri,) = list_sources(text, IMAGE, store.conn_id).items
            assert uri.endswith(f"/{name}/{name}.png")
            assert read(uri) == image()

    def test_a_file_that_is_listed(self, name: str, store: Store) -> None:
        uri = store.put(f"{name}.png", image())
        (found,) = list_sources(uri, IMAGE, store.conn_id).items
        assert found.endswith(f"/{name}.png")


def _stored(destination: Any, conn_id: str | None = None, names: Names = NAMES) -> list[Any]:
    return store([TEXT], destination, names, conn_id=conn_id)


@given(name=NAME)
@example(name="a::b")
@example(name=" a ")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_any_name_of_a_file_comes_back(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("names")
    (folder / name).write_bytes(image())
    for pattern in (f"{folder}/*", f"{folder}/"):
        for uri in list_sources(pattern, IMAGE).items:
            assert read(uri) == image()
            assert open_source(uri).uri == uri == f"file://{folder}/{name}"
    assert read(folder / name) == image()
    entry = _stored(folder / "out" / name, names=NAMES)[0]
    assert Path(entry["path"]) == folder / "out" / name


@given(source=st.text(max_size=60), ocr_task_id=st.text(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_nothing_leaves_the_folder(
    source: str, ocr_task_id: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("out")
    names = Names(source, "RecognizeImage", ocr_task_id)
    for template in ("", "{stem}.txt", "{ocr_task_id}.{ext}"):
        (entry,) = _stored(f"{folder}/{template}", names=names)
        assert Path(entry["path"]).parent == folder
        assert Path(entry["path"]).read_bytes() == b"recognized"


@pytest.mark.parametrize(
    "spelling", ["{}/a.png", "file://{}/a.png", "{}//a.png", "{}/./a.png", "FILE://{}/a.png"]
)
def test_one_file_has_one_spelling(spelling: str, tmp_path: Path) -> None:
    assert canonical(spelling.format(tmp_path)) == f"file://{tmp_path}/a.png"
    (tmp_path / "a.png").write_bytes(image())
    assert open_source(spelling.format(tmp_path)).uri == f"file://{tmp_path}/a.png"


def test_one_file_in_several_spellings_is_one_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = ["a.png", "./a.png", f"{tmp_path}//a.png", f"file://{tmp_path}/a.png", tmp_path / "a.png"]
    assert list_sources(sources, IMAGE).items == [f"file://{tmp_path}/a.png"]
    keys = [
        {"bucket": "b", "key": "k"},
        "s3://b/k",
        "S3://b/k",
        "s3://b//k",
        "s3://b/./k",
        ObjectStoragePath("s3://b/k"),
    ]
    assert list_sources(keys, IMAGE).items == [keys[0], "s3://b//k", "s3://b/./k"]


@given(st.text(string.ascii_letters + "./:?#%[]*", max_size=20))
def test_keys_of_objects_are_any_text(key: str) -> None:
    assert canonical(f"s3://b/{key}") == f"s3://b/{key}"


def test_a_single_file_that_is_missing_fails(emulator: Emulator, tmp_path: Path) -> None:
    for name in ("scan.png", "scan[1].png", "scan?.png"):
        with pytest.raises(Exception, match="1 of 1"):
            run(batch(f"{tmp_path}/{name}", f"{tmp_path}/out/"))


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far/real.txt", tmp_path / "latest.txt"
    target.write_bytes(b"old")
    link.symlink_to(target)
    _stored(str(link))
    assert link.is_symlink()
    assert target.read_bytes() == b"recognized"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["far", "latest.txt", "real.txt"]


def test_a_link_to_nothing_yet_is_followed(tmp_path: Path) -> None:
    (tmp_path / "latest.txt").symlink_to("new/real.txt")
    _stored(str(tmp_path / "latest.txt"))
    assert (tmp_path / "new/real.txt").read_bytes() == b"recognized"


def test_an_extension_is_put_on_a_name_with_a_dot(tmp_path: Path) -> None:
    results = [TEXT, OcrResult("Pdf", b"pdf"), TEXT]
    store(results, f"{tmp_path}/{{stem}}", Names("/in/invoice v1.2", "RecognizeImage", "x"))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["invoice_v1.2-2.txt", "invoice_v1.2.pdf", "invoice_v1.2.txt"]


def test_a_path_in_a_storage(s3_store: Store) -> None:
    path = storage_path(f"{s3_store.url}/in/a?b#c", "aws_default")
    assert (path.key, path.name) == ("in/a?b#c", "a?b#c")
    assert str(path / "d::e") == f"{path}/d::e"
    assert str(path.with_name("f")).endswith("/in/f")


def test_a_link_on_a_server_is_followed_and_stays(sftp_store: Any) -> None:
    sftp_store.put("far/real.txt", b"old")
    link = sftp_store.folder / "latest.txt"
    link.symlink_to("far/real.txt")
    _stored(f"{sftp_store.url}/latest.txt", sftp_store.conn_id)
    assert link.is_symlink()
    assert sftp_store.files() == {"far/real.txt": b"recognized", "latest.txt": b"recognized"}
