"""The hook as its users meet it: results, errors, counting and stopping."""

from __future__ import annotations

import errno
import inspect
import io
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrHaltedError,
    AsposeOcrRequestError,
    AsposeOcrSettingsError,
    AsposeOcrSourceError,
    AsposeOcrTaskError,
    AsposeOcrTaskNotFoundError,
    AsposeOcrTimeoutError,
)
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.task import TaskStatus
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.files.tiffs import page, tiff

from .support import IMAGE, OPERATION, Client, Recorder, both_ways, serving, until

TEXT = "The quick brown fox jumps over the lazy dog."
STATUS_PATH = "v5.0/ocr/Utilities/GetTaskStatus"
BEARER = f"Bearer {Recorder.TOKEN}"


@both_ways
def test_life_of_a_task(way: str, hook: AsposeOcrHook, emulator: Emulator, scan: Path) -> None:
    emulator.options.completed_after_reads = 1
    with Client(hook, way) as client:
        ocr_task_id = client.submit(scan, language="German", make_skew_correct=True)
        assert list(emulator.ocr_tasks) == [ocr_task_id]
        assert not client.get(ocr_task_id).status.is_terminal
        task = client.get(ocr_task_id)
        assert (task.id, task.status, task.text) == (ocr_task_id, TaskStatus.COMPLETED, TEXT)
        assert client.status(ocr_task_id) is TaskStatus.COMPLETED
        assert client.wait(ocr_task_id).results == task.results
        client.cancel(ocr_task_id)
        assert client.status(ocr_task_id) is TaskStatus.NOT_EXIST
    (submission,) = emulator.submissions
    assert submission.settings["language"] == "German"
    assert submission.settings["makeSkewCorrect"] is True
    assert hook.api_calls == emulator.calls.billed == 7
    assert emulator.calls.token == 1


@both_ways
def test_a_tiff_of_several_pages_is_sent_if_that_is_wanted(
    way: str, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    pages = tiff(page(), page())
    with Client(hook, way) as client:
        with pytest.raises(AsposeOcrSourceError, match="allow_multipage=True"):
            client.submit_pages(pages, allow_multipage=False)
        client.submit_pages(pages, allow_multipage=True)
    assert emulator.calls.submit == 1


@both_ways
def test_operation_in_any_case(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    with Client(hook, way) as client:
        ocr_task_id = client.submit(operation="recognizeimage")
        assert client.get(ocr_task_id, operation="RECOGNIZEIMAGE").text == TEXT
        old = client.submit(operation="PostBinarizationFile")
        assert client.get(old, operation="postbinarizationfile").status is TaskStatus.COMPLETED
        # The deprecated operations have no cancel: nothing is sent, nothing is paid.
        client.cancel(old, operation="postbinarizationfile")
    assert emulator.calls.cancel == 0
    assert hook.api_calls == emulator.calls.billed == 4


@both_ways
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"operation": "RecogniseImage"}, AsposeOcrSettingsError, "RecognizeImage"),
        ({"language": "Klingon"}, AsposeOcrSettingsError, "Klingon"),
        ({"source": None}, AsposeOcrSourceError, "source is nothing"),
        ({"source": "/no/such/scan.png"}, AsposeOcrSourceError, "does not exist"),
        ({"source": "gopher://host/scan.png"}, AsposeOcrSourceError, "gopher"),
        ({"source": io.StringIO("text")}, AsposeOcrSourceError, "binary"),
        ({"source": b"%PDF-1.4"}, AsposeOcrSourceError, "use RecognizePdf"),
    ],
    ids=["operation", "language", "nothing", "missing", "scheme", "text file", "format"],
)
def test_wrong_arguments_cost_nothing(
    way: str,
    arguments: dict[str, Any],
    error: type[AsposeOcrError],
    message: str,
    hook: AsposeOcrHook,
    emulator: Emulator,
) -> None:
    with Client(hook, way) as client, pytest.raises(error, match=message):
        client.submit(**arguments)
    assert emulator.transcript == []
    assert hook.api_calls == 0


