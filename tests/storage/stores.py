"""One small interface to the storages, so that a test is written once for all of them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Protocol

from tests.system.servers import S3Server, SftpServer

_numbers = itertools.count(1)


class Store(Protocol):
    """A place of its own in a storage, seen past the code under test.

    ``conn_id`` is the Airflow connection, ``url`` the URI of the place, without a slash at its end.
    """

    conn_id: str | None
    url: str

    def put(self, name: str, content: bytes) -> str:
        """Store a file, and return its URI."""

    def delete(self, name: str) -> None:
        """Delete a file."""

    def files(self) -> dict[str, bytes]:
        """Return all files by their names, hidden ones too."""


class Local:
    """A folder of this machine."""

    conn_id: str | None = None

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.url = f"file://{folder}"

    def put(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return f"{self.url}/{name}"

    def delete(self, name: str) -> None:
        (self.folder / name).unlink()

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}


class Sftp(Local):
    """A folder of an SFTP server."""

    conn_id: str | None = "sftp_default"

    def __init__(self, server: SftpServer) -> None:
        name = f"place-{next(_numbers)}"
        super().__init__(server.root / name)
        self.url = f"sftp:///{name}"


class S3:
    """A bucket of an S3 server."""

    conn_id: str | None = "aws_default"

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.bucket = f"bucket-{next(_numbers)}"
        self.url = f"s3://{self.bucket}"
        server.put(self.bucket, {})

    def put(self, name: str, content: bytes) -> str:
        self.server.client().put_object(Bucket=self.bucket, Key=name, Body=content)
        return f"{self.url}/{name}"

    def delete(self, name: str) -> None:
        self.server.client().delete_object(Bucket=self.bucket, Key=name)

    def files(self) -> dict[str, bytes]:
        return self.server.objects(self.bucket)

    def unfinished(self) -> int:
        """Count the uploads in parts that were begun, and neither completed nor given up."""
        reply = self.server.client().list_multipart_uploads(Bucket=self.bucket)
        return len(reply.get("Uploads", ()))
