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
        # Of extras, Airflow 2 alone shows these.
        "token_url": "https://api.aspose.cloud/connect/token",
        "api_prefix": "/v5.0/ocr",
        "timeout": "100",
        "delay_cost": "1.5",
        "max_result_bytes": "4294967296",
        "verify": "true",
        "cert": "/path/to/client.pem",
        "proxies": "http://proxy:3128",
        "reuse_path": "s3://my_conn@bucket/ocr-results/",
    },
}
"""The form's fields, in the spelling of ``get_ui_field_behaviour``."""

CONN_FIELDS: dict[str, dict[str, Any]] = {
    "token_url": {
        "label": "Token endpoint",
        "description": "URL that signs in. Empty: <Base URL>/connect/token.",
        "schema": {"type": ["string", "null"]},
    },
    "api_prefix": {
        "label": "API prefix",
        "description": "Path before the name of each operation. Empty: /v5.0/ocr.",
        "schema": {"type": ["string", "null"]},
    },
    "timeout": {
        "label": "Read timeout",
        "description": "Seconds to wait for an answer, or for more of it; at least 60. Empty: 100.",
        "schema": {"type": ["number", "null"], "minimum": 60},
    },
    "delay_cost": {
        "label": "Delay cost",
        "description": "Billed calls that you would pay to get a result one second sooner, at most 100: more "
        "polls more often, less saves calls. Empty: 1.5.",
        "schema": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
    },
    "max_result_bytes": {
        "label": "Largest reply",
        "description": "Bytes of a reply with results; a larger one fails its task. "
        "Empty: 4294967296 (4 GiB).",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
    "verify": {
        "label": "Verify certificate",
        "description": "true; false to accept any certificate, which is unsafe; or the path of a CA bundle, "
        "a file or folder wherever tasks and triggers run. Empty: true.",
        "schema": {"type": ["string", "boolean", "null"], "examples": ["true", "false"]},
    },
    "cert": {
        "label": "Client certificate",
        "description": "Path of a PEM file with certificate and key, or the paths of both: "
        '["/path/client.crt", "/path/client.key"]. Empty: none.',
        "schema": {"type": ["string", "array", "null"]},
    },
    "proxies": {
        "label": "Proxies",
        "description": "Address of a proxy, such as http://proxy:3128, or one by scheme: "
        '{"https": "http://proxy:3128", "no_proxy": "ocr.intern"}. Empty: what HTTPS_PROXY, HTTP_PROXY and '
        "NO_PROXY say where the task runs.",
        # Not an object alone: Airflow's editor formats JSON as soon as it is valid, and moves the cursor.
        "schema": {"type": ["string", "object", "null"]},
    },
    "reuse_path": {
        "label": "Folder for reuse",
        "description": "Folder in any storage that keeps results: what was paid for once is delivered again "
        "without a call, in any DAG that uses this connection. Whoever may write there decides what is "
        "delivered. Empty: nothing is kept.",
        "schema": {"type": ["string", "null"]},
    },
}
"""The extras of a connection as fields of the form. Airflow 3.2 and later read them here, older ones get them
from the hook, as text. A default would be stored with the connection: descriptions tell it instead."""

_RESULT_PAGE_ROOTS = """
What the result page may read: local folders and addresses of ``http(s)://``, ``s3://``, ``gs://`` and
``abfs://``, with commas between, each with all that is below it. An Airflow connection is named as in
``s3://my_conn@bucket/prefix/``. Whoever may read the XComs of a DAG sees these files, and whoever may write
them chooses which: list folders of documents, never one with secrets. Empty: there is no result page.
Airflow 3.1 and later.
"""

_CONFIG: dict[str, Any] = {
    "asposeocr": {
        "description": "Options of the provider for Aspose.OCR Cloud.",
        "options": {
            "result_page_roots": {
                "description": _RESULT_PAGE_ROOTS.strip(),
                "version_added": "0.1.0",
                "type": "string",
                "example": "/data/scans, s3://my_conn@outbox/texts/",
                "default": "",
            }
        },
    }
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
        "task-decorators": [
            {
                "class-name": "airflow_provider_asposeocr.decorators.asposeocr.asposeocr_task",
                "name": "asposeocr",
            },
            {
                "class-name": "airflow_provider_asposeocr.decorators.asposeocr.asposeocr_batch_task",
                "name": "asposeocr_batch",
            },
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
                "conn-fields": CONN_FIELDS,
            }
        ],
        "config": _CONFIG,
    }
