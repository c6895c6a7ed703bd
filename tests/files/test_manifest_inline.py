"""Text in the manifest: how much of it goes into XCom."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import AsposeOcrDestinationError
from airflow_provider_asposeocr.api.task import OcrResult, OcrTask
from airflow_provider_asposeocr.files.manifest import MAX_INLINE_BYTES, Delivery
from tests.files.manifests import ID, KEYS, PDF, TEXT, completed, delivered, submitted


def test_text_travels_inline() -> None:
    manifest = delivered(completed(TEXT))
    assert list(manifest) == KEYS
    assert manifest["text"] == "recognized"
    assert manifest["uri"] is None
    assert manifest["results"] == [{"type": "Text", "uri": None, "bytes": 10}]


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
