"""Smallest honest body of each operation, as a client sends it."""

from __future__ import annotations

import base64
from typing import Any

from airflow_provider_asposeocr.api.operations import OPERATIONS, Body, Operation, SettingsKind

SUBMITTING = [name for name, operation in OPERATIONS.items() if operation.submits]
_FILES = {"pdf": b"%PDF-1.7\n", "djvu": b"AT&TFORM\0\0\0\4DJVU", "plain text": b"Fourteen chairs."}
_CORNERS = {"topLeftX": 0, "topLeftY": 0, "bottomRightX": 9, "bottomRightY": 9}
_REQUIRED = {"RecognizeRegions": {"regions": [{"rect": _CORNERS, "order": 0}]}}
_SPEECH = {"language": "English", "resultType": "Wav"}


def file_of(operation: Operation) -> bytes:
    """Return a file of the kind that an operation takes, or its text."""
    return _FILES.get(operation.input_formats[0], b"image")


def body_of(operation: Operation) -> dict[str, Any]:
    """Return the body of a submission, as an argument of ``requests``."""
    file = file_of(operation)
    if operation.body is Body.MULTIPART:
        return {"files": {"file": ("scan.png", file)}}
    payload = file if operation.body is Body.JSON_TEXT else base64.b64encode(file)
    body: dict[str, Any] = {str(operation.payload): payload.decode()}
    if operation.settings is SettingsKind.SPEECH_FLAT:
        body |= _SPEECH
    elif operation.settings is SettingsKind.SPEECH:
        body["settings"] = _SPEECH
    elif operation.settings:
        body["settings"] = _REQUIRED.get(operation.name, {})
    return {"json": body}
