"""Replies, with every option for points that the documentation leaves open."""

from __future__ import annotations

import base64
import time

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.client import Client

PATH = "/v5.0/ocr/RecognizeImage"


def test_id_styles(emulator: Emulator, client: Client) -> None:
    emulator.options.id_style = "tts"
    assert client.post().text.startswith("TTS")
    emulator.options.id_style = "newline"
    assert client.post().text.endswith("\n")
    emulator.options.id_style = "quoted"
    quoted = client.post(accept="text/plain")
    assert quoted.headers["Content-Type"] == "application/json"
    assert client.get(quoted.json()).json()["taskStatus"] == "Completed"


@pytest.mark.parametrize(("style", "status"), [("not_exist", 200), ("404", 404), ("204", 204)])
def test_unknown_ids(emulator: Emulator, client: Client, style: str, status: int) -> None:
    emulator.options.unknown_id = style
    for answer in (client.get("nothing"), client.status("nothing")):
        assert answer.status_code == status
    if status == 200:
        assert client.get("nothing").json()["taskStatus"] == "NotExist"


@pytest.mark.parametrize(("style", "expected"), [("null", None), ("list", [])])
def test_results_of_unfinished_tasks(
    emulator: Emulator, client: Client, style: str, expected: object
) -> None:
    emulator.options.empty_results = style
    emulator.options.service_seconds = 1000
    body = client.get(client.submit()).json()
    assert (body["results"], body["taskStatus"], body["responseStatusCode"]) == (
        expected,
        "Pending",
        "NotReady",
    )


def test_completed_tasks_may_carry_notices(emulator: Emulator, client: Client) -> None:
    emulator.options.warnings = ["a page was lost"]
    assert client.get(client.submit()).json()["error"] == {"messages": None, "warnings": ["a page was lost"]}
    emulator.options.messages = ["done"]
    body = client.get(client.submit()).json()
    assert body["error"]["messages"] == ["done"]
    assert body["taskStatus"] == "Completed"


def test_a_blocking_get_waits_for_the_end(emulator: Emulator, client: Client) -> None:
    emulator.options.service_seconds = 0.3
    emulator.options.block_get_seconds = 10
    answer = client.get(client.submit())
    assert answer.json()["taskStatus"] == "Completed"
    assert 0.2 < answer.elapsed.total_seconds() < 5
    emulator.options.service_seconds = 1000
    emulator.options.block_get_seconds = 0.1
    assert client.get(client.submit()).json()["taskStatus"] == "Pending"


def test_delete_may_answer_204(emulator: Emulator, client: Client) -> None:
    emulator.options.delete_status = 204
    assert client.cancel(client.submit()).status_code == 204


def test_there_may_be_no_delete(emulator: Emulator, client: Client) -> None:
    emulator.options.delete_status = 405
    ocr_task_id = client.submit()
    assert (client.cancel(ocr_task_id).status_code, client.get(ocr_task_id).status_code) == (405, 200)
    assert list(emulator.ocr_tasks) == [ocr_task_id]


def test_a_completed_task_may_outlive_its_delete(emulator: Emulator, client: Client) -> None:
    emulator.options.keep_deleted = True
    ocr_task_id = client.submit()
    assert client.cancel(ocr_task_id).status_code == 200
    assert client.get(ocr_task_id).json()["taskStatus"] == "Completed"
    emulator.options.service_seconds = 1000
    running = client.submit()
    client.cancel(running)
    assert client.get(running).json()["taskStatus"] == "NotExist"


def test_results_may_be_gone_once_they_were_read(emulator: Emulator, client: Client) -> None:
    emulator.options.forget_after_read = True
    emulator.options.completed_after_reads = 1
    ocr_task_id = client.submit()
    states = [client.get(ocr_task_id).json()["taskStatus"] for _ in range(3)]
    assert states == ["Pending", "Completed", "NotExist"]
    known = client.submit()
    assert [client.status(known).json()["taskStatus"] for _ in range(3)] == [
        "Pending",
        "Completed",
        "Completed",
    ]


@pytest.mark.parametrize("style", ["404", "204"])
def test_an_unfinished_task_may_have_no_result_yet(emulator: Emulator, client: Client, style: str) -> None:
    emulator.options.unfinished = style
    emulator.options.completed_after_reads = 2
    ocr_task_id = client.submit()
    assert client.get(ocr_task_id).status_code == int(style)
    assert client.status(ocr_task_id).json()["taskStatus"] == "Processing"
    assert client.get(ocr_task_id).json()["taskStatus"] == "Completed"


def test_what_is_wrong_may_have_another_http_status(emulator: Emulator, client: Client) -> None:
    emulator.options.rejected_sign_in = 401
    assert client.token(secret="wrong").status_code == 401
    emulator.options.refused_token = 403
    emulator.expire_tokens()
    answer = client.get("any")
    assert (answer.status_code, answer.json()["status"]) == (403, 403)
    assert "WWW-Authenticate" not in answer.headers


