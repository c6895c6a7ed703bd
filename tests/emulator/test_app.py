"""HTTP interface: paths, bodies, ids and errors."""

from __future__ import annotations

import base64
import json

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import API, Client

TEXT = "The quick brown fox jumps over the lazy dog."


def test_submit_fetch_and_status(client: Client) -> None:
    ocr_task_id = client.submit()
    answer = client.get(ocr_task_id)
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert list(body) == ["id", "taskStatus", "responseStatusCode", "results", "error"]
    assert (body["id"], body["taskStatus"], body["error"]) == (ocr_task_id, "Completed", None)
    assert [result["type"] for result in body["results"]] == ["Text"]
    assert base64.b64decode(body["results"][0]["data"]).decode() == TEXT
    status = client.status(ocr_task_id).json()
    assert (status["taskStatus"], status["results"]) == ("Completed", None)


@pytest.mark.parametrize(
    "path", ["/v5.0/ocr/recognizeimage", "/v5.0/RecognizeImage", "/V5.0/OCR/RECOGNIZEIMAGE/"]
)
def test_paths_match_without_case_and_without_ocr(client: Client, path: str) -> None:
    body = {
        "IMAGE": "aW1hZ2U=",
        "Settings": {"Language": "english", "ResultType": "TEXT", "rotate": 90, "new": 1},
    }
    ocr_task_id = client.call("POST", path, json=body).text
    assert client.call("GET", path, params={"ID": ocr_task_id}).json()["taskStatus"] == "Completed"
    assert client.call("DELETE", path, params={"id": ocr_task_id}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/plain", "text/plain"),
        ("*/*", "text/plain"),
        ("application/json", "application/json"),
        ("application/json, text/plain", "application/json"),
        ("text/plain;q=0.1, application/json", "application/json"),
        ("image/png", "text/plain"),
    ],
)
def test_the_id_is_bare_text_or_quoted_json(client: Client, accept: str, kind: str) -> None:
    answer = client.post(accept=accept)
    assert answer.headers["Content-Type"].split(";")[0] == kind
    assert answer.text.startswith('"') == (kind == "application/json")


def test_a_cancelled_task_is_gone(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit()
    answer = client.cancel(ocr_task_id)
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.get(ocr_task_id).json()["taskStatus"] == "NotExist"
    assert client.status(ocr_task_id).json()["taskStatus"] == "NotExist"
    assert not emulator.ocr_tasks


def test_an_id_is_known_at_its_own_operation_only(client: Client) -> None:
    assert client.get(client.submit(), "BinarizeImage").json()["taskStatus"] == "NotExist"


def test_the_id_is_required(client: Client) -> None:
    assert client.call("GET", API + "RecognizeImage").status_code == 400


def test_wrong_paths_and_methods(client: Client) -> None:
    assert client.call("GET", API + "RecognizeEverything").status_code == 404
    assert client.call("GET", "/").status_code == 404
    wrong = client.call("PUT", API + "RecognizeImage", data=b"x")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "DELETE, GET, POST")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"image": "aW1hZ2U=", "settings": {}',
        b'{"settings": {}}',
        b'{"image": "", "settings": {}}',
        b'{"image": null, "settings": {}}',
        b'{"image": "aW1hZ2U", "settings": {}}',
        b'{"image": "aW1h\\nZ2U=", "settings": {}}',
        b'{"image": "data:image/png;base64,aW1hZ2U=", "settings": {}}',
        b'{"image": "aW1hZ2U=aW1h", "settings": {}}',
        b'{"image": "aW1hZ2U="}',
        b'{"image": "aW1hZ2U=", "settings": "none"}',
        b'{"image": "aW1hZ2U=", "settings": {"makeBinarization": "yes"}}',
        b'{"image": "aW1hZ2U=", "settings": {"Rotate": "90"}}',
        b'{"image": "aW1hZ2U=", "settings": {"resultType": "Docx"}}',
    ],
)
def test_bodies_that_cannot_be_taken_are_problems(emulator: Emulator, client: Client, body: bytes) -> None:
    answer = client.call("POST", API + "RecognizeImage", data=body)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)
    assert not emulator.submissions


def test_an_unknown_language_is_named(client: Client) -> None:
    answer = client.post(language="Klingon")
    assert answer.status_code == 400
    assert "Klingon" in answer.json()["detail"]


@pytest.mark.parametrize("image", ["aW1hZ2U=", "aW1h\\u005a2U=", "aW1hZ\\u0032U\\u003D"])
@pytest.mark.parametrize("order", ["image first", "image last"])
def test_members_in_any_order_and_with_escapes(
    emulator: Emulator, client: Client, image: str, order: str
) -> None:
    settings = '"settings": {"image": "not this one", "note": "a \\"quoted\\" } word"}'
    members = [f'"image": "{image}"', settings]
    body = "{" + ", ".join(members if order == "image first" else members[::-1]) + "}"
    assert client.call("POST", API + "RecognizeImage", data=body.encode()).status_code == 200
    submission = emulator.submissions[-1]
    assert (submission.size, submission.settings["note"]) == (5, 'a "quoted" } word')


def test_submissions_tell_what_arrived(emulator: Emulator, client: Client) -> None:
    ocr_task_id = client.submit(b"hello", Language="German", somethingNew=[1])
    (submission,) = emulator.submissions
    assert (submission.ocr_task_id, submission.operation, submission.size) == (
        ocr_task_id,
        "RecognizeImage",
        5,
    )
    assert submission.sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert submission.settings == {"Language": "German", "somethingNew": [1]}


def test_a_body_over_the_limit_is_refused(emulator: Emulator, client: Client) -> None:
    emulator.options.max_body_bytes = 10_000
    assert client.post(b"x" * 5_000).status_code == 200
    assert client.post(b"x" * 20_000).status_code == 413
    body = json.dumps({"image": "QUFB" * 5_000, "settings": {}}).encode()
    unannounced = client.call("POST", API + "RecognizeImage", data=iter([body[:6_000], body[6_000:]]))
    assert unannounced.status_code == 413


def test_the_old_multipart_form(emulator: Emulator, client: Client) -> None:
    path = API + "ImageProcessing/"
    posted = client.call("POST", path + "PostBinarizationFile", files={"file": ("a.png", b"image")})
    assert posted.status_code == 200
    task = client.call("GET", path + "GetResultTask", params={"id": posted.text}).json()
    assert (task["taskStatus"], task["results"][0]["type"]) == ("Completed", "ImagePNG")
    file = client.call("GET", path + "GetResultFile", params={"id": posted.text})
    assert (file.status_code, file.headers["Content-Type"]) == (200, "image/png")
    assert file.content == base64.b64decode(task["results"][0]["data"])
    assert client.call("GET", path + "GetResultFile", params={"id": "unknown"}).status_code == 204
    assert client.call("POST", path + "PostBinarizationFile", files={"image": b"x"}).status_code == 400
    assert emulator.calls.file == 2
