"""Memory and work do not grow with what has arrived before."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator import auth, calls, ocr_tasks, state
from airflow_provider_asposeocr.emulator.auth import TokenGrant, TokenIssuer
from airflow_provider_asposeocr.emulator.bounded import BoundedDict, History
from airflow_provider_asposeocr.emulator.calls import Calls
from airflow_provider_asposeocr.emulator.faults import MAX_FAULTS, Fault, InjectedFaults
from airflow_provider_asposeocr.emulator.ocr_tasks import OcrTask, OcrTaskStore, Outcome
from airflow_provider_asposeocr.emulator.options import EmulatorOptions
from airflow_provider_asposeocr.emulator.state import EmulatorState
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.emulator.uploads import FileSink
from tests.emulator.client import API, Client


class Examined(OrderedDict[str, Any]):
    """A mapping that counts the entries that are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __getitem__(self, key: str) -> Any:
        self.count += 1
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.count += 1
        return super().get(key, default)

    def values(self) -> Any:
        for value in super().values():
            self.count += 1
            yield value

    def items(self) -> Any:
        for item in super().items():
            self.count += 1
            yield item

    def __iter__(self) -> Iterator[str]:
        for key in super().__iter__():
            self.count += 1
            yield key


def submission(index: int, submitted_at: float | None = None, **settings: Any) -> Submission:
    at = time.time() if submitted_at is None else submitted_at
    return Submission(index, f"id-{index}", "RecognizeImage", settings, "00", 5, at)


def done(index: int, submitted_at: float | None = None, **settings: Any) -> OcrTask:
    return OcrTask(submission(index, submitted_at, **settings), outcome=Outcome())


def store(tmp_path: Path, **options: Any) -> tuple[OcrTaskStore, Examined, EmulatorOptions]:
    switches = EmulatorOptions(ocr=False, **options)
    made = OcrTaskStore(switches, tmp_path)
    examined = made._ocr_tasks = Examined()
    return made, examined, switches


@pytest.mark.parametrize("known", [0, 100, 10_000])
def test_a_submission_looks_at_few_tasks(tmp_path: Path, known: int) -> None:
    kept, examined, _ = store(tmp_path)
    for index in range(known):
        kept.add(done(index))
    examined.count = 0
    for index in range(known, known + 100):
        kept.add(done(index))
        assert kept.get(f"id-{index}")
    assert examined.count <= 3 * 100
    assert len(kept) == known + 100


def test_a_shorter_retention_is_paid_by_many_requests(tmp_path: Path) -> None:
    kept, examined, options = store(tmp_path, retention_seconds=1_000)
    for index in range(10_000):
        kept.add(done(index, time.time() - 100))
    options.retention_seconds = 50
    # Nothing of them is seen from now on, though none has been removed yet.
    assert (len(kept), kept.snapshot(), kept.get("id-9999")) == (0, [], None)
    for index in range(10_000, 10_101):
        examined.count = 0
        kept.add(done(index))
        assert examined.count <= 3 * ocr_tasks.MAX_PURGED
    assert len(examined) == len(kept) == 101


def test_taking_the_oldest_is_as_quick_after_many_were_taken() -> None:
    # A plain dict passes all the places of removed keys to find its first one.
    entries: BoundedDict[int, int] = BoundedDict(1_000)
    for number in range(100_000):
        entries[number] = number
    assert list(entries) == list(range(99_000, 100_000))
    entries[99_000] = 5
    assert len(entries) == 1_000


def test_tasks_are_forgotten_by_their_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr_tasks, "MAX_KEPT_BYTES", 1_000_000)
    kept, _, _ = store(tmp_path)
    for index in range(20):
        kept.add(done(index, note="x" * 10_000))
    assert [ocr_task.submission.index for ocr_task in kept.snapshot()] == [16, 17, 18, 19]
    kept.add(OcrTask(submission(20), image=tmp_path / "image"))
    results = ({"type": "Pdf", "data": "x" * 900_000},)
    kept.finish("id-20", Outcome(results=results))
    assert [ocr_task.submission.index for ocr_task in kept.snapshot()] == [20]
    kept.fail("id-20", ["an error"])
    for index in range(21, 24):
        kept.add(done(index, note="x" * 10_000))
    assert len(kept) == 4
    kept.clear()
    assert kept._kept_bytes == 0
    kept.add(done(30, note="x" * 100_000))
    assert len(kept) == 1  # one that is alone is kept, however large


