"""Configurations of the emulator in which the command has to name each difference."""

from __future__ import annotations

from typing import Any

TEXT = "Wooden chairs in Hamburg"
"""The words on the image of the command."""

DEFAULTS: dict[str, Any] = {"ocr": False, "scripted_text": TEXT, "completed_after_reads": 1}
"""As documented, with an OCR task that is running when it is first fetched."""

OTHER_SIDE: dict[str, Any] = {
    "ocr": False,
    "scripted_text": TEXT,
    # The first OCR task ends while its second fetch is held back, all others at once.
    "service_seconds": [3.0, 0.0],
    "block_get_seconds": 2.0,
    "token_lifetime": 1200,
    "rejected_sign_in": 401,
    "refused_token": 403,
    "id_style": "newline",
    "wrong_settings": "error",
    "empty_results": "list",
    "unknown_status": "Queued",
    "plain_data": True,
    "lower_case_types": True,
    "reverse_results": True,
    "status_knows_ids": False,
    "warnings": ["a page was lost"],
    "messages": ["no text on page 2"],
    "response_status_code": "Fine",
    "extra_fields": True,
    "shuffle_keys": True,
    "escape_base64": True,
    "reply_type": "text/plain",
    "gzip": True,
    "unknown_id": "404",
    "delete_status": 204,
    "keep_deleted": True,
}
"""Every switch on its other side, but for those that leave nothing to see of others."""

THIRD_SIDE: dict[str, Any] = {
    "ocr": False,
    "scripted_text": "something else",
    "completed_after_reads": 1,
    "rejected_sign_in": 403,
    "id_style": "quoted",
    "wrong_settings": "ignored",
    "unfinished": "404",
    "forget_after_read": True,
    "unknown_id": "204",
    "delete_status": 405,
}
"""Those switches, and further sides of some others."""
