"""Say what a run has seen of each unknown, in the words of its assumption; None where it has not seen it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrUnusableIdError
from airflow_provider_asposeocr.api.http import Token
from airflow_provider_asposeocr.api.retry import problem_detail, retry_after
from airflow_provider_asposeocr.api.task import TaskStatus
from airflow_provider_asposeocr.check.caller import Outcome, shown
from airflow_provider_asposeocr.check.probe import COMBINED, Seen
from airflow_provider_asposeocr.check.sample import WORDS

HELD_SECONDS = 1.5
"""Seconds by which a fetch takes longer than the fastest call, if the service holds it back."""

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,3})?")
_MEMBERS = frozenset({"id", "taskstatus", "responsestatuscode", "results", "error"})
_STATUSES = frozenset({status.value for status in TaskStatus} - {TaskStatus.UNKNOWN.value})
_RUNNING = (TaskStatus.PENDING, TaskStatus.PROCESSING, TaskStatus.UNKNOWN)
_ENDED = (TaskStatus.COMPLETED, TaskStatus.ERROR)
_MAX_NAMES = 5


def _status(outcome: Outcome) -> str | None:
    return str(outcome) if outcome.status else None


def _yes(is_so: Any) -> str:
    return "yes" if is_so else "no"


def _names(names: list[Any]) -> str:
    """Join words of the service, each once."""
    return ", ".join([*dict.fromkeys(map(shown, names))][:_MAX_NAMES])


def _entries(look: Outcome) -> list[Mapping[str, Any]]:
    results = look.reply.get("results")
    entries = [entry for entry in results if isinstance(entry, dict)] if isinstance(results, list) else []
    return [{name.casefold(): value for name, value in entry.items()} for entry in entries]


def _is_base64(data: Any) -> bool:
    try:
        return bool(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError, TypeError):
        return False


def _token(seen: Seen) -> str | None:
    if not isinstance(seen.sign_in.value, Token):
        return None
    given = str(seen.sign_in.reply.get("expires_in"))
    lifetime = f"{given} s" if _SECONDS.fullmatch(given) else "no lifetime"
    return f"{shown(seen.sign_in.reply.get('token_type', 'none'))}, {lifetime}"


def _rejected_sign_in(seen: Seen) -> str | None:
    outcome = seen.wrong_sign_in if seen.wrong_sign_in.answer else seen.sign_in
    return "a token" if isinstance(outcome.value, Token) else _status(outcome)


def _address(seen: Seen) -> str | None:
    outcome = seen.submission
    if isinstance(outcome.value, str) or isinstance(outcome.error, AsposeOcrUnusableIdError):
        return f"below {seen.prefix or '/'}"
    elsewhere = 0 < outcome.status < 400 or outcome.status in (404, 405)
    return f"not below {seen.prefix or '/'}: {outcome}, {outcome.media_type}" if elsewhere else None


def _ocr_task_id(seen: Seen) -> str | None:
    outcome = seen.submission
    if isinstance(outcome.error, AsposeOcrUnusableIdError):
        return "none that can be used"
    if not isinstance(outcome.value, str):
        return None
    text = outcome.response.body.decode("utf-8-sig", "replace")
    form = "a GUID" if _GUID.fullmatch(outcome.value) else "no GUID"
    quoted = "in quotes" if text.strip().startswith('"') else "in plain text"
    return f"{form} {quoted}{'' if text == text.strip() else ', with white space around it'}"


def _wrong_setting(seen: Seen) -> str | None:
    outcome, look = seen.wrong_setting, seen.wrong_setting_look
    if isinstance(outcome.value, str):
        return f"accepted, then {look.value.status if look.is_task(*_ENDED) else 'an end that was not seen'}"
    return f"{outcome} with a problem document" if problem_detail(outcome.response) else _status(outcome)


def _pending_reply(seen: Seen) -> str | None:
    for look in seen.looks:
        if look.is_task(*_RUNNING):
            results = look.reply.get("results")
            return f"HTTP 200 {'without' if results is None else 'with a list of'} results"
        if look.is_task(TaskStatus.NOT_EXIST) or look.error:
            return _status(look)
    return None


def _task_status(seen: Seen) -> str | None:
    told = [one.task.raw_status for one in seen.answers if one.status == 200 and one.task]
    return (_names([name for name in told if name not in _STATUSES]) or "as documented") if told else None


def _held_reply(seen: Seen) -> str | None:
    first = next((look for look in seen.looks if look.task), None)
    if first and first.seconds > HELD_SECONDS + min(one.seconds for one in seen.answers):
        return "yes"
    return "no" if first and first.is_task(*_RUNNING) else None


def _status_endpoint(seen: Seen) -> str | None:
    outcome = seen.status
    if outcome.task is None or outcome.is_task(TaskStatus.NOT_EXIST):
        return _status(outcome)
    return f"the status, {'with' if outcome.task.results else 'without'} results"


def _notices(seen: Seen) -> str | None:
    error = seen.completed.reply.get("error") if seen.completed else None
    return _yes(any(error.values()) if isinstance(error, dict) else error) if seen.completed else None


def _members(seen: Seen) -> str | None:
    replies = [look.reply for look in seen.looks if look.status == 200 and look.reply]
    odd = {name for reply in replies for name in reply} - _MEMBERS
    return (_names(sorted(odd)) or "as documented") if replies else None


def _media_type(seen: Seen) -> str | None:
    look = next((look for look in seen.looks if look.status == 200), None)
    if look is None:
        return None
    coding = look.response.headers.get("content-encoding")
    return f"{look.media_type}, {shown(coding)}" if coding else look.media_type


def _result_data(seen: Seen) -> str | None:
    if seen.ended is None or seen.completed is None:
        return str(seen.ended) if seen.ended else None
    data = [entry.get("data") for entry in _entries(seen.completed)]
    if not any(data):
        return "none"
    if not all(map(_is_base64, data)):
        return "not Base64"
    text = (seen.completed.value.text or "").casefold()
    return f"Base64, {'with' if all(word in text for word in WORDS) else 'without'} the words of the image"


def _result_types(seen: Seen) -> str | None:
    if seen.combined_refused and isinstance(seen.submission.value, str):
        return f"{COMBINED} is refused"
    types = [entry.get("type", "none") for entry in _entries(seen.completed)] if seen.completed else []
    return (_names(types) or "none") if seen.completed else None


def _result_kept(seen: Seen) -> str | None:
    kept = seen.again.is_task(TaskStatus.COMPLETED) and _entries(seen.again)
    return "yes" if kept else _status(seen.again)


def _delete(seen: Seen) -> str | None:
    if seen.deletion.status == 200:
        return f"HTTP 200 {'with' if seen.deletion.response.body.strip() else 'without'} a body"
    return _status(seen.deletion)


def _credits(seen: Seen) -> str | None:
    calls = (seen.submission, *seen.looks)
    refused = next((one for one in calls if one.status in (402, 403, 429)), Outcome())
    return "HTTP 402 or 403" if refused.status in (402, 403) else _status(refused)


def _retry_later(seen: Seen) -> str | None:
    slowed = next((one for one in seen.answers if one.status in (429, 503)), Outcome())
    return "by Retry-After" if retry_after(slowed.response.headers, 0.0) is not None else _status(slowed)


OBSERVERS: Mapping[str, Callable[[Seen], str | None]] = {
    "token": _token,
    "rejected_sign_in": _rejected_sign_in,
    "refused_token": lambda seen: _status(seen.wrong_token),
    "address": _address,
    "ocr_task_id": _ocr_task_id,
    "wrong_setting": _wrong_setting,
    "pending_reply": _pending_reply,
    "task_status": _task_status,
    "held_reply": _held_reply,
    "status_endpoint": _status_endpoint,
    "response_status_code": lambda seen: (
        shown(seen.completed.value.response_status_code) if seen.completed else None
    ),
    "notices": _notices,
    "members": _members,
    "media_type": _media_type,
    "result_data": _result_data,
    "result_types": _result_types,
    "result_kept": _result_kept,
    "unknown_id": lambda seen: _status(seen.unknown_id),
    "delete": _delete,
    "after_delete": lambda seen: _status(seen.after_deletion),
    "credits": _credits,
    "retry_later": _retry_later,
}
"""By the names of the unknowns. Of the others no run can see anything."""
