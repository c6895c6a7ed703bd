"""Real storage servers on the loopback interface: S3 (moto's) and SFTP (asyncssh's)."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import boto3
from moto.core import set_initial_no_auth_action_count
from moto.server import ThreadedMotoServer

LOOPBACK = "127.0.0.1"
PATIENCE = 30
"""Seconds that a server has to start or to stop."""


@dataclass(frozen=True)
class S3Server:
    """A running S3 server.

    :param url: its base address.
    """

    url: str

    def connection(self, key_id: str = "test", secret: str = "test") -> str:
        """Return the Airflow connection of type ``aws`` to it as JSON.

        :param key_id: the access key id.
        :param secret: the secret access key.
        """
        extra = {"endpoint_url": self.url, "region_name": "us-east-1"}
        return json.dumps({"conn_type": "aws", "login": key_id, "password": secret, "extra": extra})

    def client(self, service: str = "s3") -> Any:
        """Return a client of boto3's.

        :param service: ``s3`` or another service of the same server, such as ``iam``.
        """
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def put(self, bucket: str, objects: dict[str, bytes]) -> None:
        """Create a bucket, and objects in it.

        :param bucket: its name.
        :param objects: contents by key.
        """
        client = self.client()
        client.create_bucket(Bucket=bucket)
        for key, content in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=content)

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Return all objects of a bucket.

        :param bucket: its name.
        """
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    @contextmanager
    def rights_enforced(self) -> Iterator[None]:
        """Let IAM decide on every request within the block."""
        set_initial_no_auth_action_count(0)
        yield


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run an S3 server in a thread of this process; its buckets go with it."""
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()


@dataclass
class SftpServer:
    """A running SFTP server.

    :param port: where it listens.
    :param root: the folder that its clients see as ``/``.
    :param forbidden: paths below ``/`` that no client may read or write.
    """

    port: int
    root: Path
    forbidden: set[str] = field(default_factory=set)
    user: str = "ocr"
    password: str = "a-password-for-sftp"

    def connection(self) -> str:
        """Return the Airflow connection of type ``sftp`` to it as JSON."""
        return json.dumps(
            {
                "conn_type": "sftp",
                "host": LOOPBACK,
                "port": self.port,
                "login": self.user,
                "password": self.password,
                "extra": {"no_host_key_check": True, "allow_host_key_change": True},
            }
        )
