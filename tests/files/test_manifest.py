"""The manifest: what it says of results, and results that are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrDestinationError,
    AsposeOcrNotFinishedError,
    AsposeOcrTaskError,
)
from airflow_provider_asposeocr.api.flows import OcrApi
from airflow_provider_asposeocr.api.http import Work
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.settings import wire_settings
from airflow_provider_asposeocr.api.task import OcrResult, OcrTask, TaskStatus, parse_task
from airflow_provider_asposeocr.files.manifest import Delivery, collect
from airflow_provider_asposeocr.files.source import open_source
from tests.files.manifests import ID, KEYS, PDF, SOURCE, TEXT, completed, delivered, submitted


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
        "value": None,
        "results": manifest["results"],
        "warnings": ["low contrast", "one page lost"],
        "api_calls": 3,
        "submitted_at": "2027-01-15T08:00:00.000+00:00",
        "completed_at": "2027-01-15T08:00:02.500+00:00",
        "reused": False,
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


def test_what_is_not_known_is_null() -> None:
    manifest = delivered(completed(TEXT), of=submitted(source=None, submitted_at=None))
    assert manifest["source"] is None
    assert manifest["submitted_at"] is None


def test_calls_add_up() -> None:
    flow = collect(OcrApi(), completed(TEXT), submitted(), Delivery(), 1.8e9, lambda: 6)
    work = next(flow)
    assert isinstance(work, Work)
    assert work.call()["api_calls"] == 9


NOTHING = [
    ("RecognizeImage", {}, ["Text"]),
    ("RecognizeRegions", {"regions": [[1, 2, 3, 4]]}, ["Text"]),
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
