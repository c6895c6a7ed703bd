"""Images read from real servers of S3 and SFTP."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from tests.running import run
from tests.storage.stores import S3, Sftp, Store
from tests.system.servers import S3Server, SftpServer

CLOSED = "http://127.0.0.1:9"
"""An address at which nobody listens."""


def recognize(source: Any, **arguments: Any) -> Any:
    """Recognize an image as Airflow would, and return the manifest."""
    return run(AsposeOcrRecognizeImageOperator(task_id="t", source=source, poll_interval=0.1, **arguments))


def sent(emulator: Emulator) -> list[str]:
    """Return the SHA-256 of every file that the service has received."""
    return [submission.sha256 for submission in emulator.submissions]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("deferrable", [False, True], ids=["in the worker", "deferrable"])
def test_is_sent_as_it_is(remote: Store, emulator: Emulator, png: bytes, deferrable: bool) -> None:
    uri = remote.put("inbox/scan.png", png)
    manifest = recognize(uri, source_conn_id=remote.conn_id, deferrable=deferrable)
    assert sent(emulator) == [sha256(png)]
    assert manifest["text"] == emulator.options.scripted_text


def test_may_be_larger_than_a_block(remote: Store, emulator: Emulator, png: bytes) -> None:
    content = png + os.urandom(7_000_001)
    uri = remote.put("scan.png", content)
    recognize(uri, source_conn_id=remote.conn_id)
    assert sent(emulator) == [sha256(content)]


@pytest.mark.parametrize("name", ["a b.png", "ä.png", "字.png", "a+b=c&d.png", "100%.png", "a#1.png"])
def test_may_have_any_name(remote: Store, emulator: Emulator, png: bytes, name: str) -> None:
    uri = remote.put(f"in box/{name}", png)
    recognize(uri, source_conn_id=remote.conn_id)
    assert sent(emulator) == [sha256(png)]


def test_the_connection_may_stand_in_the_uri(remote: Store, emulator: Emulator, png: bytes) -> None:
    uri = remote.put("scan.png", png).replace("://", f"://{remote.conn_id}@", 1)
    recognize(uri)
    assert sent(emulator) == [sha256(png)]


def test_may_be_a_key_of_a_listing(remote: Store, emulator: Emulator, png: bytes) -> None:
    remote.put("inbox/scan.png", png)
    recognize("inbox/scan.png", source_prefix=remote.url, source_conn_id=remote.conn_id)
    assert sent(emulator) == [sha256(png)]


def test_may_be_a_path(remote: Store, emulator: Emulator, png: bytes) -> None:
    recognize(ObjectStoragePath(remote.put("scan.png", png), conn_id=remote.conn_id))
    assert sent(emulator) == [sha256(png)]


def test_may_be_bucket_and_key(s3_store: S3, emulator: Emulator, png: bytes) -> None:
    s3_store.put("inbox/scan.png", png)
    recognize({"bucket": s3_store.bucket, "key": "inbox/scan.png"}, source_conn_id="aws_default")
    assert sent(emulator) == [sha256(png)]


def test_of_another_storage_than_the_destination(
    s3_store: S3, sftp_store: Sftp, emulator: Emulator, png: bytes
) -> None:
    manifest = recognize(
        sftp_store.put("scan.png", png),
        source_conn_id="sftp_default",
        destination=f"{s3_store.url}/page.txt",
        destination_conn_id="aws_default",
        durable=False,
    )
    assert s3_store.files() == {"page.txt": str(emulator.options.scripted_text).encode()}
    assert manifest["source"].startswith("sftp://")
    assert manifest["uri"].startswith("s3://")


def test_is_fetched_again_where_its_uri_stands(remote: Store, emulator: Emulator, png: bytes) -> None:
    """A manifest leads the next task to the file, its connection included."""
    first = recognize(
        remote.put("scan.png", png),
        source_conn_id=remote.conn_id,
        destination=f"{remote.url}/page.png",
        destination_conn_id=remote.conn_id,
        durable=False,
    )
    remote.put("page.png", png + b"binarized")
    recognize(first)
    assert sent(emulator) == [sha256(png), sha256(png + b"binarized")]


class TestUnusable:
    """A source that cannot be sent ends the task, and nothing is paid for."""

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("missing.png", "does not exist"),
            ("inbox/missing.png", "does not exist"),
            ("nowhere/missing.png", "does not exist"),
            ("inbox", "is a directory"),
            ("inbox/", "is a directory"),
            ("empty.png", "is empty"),
            ("text.png", "is plain text"),
        ],
    )
    def test_says_so(self, remote: Store, emulator: Emulator, png: bytes, name: str, says: str) -> None:
        remote.put("inbox/scan.png", png)
        remote.put("empty.png", b"")
        remote.put("text.png", b"hello")
        with pytest.raises(AirflowFailException, match=says):
            recognize(f"{remote.url}/{name}", source_conn_id=remote.conn_id)
        assert emulator.calls.billed == 0

    def test_root(self, remote: Store, emulator: Emulator) -> None:
        # Older clients of S3 do not find a bucket that is empty.
        with pytest.raises(AirflowFailException, match=r"is a directory|does not exist"):
            recognize(remote.url, source_conn_id=remote.conn_id)
        assert emulator.calls.billed == 0

    def test_bucket_is_missing(self, s3_store: S3, emulator: Emulator) -> None:
        with pytest.raises(AirflowFailException, match="does not exist"):
            recognize("s3://no-such-bucket/scan.png", source_conn_id="aws_default")
        assert emulator.calls.billed == 0

    def test_without_permission_in_s3(
        self, s3: S3Server, s3_store: S3, emulator: Emulator, png: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uri = s3_store.put("scan.png", png)
        reader, lister = s3.user("s3:GetObject", "s3:ListBucket"), s3.user("s3:ListBucket")
        # Airflow keeps the file system of a connection, so that each user needs a connection of its own.
        monkeypatch.setenv("AIRFLOW_CONN_AWS_LISTER", s3.connection(*lister))
        monkeypatch.setenv("AIRFLOW_CONN_AWS_READER", s3.connection(*reader))
        with s3.rights_enforced():
            with pytest.raises(AirflowFailException, match="may not be read: permission denied"):
                recognize(uri, source_conn_id="aws_lister")
            assert emulator.calls.billed == 0
            recognize(uri, source_conn_id="aws_reader")
        assert sent(emulator) == [sha256(png)]

    def test_without_permission_on_sftp(
        self, sftp: SftpServer, sftp_store: Sftp, emulator: Emulator, png: bytes
    ) -> None:
        uri = sftp_store.put("locked/scan.png", png)
        sftp.forbidden.add(f"/{sftp_store.folder.name}/locked")
        with pytest.raises(AirflowFailException, match="may not be read: permission denied"):
            recognize(uri, source_conn_id="sftp_default")
        assert emulator.calls.billed == 0

    def test_with_a_wrong_password(
        self,
        sftp: SftpServer,
        sftp_store: Sftp,
        emulator: Emulator,
        png: bytes,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        uri = sftp_store.put("scan.png", png)
        monkeypatch.setenv("AIRFLOW_CONN_SFTP_WRONG", sftp.connection("a-wrong-password"))
        with pytest.raises(AirflowFailException, match="the login was refused"):
            recognize(uri, source_conn_id="sftp_wrong")
        assert emulator.calls.billed == 0

    def test_with_an_unknown_connection(self, sftp_store: Sftp, emulator: Emulator, png: bytes) -> None:
        with pytest.raises(AirflowFailException, match=r"unknown_conn.* isn't defined"):
            recognize(sftp_store.put("scan.png", png), source_conn_id="unknown_conn")
        assert emulator.calls.billed == 0


class TestUnreachable:
    """A storage that does not answer is left to Airflow's retries, soon and unpaid."""

    @pytest.mark.parametrize(
        ("uri", "connection"),
        [
            ("s3://bucket/scan.png", {"conn_type": "aws", "extra": {"endpoint_url": CLOSED}}),
            ("sftp:///scan.png", {"conn_type": "sftp", "host": "127.0.0.1", "port": 9}),
        ],
        ids=["s3", "sftp"],
    )
    @pytest.mark.parametrize("role", ["source", "destination"])
    def test_ends_soon(
        self,
        uri: str,
        connection: dict[str, Any],
        role: str,
        emulator: Emulator,
        scan: Any,
        monkeypatch: pytest.MonkeyPatch,
        record_property: Callable[[str, object], None],
    ) -> None:
        connection = {"login": "someone", "password": "something", **connection}
        monkeypatch.setenv("AIRFLOW_CONN_UNREACHABLE", json.dumps(connection))
        arguments = {"source": scan, role: uri, f"{role}_conn_id": "unreachable"}
        started = time.monotonic()
        with pytest.raises(AsposeOcrStorageError, match="cannot be"):
            recognize(**arguments)
        seconds = time.monotonic() - started
        record_property("seconds", round(seconds, 1))
        assert seconds < 60
        assert emulator.calls.billed == 0