def test_any_number_of_unknown_ids(
    emulator: Emulator, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator._running.calls._unknown._limit = 50
    ocr_task_id = client.submit()
    for number in range(200):
        client.get(f"unknown-{number}")
        client.cancel(f"unknown-{number}")
    client.get("x" * 5_000)
    client.get(ocr_task_id)
    by_ocr_task = emulator.calls.by_ocr_task
    assert len(by_ocr_task) == 51
    assert (by_ocr_task[ocr_task_id].submit, by_ocr_task[ocr_task_id].poll) == (1, 1)
    assert (by_ocr_task["unknown-199"].poll, by_ocr_task["unknown-199"].cancel) == (1, 1)
    assert "unknown-0" not in by_ocr_task
    assert max(map(len, by_ocr_task)) == calls.MAX_ID_CHARS
    assert (emulator.calls.poll, emulator.calls.cancel) == (202, 200)


def test_counters_of_tasks_are_bounded() -> None:
    counts = Calls()
    for number in range(calls.MAX_COUNTED_OCR_TASKS + 100):
        counts.count_made(f"id-{number}")
    for number in range(calls.MAX_UNKNOWN_IDS + 100):
        counts.count_for(f"other-{number}", "poll")
    counts.count_for("id-0", "poll")  # forgotten: it counts as unknown
    assert len(counts.by_ocr_task) == calls.MAX_COUNTED_OCR_TASKS + calls.MAX_UNKNOWN_IDS
    assert counts.by_ocr_task["id-0"].submit == 0
    assert counts.by_ocr_task[f"id-{calls.MAX_COUNTED_OCR_TASKS}"].submit == 1


def test_tokens_and_failures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MAX_TOKENS", 100)
    monkeypatch.setattr(auth, "MAX_PAIRS", 100)
    options = EmulatorOptions(lockout_failures=2)
    desk = TokenIssuer(options)
    first, *_, last = (
        desk.grant("client_credentials", options.client_id, options.client_secret) for _ in range(250)
    )
    assert isinstance(first, TokenGrant)
    assert isinstance(last, TokenGrant)
    assert len(desk.granted) == 100
    assert not desk.accepts(f"Bearer {first.access_token}")
    assert desk.accepts(f"Bearer {last.access_token}")
    for secret in range(1_000):
        for _ in range(3):
            answer = desk.grant("client_credentials", "a", str(secret))
        assert answer.retry_after == 600  # type: ignore[union-attr]
        desk.grant("client_credentials", "b", str(secret))
    assert len(desk._failures) == len(desk._locked_until) == 100
    desk.expire_all()
    assert not desk.accepts(f"Bearer {last.access_token}")
    assert len(desk.granted) == 100


def test_the_transcript_is_bounded_in_number_and_size(emulator: Emulator, client: Client) -> None:
    emulator.options.transcript_limit = 5
    for number in range(10):
        client.get(f"id-{number}")
    assert [entry.ocr_task_id for entry in emulator.transcript] == [f"id-{number}" for number in range(5, 10)]
    long = "x" * 8_000
    client.call(
        "GET", f"{API}RecognizeImage", params={"id": long}, headers={"User-Agent": long, "Accept": long}
    )
    entry = emulator.transcript[-1]
    assert len(entry.ocr_task_id or "") == calls.MAX_ID_CHARS
    assert {len(entry.headers[name]) for name in ("user-agent", "accept")} == {calls.MAX_SHOWN_CHARS}
    emulator.options.transcript_limit = 0
    client.get("x")
    assert emulator.transcript == []


def test_submissions_are_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MAX_SUBMISSIONS", 10)
    running = EmulatorState(EmulatorOptions(ocr=False))
    sink = FileSink(None)
    for number in range(25):
        ocr_task = running.submit(f"id-{number}", "RecognizeImage", {}, sink)
        running.ocr_tasks.remove(ocr_task.ocr_task_id)
    listed = running.submissions.to_list()
    assert [one.index for one in listed] == list(range(15, 25))
    running.reset()
    assert running.submit("id", "RecognizeImage", {}, sink).submission.index == 0
    running.close()


def test_a_history_forgets_by_size() -> None:
    history: History[int] = History(lambda: 100, max_bytes=50)
    for number in range(10):
        history.append(number, 20)
    assert (history.to_list(), history.total) == ([8, 9], 10)
    history.append(10, 60)
    assert history.to_list() == []


def test_faults_that_are_used_up_are_forgotten() -> None:
    plan = InjectedFaults()
    for _ in range(3 * MAX_FAULTS):
        plan.add(Fault("slow", seconds=0))
        assert len(plan.strike("poll")) == 1
    assert len(plan._rules) <= 1
    plan.add(*(Fault("slow", times=None) for _ in range(MAX_FAULTS)))
    with pytest.raises(ValueError, match="at most"):
        plan.add(Fault("slow"))


def test_lists_are_read_while_tasks_arrive(emulator: Emulator, client: Client) -> None:
    ended = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not ended.is_set():
                _ = emulator.ocr_tasks, emulator.submissions, emulator.transcript, emulator.tokens
                emulator.calls.to_dict()
                client.call("GET", "/_emulator/ocr-tasks").json()
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    with Client(emulator) as other:
        for _ in range(300):
            other.submit()
    ended.set()
    reader.join()
    assert failures == []
    for name in ("ocr-tasks", "submissions", "transcript"):
        assert len(client.call("GET", f"/_emulator/{name}").json()) >= 300
    assert client.call("GET", "/_emulator/calls").json()["by_ocr_task"].keys() == emulator.ocr_tasks.keys()
