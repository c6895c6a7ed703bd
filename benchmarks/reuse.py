"""Count the calls of a DAG over a folder that grows from day to day, in a real Airflow, with ``reuse_path``.

Five days: first 200 files, then each day 20 new ones, 5 that changed and 5 that were renamed. Then all days
once more, as a backfill does, and one with another language. The same with a folder of this machine and with
S3, where the bytes are counted that the server sends of the inbox.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.emulator.testing import Emulator
from benchmarks.about import Stopwatch, tell
from benchmarks.program import finish, options
from benchmarks.tables import Table, Target, targets_table
from dags_examples.demo.local_airflow import LocalAirflow
from tests.batch.support import image
from tests.system.servers import S3Server, s3_server

DAYS = 5
BUCKET = "daily"
PADDING = 200 * 1024
"""Bytes of a file, besides the image: it is to tell a look from a download."""

_DAG = Path(__file__).parent / "dags" / "daily.py"


class Inbox:
    """A folder whose files come, change and are renamed.

    :param files: how many there are on the first day; a tenth is added each day, a fortieth changed and as
        many renamed.
    :param put: writes a file.
    :param delete: removes one.
    """

    def __init__(self, files: int, put: Callable[[str, bytes], None], delete: Callable[[str], None]) -> None:
        self._put = put
        self._delete = delete
        self._random = random.Random(1)
        self._number = 0
        self._contents: dict[str, bytes] = {}
        self.day_one = files
        self._add(files)

    def next_day(self) -> int:
        """Let a day pass; return how many contents are new."""
        new, few = self.day_one // 10, self.day_one // 40
        touched = self._random.sample(sorted(self._contents), 2 * few)
        for name in touched[:few]:
            self._write(name, self._content())
        for name in touched[few:]:
            self._write(f"renamed-{name}", self._contents.pop(name))
            self._delete(name)
        self._add(new)
        return new + few

    def __len__(self) -> int:
        return len(self._contents)

    def _add(self, count: int) -> None:
        for _ in range(count):
            content = self._content()
            self._write(f"page-{self._number:05}.png", content)

    def _content(self) -> bytes:
        self._number += 1
        return image(self._number) + self._random.randbytes(PADDING)

    def _write(self, name: str, content: bytes) -> None:
        self._contents[name] = content
        self._put(name, content)


class CountedReads:
    """Count the bytes that a WSGI application sends of one folder.

    :param app: the application.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.count = 0

    def __call__(self, environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        counts = environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].startswith(f"/{BUCKET}/inbox/")
        for part in self._app(environ, start_response):
            self.count += len(part) if counts else 0
            yield part


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    """
    parser = options("reuse", __doc__, "40 files in place of 200")
    given: argparse.Namespace = parser.parse_args(arguments)
    files = 40 if given.quick else 200
    watch = Stopwatch()
    with (
        Emulator(ocr=False) as service,
        s3_server() as s3,
        tempfile.TemporaryDirectory(prefix="asposeocr-daily-") as folder,
    ):
        http: Any = s3.server._server
        http.app = reads = CountedReads(http.app)
        connections = {"asposeocr_default": service.connection_json(), "aws_default": s3.connection()}
        with LocalAirflow(_dags(folder), connections=connections) as airflow:
            airflow.start(tell)
            airflow.wait_until_parsed("daily")
            data = {
                "files": files,
                "folder": _days(airflow, service, *_local(Path(folder), files), lambda: 0),
                "s3": _days(airflow, service, *_remote(s3, files), lambda: reads.count),
            }
    return finish("reuse", given, {**data, **watch.about(1)}, tables, targets)


def _dags(folder: str) -> Path:
    dags = Path(folder) / "dags"
    dags.mkdir()
    (dags / _DAG.name).write_text(_DAG.read_text())
    return dags


def _local(folder: Path, files: int) -> tuple[Inbox, dict[str, str]]:
    place = folder / "inbox"
    place.mkdir()
    inbox = Inbox(
        files, lambda name, content: _write(place / name, content), lambda name: (place / name).unlink()
    )
    return inbox, {"place": str(folder), "conn_id": ""}


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _remote(s3: S3Server, files: int) -> tuple[Inbox, dict[str, str]]:
    s3.put(BUCKET, {})
    client = s3.client()
    inbox = Inbox(
        files,
        lambda name, content: client.put_object(Bucket=BUCKET, Key=f"inbox/{name}", Body=content),
        lambda name: client.delete_object(Bucket=BUCKET, Key=f"inbox/{name}"),
    )
    return inbox, {"place": f"s3://{BUCKET}", "conn_id": "aws_default"}


def _days(
    airflow: LocalAirflow, service: Emulator, inbox: Inbox, conf: dict[str, str], read: Callable[[], int]
) -> list[dict[str, Any]]:
    rows = []

    def run(name: str, new: int, language: str = "English") -> None:
        before, submitted, bytes_before = service.calls.billed, service.calls.submit, read()
        run_id = airflow.trigger("daily", {**conf, "language": language})
        state = airflow.wait("daily", run_id, 900)
        summary = airflow.xcom("daily", run_id, "recognize")
        rows.append(
            {
                "name": name,
                "state": state,
                "files": len(inbox),
                "new": new,
                "succeeded": summary["succeeded"],
                "reused": summary["reused"],
                "submitted": service.calls.submit - submitted,
                "calls": service.calls.billed - before,
                "bytes": read() - bytes_before,
                "seconds": summary["seconds"],
            }
        )
        tell(f"{name}: {rows[-1]}")

    run("day 1", inbox.day_one)
    for day in range(2, DAYS + 1):
        run(f"day {day}", inbox.next_day())
    for day in range(1, DAYS + 1):
        run(f"backfill of day {day}", 0)
    run("another language", len(inbox), "Ukrainian")
    return rows


def tables(data: Mapping[str, Any]) -> list[Table]:
    columns = ("run", "files", "new contents", "reused", "submitted", "billed calls", "MiB read", "seconds")
    return [
        Table(
            title,
            columns,
            [
                (
                    row["name"],
                    *(str(row[key]) for key in ("files", "new", "reused", "submitted", "calls")),
                    f"{row['bytes'] / 2**20:.2f}" if place == "s3" else "-",
                    f"{row['seconds']:.1f}",
                )
                for row in data[place]
            ],
        )
        for place, title in (("folder", "A folder of this machine"), ("s3", "A bucket of S3"))
    ] + [targets_table(targets(data))]


def targets(data: Mapping[str, Any]) -> list[Target]:
    rows = [*data["folder"], *data["s3"]]
    late = sum(row["submitted"] - row["new"] for row in rows)
    unpaid = [row for row in rows if not row["new"]]
    failed = sum(row["state"] != "success" or row["succeeded"] != row["files"] for row in rows)
    known = [row for row in data["s3"] if not row["new"]]
    look = max(row["bytes"] / row["files"] for row in known)
    return [
        Target.at_most("runs that did not deliver every file", 0, failed),
        Target.at_most("submissions beyond new and changed contents", 0, late),
        Target.at_most("calls of all backfills", 0, sum(row["calls"] for row in unpaid)),
        Target.at_most("bytes read of a known object of S3", 0.1 * PADDING, look, "{:.0f}"),
    ]


if __name__ == "__main__":
    sys.exit(main())
