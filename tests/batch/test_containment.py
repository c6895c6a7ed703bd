"""An error of one item is its own: the others are delivered, and no item without an end is a success."""

from __future__ import annotations

import asyncio
import io
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrStorageError,
    AsposeOcrUnexpectedError,
    contained,
)
from airflow_provider_asposeocr.batch import record
from airflow_provider_asposeocr.batch.containment import name_of, own_error
from airflow_provider_asposeocr.batch.runner import AsposeOcrBatchIncompleteError
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import CountingStore, batch, fail_once, image, images, lines
from tests.running import run


class Panic(BaseException):
    """As extensions in Rust raise: no Exception, so that nobody catches it by mistake."""


KINDS: list[Callable[[], BaseException]] = [
    lambda: Panic("s3cret"),
    asyncio.CancelledError,
    GeneratorExit,
    StopIteration,
    lambda: SystemExit(3),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind()).__name__)


class Failing(io.BytesIO):
    """A source that raises from some byte on: at the first look, or while it is sent."""

    def __init__(self, error: BaseException, at: int) -> None:
        super().__init__(image() + bytes(3_000_000))
        self._error = error
        self._at = at

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self._at:
            raise self._error
        return super().read(size)


class Nameless(os.PathLike[str]):
    """A source that raises when it is asked where it is."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __fspath__(self) -> str:
        raise self._error

    def __str__(self) -> str:
        raise self._error


def only_one_fails(sources: list[Any], out: Path, **arguments: Any) -> dict[str, Any]:
    """Run a batch, and return the line of its one item that fails."""
    with pytest.raises(AsposeOcrBatchIncompleteError, match="1 of 5 items failed, 0 of them for good"):
        run(batch(sources, f"{out}/", **arguments))
    report = lines(out)
    assert Counter(line["status"] for line in report) == {"succeeded": 4, "failed": 1}
    return next(line for line in report if line["status"] == "failed")


@each_kind
@pytest.mark.parametrize("at", [0, 1_000_000], ids=["looked at", "sent"])
@pytest.mark.parametrize("width", [1, 4])
def test_what_a_source_raises(
    emulator: Emulator, tmp_path: Path, kind: Callable[[], BaseException], at: int, width: int
) -> None:
    first, *rest = images(tmp_path / "in", 4)
    bad = Failing(kind(), at)
    failed = only_one_fails([first, bad, *rest], tmp_path / "out", max_in_flight=width)
    assert type(kind()).__name__ in failed["message"]
    assert "s3cret" not in failed["message"]
    assert len(emulator.submissions) == 4


@each_kind
@pytest.mark.parametrize("destination", ["", "{stem}.txt"])
def test_what_the_name_of_a_source_raises(
    emulator: Emulator, tmp_path: Path, kind: Callable[[], BaseException], destination: str
) -> None:
    first, *rest = images(tmp_path / "in", 4)
    sources = [first, Nameless(kind()), *rest]
    with pytest.raises(AsposeOcrBatchIncompleteError, match="1 of 5 items failed, 0 of them for good"):
        run(batch(sources, f"{tmp_path}/out/{destination}", max_in_flight=2))
    assert [line["source"] for line in lines(tmp_path / "out")][1] == "a Nameless"


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        *((where, kind) for where in ("open_source", "make_body", "deliver") for kind in KINDS),
        # On the event loop; there the others come from outside.
        *(("wait", kind) for kind in KINDS[:2]),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value()).__name__,
)
def test_what_is_raised_on_the_way_of_an_item(
    emulator: Emulator,
    tmp_path: Path,
    where: str,
    kind: Callable[[], BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_once(monkeypatch, where, call=2, error=kind())
    only_one_fails(images(tmp_path / "in", 5), tmp_path / "out", max_in_flight=1)


@each_kind
@pytest.mark.parametrize("after", [0, 1], ids=["at first", "later"])
def test_what_the_record_store_raises_ends_the_batch(
    emulator: Emulator,
    tmp_path: Path,
    kind: Callable[[], BaseException],
    after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "COMMIT_INTERVAL", 0.01)

    class Store(CountingStore):
        def set(self, key: str, value: Any) -> None:
            if self.writes >= after:
                raise kind()
            super().set(key, value)

    images(tmp_path / "in", 8)
    with pytest.raises(AsposeOcrStorageError, match="recorded" if not after else "cannot be written"):
        run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/", max_in_flight=2), task_state_store=Store())
    assert emulator.calls.submit <= 2 * after


def test_a_worker_that_is_lost_makes_no_success(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_asposeocr.batch.runner import BatchRunner

    async def lost(*_: Any) -> None:
        """End without having done anything."""

    monkeypatch.setattr(BatchRunner, "_work", lost)
    images(tmp_path / "in", 3)
    with pytest.raises(AsposeOcrBatchIncompleteError, match="3 of 3 items were not brought to an end"):
        run(batch(f"{tmp_path}/in/", f"{tmp_path}/out/", fail_on="none"))


def test_dead_links_do_not_keep_good_files_from_being_tried(emulator: Emulator, tmp_path: Path) -> None:
    dead = [f"http://127.0.0.{number}:9/scan.png" for number in range(1, 7)]
    sources = [*dead, *images(tmp_path / "in", 3)]
    with pytest.raises(AsposeOcrBatchIncompleteError, match="6 of 9 items failed, 0 of them for good"):
        run(batch(sources, f"{tmp_path}/out/", max_in_flight=1))
    assert [line["status"] for line in lines(tmp_path / "out")] == ["failed"] * 6 + ["succeeded"] * 3


def test_a_destination_that_cannot_be_reached_ends_the_batch(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWS_NOWHERE",
        '{"conn_type": "aws", "login": "a", "password": "b", "extra": {"endpoint_url": "http://127.0.0.1:9",'
        ' "region_name": "us-east-1", "config_kwargs": {"retries": {"max_attempts": 1}}}}',
    )
    images(tmp_path / "in", 9)
    with pytest.raises(AsposeOcrBatchIncompleteError, match="5 items failed in a row"):
        run(
            batch(
                f"{tmp_path}/in/",
                "s3://aws_nowhere@bucket/out/",
                durable_path=f"{tmp_path}/records",
                report="s3://aws_nowhere@bucket/report.jsonl",
                max_in_flight=1,
            )
        )
    assert emulator.calls.submit == 5


def test_a_source_that_is_none_fails_for_good(emulator: Emulator, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="1 of 1 items failed, 1 of them for good"):
        run(batch([object()], f"{tmp_path}/out/"))


@each_kind
def test_what_a_thread_raises_can_be_passed_on(kind: Callable[[], BaseException]) -> None:
    def work() -> None:
        raise kind()

    with pytest.raises(AsposeOcrUnexpectedError, match=f"unexpected {type(kind()).__name__} in test_"):
        contained(work)


def test_an_interrupt_by_hand_is_let_through() -> None:
    def work() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        contained(work)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_an_order_from_outside_is_raised_again(kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        own_error(kind())


async def test_a_cancellation_of_the_task_is_told_from_one_that_something_raised() -> None:
    assert isinstance(own_error(asyncio.CancelledError()), AsposeOcrUnexpectedError)

    async def cancelled() -> None:
        try:
            await asyncio.sleep(60)
        except BaseException as raised:
            own_error(raised)

    task = asyncio.create_task(cancelled())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_names_are_those_of_the_listing() -> None:
    assert name_of("https://host/a.png?sig=s3cret") == "https://host/a.png"
    assert name_of({"bucket": "b", "key": "k.png"}) == "s3://b/k.png"
    assert name_of(Nameless(Panic())) == "a Nameless"
