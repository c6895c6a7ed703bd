"""The connection form: the same fields on every release of Airflow, and a reader of whatever they send."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest
from airflow.models import Connection
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS
from airflow.providers_manager import ProvidersManager

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.flows import DEFAULT_BASE_URL, DEFAULT_PREFIX, MAX_RESULT_BYTES
from airflow_provider_asposeocr.api.polling import DEFAULT_DELAY_COST
from airflow_provider_asposeocr.get_provider_info import CONN_FIELDS, FIELD_BEHAVIOUR
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.hooks.connection import (
    DEFAULT_READ_TIMEOUT,
    MIN_READ_TIMEOUT,
    ConnectionConfig,
)

SECRET = "do-not-show-this-secret"


def read(extra: str | None) -> ConnectionConfig:
    connection = Connection(conn_id="ocr", conn_type="asposeocr", extra=extra)
    return ConnectionConfig.of(connection, connection.extra_dejson)


def new_manager() -> Any:
    return ProvidersManager()  # type: ignore[no-untyped-call]


def shown_fields() -> dict[str, tuple[str, str]]:
    """Return label and description of each extra, as this release of Airflow shows them."""
    if not AIRFLOW_V_3_0_PLUS:
        prefix, widgets = "extra__asposeocr__", new_manager().connection_form_widgets
        ours = {key.removeprefix(prefix): widgets[key].field for key in widgets if key.startswith(prefix)}
        return {name: (field.args[0], field.kwargs["description"]) for name, field in ours.items()}
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = [one for one in HookMetaService.hook_meta_data() if one.connection_type == "asposeocr"]
    return {
        name: (field["schema"]["title"], field["description"])
        for name, field in (form.extra_fields or {}).items()
    }


def test_airflow_shows_every_field_of_the_table_and_no_other() -> None:
    table = {name: (field["label"], field["description"]) for name, field in CONN_FIELDS.items()}
    assert shown_fields() == table


def test_the_form_of_older_releases_is_made_of_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins for the two packages of that form, which newer releases do not bring along."""
    made: list[tuple[Any, ...]] = []
    fields, widgets = ModuleType("wtforms"), ModuleType("flask_appbuilder.fieldwidgets")
    fields.StringField = lambda label, **others: made.append((label, others["description"]))  # type: ignore[attr-defined]
    widgets.BS3TextFieldWidget = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wtforms", fields)
    monkeypatch.setitem(sys.modules, "flask_appbuilder", ModuleType("flask_appbuilder"))
    monkeypatch.setitem(sys.modules, "flask_appbuilder.fieldwidgets", widgets)
    assert list(AsposeOcrHook.get_connection_form_widgets()) == list(CONN_FIELDS)
    assert made == [(field["label"], field["description"]) for field in CONN_FIELDS.values()]


def test_airflow_that_renames_the_placeholders_leaves_ours_alone() -> None:
    AsposeOcrHook.get_ui_field_behaviour()["placeholders"].clear()
    assert AsposeOcrHook.get_ui_field_behaviour() == FIELD_BEHAVIOUR
    assert FIELD_BEHAVIOUR["placeholders"]["host"] == DEFAULT_BASE_URL


@pytest.mark.skipif(
    not AIRFLOW_V_3_2_PLUS, reason="reads the fields of extras from the hook before Airflow 3.2"
)
def test_the_hook_is_not_asked_where_the_metadata_says_it_all(recwarn: pytest.WarningsRecorder) -> None:
    """Otherwise Airflow warns of a deprecated method, once for each process that looks hooks up."""
    assert new_manager().hooks["asposeocr"] is not None
    assert [str(warning.message) for warning in recwarn if "AsposeOcrHook" in str(warning.message)] == []


def test_descriptions_and_placeholders_tell_the_defaults_of_the_code() -> None:
    told = {name: field["description"].partition("Empty: ")[2] for name, field in CONN_FIELDS.items()}
    assert told["api_prefix"] == f"{DEFAULT_PREFIX}."
    assert told["timeout"] == f"{DEFAULT_READ_TIMEOUT:g}."
    assert told["delay_cost"] == f"{DEFAULT_DELAY_COST:g}."
    assert told["max_result_bytes"].startswith(f"{MAX_RESULT_BYTES} ")
    assert f"at least {MIN_READ_TIMEOUT:g}." in CONN_FIELDS["timeout"]["description"]
    assert CONN_FIELDS["timeout"]["schema"]["minimum"] == MIN_READ_TIMEOUT
    assert all(told.values())
    placeholders = FIELD_BEHAVIOUR["placeholders"]
    assert set(CONN_FIELDS) < set(placeholders)
    hinted = read(
        json.dumps({name: placeholders[name] for name in CONN_FIELDS if name not in ("cert", "proxies")})
    )
    usual = ConnectionConfig()
    assert hinted.token_url == f"{DEFAULT_BASE_URL}/connect/token"
    for name in ("prefix", "read_timeout", "delay_cost", "max_result_bytes", "verify"):
        assert getattr(hinted, name) == getattr(usual, name), name


# What the forms really send, seen in a browser.
SENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # form: (extra, what is read)
    "3.3, all left empty": (dict.fromkeys(CONN_FIELDS), {"verify": True, "cert": None, "proxies": {}}),
    "3.3, typed": (
        {
            "timeout": 1500,
            "delay_cost": 0.3,
            "max_result_bytes": 4294967296,
            "verify": "false",
            "cert": ["/a.crt", "/a.key"],
            "proxies": {"https": "http://proxy:3128"},
        },
        {
            "read_timeout": 1500.0,
            "delay_cost": 0.3,
            "max_result_bytes": 4294967296,
            "verify": False,
            "cert": ("/a.crt", "/a.key"),
            "proxies": {"https": "http://proxy:3128"},
        },
    ),
    "2.11 to 3.1, typed: all is text": (
        {
            "timeout": "90",
            "delay_cost": "0.3",
            "max_result_bytes": "1000000",
            "verify": "true",
            "cert": '["/a.crt", "/a.key"]',
            "proxies": '{"https": "http://proxy:3128"}',
        },
        {
            "read_timeout": 90.0,
            "delay_cost": 0.3,
            "max_result_bytes": 1000000,
            "verify": True,
            "cert": ("/a.crt", "/a.key"),
            "proxies": {"https": "http://proxy:3128"},
        },
    ),
    "2.11, opened and saved: values in the words of Python": (
        {"cert": "['/a.crt', '/a.key']", "proxies": "{'https': 'http://proxy:3128'}", "timeout": "90.5"},
        {
            "read_timeout": 90.5,
            "cert": ("/a.crt", "/a.key"),
            "proxies": {"https": "http://proxy:3128"},
        },
    ),
}


@pytest.mark.parametrize("form", SENT)
def test_what_a_form_sends_is_read(form: str) -> None:
    extra, expected = SENT[form]
    config = read(json.dumps(extra))
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize("extra", [None, "", "{}"])
def test_a_form_without_extras_is_read(extra: str | None) -> None:
    assert read(extra) == ConnectionConfig()


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("cert", '["/a.crt", '),
        ("cert", "/a.crt\n/a.key"),
        ("proxies", f'{{"https": "http://u:{SECRET}@p'),
        ("proxies", f"http://u:{SECRET}@p\nhttp://q"),
        ("timeout", "ninety"),
        ("verify", "***\n"),
    ],
)
def test_what_is_half_typed_is_refused_by_name_and_not_shown(field: str, typed: str) -> None:
    with pytest.raises(AsposeOcrSettingsError, match=field) as caught:
        read(json.dumps({field: typed})).ssl_context()
    assert SECRET not in str(caught.value)
