"""The connection form as a person uses it: open, fill, save, press Test, read the answer, edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.get_provider_info import CONN_FIELDS
from dags_examples.demo.local_airflow import LocalAirflow

from .conftest import SECRET, Shoot

pytestmark = pytest.mark.browser

CONN_ID = "scans"
PATH = f"/api/v2/connections/{CONN_ID}"


@pytest.fixture
def form(page: Any, airflow: LocalAirflow) -> Iterator[Any]:
    """Return the form for a new connection of our type, whose values start empty."""
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("[name=connection_id]").fill(CONN_ID)
    dialog.get_by_role("combobox").first.fill("Aspose")
    page.keyboard.press("Enter")
    dialog.get_by_text("Base URL", exact=True).wait_for()
    yield dialog
    if CONN_ID in [one["connection_id"] for one in connections(airflow)]:
        airflow.rest("DELETE", PATH)


def connections(airflow: LocalAirflow) -> list[dict[str, Any]]:
    """Return the connections that Airflow keeps."""
    found: list[dict[str, Any]] = airflow.rest("GET", "/api/v2/connections")["connections"]
    return found


def fill(form: Any, **fields: str) -> None:
    """Type into standard fields."""
    for name, value in fields.items():
        form.locator(f"[name={name}]").fill(value)


def fill_extras(form: Any, **fields: str) -> None:
    """Type into the fields of extras, and leave each."""
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for name, value in fields.items():
        field = form.locator(f"[name=element_{name}]")
        field.fill(value)
        field.blur()


def save(page: Any, form: Any) -> None:
    """Press Save, and wait for the form to close."""
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="detached")
    page.get_by_role("cell", name=CONN_ID, exact=True).wait_for()


def press_test(page: Any) -> str:
    """Press Test in the list, and return the body of the answer."""
    with page.expect_response("**/connections/test") as answer:
        page.get_by_role("row", name=CONN_ID).get_by_role("button", name="Test Connection").click()
    text: str = answer.value.text()
    return text


def test_each_extra_is_a_field_with_its_description(form: Any, shoot: Shoot) -> None:
    assert form.locator("[name=login]").get_attribute("placeholder") == "empty: trial operations only"
    assert form.get_by_text("Client secret", exact=True).is_visible()
    form.get_by_role("button", name="Standard Fields").click()
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for field in CONN_FIELDS.values():
        form.get_by_text(field["label"], exact=True).wait_for()
        assert form.get_by_text(field["description"], exact=True).is_visible()
    shoot("connection_extras")


def test_a_connection_is_filled_in_saved_and_tested(
    form: Any, page: Any, airflow: LocalAirflow, service: Emulator, shoot: Shoot
) -> None:
    host, _, port = service.url.rpartition(":")
    fill(
        form,
        description="Scans of the archive",
        host=host,
        login=service.client_id,
        password=SECRET,
        port=port,
    )
    shoot("connection_form")
    save(page, form)
    answer = json.loads(press_test(page))
    assert answer["status"] is True, answer
    page.get_by_text("Test Connection Successful").wait_for()
    shoot("connection_tested")
    assert SECRET not in page.content()


def test_a_wrong_secret_is_told_and_not_shown(
    form: Any, page: Any, airflow: LocalAirflow, service: Emulator
) -> None:
    host, _, port = service.url.rpartition(":")
    fill(form, host=host, login="somebody-else", password="wrong-4711", port=port)
    save(page, form)
    answer = json.loads(press_test(page))
    assert answer["status"] is False
    assert "was rejected" in answer["message"]
    assert "wrong-4711" not in page.content()


def test_what_is_typed_into_extras_arrives_as_it_was_meant(
    form: Any, page: Any, airflow: LocalAirflow
) -> None:
    fill_extras(
        form,
        api_prefix="/v5.0/ocr",
        timeout="1500",
        delay_cost="0.3",
        max_result_bytes="4294967296",
        verify="/etc/ssl/certs",
        cert='["/a.crt", "/a.key"]',
        proxies='{"no_proxy": "127.0.0.1"}',
    )
    save(page, form)
    (extra,) = [json.loads(one["extra"]) for one in connections(airflow) if one["connection_id"] == CONN_ID]
    assert {name: value for name, value in extra.items() if value is not None and name != "proxies"} == {
        "api_prefix": "/v5.0/ocr",
        "timeout": 1500,
        "delay_cost": 0.3,
        "max_result_bytes": 4294967296,
        "verify": "/etc/ssl/certs",
        "cert": ["/a.crt", "/a.key"],
    }
    assert list(extra["proxies"]) == ["no_proxy"]


def test_editing_one_field_keeps_the_others_and_what_the_form_masks(
    form: Any, page: Any, airflow: LocalAirflow, service: Emulator
) -> None:
    """Airflow shows the token endpoint and proxies as ``***``; the Test button needs what they really are."""
    extra = {"token_url": f"{service.url}/connect/token", "verify": False, "timeout": 90, "proxies": {}}
    host, _, port = service.url.rpartition(":")
    made = {"connection_id": CONN_ID, "conn_type": "asposeocr", "host": host, "port": int(port)}
    account = {"login": service.client_id, "password": SECRET, "extra": json.dumps(extra)}
    airflow.rest("POST", "/api/v2/connections", made | account)
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("row", name=CONN_ID).get_by_role("button", name="Edit Connection").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Extra Fields", exact=True).click()
    assert dialog.locator("[name=element_token_url]").input_value() == "***"
    assert dialog.locator("[name=element_verify]").input_value() == "false"
    timeout = dialog.locator("[name=element_timeout]")
    timeout.fill("120")
    timeout.blur()
    save(page, dialog)
    stored = json.loads(airflow.rest("GET", PATH)["extra"])
    assert (stored["timeout"], stored["verify"], stored["token_url"]) == (120, False, "***")
    answer = json.loads(press_test(page))
    assert answer["status"] is True, answer
