"""Files are opened below the listed folders alone, however a stranger spells their addresses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrSettingsError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.plugin.roots import Root, open_within, read_roots
from tests.files.object_store import ObjectStore
from tests.files.web import Web, serve

SECRET = b"nobody may read this"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that may be read, beside one with a secret and with links that lead there."""
    inside, outside = tmp_path / "data", tmp_path / "data-other"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.txt").write_bytes(SECRET)
    (inside / "a b%2e.txt").write_bytes(b"open")
    (inside / "deep" / "down.txt").write_bytes(b"deep")
    (inside / "link.txt").symlink_to(outside / "secret.txt")
    (inside / "linked").symlink_to(outside)
    (inside / "twice").symlink_to(inside / "linked")
    (inside / "home.txt").symlink_to(inside / "deep" / "down.txt")
    os.mkfifo(inside / "pipe")
    return inside


def content(uri: Any, roots: str) -> bytes:
    """Return what a file within roots holds."""
    with open_within(uri, read_roots(roots)) as readable:
        data = b"".join(iter(lambda: readable.stream.read(4), b""))
        assert readable.size == len(data)
        return data


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as running:
        running.files = {"/scans/a.txt": b"on the web", "/scans-other/b.txt": SECRET, "/b.txt": SECRET}
        yield running


@pytest.mark.parametrize("value", [None, "", " \n", "None"])
def test_without_the_option_there_are_no_roots(value: Any) -> None:
    assert read_roots(value) == ()


def test_roots_are_listed_with_commas_lines_or_as_json() -> None:
    listed = (
        Root("file", "/data/in"),
        Root("s3", "box/texts", "my_conn"),
        Root("https", "web.example:443/scans"),
    )
    assert read_roots("/data/in/, s3://my_conn@box/texts/\nhttps://web.example/scans") == listed
    assert (
        read_roots('["file:///data/in", "s3://my_conn@box/texts", "https://WEB.example:443/scans/"]')
        == listed
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("relative/path", "no absolute path"),
        ("/", "Airflow's own folder"),
        ("sftp://host/in", "local folders"),
        ("s3://", "no place in a bucket"),
        ("s3://box/a/../b", "no place in a bucket"),
        ("https://u:password@web.example/", "login"),
        ("https://web.example/?a=b", "query"),
        ("https://web.example/a/%2e%2e/b", "upwards"),
        ("https://", "address"),
        ('["/data", 5]', "list of paths"),
        ("[/data]", "JSON list"),
        ("/data/\0", "U\\+0000"),
    ],
)
def test_a_root_that_cannot_be_read_is_refused(value: str, reason: str) -> None:
    with pytest.raises(AsposeOcrSettingsError, match=reason) as caught:
        read_roots(value)
    assert "password@" not in str(caught.value)


def test_the_folder_of_airflow_itself_is_refused() -> None:
    from airflow.configuration import AIRFLOW_HOME

    for refused in (AIRFLOW_HOME, str(Path(AIRFLOW_HOME).resolve().parent)):
        with pytest.raises(AsposeOcrSettingsError, match="secrets"):
            read_roots(refused)
    assert read_roots(f"{AIRFLOW_HOME}/data")


@pytest.mark.parametrize("name", ["a b%2e.txt", "deep/down.txt", "deep/../deep/down.txt", "home.txt"])
def test_a_file_below_a_folder_is_opened(folder: Path, name: str) -> None:
    assert content(f"{folder}/{name}", f"/elsewhere,{folder}/") in (b"open", b"deep")
    assert content(f"file://{folder}/{name}", str(folder)) in (b"open", b"deep")


@pytest.mark.parametrize(
    "address",
    [
        "{outside}/secret.txt",
        "{folder}/../data-other/secret.txt",
        "file://{folder}/deep/../../data-other/secret.txt",
        "{folder}/link.txt",
        "{folder}/linked/secret.txt",
        "{folder}/twice/secret.txt",
        "{folder}-other/secret.txt",
        "{folder}%2f..%2fdata-other%2fsecret.txt",
        "{folder}/%2e%2e/data-other/secret.txt",
        "{folder}/missing.txt",
        "{folder}/deep",
        "{folder}/pipe",
        "{folder}",
        "/proc/self/environ",
        "local://{outside}/secret.txt",
        "FILE://{outside}/secret.txt",
        "data-other/secret.txt",
        "file://data-other/secret.txt",
        "{folder}/down.txt::file://{outside}/secret.txt",
        "simplecache::file://{outside}/secret.txt",
        "{folder}/a\n{outside}/secret.txt",
        "s3://box/secret.txt",
        "http://127.0.0.1:9/secret.txt",
        "sftp://127.0.0.1/secret.txt",
        "",
        None,
        5,
        {"uri": "{outside}/secret.txt"},
    ],
)
def test_nothing_else_is_opened(folder: Path, address: Any) -> None:
    if isinstance(address, str):
        address = address.format(folder=folder, outside=f"{folder}-other")
    with pytest.raises(AsposeOcrSourceError):
        content(address, str(folder))


def test_what_does_not_exist_and_what_lies_elsewhere_look_the_same(folder: Path) -> None:
    reasons = set()
    for address in (f"{folder}-other/secret.txt", f"{folder}-other/missing.txt", f"{folder}/missing.txt"):
        with pytest.raises(AsposeOcrSourceError) as caught:
            content(address, str(folder))
        reasons.add(str(caught.value).replace(address, "it"))
    assert len(reasons) == 1


