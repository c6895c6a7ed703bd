"""The operator against the emulator: what it submits, and what it returns."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrNotFinishedError,
    AsposeOcrTaskNotFoundError,
)
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrBinarizeImageOperator,
    AsposeOcrRecognizeImageTrialOperator,
)
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.fetch import AsposeOcrFetchResultOperator
from tests.operators.recognizing import TEXT, both_ways, recognize
from tests.running import deferral, run


@both_ways
def test_text_goes_into_the_manifest(emulator: Emulator, scan: Path, deferrable: bool) -> None:
    manifest = run(recognize(scan, deferrable=deferrable))

    assert manifest["text"] == TEXT
    assert manifest["operation"] == "RecognizeImage"
    assert manifest["status"] == "Completed"
    assert manifest["source"] == f"file://{scan}"
    assert manifest["uri"] is None
    assert manifest["results"] == [{"type": "Text", "uri": None, "bytes": len(TEXT)}]
    assert manifest["warnings"] == []
    assert manifest["submitted_at"] < manifest["completed_at"]
    assert manifest["ocr_task_id"] in emulator.ocr_tasks
    assert manifest["api_calls"] == emulator.calls.billed == 2
    json.dumps(manifest)


MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


def told(calls: str) -> str:
    """Return what every line of the log has to say, as a pattern."""
    age = r"\d+\.\d s after its submission"
    return rf"OCR task [\w-]+ of file://\S+/scan.png, billed calls so far: {calls}, {age}"


def test_a_deferred_task_tells_ocr_task_source_cost_and_age_in_every_phase(
    emulator: Emulator, scan: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("INFO"):
        run(recognize(scan, deferrable=True))
    said = caplog.text + capsys.readouterr().out
    for phase in (
        r"Submitted file://\S+/scan.png \(\d+ bytes\) to RecognizeImage as OCR task [\w-]+, billed calls",
        rf"Waiting in the triggerer until {MOMENT} at most, .*: {told('1')}",
        rf"Waiting until {MOMENT} at most: {told('1')}",
        rf"(The wait has ended, a worker resumes|Completed): {told('2')}",
    ):
        assert re.search(phase, said), (phase, said)


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({}, "in XCom"),
        ({"do_xcom_push": False}, "dropped, since do_xcom_push is False"),
        ({"destination": "{folder}/a.txt"}, "file://{folder}/a.txt"),
        ({"destination": "{folder}/a.txt", "inline_text": True}, "file://{folder}/a.txt"),
    ],
)
def test_the_log_says_where_a_result_went(
    emulator: Emulator,
    scan: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    arguments: dict[str, Any],
    place: str,
) -> None:
    if "destination" in arguments:
        arguments = {**arguments, "destination": arguments["destination"].format(folder=tmp_path)}
    run(recognize(scan, **arguments))
    # Airflow 2 logs by logging, Airflow 3 by itself.
    said = caplog.text if "Submitted" in caplog.text else capsys.readouterr().out
    size = len(TEXT.encode())
    source = rf"file://\S+/scan.png \({scan.stat().st_size} bytes\)"
    for phase in (
        rf"Submitted {source} to RecognizeImage as OCR task [\w-]+, billed calls so far: 1, \d+\.\d s",
        rf"Waiting in this worker until {MOMENT} at most: {told('1')}",
        rf"Completed: {told('2')}",
        rf"Result Text, {size} bytes: {re.escape(place.format(folder=tmp_path))}",
    ):
        assert len(re.findall(phase, said)) == 1, (phase, said)


@both_ways
def test_a_result_whose_status_is_odd_belongs_to_a_task_that_was_seen_completed(
    emulator: Emulator, scan: Path, tmp_path: Path, deferrable: bool
) -> None:
    png = base64.b64encode(scan.read_bytes()).decode()
    reply = {"taskStatus": "Done at last", "results": [{"type": "ImagePNG", "data": png}]}
    emulator.inject("status", on="poll", status=200, body=json.dumps(reply), times=None)
    task = AsposeOcrBinarizeImageOperator(
        task_id="t", source=scan, destination=f"{tmp_path}/out/", deferrable=deferrable, poll_interval=0.1
    )
    manifest = run(task)
    assert manifest["status"] == "Completed"
    assert Path(manifest["results"][0]["path"]).read_bytes() == scan.read_bytes()


@both_ways
def test_a_reply_that_says_nothing_is_no_blank_page(
    emulator: Emulator, scan: Path, tmp_path: Path, deferrable: bool
) -> None:
    # Larger than a poll reads, so that it is fetched; the service has seen it completed.
    emulator.options.scripted_text = "a" * 200_000
    emulator.inject("status", on="poll", status=200, body="{}", after=1, times=None)
    task = recognize(scan, destination=f"{tmp_path}/out/", deferrable=deferrable, poll_interval=0.1)
    with pytest.raises(AsposeOcrNotFinishedError):
        run(task)
    assert not list((tmp_path / "out").glob("[!.]*"))


@both_ways
@pytest.mark.parametrize(("characters", "calls"), [(1_000, 2), (30_000, 2), (60_000, 3), (400_000, 3)])
def test_a_text_that_is_stored_costs_a_call_less_if_it_is_short(
    emulator: Emulator, scan: Path, tmp_path: Path, characters: int, calls: int, deferrable: bool
) -> None:
    emulator.options.scripted_text = text = "a" * characters
    manifest = run(recognize(scan, destination=f"{tmp_path}/", deferrable=deferrable, poll_interval=0.1))
    assert Path(manifest["results"][0]["path"]).read_text() == text
    assert manifest["text"] is None
    assert manifest["api_calls"] == emulator.calls.billed == calls


@both_ways
def test_a_stored_result_costs_three_calls(
    emulator: Emulator, scan: Path, tmp_path: Path, deferrable: bool
) -> None:
    binarize = AsposeOcrBinarizeImageOperator(
        task_id="binarize",
        source=scan,
        destination=f"{tmp_path}/out/",
        deferrable=deferrable,
        poll_interval=0.1,
    )
    manifest = run(binarize)

    stored = Path(manifest["results"][0]["path"])
    assert stored.read_bytes().startswith(b"\x89PNG")
    assert manifest["uri"] == f"file://{stored}"
    assert manifest["text"] is None
    assert (emulator.calls.submit, emulator.calls.status, emulator.calls.poll) == (1, 1, 1)
    assert manifest["api_calls"] == 3


def test_the_next_task_reads_what_the_first_one_stored(
    emulator: Emulator, scan: Path, tmp_path: Path
) -> None:
    first = run(
        AsposeOcrBinarizeImageOperator(
            task_id="binarize", source=scan, destination=f"{tmp_path}/out/", poll_interval=0.1
        )
    )
    second = run(recognize(first))

    assert second["source"] == first["uri"]
    assert emulator.submissions[1].sha256 == first["results"][0]["sha256"]


def test_without_waiting_the_id_is_returned(emulator: Emulator, scan: Path) -> None:
    ocr_task_id = run(recognize(scan, wait_for_completion=False, deferrable=True))

    assert ocr_task_id in emulator.ocr_tasks
    assert emulator.calls.billed == 1


def test_settings_travel_in_the_spelling_of_the_wire(emulator: Emulator, scan: Path) -> None:
    run(
        recognize(
            scan,
            language="ukrainian",
            make_skew_correct="False",
            rotate="90",
            make_spell_check="true",
            dsr_mode="CraftPoly",
            extra_settings={"brandNew": [1]},
        )
    )

    assert emulator.submissions[0].settings == {
        "language": "Ukrainan",
        "makeSkewCorrect": False,
        "makeBinarization": False,
        "makeContrastCorrection": True,
        "makeUpsampling": False,
        "makeSpellCheck": True,
        "Rotate": 90,
        "dsrMode": "PolygonalTextDetector",
        "resultType": "Text",
        "brandNew": [1],
    }


def test_combined_results_are_stored_side_by_side(emulator: Emulator, scan: Path, tmp_path: Path) -> None:
    manifest = run(
        recognize(scan, result_type="TextAndPdf", destination=f"{tmp_path}/page.txt", inline_text=True)
    )

    assert [Path(entry["path"]).name for entry in manifest["results"]] == ["page.txt", "page.pdf"]
    assert manifest["text"] == TEXT == (tmp_path / "page.txt").read_text()


@pytest.mark.parametrize("result_type", ["Pdf", "TextAndPdf", "ImagePNG"])
def test_results_that_need_a_destination_are_refused_unpaid(
    emulator: Emulator, scan: Path, result_type: str
) -> None:
    with pytest.raises(AirflowFailException, match="set destination"):
        run(recognize(scan, result_type=result_type))

    assert emulator.calls.billed == emulator.calls.token == 0


@both_ways
def test_text_that_turns_out_too_long_fails_for_good(
    emulator: Emulator, scan: Path, deferrable: bool, tmp_path: Path
) -> None:
    emulator.options.scripted_text = "word " * 10
    with pytest.raises(AirflowFailException, match="max_inline_bytes"):
        run(recognize(scan, deferrable=deferrable, max_inline_bytes=49))
    [ocr_task_id] = emulator.ocr_tasks

    fetched = run(
        AsposeOcrFetchResultOperator(
            task_id="fetch",
            operation="RecognizeImage",
            ocr_task_id=ocr_task_id,
            destination=f"{tmp_path}/",
        )
    )

    assert Path(fetched["results"][0]["path"]).read_text() == "word " * 10
    assert emulator.calls.submit == 1


@both_ways
def test_a_reply_of_many_megabytes_is_not_read(emulator: Emulator, scan: Path, deferrable: bool) -> None:
    emulator.options.scripted_text = "x" * 5_000_000
    emulator.options.gzip = True
    with pytest.raises(AirflowFailException, match="set a destination and fetch"):
        run(recognize(scan, deferrable=deferrable))


@both_ways
def test_warnings_of_a_completed_task_are_no_failure(
    emulator: Emulator, scan: Path, deferrable: bool
) -> None:
    emulator.options.warnings = ["part of the data was lost"]
    emulator.options.messages = ["low contrast"]

    manifest = run(recognize(scan, deferrable=deferrable))

    assert manifest["warnings"] == ["low contrast", "part of the data was lost"]


@both_ways
def test_an_error_of_the_task_fails_for_good_with_its_messages(
    emulator: Emulator, scan: Path, deferrable: bool
) -> None:
    emulator.inject("finish_with_error", on="submit", messages=["the image is corrupt"])

    with pytest.raises(AirflowFailException, match="the image is corrupt"):
        run(recognize(scan, deferrable=deferrable))


@both_ways
def test_a_forgotten_task_leaves_it_to_a_retry(emulator: Emulator, scan: Path, deferrable: bool) -> None:
    emulator.inject("forget_ocr_tasks", on="poll")

    with pytest.raises(AsposeOcrTaskNotFoundError):
        run(recognize(scan, deferrable=deferrable))


def test_the_schedule_stays_in_the_trigger(emulator: Emulator, scan: Path) -> None:
    deferred = deferral(recognize(scan, deferrable=True, timeout=50, poll_interval=timedelta(seconds=7)))
    _, arguments = deferred.trigger.serialize()

    assert arguments["wait"]["poll_interval"] == 7
    assert 45 < arguments["wait"]["deadline"] - time.time() <= 50
    assert deferred.timeout is not None
    assert deferred.timeout.total_seconds() > 300


def test_trial_works_without_an_account_and_masks_its_id(
    emulator: Emulator, scan: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_ASPOSEOCR_DEFAULT", json.dumps({"conn_type": "asposeocr", "host": emulator.url})
    )
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_asposeocr.task_mixin.mask_secret", masked.append)

    manifest = run(AsposeOcrRecognizeImageTrialOperator(task_id="trial", source=scan, poll_interval=0.1))

    assert manifest["text"]
    assert masked == [manifest["ocr_task_id"]]
    assert emulator.calls.token == 0


def test_other_operations_without_an_account_say_so(
    emulator: Emulator, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_ASPOSEOCR_DEFAULT", json.dumps({"conn_type": "asposeocr", "host": emulator.url})
    )
    with pytest.raises(AirflowFailException, match="only the trial operations"):
        run(recognize(scan))
    assert emulator.calls.billed == emulator.calls.token == 0


def test_any_operation_by_name_in_any_case(emulator: Emulator, scan: Path, tmp_path: Path) -> None:
    old = AsposeOcrOperator(
        task_id="old",
        operation="postbinarizationfile",
        source=scan,
        destination=f"{tmp_path}/{{stem}}-{{operation}}.{{ext}}",
        poll_interval=0.1,
    )
    manifest = run(old)

    assert manifest["operation"] == "ImageProcessing/PostBinarizationFile"
    assert Path(manifest["results"][0]["path"]).name == "scan-ImageProcessing_PostBinarizationFile.png"


def test_fetching_what_is_not_finished_can_be_retried(emulator: Emulator, scan: Path) -> None:
    emulator.inject("never_finish", on="submit")
    ocr_task_id = run(recognize(scan, wait_for_completion=False))

    with pytest.raises(AsposeOcrError, match="wait for it with AsposeOcrTaskSensor") as raised:
        run(AsposeOcrFetchResultOperator(task_id="f", operation="RecognizeImage", ocr_task_id=ocr_task_id))
    assert raised.value.retryable


@both_ways
def test_results_at_the_service_can_be_deleted_once_they_are_stored(
    emulator: Emulator, scan: Path, tmp_path: Path, deferrable: bool
) -> None:
    manifest = run(
        recognize(scan, destination=f"{tmp_path}/out/", delete_remote="true", deferrable=deferrable)
    )

    assert Path(manifest["results"][0]["path"]).read_text() == TEXT
    assert emulator.calls.cancel == 1
    assert [entry.kind for entry in emulator.transcript][-2:] == ["poll", "cancel"]


def test_a_failed_deletion_is_no_failure(
    emulator: Emulator, scan: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("airflow_provider_asposeocr.api.retry.RetryPolicy.wait", lambda *_: 0.01)
    emulator.inject("status", on="cancel", status=500, times=None)

    manifest = run(recognize(scan, delete_remote=True))
    assert manifest["text"] == TEXT
    assert f"The results of OCR task {manifest['ocr_task_id']} could not be deleted" in caplog.text
