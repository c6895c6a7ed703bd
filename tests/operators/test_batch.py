"""The batch operator against the emulator: what it submits, stores and tells, and when it gives up."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import logging
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout, ObjectStoragePath

from airflow_provider_asposeocr.api.exceptions import AsposeOcrHaltedError, AsposeOcrRateLimitError
from airflow_provider_asposeocr.batch import course, plan, progress
from airflow_provider_asposeocr.batch.policy import AsposeOcrBatchIncompleteError
from airflow_provider_asposeocr.emulator.generated import generated_sha256
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import CountingStore, batch, image, images, lines, recorded_ids
from tests.running import run

TEXT = "The quick brown fox jumps over the lazy dog."


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with twelve images."""
    images(tmp_path / "in", 12)
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def most_in_flight(emulator: Emulator) -> int:
    """The most jobs that were submitted and not yet fetched at any moment; each is polled once."""
    now = most = 0
    for entry in emulator.transcript:
        now += (entry.kind == "submit") - (entry.kind == "poll")
        most = max(most, now)
    return most


def test_texts_are_stored_and_told(emulator: Emulator, inbox: Path, out: Path) -> None:
    summary = run(batch(f"{inbox}/", f"{out}/"))

    report = lines(out)
    assert [line["source"] for line in report] == [f"file://{path}" for path in sorted(inbox.iterdir())]
    for line in report:
        stored = Path(line["uri"].removeprefix("file://"))
        stem = Path(line["source"]).stem
        assert stored.parent == out
        assert re.fullmatch(rf"{stem}-[0-9a-f]{{12}}\.txt", stored.name)
        assert stored.read_text() == TEXT
        assert line["bytes"] == len(TEXT)
        assert line["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
        assert line["status"] == "succeeded"
        assert line["ocr_task_id"] in emulator.jobs
        assert line["api_calls"] == 2
        assert line["submitted_at"] < line["completed_at"]
        assert (line["error"], line["message"]) == (None, None)
        assert (line["warnings"], line["further_results"]) == ([], [])
    assert emulator.calls.billed == 24
    assert TEXT not in (out / "report.jsonl").read_text()
    assert summary.pop("seconds") > 0
    assert summary == {
        "report": f"file://{out}/report.jsonl",
        "destination": f"{out}/",
        "items": 12,
        "succeeded": 12,
        "failed": 0,
        "skipped": 0,
        "resumed": 0,
        "api_calls": 24,
    }


def test_no_more_jobs_are_in_flight_than_allowed(emulator: Emulator, tmp_path: Path, out: Path) -> None:
    images(tmp_path / "in", 40)
    run(batch(f"{tmp_path}/in/", f"{out}/", max_in_flight="7"))
    assert most_in_flight(emulator) == 7


def test_submissions_and_waits_overlap(emulator: Emulator, inbox: Path, out: Path) -> None:
    emulator.options.service_seconds = 1.0
    summary = run(batch(f"{inbox}/", f"{out}/", poll_interval=1.05))
    assert summary["seconds"] < 6
    assert most_in_flight(emulator) == 12


def test_without_an_interval_the_moments_are_learned(emulator: Emulator, inbox: Path, out: Path) -> None:
    summary = run(batch(f"{inbox}/", f"{out}/", poll_interval=None))
    assert summary["succeeded"] == 12
    assert summary["api_calls"] == 24


def test_settings_travel_as_with_a_single_image(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/", language="ukrainian", rotate="90", extra_settings={"brandNew": [1]}))
    for submission in emulator.submissions:
        assert submission.settings
        assert submission.settings["language"] == "Ukrainan"
        assert submission.settings["Rotate"] == 90
        assert submission.settings["brandNew"] == [1]


def test_what_is_sent_is_the_file(emulator: Emulator, inbox: Path, out: Path) -> None:
    (inbox / "large.png").write_bytes(image() + bytes(3_000_000))
    run(batch(f"{inbox}/", f"{out}/"))
    sent = {submission.sha256 for submission in emulator.submissions}
    assert sent == {hashlib.sha256(path.read_bytes()).hexdigest() for path in inbox.iterdir()}


def test_images_are_fetched_when_their_status_is_done(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/", operation="BinarizeImage"))
    assert (emulator.calls.submit, emulator.calls.status, emulator.calls.poll) == (12, 12, 12)
    assert all(Path(line["uri"].removeprefix("file://")).suffix == ".png" for line in lines(out))


def test_several_results_are_all_told(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/", result_type="TextAndPdf"))
    for line in lines(out):
        (pdf,) = line["further_results"]
        assert line["uri"].endswith(".txt")
        assert pdf["type"] == "Pdf"
        assert pdf["uri"].endswith(".pdf")
        assert Path(pdf["uri"].removeprefix("file://")).stat().st_size == pdf["bytes"]


def test_a_long_text_is_fetched_once_through_a_file(emulator: Emulator, inbox: Path, out: Path) -> None:
    emulator.options.result_bytes = 2 * plan.TEXT_LIMIT
    run(batch([inbox / "page-0000.png"], f"{out}/"))
    (line,) = lines(out)
    assert line["bytes"] == 2 * plan.TEXT_LIMIT
    assert line["sha256"] == generated_sha256("Text", 2 * plan.TEXT_LIMIT)
    # Submission, the poll that stops reading when it has seen that the task is done, the fetch.
    assert line["api_calls"] == emulator.calls.billed == 3


def test_equal_names_never_meet(emulator: Emulator, tmp_path: Path, out: Path) -> None:
    for folder in ("a", "b"):
        images(tmp_path / "in" / folder, 2)
    run(batch(f"{tmp_path}/in/", f"{out}/"))
    assert len({line["uri"] for line in lines(out)}) == 4


def test_names_may_be_chosen(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/{{operation}}/{{stem}}.{{ext}}"))
    assert (out / "RecognizeImage/page-0007.txt").read_text() == TEXT
    assert len(lines(out)) == 12


@pytest.mark.parametrize("line_break", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\x1e"])
def test_the_report_has_one_line_for_each_file_whatever_it_is_called(
    emulator: Emulator, tmp_path: Path, out: Path, line_break: str
) -> None:
    names = [f"Grüße{line_break}漢字 😀.png", "plain.png"]
    (tmp_path / "in").mkdir()
    for number, name in enumerate(names):
        (tmp_path / "in" / name).write_bytes(image(number))
    run(batch(f"{tmp_path}/in/", f"{out}/"))
    text = (out / "report.jsonl").read_text()
    assert len(text.splitlines()) == 2
    assert [line["source"] for line in lines(out)] == [f"file://{tmp_path}/in/{name}" for name in names]
    # Letters of all languages can be read as they are.
    assert "Grüße" in text
    assert "漢字 😀.png" in text


def test_deleted_at_the_service_when_delivered(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/", delete_remote="true"))
    assert emulator.calls.cancel == 12
    assert {line["api_calls"] for line in lines(out)} == {3}


def test_warnings_of_the_service_are_told(emulator: Emulator, inbox: Path, out: Path) -> None:
    emulator.options.warnings = ("The image is very dark.",)
    run(batch(f"{inbox}/", f"{out}/"))
    assert {tuple(line["warnings"]) for line in lines(out)} == {("The image is very dark.",)}


def test_the_output_of_another_batch_of_tasks(emulator: Emulator, inbox: Path, out: Path) -> None:
    manifests = [
        {"ocr_task_id": "1", "uri": f"file://{inbox}/page-0001.png", "text": "secret", "results": []},
        {"ocr_task_id": "2", "uri": f"file://{inbox}/page-0002.png", "text": "secret", "results": []},
    ]
    operator = batch(manifests, f"{out}/")
    operator.render_template_fields({"ti": None})  # type: ignore[typeddict-item]
    assert "secret" not in str(operator.sources)
    assert run(operator)["succeeded"] == 2


def test_a_mapped_task_has_a_report_of_its_own(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/"), map_index=3)
    assert len(lines(out, "report-3.jsonl")) == 12


@pytest.mark.parametrize("where", ["elsewhere/r.jsonl", "elsewhere/"])
def test_the_report_may_go_elsewhere(
    emulator: Emulator, inbox: Path, out: Path, tmp_path: Path, where: str
) -> None:
    summary = run(batch(f"{inbox}/", f"{out}/", report=f"{tmp_path}/{where}"))
    assert Path(summary["report"].removeprefix("file://")).parent == tmp_path / "elsewhere"
    assert len(ObjectStoragePath(summary["report"]).read_text().splitlines()) == 12


def test_no_sources_are_a_success(
    emulator: Emulator, tmp_path: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for sources in ([], f"{tmp_path}/nothing/"):
        assert run(batch(sources, f"{out}/"))["items"] == 0
    assert caplog.text.count("There are no sources") == 2
    assert lines(out) == []
    assert (emulator.calls.token, emulator.calls.billed) == (0, 0)


class TestArguments:
    """What is wrong with them is found before the first call."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"destination": None}, "needs a destination"),
            ({"destination": "out/all.txt"}, "one file for many results"),
            ({"destination": "nope://out/"}, "no storage is registered for nope"),
            ({"destination": "https://host/out/"}, "results cannot be stored at"),
            ({"report": "nope://out/r.jsonl"}, "no storage is registered for nope"),
            ({"sources": None}, "sources is nothing"),
            ({"max_in_flight": 0}, "max_in_flight must be a whole number, at least 1"),
            ({"max_in_flight": "many"}, "max_in_flight must be a whole number"),
            ({"fail_on": "some"}, "fail_on must be"),
            ({"fail_on": 1.5}, "fail_on must be"),
            ({"fail_on": True}, "fail_on must be"),
            ({"language": "Klingon"}, "unknown language"),
            ({"operation": "Recognise"}, "unknown operation"),
            ({"timeout": -1}, "timeout must be positive"),
            ({"poll_interval": 0}, "poll_interval must be positive"),
            ({"overwrite": "perhaps"}, "overwrite must be true or false"),
        ],
    )
    def test_are_refused(
        self, emulator: Emulator, inbox: Path, out: Path, arguments: dict[str, Any], message: str
    ) -> None:
        given = {"sources": f"{inbox}/", "destination": f"{out}/", **arguments}
        with pytest.raises(AirflowFailException, match=message):
            run(batch(given.pop("sources"), given.pop("destination"), **given))
        assert (emulator.calls.token, emulator.calls.billed) == (0, 0)

    @pytest.mark.parametrize(
        ("names", "pattern", "result_type", "meet"),
        [
            (("x.png", "x.txt.png"), "{stem}", "TextAndPdf", True),
            (("x.png", "x.txt.png"), "{stem}.{ext}", "TextAndPdf", False),
            (("x.png", "x.txt.png"), "{stem}", "Text", False),
            (("a b.png", "a_b.png"), "{stem}.txt", "Text", True),
            (("report.png", "b.png"), "{stem}.jsonl", "Text", True),
            (("report.png", "b.png"), "{stem}.txt", "Text", False),
        ],
    )
    def test_the_names_that_are_compared_are_those_that_are_written(
        self,
        emulator: Emulator,
        tmp_path: Path,
        png: bytes,
        names: tuple[str, str],
        pattern: str,
        result_type: str,
        meet: bool,
    ) -> None:
        for number, name in enumerate(names):
            (tmp_path / name).write_bytes(png + bytes(number))
        task = batch(
            [str(tmp_path / name) for name in names], f"{tmp_path}/out/{pattern}", result_type=result_type
        )
        if meet:
            with pytest.raises(AirflowFailException, match="would be stored under one name"):
                run(task)
            assert emulator.calls.submit == 0
        else:
            assert run(task)["succeeded"] == 2
            assert len(list((tmp_path / "out").glob("[!.]*"))) == 3 + 2 * (result_type == "TextAndPdf")

    def test_a_second_text_overwrites_the_result_of_no_other_item(
        self, emulator: Emulator, tmp_path: Path, png: bytes
    ) -> None:
        for number, name in enumerate(("a.png", "a-2.png", "b.png")):
            (tmp_path / name).write_bytes(png + bytes(number))
        texts = [{"type": "Text", "data": base64.b64encode(text).decode()} for text in (b"one", b"two")]
        reply = {"taskStatus": "Completed", "results": texts}
        emulator.inject("status", on="poll", status=200, body=json.dumps(reply), times=None)
        task = batch(f"{tmp_path}/*.png", f"{tmp_path}/out/{{stem}}.txt", fail_on="none")
        assert (run(task)["succeeded"], len(emulator.submissions)) == (2, 3)
        [failed] = [line for line in lines(tmp_path / "out") if line["status"] == "failed"]
        assert failed["source"].endswith("/a.png")
        assert "name of another item's result" in failed["message"]
        assert {path.name for path in (tmp_path / "out").glob("*.txt")} == {
            *("a-2.txt", "a-2-2.txt", "b.txt", "b-2.txt")
        }

    def test_a_pattern_under_which_results_would_meet(
        self, emulator: Emulator, tmp_path: Path, out: Path
    ) -> None:
        for folder in ("a", "b"):
            images(tmp_path / "in" / folder, 1)
        with pytest.raises(AirflowFailException, match="would be stored under one name"):
            run(batch(f"{tmp_path}/in/", f"{out}/{{stem}}.txt"))
        assert emulator.calls.billed == 0
        assert run(batch(f"{tmp_path}/in/", f"{out}/{{ocr_task_id}}.txt"))["succeeded"] == 2

    def test_a_path_object_may_be_a_folder(self, emulator: Emulator, inbox: Path, out: Path) -> None:
        run(batch(ObjectStoragePath(f"file://{inbox}"), ObjectStoragePath(f"file://{out}")))
        assert len(lines(out)) == 12


class TestBadItems:
    """They fail alone, and without a billed call."""

    @pytest.fixture
    def sources(self, inbox: Path) -> list[str]:
        (inbox / "empty.png").write_bytes(b"")
        (inbox / "text.png").write_text("no image at all")
        return [*sorted(str(path) for path in inbox.iterdir()), f"{inbox}/missing.png"]

    def test_the_others_go_on(
        self, emulator: Emulator, sources: list[str], out: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(AirflowFailException, match="3 of 15 items failed, 3 of them for good"):
            run(batch(sources, f"{out}/"))
        assert f"{sources[-1]} failed: " in caplog.text
        assert emulator.calls.billed == 24
        failed = {Path(line["source"]).name: line for line in lines(out) if line["status"] == "failed"}
        assert "is empty" in failed["empty.png"]["message"]
        assert "is plain text" in failed["text.png"]["message"]
        assert "does not exist" in failed["missing.png"]["message"]
        assert {line["api_calls"] for line in failed.values()} == {0}
        assert {line["retryable"] for line in failed.values()} == {False}

    @pytest.mark.parametrize(("fail_on", "fails"), [("none", False), (0.2, False), ("0.19", True), (0, True)])
    def test_so_many_may_fail(
        self, emulator: Emulator, sources: list[str], out: Path, fail_on: Any, fails: bool
    ) -> None:
        if fails:
            with pytest.raises(AirflowFailException, match="3 of 15 items failed"):
                run(batch(sources, f"{out}/", fail_on=fail_on))
        else:
            summary = run(batch(sources, f"{out}/", fail_on=fail_on))
            assert (summary["succeeded"], summary["failed"]) == (12, 3)

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("https://host/?sig=s3cret"),
            UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
            RecursionError(),
            MemoryError(),
            KeyError("s3cret"),
            OSError(errno.EIO, "s3cret"),
            AssertionError(),
            RuntimeError("generator raised StopIteration"),
            TimeoutError(),
        ],
        ids=lambda error: type(error).__name__,
    )
    @pytest.mark.parametrize("where", ["open_source", "make_body", "deliver", "fingerprint"])
    def test_whatever_one_raises_is_its_own(
        self,
        emulator: Emulator,
        inbox: Path,
        out: Path,
        error: Exception,
        where: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        original, called = getattr(course, where), []

        def fail_once(*args: Any, **kwargs: Any) -> Any:
            called.append(1)
            if len(called) == 4:
                raise error
            return original(*args, **kwargs)

        monkeypatch.setattr(course, where, fail_once)
        with pytest.raises(AsposeOcrBatchIncompleteError, match="1 of 12 items failed, 0 of them for good"):
            run(batch(f"{inbox}/", f"{out}/"))
        statuses = Counter(line["status"] for line in lines(out))
        assert statuses == {"succeeded": 11, "failed": 1}
        (failed,) = (line for line in lines(out) if line["status"] == "failed")
        assert failed["error"] == "AsposeOcrUnexpectedError"
        assert failed["message"].startswith(f"unexpected {type(error).__name__}")
        assert "s3cret" not in caplog.text + json.dumps(failed)

    def test_they_can_be_mended(self, emulator: Emulator, sources: list[str], inbox: Path, out: Path) -> None:
        with pytest.raises(AirflowFailException):
            run(batch(sources, f"{out}/"))
        for name in ("empty.png", "text.png", "missing.png"):
            (inbox / name).write_bytes(image(hash(name)))
        assert run(batch(sources, f"{out}/"))["succeeded"] == 15
        assert emulator.calls.submit == 15

    def test_too_large_a_source(self, emulator: Emulator, inbox: Path, out: Path) -> None:
        (inbox / "large.png").write_bytes(image() + bytes(10_000))
        with pytest.raises(AirflowFailException, match="1 of 13 items failed"):
            run(batch(f"{inbox}/", f"{out}/", max_source_bytes="5000"))
        assert emulator.calls.submit == 12


class TestWhatConcernsAll:
    """It ends the batch at once."""

    def test_rejected_credentials_are_tried_once(self, emulator: Emulator, inbox: Path, out: Path) -> None:
        emulator.options.client_secret = "another"
        with pytest.raises(AirflowFailException, match="was rejected"):
            run(batch(f"{inbox}/", f"{out}/"))
        assert (emulator.calls.token, emulator.calls.submit) == (1, 0)
        assert {line["status"] for line in lines(out)} == {"pending"}

    @pytest.mark.parametrize("status", [402, 403, 404])
    def test_used_up_credits_end_it(self, emulator: Emulator, inbox: Path, out: Path, status: int) -> None:
        emulator.inject("status", on="submit", status=status, after=4, times=None)
        with pytest.raises(AirflowFailException, match=f"HTTP {status}"):
            run(batch(f"{inbox}/", f"{out}/", max_in_flight=2))
        assert emulator.calls.submit <= 6
        emulator.clear_faults()
        assert run(batch(f"{inbox}/", f"{out}/"))["succeeded"] == 12
        assert len(emulator.submissions) == 12

    def test_a_service_that_is_down_is_not_asked_for_each_item(
        self, emulator: Emulator, tmp_path: Path, out: Path
    ) -> None:
        images(tmp_path / "in", 100)
        emulator.inject("status", on="submit", status=500, after=4, times=None)
        with pytest.raises(AsposeOcrBatchIncompleteError, match="5 items failed in a row"):
            run(batch(f"{tmp_path}/in/", f"{out}/", max_in_flight=3))
        # Each is repeated once.
        assert emulator.calls.submit <= 4 + 2 * (5 + 3)
        emulator.clear_faults()
        assert run(batch(f"{tmp_path}/in/", f"{out}/"))["succeeded"] == 100
        assert len(emulator.submissions) == 100

    def test_failures_among_successes_do_not_end_it(
        self, emulator: Emulator, tmp_path: Path, out: Path
    ) -> None:
        images(tmp_path / "in", 60)
        emulator.inject("status", on="submit", status=500, probability=0.5, times=None)
        with pytest.raises(AsposeOcrBatchIncompleteError, match="of 60 items failed"):
            run(batch(f"{tmp_path}/in/", f"{out}/", max_in_flight=10))

    def test_a_long_wait_that_the_service_asks_for_is_left_to_airflow(
        self, emulator: Emulator, inbox: Path, out: Path
    ) -> None:
        emulator.inject("status", on="submit", status=429, headers={"Retry-After": "300"}, times=None)
        with pytest.raises(AsposeOcrRateLimitError) as caught:
            run(batch(f"{inbox}/", f"{out}/", max_in_flight=1))
        assert caught.value.retry_after == 300
        assert emulator.calls.submit == 1

    def test_a_report_that_cannot_be_written_hides_no_other_error(
        self, emulator: Emulator, inbox: Path, out: Path, tmp_path: Path
    ) -> None:
        emulator.options.client_secret = "another"
        (tmp_path / "file").write_text("")
        with pytest.raises(AirflowFailException, match="was rejected"):
            run(batch(f"{inbox}/", f"{out}/", report=f"{tmp_path}/file/r.jsonl"))

    def test_a_report_that_cannot_be_written_fails_the_task(
        self, emulator: Emulator, inbox: Path, out: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(AirflowFailException, match="cannot be written"):
            run(batch(f"{inbox}/", f"{out}/", report=f"{tmp_path}/file/r.jsonl"))
        assert run(batch(f"{inbox}/", f"{out}/"))["skipped"] == 12


@contextmanager
def when(condition: Callable[[], bool], do: Callable[[], None]) -> Iterator[None]:
    """Do something in another thread as soon as a condition holds."""

    def wait() -> None:
        end = time.monotonic() + 30
        while not condition() and time.monotonic() < end:
            time.sleep(0.005)
        do()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class TestKill:
    """SIGTERM, and the alarm of execution_timeout."""

    @pytest.fixture(autouse=True)
    def _slow(self, emulator: Emulator) -> None:
        emulator.options.service_seconds = 30.0

    def sigterm(self, operator: Any) -> None:
        """Install what Airflow does: the handler calls on_kill and returns."""
        signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())

    @pytest.fixture(autouse=True)
    def _handlers(self) -> Iterator[None]:
        kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)}
        yield
        for number, handler in kept.items():
            signal.signal(number, handler)

    def test_jobs_that_are_recorded_are_left_for_the_retry(
        self, emulator: Emulator, tmp_path: Path, out: Path
    ) -> None:
        images(tmp_path / "in", 30)
        operator = batch(f"{tmp_path}/in/", f"{out}/", max_in_flight=6)
        self.sigterm(operator)
        started = time.monotonic()
        with (
            when(lambda: emulator.calls.submit >= 6, lambda: os.kill(os.getpid(), signal.SIGTERM)),
            pytest.raises(AsposeOcrHaltedError),
        ):
            run(operator)
        assert time.monotonic() - started < 8
        assert (emulator.calls.submit, emulator.calls.cancel) == (6, 0)
        assert recorded_ids(out / ".asposeocr") == set(emulator.jobs)
        assert sum(line["status"] == "submitted" for line in lines(out)) == 6

    @pytest.mark.parametrize("cancel", [True, False])
    def test_jobs_that_are_not_recorded_are_cancelled(
        self, emulator: Emulator, tmp_path: Path, out: Path, cancel: bool
    ) -> None:
        images(tmp_path / "in", 30)
        operator = batch(f"{tmp_path}/in/", f"{out}/", max_in_flight=6, durable=False, cancel_on_kill=cancel)
        self.sigterm(operator)
        with (
            when(lambda: emulator.calls.submit >= 6, lambda: os.kill(os.getpid(), signal.SIGTERM)),
            pytest.raises(AsposeOcrHaltedError),
        ):
            run(operator)
        assert (emulator.calls.submit, emulator.calls.cancel) == (6, 6 if cancel else 0)

    def test_a_submission_under_way_is_still_recorded(
        self, emulator: Emulator, inbox: Path, out: Path
    ) -> None:
        emulator.inject("slow", on="submit", seconds=0.8, times=None)
        operator = batch(f"{inbox}/", f"{out}/", max_in_flight=6)
        self.sigterm(operator)
        with (
            when(lambda: emulator.calls.token == 1, lambda: (time.sleep(0.4), operator.on_kill())[1]),
            pytest.raises(AsposeOcrHaltedError),
        ):
            run(operator)
        assert len(emulator.jobs) == 6
        assert recorded_ids(out / ".asposeocr") == set(emulator.jobs)
        shards = [json.loads(path.read_text()) for path in (out / ".asposeocr").iterdir()]
        assert [shard["open"] for shard in shards] == [0]

    def test_before_anything_is_begun(self, emulator: Emulator, inbox: Path, out: Path) -> None:
        operator = batch(f"{inbox}/", f"{out}/")

        class Store(CountingStore):
            def set(self, key: str, value: Any) -> None:
                operator.on_kill()
                super().set(key, value)

        with pytest.raises(AsposeOcrHaltedError):
            run(operator, task_state_store=Store())
        assert emulator.calls.submit == 0

    @pytest.mark.parametrize("durable", [True, False])
    def test_the_alarm_of_execution_timeout(
        self, emulator: Emulator, inbox: Path, out: Path, durable: bool
    ) -> None:
        def alarm(*_: Any) -> None:
            raise AirflowTaskTimeout("Timeout")

        signal.signal(signal.SIGALRM, alarm)
        operator = batch(f"{inbox}/", f"{out}/", max_in_flight=6, durable=durable)
        with (
            when(lambda: emulator.calls.submit >= 6, lambda: os.kill(os.getpid(), signal.SIGALRM)),
            pytest.raises(AirflowTaskTimeout),
        ):
            run(operator)
        assert emulator.calls.submit == 6
        assert emulator.calls.cancel == (0 if durable else 6)
        assert (out / ".asposeocr").exists() == durable
        assert not [thread for thread in threading.enumerate() if thread.name == "asposeocr-batch"]


def test_progress_is_logged(
    emulator: Emulator,
    inbox: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.1)
    emulator.options.service_seconds = 0.4
    with caplog.at_level(logging.INFO):
        run(batch(f"{inbox}/", f"{out}/", max_in_flight=6))
    told = [record.getMessage() for record in caplog.records if "items," in record.getMessage()]
    assert any("left" in line for line in told)
    assert f"calls per item; report: file://{out}/report.jsonl" in caplog.text


def test_nothing_secret_is_logged(
    emulator: Emulator, inbox: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        run(batch(f"{inbox}/", f"{out}/", operation="RecognizeImageTrial"))
        run(batch(f"{inbox}/", f"{out}/"))
    secrets = (emulator.client_secret, TEXT, *emulator.tokens)
    assert not [secret for secret in secrets if secret in caplog.text]


def test_it_can_be_mapped_and_serialized() -> None:
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator

    with DAG("d", schedule=None):
        AsposeOcrBatchOperator.partial(task_id="t", destination="s3://b/out/", fail_on=0.1).expand(
            sources=["s3://b/a/", "s3://b/b/"]
        )
