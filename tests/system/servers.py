"""Real storage servers on the loopback interface: S3 (moto's) and SFTP (asyncssh's)."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import boto3
import requests
from moto.server import ThreadedMotoServer

LOOPBACK = "127.0.0.1"
PATIENCE = 30
"""Seconds that a server has to start or to stop."""


@dataclass(frozen=True)
class S3Server:
    """A running S3 server.

    :param url: its base address.
    :param server: moto's.
    """

    url: str
    server: ThreadedMotoServer

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
        self._let_pass(0)
        try:
            yield
        finally:
            self._let_pass(10**9)

    def user(self, *actions: str) -> tuple[str, str]:
        """Make a user of IAM, and return the id and the secret of its access key.

        :param actions: what it may do, such as ``s3:GetObject``.
        """
        client, name = self.client("iam"), f"user-{secrets.token_hex(4)}"
        client.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": [*actions, "sts:GetCallerIdentity"], "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        client.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy)
        key = client.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def _let_pass(self, count: int) -> None:
        requests.post(f"{self.url}/moto-api/reset-auth", data=str(count), timeout=PATIENCE).raise_for_status()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run an S3 server in a thread of this process; its buckets go with it."""
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server.start()
    try:
        host, port = server.get_host_and_port()
        running = S3Server(f"http://{host}:{port}", server)
        # What is in memory belongs to the process, not to the server.
        requests.post(f"{running.url}/moto-api/reset", timeout=PATIENCE).raise_for_status()
        yield running
    finally:
        server.stop()


@dataclass
class SftpServer:
    """A running SFTP server.

    :param port: where it listens.
    :param root: the folder that its clients see as ``/``.
    :param forbidden: folders, such as ``/locked``, in which no client may open a file.
    :param user: the name that may sign in.
    :param password: its password.
    :param connections: all connections that were ever made to it.
    """

    port: int
    root: Path
    forbidden: set[str] = field(default_factory=set)
    user: str = "ocr"
    password: str = "a-password-for-sftp"
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list, repr=False)

    def connection(self, password: str | None = None) -> str:
        """Return the Airflow connection of type ``sftp`` to it as JSON.

        :param password: a wrong one instead of the right one.
        """
        return json.dumps(
            {
                "conn_type": "sftp",
                "host": LOOPBACK,
                "port": self.port,
                "login": self.user,
                "password": password or self.password,
                "extra": {"no_host_key_check": True, "allow_host_key_change": True},
            }
        )


@contextmanager
def sftp_server(root: Path) -> Iterator[SftpServer]:
    """Run an SFTP server in a thread of this process.

    :param root: the folder that its clients see as ``/``.
    """
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    server = SftpServer(0, root)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sftp-server")
    thread.start()
    try:
        acceptor = asyncio.run_coroutine_threadsafe(_listen(server), loop).result(PATIENCE)
        server.port = acceptor.get_port()
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(_close(server, acceptor), loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


async def _listen(server: SftpServer) -> asyncssh.SSHAcceptor:
    return await asyncssh.listen(
        LOOPBACK,
        0,
        server_factory=lambda: _SignIn(server),
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        sftp_factory=lambda channel: _Files(channel, server),
    )


async def _close(server: SftpServer, acceptor: asyncssh.SSHAcceptor) -> None:
    acceptor.close()
    # File systems that fsspec keeps for later stay connected.
    for connection in server.connections:
        connection.abort()
    await acceptor.wait_closed()


class _SignIn(asyncssh.SSHServer):
    def __init__(self, server: SftpServer) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._server.connections.append(conn)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (self._server.user, self._server.password)


class _Files(asyncssh.SFTPServer):
    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], server: SftpServer) -> None:
        super().__init__(channel, chroot=str(server.root).encode())
        self._server = server

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        folder = f"/{path.decode().strip('/')}".rpartition("/")[0]
        if any(f"{folder}/".startswith(f"{forbidden}/") for forbidden in self._server.forbidden):
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        return super().open(path, pflags, attrs)
