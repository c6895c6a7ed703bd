"""Failures in a batch: of one item alone, and those that concern all."""

from __future__ import annotations

import errno
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import AsposeOcrRateLimitError
from airflow_provider_asposeocr.batch.runner import AsposeOcrBatchIncompleteError
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import batch, fail_once, image, images, lines
from tests.running import run


class TestBadItems:
    """They fail alone, and without a billed call."""

    @pytest.fixture
    def sources(self, inbox: Path) -> list[str]:
        (inbox / "empty.png").write_bytes(b"")
        (inbox / "text.png").write_text("no image at all")
        return [*sorted(str(path) for path in inbox.iterdir()), f"{inbox}/missing.png"]

    def test_the_others_succeed(
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
        fail_once(monkeypatch, where, call=4, error=error)
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
