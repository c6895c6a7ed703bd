"""HTTP interface of each operation: its own paths, its own ids, and its sign-in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping

import pytest

from airflow_provider_asposeocr.api.operations import (
    OPERATIONS,
    TASK_STATUS,
    Operation,
    SettingsKind,
    get_operation,
)
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.bodies import SUBMITTING, body_of, file_of
from tests.emulator.client import API, Client

SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "as the SDKs write": lambda name: f"/v5.0/ocr/{name}",
    "without ocr": lambda name: f"/v5.0/{name}",
    "in lower case": lambda name: f"/v5.0/ocr/{name}".lower(),
    "in upper case, without ocr": lambda name: f"/v5.0/{name}".upper(),
}
RESULTS = {"DetectRegions": "Other", "DjVu2PDF": "Pdf"}
MEDIA_TYPES = {"ImagePNG": "image/png", "WavFile": "audio/wav"}


def type_of(operation: Operation) -> str:
    """Return the type of the one result of an operation, with its documented default."""
    by_category = {"preprocessing": "ImagePNG", "speech": "WavFile"}
    return RESULTS.get(operation.name) or by_category.get(operation.category, "Text")


def submit(client: Client, operation: Operation) -> str:
    """Submit to an operation; return the id."""
    answer = client.call("POST", API + operation.name, **body_of(operation))
    assert answer.status_code == 200, answer.text
    return answer.text


def state(client: Client, path: str, ocr_task_id: str) -> str:
    """Return the state that a path reports."""
    reported: str = client.get(ocr_task_id, path).json()["taskStatus"]
    return reported


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", SUBMITTING)
def test_its_paths_lead_through_the_life_of_an_ocr_task(
    name: str, spelling: str, emulator: Emulator, client: Client
) -> None:
    operation, at = get_operation(name), SPELLINGS[spelling]
    posted = client.call("POST", at(name), **body_of(operation), headers={"Accept": "text/plain"})
    assert (posted.status_code, posted.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    (submission,) = emulator.submissions
    assert (submission.ocr_task_id, submission.operation) == (posted.text, name)
    assert submission.sha256 == hashlib.sha256(file_of(operation)).hexdigest()
    known = {"id": posted.text}
    fetched = client.call("GET", at(operation.fetch_path), params=known).json()
    assert (fetched["id"], fetched["taskStatus"], fetched["error"]) == (posted.text, "Completed", None)
    (result,) = fetched["results"]
    data = base64.b64decode(result["data"], validate=True)
    assert result["type"] == type_of(operation)
    assert data
    status = client.call("GET", at(TASK_STATUS.name), params=known).json()
    assert (status["taskStatus"], status["results"]) == ("Completed", None)
    if operation.fetch_file:
        file = client.call("GET", at(operation.fetch_file), params=known)
        assert (file.headers["Content-Type"], file.content) == (MEDIA_TYPES[result["type"]], data)
    cancelled = client.call("DELETE", at(name), params=known)
    if operation.cancellable:
        assert (cancelled.status_code, cancelled.content) == (200, b"")
        assert not emulator.ocr_tasks
    else:
        assert (cancelled.status_code, cancelled.headers["Allow"]) == (405, "POST")
        assert list(emulator.ocr_tasks) == [posted.text]


@pytest.mark.parametrize("name", SUBMITTING)
def test_its_id_is_quoted_where_json_is_preferred(name: str, client: Client) -> None:
    operation = get_operation(name)
    posted = client.call("POST", API + name, **body_of(operation), headers={"Accept": "application/json"})
    assert posted.headers["Content-Type"] == "application/json"
    assert posted.text == f'"{posted.json()}"'
    assert state(client, operation.fetch_path, posted.json()) == "Completed"


@pytest.mark.parametrize("name", SUBMITTING)
def test_members_of_its_body_are_found_in_any_case(name: str, emulator: Emulator, client: Client) -> None:
    operation = get_operation(name)
    bodies = {
        kind: {member.upper(): value for member, value in body.items()}
        for kind, body in body_of(operation).items()
    }
    posted = client.call("POST", API + name, **bodies)
    assert posted.status_code == 200, posted.text
    assert emulator.submissions[0].sha256 == hashlib.sha256(file_of(operation)).hexdigest()


@pytest.mark.parametrize("name", [name for name in SUBMITTING if OPERATIONS[name].settings])
def test_a_wrong_setting_is_named_by_its_place_in_the_body(name: str, client: Client) -> None:
    operation, body = get_operation(name), body_of(get_operation(name))["json"]
    if operation.settings is SettingsKind.SPEECH_FLAT:
        wrong = {"language": body | {"language": "Klingon"}}
    else:
        wrong = {
            "settings": body | {"settings": "Klingon"},
            "settings.language": body | {"settings": body["settings"] | {"language": "Klingon"}},
        }
    for place, sent in wrong.items():
        answer = client.call("POST", API + name, json=sent)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [place])


@pytest.mark.parametrize("name", SUBMITTING)
def test_its_source_is_required(name: str, client: Client) -> None:
    operation = get_operation(name)
    ((kind, body),) = body_of(operation).items()
    rest = {member: value for member, value in body.items() if member != operation.payload}
    # Without a part there is no multipart body.
    sent = {kind: rest or {"other": b"image"}} if kind == "files" else {kind: rest}
    answer = client.call("POST", API + name, **sent)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [operation.payload])


@pytest.mark.parametrize("name", SUBMITTING)
def test_paths_of_others_do_not_know_its_id(name: str, emulator: Emulator, client: Client) -> None:
    own = get_operation(name)
    ocr_task_id = submit(client, own)
    others = [one for one in map(get_operation, SUBMITTING) if one.fetch_path != own.fetch_path]
    for other in others:
        assert state(client, other.fetch_path, ocr_task_id) == "NotExist", other.name
        if other.fetch_file:
            assert client.get(ocr_task_id, other.fetch_file).status_code == 204
        client.cancel(ocr_task_id, other.name)
    assert list(emulator.ocr_tasks) == [ocr_task_id]
    assert state(client, own.fetch_path, ocr_task_id) == "Completed"


@pytest.mark.parametrize("name", SUBMITTING)
def test_it_asks_for_a_token_unless_it_is_a_trial(name: str, emulator: Emulator, client: Client) -> None:
    operation = get_operation(name)
    ocr_task_id = submit(client, operation)
    expected = 401 if operation.authenticated else 200
    with Client(emulator, sign_in=False) as stranger:
        assert stranger.call("POST", API + name, **body_of(operation)).status_code == expected
        assert stranger.get(ocr_task_id, operation.fetch_path).status_code == expected
        if operation.fetch_file:
            assert stranger.get(ocr_task_id, operation.fetch_file).status_code == 401
        # The one path that serves all ids asks for a token whatever the id.
        assert stranger.status(ocr_task_id).status_code == 401
        if operation.cancellable:
            assert stranger.cancel(ocr_task_id, name).status_code == expected
    assert state(client, TASK_STATUS.name, ocr_task_id) == ("Completed" if expected == 401 else "NotExist")


@pytest.mark.parametrize("name", [name for name in SUBMITTING if OPERATIONS[name].fetch_file])
def test_its_file_is_there_once_it_is_completed(name: str, emulator: Emulator, client: Client) -> None:
    operation = get_operation(name)
    emulator.inject("never_finish", on="submit")
    running = submit(client, operation)
    emulator.inject("finish_with_error", on="submit")
    failed = submit(client, operation)
    assert [state(client, operation.fetch_path, one) for one in (running, failed)] == ["Pending", "Error"]
    for ocr_task_id in (running, failed, "unknown"):
        file = client.get(ocr_task_id, str(operation.fetch_file))
        assert (file.status_code, file.content) == (204, b"")