def test_a_root_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(folder)
    assert content(f"{tmp_path}/alias/deep/down.txt", f"{tmp_path}/alias") == b"deep"
    assert content(f"{folder}/deep/down.txt", f"{tmp_path}/alias") == b"deep"


def test_a_folder_that_becomes_a_link_after_the_look_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(f"{folder}-other") / "down.txt").write_bytes(SECRET)
    opened = os.open

    def late(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path).endswith("/deep/down.txt"):
            (folder / "deep").rename(folder / "moved")
            (folder / "deep").symlink_to(f"{folder}-other")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(AsposeOcrSourceError):
        content(f"{folder}/deep/down.txt", str(folder))


class TestWeb:
    """Files on web servers."""

    def test_a_file_below_an_address_is_opened(self, web: Web) -> None:
        assert content(f"{web.url}/scans/a.txt", f"{web.url}/scans") == b"on the web"
        assert content(f"{web.url}/scans/a.txt", web.url) == b"on the web"

    @pytest.mark.parametrize(
        "path",
        [
            "/scans-other/b.txt",
            "/scans/../b.txt",
            "/scans/%2e%2e/b.txt",
            "/scans/%252e%252e/b.txt",
            "/scans/..%2fb.txt",
            "/scans/..%5cb.txt",
            "/scans/..\\b.txt",
            "/scans/a.txt?file=b.txt",
            "/scans/a.txt#b",
            "/b.txt",
            "/scans",
            "/scans/",
        ],
    )
    def test_nothing_else_is_asked_for(self, web: Web, path: str) -> None:
        with pytest.raises(AsposeOcrSourceError):
            content(web.url + path, f"{web.url}/scans/")
        assert web.asked == []

    @pytest.mark.parametrize(
        "host", ["user:pw@{host}", "user@{host}", "{host}@evil.example", "{host}\\@evil.example"]
    )
    def test_an_address_with_a_login_is_not_read(self, web: Web, host: str) -> None:
        address = f"http://{host.format(host=web.url.partition('//')[2])}/scans/a.txt"
        with pytest.raises(AsposeOcrSourceError):
            content(address, web.url)
        assert web.asked == []

    @pytest.mark.parametrize("target", ["/b.txt", "http://127.0.0.1:9/"])
    def test_a_redirect_is_not_followed(self, web: Web, target: str) -> None:
        web.moved["/scans/a.txt"] = target
        with pytest.raises(AsposeOcrSourceError, match="302"):
            content(f"{web.url}/scans/a.txt", f"{web.url}/scans")
        assert web.asked == ["GET /scans/a.txt"]

    def test_no_login_of_the_machine_is_sent(
        self, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login a password b\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        assert content(f"{web.url}/scans/a.txt", web.url) == b"on the web"
        assert web.logins == set()

    def test_a_server_that_drips_is_left(self, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("airflow_provider_asposeocr.plugin.web.MAX_SECONDS", 0.2)
        web.pause = 0.01
        with pytest.raises(AsposeOcrStorageError, match=r"took more than 0 s"):
            content(f"{web.url}/scans/a.txt", web.url)

    def test_a_server_that_fails_is_said_to(self, web: Web) -> None:
        web.status = 503
        with pytest.raises(AsposeOcrStorageError, match="503"):
            content(f"{web.url}/scans/a.txt", web.url)
        with pytest.raises(AsposeOcrStorageError, match="cannot be reached"):
            content("http://127.0.0.1:9/a.txt", "http://127.0.0.1:9/")


class TestObjects:
    """Objects in a store."""

    @pytest.fixture
    def store(self, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
        store = ObjectStore()
        store.objects = {"box/texts/a.txt": b"an object", "box/other/b.txt": SECRET}
        asked: list[str | None] = []
        store.asked = asked

        def filesystem(scheme: str, conn_id: str | None, shown: str) -> ObjectStore:
            asked.append(conn_id)
            return store

        monkeypatch.setattr("airflow_provider_asposeocr.files.storage._filesystem", filesystem)
        return store

    def test_the_connection_is_that_of_the_root(self, store: ObjectStore) -> None:
        for address in ("s3://box/texts/a.txt", "s3://of_the_stranger@box/texts/a.txt"):
            assert content(address, "s3://ours@box/texts/") == b"an object"
        assert set(store.asked) == {"ours"}

    @pytest.mark.parametrize(
        "address",
        [
            "s3://box/other/b.txt",
            "s3://box/texts/../other/b.txt",
            "s3://box/texts/%2e%2e/other/b.txt",
            "s3://box/texts-other/b.txt",
            "s3://box",
            "s3://other/texts/a.txt",
            "gs://box/texts/a.txt",
        ],
    )
    def test_nothing_else_is_opened(self, store: ObjectStore, address: str) -> None:
        with pytest.raises(AsposeOcrSourceError):
            content(address, "s3://box/texts")
        assert store.asked == []

    def test_an_object_that_is_missing_looks_as_if_it_were_elsewhere(self, store: ObjectStore) -> None:
        with pytest.raises(AsposeOcrSourceError, match="is no file below"):
            content("s3://box/texts/missing.txt", "s3://box/texts")

    def test_what_the_client_says_is_not_shown(self, store: ObjectStore) -> None:
        store.error = RuntimeError("https://box.example/?X-Amz-Signature=SECRET")
        with pytest.raises(AsposeOcrError) as caught:
            content("s3://box/texts/a.txt", "s3://box/texts")
        assert "SECRET" not in str(caught.value)
