"""Every reply against everything that delivers results: what is delivered, and what is deleted."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.fetch import AsposeOcrFetchResultOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from airflow_provider_asposeocr.triggers import asposeocr as trigger
from tests.batch.support import batch, lines
from tests.running import run
from tests.states import StateStore

ID = "c0ffee00-0000-4000-8000-000000000001"
PDF = b"%PDF-1.7\n" + b"\xff" * 50
LARGE_PDF = b"%PDF-1.7\n" + b"\xff" * 300_000
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
NO_RESULTS = "absent"


def result(data: bytes | None, kind: Any = "Text") -> dict[str, Any]:
    """Return one entry of ``results``; without a type where that is absent."""
    entry: dict[str, Any] = {"data": None if data is None else base64.b64encode(data).decode()}
    return entry if kind == NO_RESULTS else {"type": kind, **entry}


@dataclass(frozen=True)
class Reply:
    """A reply, and what is to become of it.

    :param results: as the service sends them.
    :param stored: what is stored with a destination: contents by extension; None where the task fails.
    :param text: what goes into XCom without one; None where there is no text, or it does not fit.
    :param left: the types that a sensor leaves at the service, and that nothing else can deliver inline.
    :param operation: that answers so.
    :param settings: of it.
    """

    results: Any
    stored: list[tuple[str, bytes]] | None
    text: str | None = None
    left: tuple[str, ...] = ()
    operation: str = "RecognizeImage"
    result_type: str | None = None


def txt(*texts: bytes) -> list[tuple[str, bytes]]:
    """Texts as they are stored."""
    return [(".txt", text) for text in texts]


LONG = b"x" * 15_000
MANY = [b"a"] * 1001
BINARIZE: dict[str, Any] = {"operation": "BinarizeImage"}
BLANK: dict[str, Any] = {"stored": txt(b""), "text": ""}

REPLIES = {
    "one text": Reply([result(b"first")], txt(b"first"), "first"),
    "several texts": Reply(
        [result(t) for t in (b"first", b"second", b"third")],
        txt(b"first", b"second", b"third"),
        "first\n\nsecond\n\nthird",
    ),
    "many short texts": Reply([result(b"short")] * 900, txt(*[b"short"] * 900), "\n\n".join(["short"] * 900)),
    "text and pdf": Reply(
        [result(b"first"), result(PDF, "Pdf")], [*txt(b"first"), (".pdf", PDF)], "first", ("Pdf",)
    ),
    "large pdf and text": Reply(
        [result(LARGE_PDF, "Pdf"), result(b"first")], [(".pdf", LARGE_PDF), *txt(b"first")], "first", ("Pdf",)
    ),
    "text and hocr": Reply(
        [result(b"first"), result(b"<p>", "Hocr")], [*txt(b"first"), (".hocr", b"<p>")], "first", ("Hocr",)
    ),
    "pdf": Reply([result(PDF, "Pdf")], [(".pdf", PDF)], None, ("Pdf",)),
    "large pdf": Reply([result(LARGE_PDF, "Pdf")], [(".pdf", LARGE_PDF)], None, ("Pdf",)),
    "no type": Reply([result(b"first", NO_RESULTS)], txt(b"first"), "first"),
    "type null": Reply([result(b"first", None)], txt(b"first"), "first"),
    "type empty": Reply([result(b"first", "")], txt(b"first"), "first"),
    "no type, pdf": Reply([result(PDF, NO_RESULTS)], [(".pdf", PDF)], None, ("Pdf",)),
    "no type, large pdf": Reply([result(LARGE_PDF, NO_RESULTS)], [(".pdf", LARGE_PDF)], None, ("Pdf",)),
    "no type, png": Reply([result(PNG, NO_RESULTS)], [(".png", PNG)], None, ("ImagePNG",), **BINARIZE),
    "data null": Reply([result(None)], **BLANK),
    "data empty": Reply([result(b"")], **BLANK),
    "data missing": Reply([{"type": "Text"}], **BLANK),
    "results null": Reply(None, **BLANK),
    "results empty": Reply([], **BLANK),
    "no results": Reply(NO_RESULTS, **BLANK),
    "unknown type": Reply([result(b"first", "Novel")], [(".bin", b"first")], None, ("Novel",)),
    "data of no known form": Reply([{"type": "Text", "data": 5}], None),
    "texts that are too long": Reply([result(LONG)] * 3, txt(LONG, LONG, LONG)),
    "very many texts": Reply([result(t) for t in MANY], txt(*MANY)),
    "png": Reply([result(PNG, "ImagePNG")], [(".png", PNG)], None, ("ImagePNG",), **BINARIZE),
    "no png": Reply(None, None, None, ("ImagePNG",), **BINARIZE),
    "png null": Reply([result(None, "ImagePNG")], None, None, ("ImagePNG",), **BINARIZE),
}

WAYS = ["worker", "deferred", "sensor", "poking sensor", "fetch"]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a scheduler there is no report of a worker to wait for."""
    monkeypatch.setattr(trigger, "MIN_SECONDS", 0.0)