@both_ways
def test_wait_ends_at_its_timeout(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("never_finish", on="submit")
    with Client(hook, way) as client:
        ocr_task_id = client.submit()
        began = time.monotonic()
        with pytest.raises(AsposeOcrTimeoutError) as caught:
            client.wait(ocr_task_id, timeout=0.5, poll_interval=0.2)
    assert 0.5 <= time.monotonic() - began < 1.5
    assert (caught.value.ocr_task_id, caught.value.retryable) == (ocr_task_id, True)
    assert ocr_task_id in emulator.ocr_tasks
    assert emulator.calls.cancel == 0


@both_ways
def test_wait_does_not_outlast_its_timeout_for_a_long_interval(
    way: str, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    emulator.inject("never_finish", on="submit")
    with Client(hook, way) as client:
        ocr_task_id = client.submit()
        began = time.monotonic()
        with pytest.raises(AsposeOcrTimeoutError):
            client.wait(ocr_task_id, timeout=0.4, poll_interval=30)
    assert time.monotonic() - began < 2
    assert emulator.calls.poll == 1


@both_ways
@pytest.mark.parametrize("value", [timedelta(seconds=0.1), 0.1, "0.1"], ids=repr)
def test_durations_in_any_form(way: str, value: Any, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("never_finish", on="submit")
    with Client(hook, way) as client, pytest.raises(AsposeOcrTimeoutError):
        client.wait_by(client.submit(), timeout=value, poll_interval=value)


@both_ways
@pytest.mark.parametrize("value", [0, -1, "soon", float("inf"), timedelta(0)], ids=repr)
@pytest.mark.parametrize("name", ["timeout", "poll_interval"])
def test_wrong_durations_cost_nothing(
    way: str, name: str, value: Any, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    with Client(hook, way) as client, pytest.raises(AsposeOcrSettingsError, match=name):
        client.wait_by("an-id", **{name: value})
    assert emulator.transcript == []


@both_ways
def test_failed_task(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("finish_with_error", on="submit", messages=("too dark", "too small"))
    with Client(hook, way) as client:
        ocr_task_id = client.submit()
        with pytest.raises(AsposeOcrTaskError, match="too dark; too small") as caught:
            client.wait(ocr_task_id)
        task = client.get(ocr_task_id)
        assert (task.status, task.messages) == (TaskStatus.ERROR, ("too dark", "too small"))
    assert (caught.value.ocr_task_id, caught.value.retryable) == (ocr_task_id, False)


@both_ways
@pytest.mark.parametrize("style", ["not_exist", "404", "204"])
def test_task_that_is_gone(way: str, style: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.options.unknown_id = style
    with Client(hook, way) as client:
        ocr_task_id = client.submit()
        emulator.forget_ocr_tasks()
        with pytest.raises(AsposeOcrTaskNotFoundError, match="does not know the OCR task") as caught:
            client.wait(ocr_task_id)
    assert (caught.value.ocr_task_id, caught.value.retryable) == (ocr_task_id, False)
    assert emulator.calls.poll == 1


@both_ways
def test_notices_of_a_completed_task(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.options.messages, emulator.options.warnings = ("a notice",), ("a warning",)
    with Client(hook, way) as client:
        task = client.wait(client.submit())
    assert (task.text, task.notices) == (TEXT, ("a notice", "a warning"))


@pytest.mark.usefixtures("brisk")
@both_ways
def test_waiting_survives_an_outage(
    way: str, hook: AsposeOcrHook, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """More failures in a row than a single call may have: the job is paid for."""
    with Client(hook, way) as client:
        ocr_task_id = client.submit()
        emulator.inject("status", on="poll", status=502, times=7)
        assert client.wait(ocr_task_id).text == TEXT
    assert hook.api_calls == emulator.calls.billed == 9
    assert "waiting goes on" in caplog.text


@pytest.mark.usefixtures("brisk")
@both_ways
def test_calls_are_counted_as_the_service_counts_them(
    way: str, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    emulator.inject("status", on="submit", status=503)
    emulator.inject("unauthorized", on="poll")
    emulator.inject("reset_mid_body", on="poll")
    emulator.inject("truncated_json", on="status")
    emulator.inject("status", on="cancel", status=500)
    with Client(hook, way) as client:
        ocr_task_id = client.submit()
        client.get(ocr_task_id)
        client.status(ocr_task_id)
        client.cancel(ocr_task_id)
    assert hook.api_calls == emulator.calls.billed == 2 + 3 + 2 + 2
    assert AsposeOcrHook().api_calls == 0


@both_ways
@pytest.mark.parametrize("kind", ["submit", "poll", "status", "cancel"])
def test_no_redirect_is_followed(way: str, kind: str, emulator: Emulator, hook: AsposeOcrHook) -> None:
    elsewhere = Recorder()
    with serving(elsewhere), Client(hook, way) as client:
        emulator.inject("redirect", on=kind, location=f"{elsewhere.url}/v5.0/ocr/{OPERATION}", times=None)
        call = {"poll": "get"}.get(kind, kind)
        with pytest.raises(AsposeOcrRequestError, match="redirects, which is not followed") as caught:
            getattr(client, call)(IMAGE if kind == "submit" else "an-id")
    assert caught.value.status == 302
    assert elsewhere.requests == []
    assert emulator.calls.billed == 1


# Results of any size


@pytest.mark.usefixtures("brisk")
@both_ways
@pytest.mark.parametrize("fault", [None, "reset_mid_body", "truncated_json", "html_200"])
@pytest.mark.parametrize("compressed", [False, True])
def test_large_result_goes_to_a_file(
    way: str, fault: str | None, compressed: bool, hook: AsposeOcrHook, emulator: Emulator
) -> None:
    emulator.options.scripted_text = text = "".join(f"line {number}\n" for number in range(20_000))
    emulator.options.gzip = compressed
    with Client(hook, way) as client, tempfile.TemporaryFile() as spool:
        ocr_task_id = client.submit()
        if fault:
            # What the failed attempt left in the file must be gone.
            emulator.inject(fault, on="poll")
        task = client.flow(lambda api: api.fetch(get_operation(OPERATION), ocr_task_id, spool))
        (result,) = task.results
        assert b"".join(result.chunks()).decode() == text
    assert emulator.calls.poll == (2 if fault else 1)


@both_ways
def test_fetch(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    with Client(hook, way) as client:
        assert client.fetch(client.submit())[1] == [TEXT.encode()]
        task, _ = client.fetch("no-such-id")
    assert (task.status, task.results) == (TaskStatus.NOT_EXIST, ())
    assert hook.api_calls == emulator.calls.billed == 3


@both_ways
def test_wait_fetches_what_is_too_large_for_a_poll(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.options.scripted_text = text = "".join(f"line {number}\n" for number in range(60_000))
    with Client(hook, way) as client:
        assert client.wait(client.submit()).text == text
    assert hook.api_calls == emulator.calls.billed == 3


@pytest.mark.parametrize("name", ["submit", "get_task", "get_status", "wait", "cancel"])
def test_both_ways_take_the_same_arguments_and_say_the_same_of_them(name: str, hook: AsposeOcrHook) -> None:
    twin = "await_task" if name == "wait" else f"a{name}"
    method, amethod = getattr(hook, name), getattr(hook, twin)
    assert inspect.signature(method).parameters == inspect.signature(amethod).parameters
    assert "ocr_task_id" in inspect.signature(method).parameters or name == "submit"
    assert method.__doc__ == amethod.__doc__
    assert inspect.iscoroutinefunction(amethod)
    assert not inspect.iscoroutinefunction(method)


class _FullDisk(io.BytesIO):
    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("brisk")
@both_ways
def test_a_full_disk_is_no_broken_connection(way: str, hook: AsposeOcrHook, emulator: Emulator) -> None:
    """To ask again costs another call, and the disk is as full as before."""
    with Client(hook, way) as client:
        ocr_task_id = client.submit()
        with pytest.raises((AsposeOcrError, OSError)) as caught:
            client.flow(lambda api: api.fetch(get_operation(OPERATION), ocr_task_id, _FullDisk()))
    assert "connection" not in str(caught.value)
    assert emulator.calls.poll == 1


# Stopping


def test_halt_ends_a_wait_and_lets_nothing_out(hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("never_finish", on="submit")
    ocr_task_id = hook.submit(OPERATION, IMAGE)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(hook.wait, OPERATION, ocr_task_id, poll_interval=20)
        until(waiting.running)
        hook.halt()
        with pytest.raises(AsposeOcrHaltedError):
            waiting.result(2)
    before = len(emulator.transcript)
    for way in ("sync", "async"):
        with Client(hook, way) as client:
            for name, argument in (("submit", IMAGE), ("get", "x"), ("status", "x"), ("cancel", "x")):
                with pytest.raises(AsposeOcrHaltedError):
                    getattr(client, name)(argument)
    assert len(emulator.transcript) == before == 2
    assert hook.api_calls == emulator.calls.billed == 1


def test_halt_ends_the_waits_between_attempts(hook: AsposeOcrHook, emulator: Emulator) -> None:
    emulator.inject("status", on="submit", status=429, headers={"Retry-After": "30"}, times=None)
    with ThreadPoolExecutor(1) as pool:
        submitting = pool.submit(hook.submit, OPERATION, IMAGE)
        until(lambda: emulator.calls.submit)
        hook.halt()
        with pytest.raises(AsposeOcrHaltedError):
            submitting.result(2)
    assert emulator.calls.submit == 1


def test_halt_also_stops_sign_in(hook: AsposeOcrHook, emulator: Emulator) -> None:
    hook.halt()
    with pytest.raises(AsposeOcrHaltedError):
        hook.submit(OPERATION, IMAGE)
    assert emulator.transcript == []
