"""The manifest, and the rule of what goes into XCom."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import AsposeOcrDestinationError, AsposeOcrTaskError
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.settings import wire_settings
from airflow_provider_asposeocr.api.task import OcrResult, OcrTask, TaskStatus
from airflow_provider_asposeocr.files.manifest import MAX_INLINE_BYTES, Delivery, Job, Manifest, deliver
from airflow_provider_asposeocr.files.source import open_source

ID = "5abe66e1-d823-48c1-bcb7-5c05c1719976"
SOURCE = "file:///in/scan.png"
TEXT = OcrResult("Text", b"recognized")
PDF = OcrResult("Pdf", b"%PDF-1.7")
KEYS = [
    "ocr_task_id",
    "operation",
    "status",
    "source",
    "uri",
    "text",
    "results",
    "warnings",
    "api_calls",
    "submitted_at",
    "completed_at",
]


def completed(*results: OcrResult, **more: Any) -> OcrTask:
    """A completed task."""
    return OcrTask(ID, TaskStatus.COMPLETED, results, **more)


def job(operation: str = "RecognizeImage", **more: Any) -> Job:
    """What else is known of it."""
    return Job(get_operation(operation), **{"source": SOURCE, "api_calls": 3, "submitted_at": 1.8e9, **more})


def delivered(
    task: OcrTask, delivery: Delivery | None = None, of: Job | None = None, *, leave_binary: bool = False
) -> Manifest:
    """Deliver a task; the manifest must survive JSON."""
    manifest = deliver(
        task, of or job(), delivery or Delivery(), completed_at=1.8e9 + 2.5, leave_binary=leave_binary
    )
    assert json.loads(json.dumps(manifest)) == manifest
    return manifest


def test_the_whole_manifest(tmp_path: Path) -> None:
    task = completed(TEXT, PDF, messages=("low contrast",), warnings=("low contrast", "one page lost"))
    manifest = delivered(task, Delivery(f"{tmp_path}/{{stem}}.{{ext}}"))
    assert list(manifest) == KEYS
    assert manifest == {
        "ocr_task_id": ID,
        "operation": "RecognizeImage",
        "status": "Completed",
        "source": SOURCE,
        "uri": f"file://{tmp_path}/scan.txt",
        "text": None,
        "results": manifest["results"],
        "warnings": ["low contrast", "one page lost"],
        "api_calls": 3,
        "submitted_at": "2027-01-15T08:00:00.000+00:00",
        "completed_at": "2027-01-15T08:00:02.500+00:00",
    }
    assert [list(entry) for entry in manifest["results"]] == [["type", "uri", "path", "bytes", "sha256"]] * 2
    assert [entry["type"] for entry in manifest["results"]] == ["Text", "Pdf"]


def test_a_manifest_is_the_source_of_the_next_task(tmp_path: Path) -> None:
    manifest = delivered(
        completed(OcrResult("ImagePNG", b"\x89PNG\r\n\x1a\n")), Delivery(f"{tmp_path}/"), job("BinarizeImage")
    )
    source = open_source(manifest)
    assert source.uri == manifest["uri"]
    assert source.format == "png"


def test_text_travels_inline() -> None:
    manifest = delivered(completed(TEXT))
    assert list(manifest) == KEYS
    assert manifest["text"] == "recognized"
    assert manifest["uri"] is None
    assert manifest["results"] == [{"type": "Text", "uri": None, "bytes": 10}]


def test_what_is_not_known_is_null() -> None:
    manifest = delivered(completed(TEXT), of=job(source=None, submitted_at=None))
    assert manifest["source"] is None
    assert manifest["submitted_at"] is None


def test_calls_add_up() -> None:
    assert delivered(completed(TEXT), of=job().with_calls(2).with_calls(4))["api_calls"] == 9


@pytest.mark.parametrize(
    ("destination", "inline", "expected"),
    [
        (False, False, "recognized"),
        (False, True, "recognized"),
        (True, False, None),
        (True, True, "recognized"),
    ],
)
def test_with_a_destination_text_travels_only_when_asked_for(
    destination: bool, inline: bool, expected: str | None, tmp_path: Path
) -> None:
    delivery = Delivery(f"{tmp_path}/" if destination else None, inline_text=inline)
    manifest = delivered(completed(TEXT), delivery)
    assert manifest["text"] == expected
    assert len(list(tmp_path.iterdir())) == destination


@pytest.mark.parametrize(("size", "fits"), [(MAX_INLINE_BYTES, True), (MAX_INLINE_BYTES + 1, False)])
def test_text_of_at_most_the_limit_travels(size: int, fits: bool, tmp_path: Path) -> None:
    task = completed(OcrResult("Text", b"x" * size))
    if fits:
        assert delivered(task)["text"] == "x" * size
    else:
        with pytest.raises(AsposeOcrDestinationError, match=r"longer than max_inline_bytes \(32768\)"):
            delivered(task)
    stored = delivered(task, Delivery(f"{tmp_path}/", inline_text=True))
    assert (stored["text"] is not None) is fits
    assert stored["results"][0]["bytes"] == size


def test_bytes_count_and_not_characters() -> None:
    task = completed(OcrResult("Text", "\u5b57".encode() * 4))
    assert delivered(task, Delivery(max_inline_bytes=12))["text"] == "\u5b57" * 4
    with pytest.raises(AsposeOcrDestinationError):
        delivered(task, Delivery(max_inline_bytes=11))


@pytest.mark.parametrize("leave_binary", [False, True])
@pytest.mark.parametrize(
    "task",
    [
        completed(unread=True, seen_types=("Text",)),
        completed(unread=True),
        completed(OcrResult("Text", b"x" * 40_000)),
    ],
    ids=["unread", "unread and unseen", "read"],
)
def test_text_that_is_too_long_says_where_it_is_and_how_to_get_it(task: OcrTask, leave_binary: bool) -> None:
    with pytest.raises(AsposeOcrDestinationError) as caught:
        delivered(task, leave_binary=leave_binary)
    said = str(caught.value)
    assert "stays at the service for 24 hours" in said
    assert "set a destination" in said
    assert "AsposeOcrFetchResultOperator(operation='RecognizeImage'" in said
    assert caught.value.ocr_task_id == ID
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("task", "operation", "results"),
    [
        (completed(unread=True), "BinarizeImage", [{"type": "ImagePNG", "uri": None}]),
        (completed(unread=True, seen_types=("Pdf",)), "RecognizeImage", [{"type": "Pdf", "uri": None}]),
        (
            completed(unread=True, seen_types=("Text", "Pdf")),
            "RecognizeImage",
            [{"type": "Text", "uri": None}, {"type": "Pdf", "uri": None}],
        ),
        (completed(PDF), "RecognizeImage", [{"type": "Pdf", "uri": None, "bytes": 8}]),
        (
            completed(OcrResult("ImagePNG", b"x" * 99_999)),
            "BinarizeImage",
            [{"type": "ImagePNG", "uri": None, "bytes": 99_999}],
        ),
    ],
)
def test_binary_results_are_left_at_the_service(
    task: OcrTask, operation: str, results: list[dict[str, Any]]
) -> None:
    manifest = delivered(task, of=job(operation), leave_binary=True)
    assert manifest["results"] == results
    assert manifest["uri"] is None
    assert manifest["text"] is None


def test_text_beside_a_small_binary_result_travels() -> None:
    manifest = delivered(completed(PDF, TEXT), leave_binary=True)
    assert manifest["text"] == "recognized"


@pytest.mark.parametrize("leave_binary", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_a_task_without_any_result_is_an_error(stored: bool, leave_binary: bool, tmp_path: Path) -> None:
    task = completed(response_status_code="NoAnyResultData")
    with pytest.raises(AsposeOcrTaskError, match=r"without any result \(NoAnyResultData\)") as caught:
        delivered(task, Delivery(f"{tmp_path}/" if stored else None), leave_binary=leave_binary)
    assert caught.value.ocr_task_id == ID


def test_an_empty_page_is_a_result() -> None:
    assert delivered(completed(OcrResult("Text", b"")))["text"] == ""


def test_text_that_is_not_utf_8_still_makes_a_manifest() -> None:
    assert delivered(completed(OcrResult("Text", b"caf\xe9")))["text"] == "caf\ufffd"


def test_the_id_of_a_trial_task_is_not_part_of_a_name(tmp_path: Path) -> None:
    trial = job("RecognizeImageTrial", source=None)
    manifest = delivered(completed(TEXT), Delivery(f"{tmp_path}/"), trial)
    assert ID not in str(manifest["uri"])
    assert manifest["ocr_task_id"] == ID
    again = delivered(completed(TEXT), Delivery(f"{tmp_path}/{{ocr_task_id}}.txt"), trial)
    assert ID not in str(again["uri"])


def test_the_map_index_reaches_the_name(tmp_path: Path) -> None:
    delivered(completed(TEXT), Delivery(f"{tmp_path}/{{map_index}}.txt"), job(map_index=7))
    assert (tmp_path / "7.txt").read_bytes() == b"recognized"


def test_leave_to_overwrite_reaches_the_store(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("old")
    with pytest.raises(AsposeOcrDestinationError, match="overwrite is False"):
        delivered(completed(TEXT), Delivery(tmp_path / "page.txt", overwrite=False))


@pytest.mark.parametrize(
    ("operation", "settings", "said"),
    [
        ("RecognizeImage", {}, None),
        ("RecognizeImage", {"result_type": "Hocr"}, None),
        ("RecognizeImage", {"result_type": "JSON"}, None),
        ("RecognizeTable", {"result_type": "Csv"}, None),
        ("DetectRegions", {}, None),
        ("RecognizeAndParseInvoice", {}, None),
        ("RecognizeImage", {"result_type": "Pdf"}, "Pdf"),
        ("RecognizeImage", {"result_type": "TextAndHocr"}, "Text and Hocr"),
        ("RecognizeTable", {"result_type": "CsvAndExcel"}, "Csv and Excel"),
        ("BinarizeImage", {}, "ImagePNG"),
        ("PostBinarizationFile", {}, "ImagePNG"),
        ("DjVu2PDF", {}, "Pdf"),
        ("ConvertTextToSpeech", {}, "Wav"),
    ],
)
def test_what_cannot_travel_is_refused_before_it_is_paid_for(
    operation: str, settings: dict[str, Any], said: str | None, tmp_path: Path
) -> None:
    found = get_operation(operation)
    wire = wire_settings(found, settings)
    Delivery(f"{tmp_path}/").check(found, wire)
    if said is None:
        Delivery().check(found, wire)
        return
    with pytest.raises(AsposeOcrDestinationError, match=f"answers with {said}, .*: set destination"):
        Delivery().check(found, wire)


def test_a_wrong_destination_is_refused_before_it_is_paid_for() -> None:
    with pytest.raises(AsposeOcrDestinationError, match="install"):
        Delivery("gs://results/").check(get_operation("RecognizeImage"), None)


@given(text=st.text(max_size=3000))
def test_the_limit_of_a_reply_holds_the_longest_text_that_travels(text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    limit = Delivery(max_inline_bytes=len(data)).limit
    reply = json.dumps(
        {
            "id": ID,
            "taskStatus": "Completed",
            "responseStatusCode": "Ok",
            "results": [{"type": "Text", "data": base64.b64encode(data).decode()}],
            "error": {"messages": ["x" * 200] * 10, "warnings": None},
        },
        indent=4,
    )
    assert limit is not None
    assert len(reply) <= limit