def answer(emulator: Emulator, results: Any) -> None:
    """Let the service answer so, whatever is submitted."""

    def reply(**more: Any) -> dict[str, Any]:
        body = {"id": ID, "taskStatus": "Completed", "responseStatusCode": "Ok", "error": None, **more}
        return {"body": json.dumps(body), "headers": {"Content-Type": "application/json"}}

    found = {} if results == NO_RESULTS else {"results": results}
    plain = {"body": ID, "headers": {"Content-Type": "text/plain"}}
    for kind, sent in {"submit": plain, "poll": reply(**found), "status": reply(), "cancel": plain}.items():
        emulator.inject("status", on=kind, status=200, times=None, **sent)


def task(way: str, reply: Reply, scan: Path, destination: str | None, **more: Any) -> Any:
    """Make the operator or sensor that delivers."""
    common = {"task_id": "t", "operation": reply.operation, "destination": destination, **more}
    if way in ("worker", "deferred"):
        return AsposeOcrOperator(
            source=scan, durable=False, poll_interval=0.05, deferrable=way == "deferred", **common
        )
    if way == "fetch":
        return AsposeOcrFetchResultOperator(ocr_task_id=ID, **common)
    return AsposeOcrTaskSensor(ocr_task_id=ID, deferrable=way == "sensor", poke_interval=0.05, **common)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REPLIES)
def test_with_a_destination_all_is_stored_and_then_deleted(
    emulator: Emulator, scan: Path, tmp_path: Path, name: str, way: str
) -> None:
    reply, out = REPLIES[name], tmp_path / "out"
    answer(emulator, reply.results)
    delivering = task(way, reply, scan, f"{out}/", delete_remote=True)
    if reply.stored is None:
        with pytest.raises((AirflowFailException, AsposeOcrError)):
            run(delivering)
        assert not list(out.glob("*"))
        assert emulator.calls.cancel == 0
        return
    manifest = run(delivering)
    found = [(Path(entry["path"]).suffix, Path(entry["path"]).read_bytes()) for entry in manifest["results"]]
    assert found == reply.stored
    assert len(list(out.iterdir())) == len(reply.stored)
    assert manifest["text"] is None
    assert manifest["uri"] == manifest["results"][0]["uri"]
    assert emulator.calls.cancel == 1


@pytest.mark.parametrize("delete", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REPLIES)
def test_without_a_destination_the_text_travels_and_nothing_else_is_lost(
    emulator: Emulator, scan: Path, name: str, way: str, delete: bool
) -> None:
    reply = REPLIES[name]
    answer(emulator, reply.results)
    # With nothing to delete, a deferred one ends in the triggerer.
    delivering = task(way, reply, scan, None, delete_remote=delete)
    if (reply.left and "sensor" not in way) or (reply.text is None and not reply.left):
        with pytest.raises((AirflowFailException, AsposeOcrError)) as caught:
            run(delivering)
        said = str(caught.value)
        assert "destination" in said
        assert ("XCom" in said) is (name != "data of no known form")
        assert ("text is longer" in said) is (name in ("texts that are too long", "very many texts"))
        assert emulator.calls.cancel == 0
        if reply.operation == "BinarizeImage":
            assert emulator.calls.billed == 0
        else:
            assert "stays at the service for 24 hours" in said
        return
    manifest = run(delivering)
    assert manifest["text"] == reply.text
    assert manifest["uri"] is None
    left = tuple(entry["type"] for entry in manifest["results"] if entry.get("delivered") is False)
    assert left == reply.left
    assert emulator.calls.cancel == (delete and not left)
    texts = [entry["text"] for entry in manifest["results"] if "text" in entry]
    assert reply.text is None or not texts or "\n\n".join(texts) == reply.text


