"""Results written to real servers of S3 and SFTP."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import AsposeOcrDestinationError
from airflow_provider_asposeocr.api.task import OcrResult
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files.destination import Names, StoredResult, store
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from tests.running import run
from tests.storage.stores import S3, Sftp, Store
from tests.system.servers import S3Server, SftpServer

NAMES = Names("file:///in/scan.png", "RecognizeImage", "5abe66e1-d823-48c1-bcb7-5c05c1719976")


def stored_at(place: Store, name: str, *results: OcrResult, **more: Any) -> list[StoredResult]:
    """Store results, one text unless others are given, in a file or folder of a place."""
    return store(
        results or (OcrResult("Text", b"recognized"),),
        f"{place.url}/{name}",
        NAMES,
        conn_id=place.conn_id,
        **more,
    )


def recognize(source: Any, place: Store, destination: str, **arguments: Any) -> Any:
    """Recognize an image as Airflow would, and return the manifest."""
    return run(
        AsposeOcrRecognizeImageOperator(
            task_id="t",
            source=source,
            destination=f"{place.url}/{destination}",
            destination_conn_id=place.conn_id,
            poll_interval=0.1,
            **arguments,
        )
    )


class TestManifest:
    """The next task finds a result."""

    @pytest.mark.parametrize("deferrable", [False, True], ids=["in the worker", "deferrable"])
    def test_leads_to_the_text(self, store: Store, emulator: Emulator, scan: Any, deferrable: bool) -> None:
        manifest = recognize(scan, store, "text/", durable=False, deferrable=deferrable)
        text = str(emulator.options.scripted_text).encode()
        ((name, content),) = store.files().items()
        assert content == text
        (result,) = manifest["results"]
        assert manifest["uri"] == result["uri"]
        assert result["uri"].endswith(name)
        assert result["bytes"] == len(text)
        assert result["sha256"] == hashlib.sha256(text).hexdigest()
        assert manifest["text"] is None

    def test_has_bucket_and_key(self, s3_store: S3) -> None:
        (entry,) = stored_at(s3_store, "text/page.txt")
        assert (entry["bucket"], entry["key"]) == (s3_store.bucket, "text/page.txt")


class TestName:
    """A result has the name that was asked for."""

    def test_in_a_folder(self, remote: Store) -> None:
        stored_at(remote, "a/b/")
        (name,) = remote.files()
        assert name.startswith("a/b/scan-")
        assert name.endswith(".txt")

    def test_by_placeholders(self, remote: Store) -> None:
        stored_at(remote, "{operation}/{stem}.{map_index}.{ext}")
        assert list(remote.files()) == ["RecognizeImage/scan.-1.txt"]

    @pytest.mark.parametrize("name", ["a b.txt", "ä.txt", "字.txt", "a+b=c&d.txt", "100%.txt", "a#1.txt"])
    def test_may_be_any(self, remote: Store, name: str) -> None:
        (entry,) = stored_at(remote, name)
        assert remote.files() == {name: b"recognized"}
        assert str(entry["uri"]).endswith(f"/{name}")

    def test_in_the_root_of_a_bucket(self, s3_store: S3) -> None:
        for destination in (s3_store.url, f"{s3_store.url}/"):
            store([OcrResult("Text", b"recognized")], destination, NAMES, conn_id="aws_default")
        (name,) = s3_store.files()
        assert name.startswith("scan-")

    def test_tells_results_of_one_kind_apart(self, remote: Store) -> None:
        entries = stored_at(remote, "out/", OcrResult("Text", b"one"), OcrResult("Text", b"two"))
        assert sorted(remote.files().values()) == [b"one", b"two"]
        assert len({entry["uri"] for entry in entries}) == 2


class TestContentType:
    """S3 hands a result to a browser as what it is."""

    @pytest.mark.parametrize(
        ("kind", "content_type"),
        [
            ("Text", "text/plain; charset=utf-8"),
            ("Pdf", "application/pdf"),
            ("ImagePNG", "image/png"),
            ("Hocr", "text/html; charset=utf-8"),
            ("Strange", "binary/octet-stream"),
        ],
    )
    def test_is_that_of_the_result(self, s3: S3Server, s3_store: S3, kind: str, content_type: str) -> None:
        (entry,) = stored_at(s3_store, "out/", OcrResult(kind, b"data"))
        found = s3.client().head_object(Bucket=s3_store.bucket, Key=entry["key"])
        assert found["ContentType"] == content_type

    def test_also_of_a_large_one(self, s3: S3Server, s3_store: S3) -> None:
        stored_at(s3_store, "out.pdf", OcrResult("Pdf", os.urandom(11_000_000)))
        found = s3.client().head_object(Bucket=s3_store.bucket, Key="out.pdf")
        assert (found["ContentType"], found["ContentLength"]) == ("application/pdf", 11_000_000)


class TestContent:
    """A result is written whole."""

    @pytest.mark.parametrize("size", [0, 1, 300_000, 5 * 1024 * 1024, 12_000_000])
    def test_is_whole(self, remote: Store, size: int) -> None:
        # Sent to SFTP in one piece, the largest would exceed what its server takes in one request.
        content = os.urandom(size)
        (entry,) = stored_at(remote, "page.pdf", OcrResult("Pdf", content))
        assert remote.files() == {"page.pdf": content}
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()

    def test_replaces_what_was_there(self, store: Store) -> None:
        store.put("page.txt", b"something longer than the new text")
        stored_at(store, "page.txt")
        assert store.files() == {"page.txt": b"recognized"}

    def test_replaces_nothing_without_leave(self, store: Store) -> None:
        store.put("page.txt", b"old")
        with pytest.raises(AsposeOcrDestinationError, match="exists, and overwrite is False"):
            stored_at(store, "page.txt", overwrite=False)
        assert store.files() == {"page.txt": b"old"}

    def test_is_written_without_leave_where_nothing_was(self, store: Store) -> None:
        stored_at(store, "page.txt", overwrite=False)
        assert store.files() == {"page.txt": b"recognized"}


class TestRecord:
    """The record of a submission that lies beside the results, where Airflow keeps none."""

    def test_spares_a_second_submission(self, remote: Store, emulator: Emulator, scan: Any) -> None:
        first = recognize(scan, remote, "text/")
        again = recognize(scan, remote, "text/")
        assert emulator.calls.submit == 1
        assert again["ocr_task_id"] == first["ocr_task_id"]
        assert sorted(name.partition("/")[0] for name in remote.files()) == ["text", "text"]


class TestUnusable:
    """A destination that cannot be written fails the task for good: a retry could not help."""

    def test_bucket_is_missing(self, s3_store: S3, emulator: Emulator, scan: Any) -> None:
        s3_store.url = "s3://no-such-bucket"
        with pytest.raises(AirflowFailException, match="cannot be written: The specified bucket does not"):
            recognize(scan, s3_store, "text/", durable=False)

    def test_without_permission_in_s3(
        self, s3: S3Server, s3_store: S3, emulator: Emulator, scan: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = s3.user("s3:GetObject", "s3:ListBucket")
        s3_store.put("page.txt", b"old")
        monkeypatch.setenv("AIRFLOW_CONN_AWS_WRITELESS", s3.connection(*user))
        s3_store.conn_id = "aws_writeless"
        with (
            s3.rights_enforced(),
            pytest.raises(AirflowFailException, match=r"page\.txt cannot be written: Access Denied"),
        ):
            recognize(scan, s3_store, "page.txt", durable=False)
        assert s3_store.files() == {"page.txt": b"old"}

    def test_without_permission_on_sftp(
        self, sftp: SftpServer, sftp_store: Sftp, emulator: Emulator, scan: Any
    ) -> None:
        sftp_store.put("locked/page.txt", b"old")
        sftp.forbidden.add(f"/{sftp_store.folder.name}/locked")
        with pytest.raises(AirflowFailException, match=r"page\.txt cannot be written: Permission denied"):
            recognize(scan, sftp_store, "locked/page.txt", durable=False)
        assert sftp_store.files() == {"locked/page.txt": b"old"}

    def test_a_file_stands_where_a_folder_should(
        self, sftp_store: Sftp, emulator: Emulator, scan: Any
    ) -> None:
        sftp_store.put("text", b"old")
        with pytest.raises(Exception, match=r"cannot be written"):
            recognize(scan, sftp_store, "text/page.txt", durable=False)
        assert sftp_store.files() == {"text": b"old"}
