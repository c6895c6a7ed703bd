"""The plugin is off until it is told what to read, and never stands in the way of Airflow."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_asposeocr.get_provider_info import get_provider_info
from airflow_provider_asposeocr.plugin import asposeocr
from airflow_provider_asposeocr.plugin.asposeocr import AsposeOcrPlugin

OPTION = "AIRFLOW__ASPOSEOCR__RESULT_PAGE_ROOTS"
needs_page = pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="Airflow 3.1 and later have the page")


def offers() -> list[Any]:
    """Return what Airflow finds in the plugin."""
    plugin = AsposeOcrPlugin()
    return [*plugin.fastapi_apps, *plugin.external_views, *plugin.operator_extra_links]


@pytest.mark.parametrize("value", [None, "", "  ", "\n"])
def test_it_is_off_by_default(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OPTION, raising=False)
    if value is not None:
        monkeypatch.setenv(OPTION, value)
    assert offers() == []


@needs_page
def test_it_adds_a_page_a_tab_and_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTION, "/data")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://air.example/flow/")
    app, view, link = offers()
    assert app["url_prefix"] == "/asposeocr"
    assert view["destination"] == "task_instance"
    assert view["href"] == "/flow/asposeocr/dags/{DAG_ID}/runs/{RUN_ID}/tasks/{TASK_ID}/{MAP_INDEX}"
    assert link.name == "Result page"


@needs_page
@pytest.mark.parametrize("value", ["relative", "/", "sftp://host/", "[", "https://u:swordfish@web.example/"])
def test_an_option_that_cannot_be_read_switches_it_off_with_one_line(
    value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(OPTION, value)
    with caplog.at_level(logging.ERROR, asposeocr.__name__):
        assert offers() == []
    (line,) = [record.getMessage() for record in caplog.records if record.name == asposeocr.__name__]
    assert "result_page_roots cannot be read" in line
    assert "swordfish" not in line


@needs_page
def test_an_application_that_cannot_be_made_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(OPTION, "/data")
    # As where the API server lacks a module.
    monkeypatch.setitem(sys.modules, "airflow_provider_asposeocr.plugin.app", None)
    with caplog.at_level(logging.ERROR, asposeocr.__name__):
        assert AsposeOcrPlugin().fastapi_apps == []
    assert "is off" in caplog.text


def test_before_airflow_3_1_there_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTION, "/data")
    monkeypatch.setattr(asposeocr, "AIRFLOW_V_3_1_PLUS", False)
    assert offers() == []


def test_the_plugin_is_cheap_to_load() -> None:
    """Airflow loads it in each process that asks for plugins, also where the page is off."""
    script = (
        "import sys, json, airflow.plugins_manager, airflow.providers.common.compat.sdk\n"
        "before = set(sys.modules)\n"
        "import airflow_provider_asposeocr.plugin.asposeocr as module\n"
        "plugin = module.AsposeOcrPlugin()\n"
        "plugin.fastapi_apps, plugin.external_views, plugin.operator_extra_links\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    own = {name for name in loaded if name.startswith("airflow_provider_asposeocr.")}
    assert own == {f"airflow_provider_asposeocr.plugin{rest}" for rest in ("", ".asposeocr", ".links")}
    assert {name.partition(".")[0] for name in loaded} & {"fastapi", "jinja2", "requests", "aiohttp"} == set()


def test_the_option_is_described() -> None:
    (option,) = get_provider_info()["config"]["asposeocr"]["options"].values()
    assert option["default"] == ""
    assert "secrets" in option["description"]
