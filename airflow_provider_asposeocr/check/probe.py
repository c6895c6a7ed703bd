"""Make the calls of a run, each of the cheapest kind, and keep what came of them.

Billed are, in this order: a submission, a fetch at once, the status, at most two more fetches until the OCR
task has ended, a fetch that repeats the last, one of an unknown id, a submission with a wrong setting, a
fetch of that if it was accepted, one with a wrong token, a delete, and a fetch after it. A submission that is
refused for its combined result type is repeated without, and one of the fetches left out.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_asposeocr.api.http import Flow, RequestBody, Token, TransportFailure
from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.api.settings import wire_settings
from airflow_provider_asposeocr.api.task import TaskStatus
from airflow_provider_asposeocr.check.caller import Caller, Outcome
from airflow_provider_asposeocr.check.sample import IMAGE
from airflow_provider_asposeocr.files.body import make_body
from airflow_provider_asposeocr.files.source import open_source
from airflow_provider_asposeocr.hooks.auth import sign_in
from airflow_provider_asposeocr.hooks.connection import ConnectionConfig

COMBINED = "TextAndHocr"

_ONCE = RetryPolicy(attempts=1, repeat_ambiguous_submit=False)
_OPERATION = get_operation("RecognizeImage")
_WRONG_LANGUAGE = "asposeocr-check"
_REFUSING = frozenset({401, 402, 403, 429, 503})
_OPTIONAL = frozenset({"status", "delete"})
"""Calls that may be refused alone, while others are answered."""

_MAX_LOOKS = 3
_NOT_MADE = Outcome()


@dataclass(slots=True)
class Seen:
    """Hold what came of the calls of a run.

    :param prefix: the path before each operation.
    :param calls: the billed ones, by their kind.
    :param looks: the fetches until the OCR task has ended.
    :param answers: those to all calls with a good token, in their order.
    :param stopped: why no further call was made.
    """

    prefix: str
    calls: Mapping[str, int]
    sign_in: Outcome = _NOT_MADE
    wrong_sign_in: Outcome = _NOT_MADE
    combined_refused: bool = False
    submission: Outcome = _NOT_MADE
    looks: list[Outcome] = field(default_factory=list)
    status: Outcome = _NOT_MADE
    again: Outcome = _NOT_MADE
    unknown_id: Outcome = _NOT_MADE
    wrong_setting: Outcome = _NOT_MADE
    wrong_setting_look: Outcome = _NOT_MADE
    wrong_token: Outcome = _NOT_MADE
    deletion: Outcome = _NOT_MADE
    after_deletion: Outcome = _NOT_MADE
    answers: list[Outcome] = field(default_factory=list)
    stopped: str = ""

    @property
    def ended(self) -> Outcome | None:
        """The fetch that has shown the end of the OCR task."""
        ends = (TaskStatus.COMPLETED, TaskStatus.ERROR)
        return next((look for look in self.looks if look.is_task(*ends)), None)

    @property
    def completed(self) -> Outcome | None:
        """The fetch that has shown the OCR task completed."""
        return self.ended if self.ended and self.ended.is_task(TaskStatus.COMPLETED) else None


class Probe:
    """Make the calls of a run.

    :param config: the connection.
    :param wait: seconds before the OCR task is asked for again; doubled once.
    """

    def __init__(self, config: ConnectionConfig, wait: float) -> None:
        self._caller = Caller(config)
        self._config = config
        self._api = config.api(_ONCE)
        self._wait = wait
        self._token: str | None = None
        self._seen = Seen(config.prefix, self._caller.by_kind)

    def run(self) -> Seen:
        """Make the calls, and stop early where the service refuses them."""
        seen = self._seen
        seen.sign_in = self._caller.call("sign-in", sign_in(self._config))
        if not isinstance(seen.sign_in.value, Token):
            seen.stopped = str(seen.sign_in.error)
            return seen
        self._token = seen.sign_in.value.value
        made_up = self._api.token(str(uuid.uuid4()), secrets.token_hex(16))
        seen.wrong_sign_in = self._caller.call("sign-in", made_up)
        ocr_task_id = self._submit()
        if ocr_task_id is None:
            return seen
        self._look_until_end(ocr_task_id)
        if seen.completed:
            seen.again = self._fetch(ocr_task_id)
        seen.unknown_id = self._fetch(str(uuid.uuid4()))
        self._offer_wrong_setting()
        if not seen.stopped:
            fetching = self._api.poll(_OPERATION, ocr_task_id)
            seen.wrong_token = self._caller.call("fetch", fetching, secrets.token_urlsafe(32))
        seen.deletion = self._ask("delete", self._api.cancel(_OPERATION, ocr_task_id))
        if seen.deletion.answer and not seen.deletion.error:
            seen.after_deletion = self._fetch(ocr_task_id)
        return seen

    def _submit(self) -> str | None:
        seen = self._seen
        seen.submission = self._ask("submit", self._api.submit(_OPERATION, _body(COMBINED)))
        if seen.submission.status == 400:
            seen.combined_refused = True
            seen.submission = self._ask("submit", self._api.submit(_OPERATION, _body("Text")))
        if isinstance(seen.submission.value, str):
            return seen.submission.value
        seen.stopped = seen.stopped or f"the submission is not accepted: {seen.submission}"
        return None

    def _look_until_end(self, ocr_task_id: str) -> None:
        seen = self._seen
        seen.looks.append(self._fetch(ocr_task_id))
        if not seen.ended:
            self._pause(self._wait)
        seen.status = self._ask("status", self._api.status(ocr_task_id))
        while not (seen.ended or seen.stopped) and len(seen.looks) < _MAX_LOOKS - seen.combined_refused:
            if not seen.status.is_task(TaskStatus.COMPLETED):
                self._pause(2 * self._wait)
            seen.looks.append(self._fetch(ocr_task_id))

    def _offer_wrong_setting(self) -> None:
        seen = self._seen
        body = _body("Text", language=_WRONG_LANGUAGE)
        seen.wrong_setting = self._ask("submit", self._api.submit(_OPERATION, body))
        if isinstance(accepted := seen.wrong_setting.value, str):
            self._pause(self._wait)
            seen.wrong_setting_look = self._fetch(accepted)

    def _fetch(self, ocr_task_id: str) -> Outcome:
        return self._ask("fetch", self._api.poll(_OPERATION, ocr_task_id))

    def _ask(self, kind: str, flow: Flow[object]) -> Outcome:
        seen = self._seen
        if seen.stopped:
            return _NOT_MADE
        outcome = self._caller.call(kind, flow, self._token)
        if isinstance(outcome.answer, TransportFailure):
            seen.stopped = outcome.answer.reason
        elif outcome.answer is None:
            seen.stopped = str(outcome.error)
        elif outcome.status in _REFUSING and kind not in _OPTIONAL:
            seen.stopped = f"the service refuses calls: {outcome}"
        seen.answers.append(outcome)
        return outcome

    def _pause(self, seconds: float) -> None:
        if not self._seen.stopped:
            time.sleep(seconds)


def _body(result_type: str, **wrong: str) -> RequestBody:
    settings = wire_settings(_OPERATION, {"result_type": result_type})
    return make_body(_OPERATION, open_source(IMAGE), {**(settings or {}), **wrong})