@pytest.mark.parametrize("name", REPLIES)
def test_a_batch_stores_all_and_then_deletes(
    emulator: Emulator, scan: Path, tmp_path: Path, name: str
) -> None:
    reply, out = REPLIES[name], tmp_path / "out"
    answer(emulator, reply.results)
    operator = batch([str(scan)], f"{out}/", operation=reply.operation, delete_remote=True)
    if reply.stored is None:
        with pytest.raises(AirflowFailException):
            run(operator)
    else:
        run(operator)
    (line,) = lines(out)
    paths = [Path(uri.removeprefix("file://")) for uri in uris_of(line)]
    assert [(path.suffix, path.read_bytes()) for path in paths] == (reply.stored or [])
    assert len(list(out.glob("scan-*"))) == len(reply.stored or [])
    assert emulator.calls.cancel == (0 if reply.stored is None else 1)


def uris_of(line: dict[str, Any]) -> list[str]:
    """Return the results in a line of a report."""
    first = [line["uri"]] if line["uri"] else []
    return [*first, *(more["uri"] for more in line["further_results"])]


@pytest.mark.parametrize("name", ["several texts", "large pdf and text"])
def test_a_sensor_that_waits_in_its_worker_delivers_the_same(
    emulator: Emulator, scan: Path, name: str
) -> None:
    reply = REPLIES[name]
    answer(emulator, reply.results)
    sensor = AsposeOcrTaskSensor(
        task_id="t", operation=reply.operation, ocr_task_id=ID, deferrable=False, delete_remote=True
    )
    assert run(sensor)["text"] == reply.text
    assert emulator.calls.cancel == (not reply.left)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["one text", "several texts", "large pdf and text", "text and hocr"])
def test_a_text_beside_a_destination_travels_by_its_own_size(
    emulator: Emulator, scan: Path, tmp_path: Path, name: str, way: str
) -> None:
    reply = REPLIES[name]
    answer(emulator, reply.results)
    manifest = run(task(way, reply, scan, f"{tmp_path}/out/", inline_text=True))
    assert manifest["text"] == reply.text


@pytest.mark.parametrize("name", ["no png", "pdf", "one text"])
def test_only_an_ocr_task_that_came_to_nothing_is_submitted_anew_when_cleared(
    emulator: Emulator, scan: Path, tmp_path: Path, name: str
) -> None:
    reply, store = REPLIES[name], StateStore()
    answer(emulator, reply.results)
    (tmp_path / "file").touch()
    for max_tries, folder in ((0, "file/out"), (1, "out")):
        common: dict[str, Any] = {"operation": reply.operation, "destination": f"{tmp_path}/{folder}/"}
        operator = AsposeOcrOperator(task_id="t", source=scan, poll_interval=0.05, **common)
        try:
            run(operator, max_tries=max_tries, task_state_store=store)
        except AirflowFailException:
            continue
    assert emulator.calls.submit == (2 if reply.stored is None else 1)
    assert len(list((tmp_path / "out").glob("*"))) == len(reply.stored or [])


@pytest.mark.parametrize("way", ["worker", "deferred"])
@pytest.mark.parametrize(
    "settings", [{"result_type": "Pdf"}, {"extra_settings": {"resultType": "TextAndPdf"}}]
)
def test_what_does_not_go_into_xcom_is_refused_before_the_submission(
    emulator: Emulator, scan: Path, settings: dict[str, Any], way: str
) -> None:
    with pytest.raises(AirflowFailException, match="set destination"):
        run(task(way, REPLIES["pdf"], scan, None, **settings))
    assert emulator.calls.billed == 0


@pytest.mark.parametrize("way", ["worker", "deferred"])
@pytest.mark.parametrize(
    ("result_type", "suffix"), [("Hocr", ".hocr"), ("JSON", ".json"), ("Text", ".txt"), ("Pdf", ".pdf")]
)
def test_a_result_without_a_type_takes_that_of_the_settings(
    emulator: Emulator, scan: Path, tmp_path: Path, result_type: str, suffix: str, way: str
) -> None:
    answer(emulator, [result(b"first", NO_RESULTS)])
    made = task(way, REPLIES["one text"], scan, f"{tmp_path}/out/", result_type=result_type)
    assert [(entry["type"], Path(entry["path"]).suffix) for entry in run(made)["results"]] == [
        (result_type, suffix)
    ]
    if result_type != "Pdf":
        inline = run(task(way, REPLIES["one text"], scan, None, result_type=result_type))
        assert (inline["text"], inline["results"][0]["type"]) == ("first", result_type)
