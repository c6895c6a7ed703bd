"""What the web interface does with a connection: it makes one in the form, and tests it from the list."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.airflow_rest import RestError
from dags_examples.demo.local_airflow import LocalAirflow
from tests.system.conftest import SECRET

pytestmark = pytest.mark.system

FIELDS = ("connection_id", "conn_type", "description", "extra", "host", "login", "password", "port", "schema")


def press_test(airflow: LocalAirflow, **made: Any) -> Any:
    """Make a connection, press the Test button in the list, and return the answer."""
    path = f"/api/v2/connections/{made['connection_id']}"
    airflow.rest("POST", "/api/v2/connections", {"conn_type": "asposeocr", **made})
    try:
        listed = airflow.rest("GET", path)
        # The button sends what the list holds: the secret masked, and 0 for a port that is not there.
        sent = {name: listed[name] or ("" if name != "port" else 0) for name in FIELDS}
        return airflow.rest("POST", "/api/v2/connections/test", {**sent, "extra": sent["extra"] or "{}"})
    finally:
        airflow.rest("DELETE", path)


def test_a_connection_with_a_port_can_be_tested_from_the_list(
    airflow: LocalAirflow, service: Emulator
) -> None:
    host, _, port = service.url.rpartition(":")
    account = {"login": service.client_id, "password": SECRET}
    answer = press_test(airflow, connection_id="made_in_the_form", host=host, port=int(port), **account)
    assert answer["status"] is True, answer


def test_the_form_shows_the_port(airflow: LocalAirflow) -> None:
    hooks = airflow.rest("GET", "/ui/connections/hook_meta")
    (ours,) = [hook for hook in hooks if hook["connection_type"] == "asposeocr"]
    assert ours["standard_fields"]["port"] == {"hidden": False, "title": None, "placeholder": "443"}
    assert ours["standard_fields"]["url_schema"]["hidden"] is True


def test_without_a_port_airflow_refuses_before_it_asks_us(airflow: LocalAirflow, service: Emulator) -> None:
    """The reason why the form shows it; once this fails, Airflow has mended it."""
    account = {"login": service.client_id, "password": SECRET}
    with pytest.raises(RestError, match="host or port to test differs"):
        press_test(airflow, connection_id="without_a_port", host=service.url, **account)