def test_wrong_settings_may_be_accepted(emulator: Emulator, client: Client) -> None:
    emulator.options.wrong_settings = "error"
    body = client.get(client.submit(language="Klingon")).json()
    assert body["taskStatus"] == "Error"
    assert "Klingon" in body["error"]["messages"][0]
    emulator.options.wrong_settings = "ignored"
    assert client.get(client.submit(language="Klingon")).json()["taskStatus"] == "Completed"
    assert client.post(operation="RecognizeRegions").status_code == 400


def test_types_and_order_of_results(emulator: Emulator, client: Client) -> None:
    emulator.options.lower_case_types = True
    emulator.options.reverse_results = True
    results = client.get(client.submit(resultType="TextAndHocr")).json()["results"]
    assert [result["type"] for result in results] == ["hocr", "text"]


def test_codes_and_media_types_of_replies(emulator: Emulator, client: Client) -> None:
    emulator.options.response_status_code = "Fine"
    emulator.options.reply_type = "text/plain"
    for ocr_task_id in (client.submit(), "nothing"):
        answer = client.get(ocr_task_id)
        assert answer.headers["Content-Type"].split(";")[0] == "text/plain"
        assert answer.json()["responseStatusCode"] == "Fine"


def test_data_may_come_plain(emulator: Emulator, client: Client) -> None:
    emulator.options.plain_data = True
    assert client.get(client.submit()).json()["results"][0]["data"].startswith("The quick")


def test_extra_fields_and_shuffled_keys(emulator: Emulator, client: Client) -> None:
    emulator.options.extra_fields = True
    emulator.options.shuffle_keys = True
    orders = {tuple(client.get(client.submit()).json()) for _ in range(5)}
    assert len(orders) > 1
    assert all("billing" in order for order in orders)


def test_an_unknown_status(emulator: Emulator, client: Client) -> None:
    emulator.options.unknown_status = "Queued"
    emulator.options.completed_after_reads = 2
    ocr_task_id = client.submit()
    states = [client.get(ocr_task_id).json()["taskStatus"] for _ in range(3)]
    assert states == ["Queued", "Queued", "Completed"]


def test_escaped_base64(emulator: Emulator, client: Client) -> None:
    emulator.options.scripted_text = "???>>>~~~ü÷"
    emulator.options.escape_base64 = True
    answer = client.get(client.submit())
    assert "\\u002B" in answer.text or "\\/" in answer.text
    assert base64.b64decode(answer.json()["results"][0]["data"]).decode() == "???>>>~~~ü÷"


def test_gzip_only_for_those_who_accept_it(emulator: Emulator, client: Client) -> None:
    emulator.options.gzip = True
    ocr_task_id = client.submit()
    assert client.get(ocr_task_id).headers["Content-Encoding"] == "gzip"
    assert client.get(ocr_task_id).json()["taskStatus"] == "Completed"
    plain = client.call("GET", PATH, params={"id": ocr_task_id}, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


def test_get_task_status_may_know_no_ids(emulator: Emulator, client: Client) -> None:
    emulator.options.status_knows_ids = False
    ocr_task_id = client.submit()
    assert client.status(ocr_task_id).json()["taskStatus"] == "NotExist"
    assert client.get(ocr_task_id).json()["taskStatus"] == "Completed"


def test_the_states_of_a_task(emulator: Emulator, client: Client) -> None:
    emulator.options.completed_after_reads = 2
    ocr_task_id = client.submit()
    reads = [client.get, client.status, client.get]
    assert [read(ocr_task_id).json()["taskStatus"] for read in reads] == [
        "Pending",
        "Processing",
        "Completed",
    ]


def test_scripted_times_follow_the_clock(emulator: Emulator, client: Client) -> None:
    emulator.options.service_seconds = [0.0, 0.3]
    assert client.get(client.submit()).json()["taskStatus"] == "Completed"
    started = time.time()
    client.wait(client.submit())
    assert time.time() - started >= 0.3


def test_half_a_character_reaches_the_client_as_an_escape(emulator: Emulator, client: Client) -> None:
    emulator.options.scripted_text = "a \ud800 b"
    emulator.options.messages = ["\udfff"]
    emulator.options.plain_data = True
    answer = client.get(client.submit())
    assert "\\ud800" in answer.text
    body = answer.json()
    assert (body["results"][0]["data"], body["error"]["messages"]) == ("a \ud800 b", ["\udfff"])
    emulator.inject("finish_with_error", on="submit", messages=["\ud800"])
    assert client.get(client.submit()).json()["error"]["messages"] == ["\ud800"]
    assert client.call("GET", "/_emulator/ocr-tasks").json()[-1]["messages"] == ["\ud800"]
