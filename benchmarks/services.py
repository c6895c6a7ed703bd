"""Services beside the measured processes: emulator, S3, files, the vendor's SDK."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import boto3

from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from benchmarks.about import REPOSITORY, SCRATCH
from benchmarks.gauge import get_token, set_options
from benchmarks.processes import CONNECTION, environment
from tests.emulator.process import start_emulator

BUCKET = "benchmark"
SDK = "aspose-ocr-cloud==24.11.0"

_PEERS = SCRATCH / "peers"
_PNG = b"\x89PNG\r\n\x1a\n"
_BLOCK = 1_000_000


@dataclass
class Services:
    """All that runs beside the measured processes.

    :param emulator: the emulator's address; it hashes uploads and keeps none.
    :param s3: the address of S3.
    :param folder: a directory for files, removed at the end.
    :param sdk_python: the interpreter that has the vendor's SDK.
    """

    emulator: str
    s3: str
    folder: Path
    sdk_python: Path
    digests: dict[int, str] = field(default_factory=dict)

    @property
    def storage(self) -> Any:
        """A client of S3."""
        return boto3.client("s3", endpoint_url=self.s3, region_name="us-east-1")

    def account(self) -> dict[str, str]:
        """Return the address of the emulator and an account that it lets in, for a measured process."""
        options = EmulatorOptions()
        account = {"client_id": options.client_id, "client_secret": options.client_secret}
        return {"emulator": self.emulator, **account}

    def environment(self) -> dict[str, str]:
        """Return the environment of a measured process."""
        account = self.account()
        ocr = {
            "conn_type": "asposeocr",
            "host": self.emulator,
            "login": account["client_id"],
            "password": account["client_secret"],
        }
        aws = {"conn_type": "aws", "extra": {"endpoint_url": self.s3, "region_name": "us-east-1"}}
        connections = {
            CONNECTION: ocr,
            "AIRFLOW_CONN_EMULATOR_HTTP": {"conn_type": "http", "host": self.emulator},
            "AIRFLOW_CONN_AWS_DEFAULT": aws,
        }
        return environment(self.folder, **{name: json.dumps(value) for name, value in connections.items()})

    def make_sources(self, megabytes: Sequence[int]) -> None:
        """Write one file of each size to the disk and to S3.

        :param megabytes: the sizes, of a million bytes each.
        """
        for size in (0, *megabytes):
            path = self.source("disk", size)
            self.digests[size] = _write_noise(Path(path), size * _BLOCK or 10_000)
            self.storage.upload_file(path, BUCKET, Path(path).name)

    def source(self, where: str, megabytes: int) -> str:
        """Return the path or URI of a file; the one of no megabytes is for warming up.

        :param where: ``disk`` or ``s3``.
        :param megabytes: its size.
        """
        name = f"source-{megabytes}.png"
        return f"s3://{BUCKET}/{name}" if where == "s3" else str(self.folder / name)

    def submit_small(self) -> str:
        """Submit an image whose result is a PDF; the emulator makes it as large as it is told to.

        :return: the id of the OCR task.
        """
        headers = {"Authorization": f"Bearer {get_token(self.account())}", "Accept": "text/plain"}
        body = json.dumps({"image": "aW1hZ2U=", "settings": {"resultType": "Pdf"}}).encode()
        request = urllib.request.Request(f"{self.emulator}/v5.0/ocr/RecognizeImage", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            ocr_task_id: str = answer.read().decode()
        return ocr_task_id

    def last_upload(self) -> str:
        """Return the digest of what the emulator received last."""
        with urllib.request.urlopen(f"{self.emulator}/_emulator/submissions", timeout=30) as answer:
            digest: str = json.load(answer)[-1]["sha256"]
        return digest

    def digest_and_drop(self, target: str) -> str:
        """Return the digest of a stored result, which is removed.

        :param target: a path, or a URI in S3.
        """
        if not target.startswith("s3://"):
            with Path(target).open("rb") as stream:
                digest = _digest(stream)
            Path(target).unlink()
            return digest
        key = target.rsplit("/", 1)[-1]
        digest = _digest(self.storage.get_object(Bucket=BUCKET, Key=key)["Body"])
        self.storage.delete_object(Bucket=BUCKET, Key=key)
        return digest


@contextmanager
def running(folder: Path) -> Iterator[Services]:
    """Run everything until the block ends.

    :param folder: a directory for files; whoever gives it removes it.
    """
    os.environ.update({"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"})
    sdk_python = _sdk_python()
    with _emulator() as emulator, _s3() as s3:
        services = Services(emulator, s3, folder, sdk_python)
        services.storage.create_bucket(Bucket=BUCKET)
        yield services


def check_space(folder: Path, megabytes: int) -> None:
    """Refuse to begin where the files would not fit.

    :param folder: where they go.
    :param megabytes: what is needed.
    """
    free = shutil.disk_usage(folder).free // _BLOCK
    if free < megabytes:
        raise SystemExit(f"{folder} has {free} MB free, {megabytes} are needed: set TMPDIR to another place")


@contextmanager
def _emulator() -> Iterator[str]:
    process, url = start_emulator("--no-ocr")
    try:
        set_options(url, discard=True)
        yield url
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def _s3() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.s3_server"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError("moto's server did not start")
        yield url
    finally:
        process.terminate()
        process.communicate()


def _sdk_python() -> Path:
    """Return the interpreter of the environment that has the vendor's SDK, made at the first time."""
    python, ready = _PEERS / "bin" / "python", _PEERS / ".ready"
    if not ready.exists() or ready.read_text() != SDK:
        print(f"Installing {SDK} into {_PEERS}", file=sys.stderr)
        venv.create(_PEERS, clear=True, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, SDK, "boto3"], check=True)
        ready.write_text(SDK)
    return python


def _write_noise(path: Path, size: int) -> str:
    """Write bytes that cannot be compressed and begin as a PNG does; return their digest."""
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        left, block = size, _PNG + os.urandom(_BLOCK - len(_PNG))
        while left > 0:
            digest.update(block[:left])
            stream.write(block[:left])
            left -= len(block)
            block = os.urandom(_BLOCK)
    return digest.hexdigest()


def _digest(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_BLOCK):
        digest.update(chunk)
    return digest.hexdigest()
