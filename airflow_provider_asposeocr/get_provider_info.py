"""The description by which Airflow discovers this provider. Imports nothing of Airflow."""

from __future__ import annotations

from typing import Any

FIELD_BEHAVIOUR: dict[str, Any] = {
    # Not the port: Airflow 3.3 refuses to test a connection without one.
    "hidden_fields": ["schema"],
    "relabeling": {"login": "Client ID", "password": "Client secret", "host": "Base URL"},
    "placeholders": {
        "host": "https://api.aspose.cloud",
        "port": "443",
        "login": "empty: trial operations only",
        "extra": '{"timeout": 100, "proxies": {"https": "http://proxy:3128"}}',
    },
}
"""The form's fields, in the spelling of ``get_ui_field_behaviour``."""

_CONN_FIELDS: dict[str, Any] = {
    "token_url": {
        "label": "Token endpoint",
        "description": "URL that signs in; <Base URL>/connect/token if empty.",
        "schema": {"type": ["string", "null"]},
    },
    "api_prefix": {
        "label": "API prefix",
        "description": "Path before each operation; /v5.0/ocr if empty.",
        "schema": {"type": ["string", "null"]},
    },
    "timeout": {
        "label": "Read timeout",
        "description": "Seconds to wait for an answer, or for more of it; 100 if empty, at least 60.",
        "schema": {"type": ["number", "null"], "minimum": 60},
    },
    "delay_cost": {
        "label": "Delay cost",
        "description": "Billed calls that it is worth to see the end of an OCR task one second earlier: "
        "a higher value polls more often, a lower one saves calls; 1.5 if empty.",
        "schema": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
    },
}


def get_provider_info() -> dict[str, Any]:
    """Describe this provider (Airflow's ``provider_info`` schema)."""
    return {
        "package-name": "airflow-provider-asposeocr",
        "name": "Aspose.OCR Cloud",
        "description": "Recognize text and prepare images with `Aspose.OCR Cloud <https://docs.aspose.cloud/ocr/>`__.",
        "integrations": [
            {
                "integration-name": "Aspose.OCR Cloud",
                "external-doc-url": "https://docs.aspose.cloud/ocr/",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {
                "integration-name": "Aspose.OCR Cloud",
                "python-modules": ["airflow_provider_asposeocr.hooks.asposeocr"],
            }
        ],
        "operators": [
            {
                "integration-name": "Aspose.OCR Cloud",
                "python-modules": [
                    "airflow_provider_asposeocr.operators.asposeocr",
                    "airflow_provider_asposeocr.operators.base",
                    "airflow_provider_asposeocr.operators.batch",
                    "airflow_provider_asposeocr.operators.fetch",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "Aspose.OCR Cloud",
                "python-modules": ["airflow_provider_asposeocr.sensors.asposeocr"],
            }
        ],
        "triggers": [
            {
                "integration-name": "Aspose.OCR Cloud",
                "python-modules": ["airflow_provider_asposeocr.triggers.asposeocr"],
            }
        ],
        "connection-types": [
            {
                "connection-type": "asposeocr",
                "hook-class-name": "airflow_provider_asposeocr.hooks.asposeocr.AsposeOcrHook",
                "hook-name": "Aspose.OCR Cloud",
                "ui-field-behaviour": {
                    "hidden-fields": FIELD_BEHAVIOUR["hidden_fields"],
                    "relabeling": FIELD_BEHAVIOUR["relabeling"],
                    "placeholders": FIELD_BEHAVIOUR["placeholders"],
                },
                "conn-fields": _CONN_FIELDS,
            }
        ],
    }
