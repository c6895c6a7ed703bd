"""The manifest, and the rule of what goes into XCom."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrNotFinishedError,
    AsposeOcrTaskError,
)
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import Work
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.settings import wire_settings
from airflow_provider_asposeocr.api.submission import Submission
from airflow_provider_asposeocr.api.task import OcrResult, OcrTask, TaskStatus, parse_task
from airflow_provider_asposeocr.files.manifest import MAX_INLINE_BYTES, Delivery, Manifest, collect, deliver
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


def submitted(operation: str = "RecognizeImage", **more: Any) -> Submission:
    """What was submitted."""
    known = {"source": SOURCE, "api_calls": 3, "submitted_at": 1.8e9, **more}
    return Submission(get_operation(operation).name, ID, **known)


def delivered(
    task: OcrTask, delivery: Delivery | None = None, of: Submission | None = None, **to: Any
) -> Manifest:
    """Deliver an OCR task; the manifest must survive JSON."""
    where = replace(delivery or Delivery(), **to)
    manifest = deliver(task, of or submitted(), where, completed_at=1.8e9 + 2.5)
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
        completed(OcrResult("ImagePNG", b"\x89PNG\r\n\x1a\n")),
        Delivery(f"{tmp_path}/"),
        submitted("BinarizeImage"),
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
    manifest = delivered(completed(TEXT), of=submitted(source=None, submitted_at=None))
    assert manifest["source"] is None
    assert manifest["submitted_at"] is None


def test_calls_add_up() -> None:
    flow = collect(OcrApi(), completed(TEXT), submitted(), Delivery(), 1.8e9, lambda: 6)
    work = next(flow)
    assert isinstance(work, Work)
    assert work.call()["api_calls"] == 9


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
        (completed(unread=True, seen_types=("Pdf",)), "DjVu2PDF", [{"type": "Pdf", "uri": None}]),
        (
            completed(seen_types=("Pdf", "Hocr")),
            "RecognizeImage",
            [{"type": k, "uri": None} for k in ("Pdf", "Hocr")],
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
    manifest = delivered(task, of=submitted(operation), leave_binary=True)
    assert manifest["results"] == [{**entry, "delivered": False} for entry in results]
    assert manifest["uri"] is None
    assert manifest["text"] is None
    with pytest.raises(AsposeOcrDestinationError, match="stays at the service for 24 hours") as caught:
        delivered(task, of=submitted(operation))
    assert "text is longer" not in str(caught.value)


@pytest.mark.parametrize("size", [8, 10_000_000])
@pytest.mark.parametrize("trimmed", [False, True])
def test_a_text_beside_a_result_of_any_size_travels(size: int, trimmed: bool) -> None:
    task = completed(OcrResult("Pdf", b"%" * size), TEXT)
    task = task.trimmed(MAX_INLINE_BYTES) if trimmed else task
    manifest = delivered(task, leave_binary=True)
    assert manifest["text"] == "recognized"
    text, pdf = sorted(manifest["results"], key=lambda entry: entry["type"], reverse=True)
    assert text == {"type": "Text", "uri": None, "bytes": 10}
    assert (pdf["type"], pdf["delivered"]) == ("Pdf", False)
    with pytest.raises(AsposeOcrDestinationError, match=r"Pdf does not go into XCom. It stays"):
        delivered(task)


def test_each_of_several_texts_has_an_entry_of_its_own(tmp_path: Path) -> None:
    task = completed(*(OcrResult("Text", text) for text in (b"first", b"second", b"third")))
    manifest = delivered(task)
    assert manifest["text"] == "first\n\nsecond\n\nthird"
    assert manifest["results"] == [
        {"type": "Text", "uri": None, "bytes": len(text), "text": text}
        for text in ("first", "second", "third")
    ]
    stored = delivered(task, Delivery(f"{tmp_path}/page.txt", inline_text=True))
    assert stored["text"] == manifest["text"]
    names = ["page.txt", "page-2.txt", "page-3.txt"]
    assert [Path(entry["path"]).name for entry in stored["results"]] == names
    assert [(tmp_path / name).read_text() for name in names] == ["first", "second", "third"]


@pytest.mark.parametrize(("most", "fits"), [(11, False), (12, True)])
def test_the_limit_bounds_all_texts_together(most: int, fits: bool) -> None:
    task = completed(OcrResult("Text", b"first"), OcrResult("Text", b"third"))
    if fits:
        assert delivered(task, Delivery(max_inline_bytes=most))["text"] == "first\n\nthird"
    else:
        with pytest.raises(AsposeOcrDestinationError, match=r"longer than max_inline_bytes \(11\)"):
            delivered(task, Delivery(max_inline_bytes=most))


def test_very_many_texts_are_said_to_be_many() -> None:
    with pytest.raises(AsposeOcrDestinationError, match="more than 1000 parts"):
        delivered(completed(*[OcrResult("Text", b"a")] * 1001))


NOTHING = [
    ("RecognizeImage", {}, ["Text"]),
    ("RecognizeRegions", {}, ["Text"]),
    ("RecognizeImage", {"result_type": "Hocr"}, ["Hocr"]),
    ("RecognizeImage", {"result_type": "TextAndHocr"}, ["Text", "Hocr"]),
    ("RecognizeTable", {"result_type": "Csv"}, ["Csv"]),
    ("DetectRegions", {}, ["Other"]),
    ("RecognizeImage", {"result_type": "TextAndPdf"}, None),
    ("RecognizeImage", {"result_type": "Pdf"}, None),
    ("BinarizeImage", {}, None),
    ("DjVu2PDF", {}, None),
    ("ConvertTextToSpeech", {}, None),
]


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(("operation", "settings", "types"), NOTHING)
def test_a_page_without_any_result_is_blank_where_text_was_asked_for(
    operation: str, settings: dict[str, Any], types: list[str] | None, stored: bool, tmp_path: Path
) -> None:
    wire = wire_settings(get_operation(operation), settings)
    of = submitted(operation)
    to = Delivery(f"{tmp_path}/" if stored else None, inline_text=True, wire=wire)
    task = completed(response_status_code="NoAnyResultData")
    if types is None:
        with pytest.raises(AsposeOcrTaskError, match=r"without any result \(NoAnyResultData\)") as caught:
            delivered(task, to, of, leave_binary=True)
        assert caught.value.ocr_task_id == ID
        return
    manifest = delivered(task, to, of, leave_binary=True)
    assert manifest["text"] == ""
    assert [entry["type"] for entry in manifest["results"]] == types
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b""] * len(types) * stored
    assert "blank page" in manifest["warnings"][0]


def test_a_result_that_the_service_has_lost_is_no_blank_page() -> None:
    with pytest.raises(AsposeOcrTaskError, match="ResultDataLost"):
        delivered(completed(response_status_code="ResultDataLost"))


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("status", [TaskStatus.PROCESSING, TaskStatus.UNKNOWN])
def test_a_task_that_goes_on_is_no_blank_page(status: TaskStatus, stored: bool, tmp_path: Path) -> None:
    with pytest.raises(AsposeOcrNotFinishedError) as caught:
        delivered(OcrTask(ID, status), Delivery(f"{tmp_path}/" if stored else None))
    assert caught.value.retryable


@pytest.mark.parametrize("stored", [False, True])
def test_results_of_no_known_form_are_no_blank_page(stored: bool, tmp_path: Path) -> None:
    task = parse_task({"taskStatus": "Completed", "results": [5]}, ID)
    with pytest.raises(AsposeOcrDestinationError, match=r"no known form. It stays at the service"):
        delivered(task, Delivery(f"{tmp_path}/" if stored else None), leave_binary=True)


@pytest.mark.parametrize("beside", [(), (TEXT,)])
@pytest.mark.parametrize("kind", ["Pdf", "Novel", ""])
def test_an_empty_result_that_is_no_text_is_an_error(
    beside: tuple[OcrResult, ...], kind: str, tmp_path: Path
) -> None:
    of = submitted("BinarizeImage")
    with pytest.raises(AsposeOcrTaskError, match=f"its result {kind or 'ImagePNG'} is empty"):
        delivered(completed(*beside, OcrResult(kind, b"")), Delivery(f"{tmp_path}/"), of)
    assert not list(tmp_path.iterdir())


def test_an_empty_page_is_a_result() -> None:
    assert delivered(completed(OcrResult("Text", b"")))["text"] == ""


PNG = b"\x89PNG\r\n\x1a\n"
XLSX = b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + b"\x00" * 16 + b"\x0f\x00\x00\x00xl/workbook.xml"
HOCR = b"<!DOCTYPE html>\n<html><body>"


@pytest.mark.parametrize(
    ("operation", "settings", "data", "kind"),
    [
        ("RecognizeImage", None, b"recognized", "Text"),
        ("RecognizeImage", None, b"[1] a footnote", "Text"),
        ("RecognizeImage", None, b"caf\xe9", "Text"),
        ("RecognizeImage", None, b"", "Text"),
        ("RecognizeImage", None, HOCR, "Hocr"),
        ("RecognizeImage", None, b"%PDF-1.7\n", "Pdf"),
        ("RecognizeImage", None, PNG, "ImagePNG"),
        ("RecognizeImage", None, b"\xff\xd8\xff\xe0\x00\x10JFIF", "jpg"),
        ("RecognizeImage", {}, HOCR, "Text"),
        ("RecognizeImage", {}, b"%PDF-1.7\n", "Pdf"),
        ("RecognizeImage", {"result_type": "Pdf"}, b"not what it seems", "Pdf"),
        ("RecognizeImage", {"result_type": "Hocr"}, b"<p>no root", "Hocr"),
        ("RecognizeImage", {"result_type": "JSON"}, b"[]", "JSON"),
        ("RecognizeImage", {"result_type": "TextAndPdf"}, b"%PDF-1.7\n", "Pdf"),
        ("RecognizeImage", {"result_type": "TextAndPdf"}, b"recognized", "Text"),
        ("RecognizeImage", {"result_type": "TextAndHocr"}, HOCR, "Hocr"),
        ("RecognizeImage", {"result_type": "PdfAndHocr"}, HOCR, "Hocr"),
        ("RecognizeTable", {"result_type": "CsvAndExcel"}, XLSX, "Excel"),
        ("RecognizeTable", {"result_type": "CsvAndExcel"}, b"a,b", "Csv"),
        ("RecognizeTable", None, XLSX, "Excel"),
        ("DetectRegions", {}, b"[[1,2,3,4]]", "Other"),
        ("RecognizeAndParseInvoice", {}, b"{}", "Text"),
        ("BinarizeImage", None, PNG, "ImagePNG"),
        ("DjVu2PDF", {}, b"%PDF-1.7\n", "Pdf"),
        ("ConvertTextToSpeech", None, b"RIFF....WAVEfmt ", "Wav"),
    ],
)
def test_a_result_without_a_type_takes_that_of_the_operation_or_what_it_shows(
    operation: str, settings: dict[str, Any] | None, data: bytes, kind: str, tmp_path: Path
) -> None:
    found = get_operation(operation)
    of, wire = submitted(operation), None if settings is None else wire_settings(found, settings)
    to = Delivery(f"{tmp_path}/{{ext}}/", wire=wire)
    manifest = delivered(completed(OcrResult("", data)), to, of)
    assert [entry["type"] for entry in manifest["results"]] == [kind]
    typed = delivered(completed(OcrResult(kind, data)), to, of)
    assert manifest["uri"] == typed["uri"]


def test_text_that_is_not_utf_8_still_makes_a_manifest() -> None:
    assert delivered(completed(OcrResult("Text", b"caf\xe9")))["text"] == "caf\ufffd"


def test_the_id_of_a_trial_task_is_not_part_of_a_name(tmp_path: Path) -> None:
    trial = submitted("RecognizeImageTrial", source=None)
    manifest = delivered(completed(TEXT), Delivery(f"{tmp_path}/"), trial)
    assert ID not in str(manifest["uri"])
    assert manifest["ocr_task_id"] == ID
    again = delivered(completed(TEXT), Delivery(f"{tmp_path}/{{ocr_task_id}}.txt"), trial)
    assert ID not in str(again["uri"])


def test_the_map_index_reaches_the_name(tmp_path: Path) -> None:
    delivered(completed(TEXT), Delivery(f"{tmp_path}/{{map_index}}.txt", map_index=7))
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
    Delivery(f"{tmp_path}/", wire=wire).check(found)
    if said is None:
        Delivery(wire=wire).check(found)
        return
    with pytest.raises(AsposeOcrDestinationError, match=f"answers with {said}, .*: set destination"):
        Delivery(wire=wire).check(found)


def test_a_wrong_destination_is_refused_before_it_is_paid_for() -> None:
    with pytest.raises(AsposeOcrDestinationError, match="install"):
        Delivery("gs://results/").check(get_operation("RecognizeImage"))


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
