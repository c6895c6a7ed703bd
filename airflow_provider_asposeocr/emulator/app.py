"""HTTP interface: one ASGI application for every path of the service and for the control endpoints."""

from __future__ import annotations

import asyncio
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_asposeocr.api.operations import OPERATIONS, Body, Operation, SettingsKind
from airflow_provider_asposeocr.emulator import replies
from airflow_provider_asposeocr.emulator.auth import TokenRefusal
from airflow_provider_asposeocr.emulator.calls import (
    MAX_ID_CHARS,
    MAX_SHOWN_CHARS,
    SHOWN_HEADERS,
    TranscriptEntry,
)
from airflow_provider_asposeocr.emulator.connection import connection_of, wait_until_gone
from airflow_provider_asposeocr.emulator.control import answer_control
from airflow_provider_asposeocr.emulator.faults import Fault
from airflow_provider_asposeocr.emulator.ocr_tasks import OcrTask
from airflow_provider_asposeocr.emulator.routes import CONTROL_PREFIX, Route, find_route
from airflow_provider_asposeocr.emulator.settings import AppliedSettings, SettingsError
from airflow_provider_asposeocr.emulator.state import EmulatorState
from airflow_provider_asposeocr.emulator.uploads import (
    MAX_TEXT_BODY_BYTES,
    BodyTooLargeError,
    CountingReceive,
    FileSink,
    UploadError,
    member,
    read_form,
    read_json_upload,
    read_multipart_upload,
    read_text_upload,
)

_BLOCKED_GET_TICK = 0.02
_READERS: Mapping[Body | None, Callable[[Request, FileSink], Awaitable[dict[str, Any]]]] = {
    Body.JSON_BASE64: read_json_upload,
    Body.JSON_TEXT: read_text_upload,
    Body.MULTIPART: read_multipart_upload,
}


class EmulatorApp:
    """Serve the emulated API and its control endpoints as an ASGI application.

    :param state: the state that it reads and changes.
    """

    def __init__(self, state: EmulatorState) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        try:
            # Not from request.url: building that costs more than everything else here, and can fail.
            route = find_route(scope["method"], scope["path"])
            if isinstance(route, Route):
                await _Exchange(self._state, route, scope, receive, send).serve()
            else:
                response = await self._respond_outside_api(scope, CountingReceive(receive, None), route)
                await response(scope, receive, send)
        except (ClientDisconnect, asyncio.CancelledError):
            # The client or the server is gone: nobody is left to answer, and this is no error.
            return

    async def _respond_outside_api(
        self, scope: Scope, receive: CountingReceive, allowed: frozenset[str]
    ) -> Response:
        if scope["path"].startswith(CONTROL_PREFIX):
            return await answer_control(Request(scope, receive), receive, self._state)
        await receive.drain()
        if allowed:
            headers = {"Allow": ", ".join(sorted(allowed))}
            return replies.problem(405, f"{scope['method'][:20]} is not possible here.", headers=headers)
        return replies.problem(404, "There is nothing at this path.")


class _Exchange:
    """Handle one request to the service, from its arrival to its response."""

    def __init__(
        self, state: EmulatorState, route: Route, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._state = state
        self._options = state.options
        self._route = route
        self._scope = scope
        self._send = send
        self._server_receive = receive
        self._receive = CountingReceive(receive, self._options.max_body_bytes)
        self._request = Request(scope, self._receive)
        self._given_id = _id_in_query(scope)
        self._entry = _transcript_entry(scope, route, self._given_id)

    async def serve(self) -> None:
        """Count the request, apply the injected faults that match it, and respond."""
        self._state.calls.count(self._route.kind)
        self._state.transcript.append(self._entry, self._entry.memory)
        if self._given_id:
            self._state.calls.count_for(self._given_id, self._route.kind)
        faults = self._state.faults.strike(self._route.kind)
        await self._apply_request_faults(faults)
        if any(fault.kind == "drop_before" for fault in faults):
            await self._reset()
            return
        try:
            response = await self._response(faults)
        finally:
            self._entry.body_bytes = self._receive.total
        await self._deliver(response, faults)

    async def _apply_request_faults(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            if fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "forget_ocr_tasks":
                self._state.ocr_tasks.clear()
        self._apply_ocr_task_faults(self._given_id, faults)

    def _apply_ocr_task_faults(self, ocr_task_id: str | None, faults: Sequence[Fault]) -> None:
        ocr_task = self._state.ocr_tasks.get(ocr_task_id) if ocr_task_id else None
        if ocr_task is None:
            return
        for fault in faults:
            if fault.kind == "never_finish":
                ocr_task.never_finishes = True
            elif fault.kind == "finish_with_error":
                self._state.ocr_tasks.fail(ocr_task.ocr_task_id, fault.messages)

    async def _response(self, faults: Sequence[Fault]) -> Response:
        try:
            replacing = next((fault for fault in faults if fault.replaces_answer), None)
            if replacing is None:
                response = await self._regular_response()
                if self._route.kind == "submit":
                    self._apply_ocr_task_faults(self._entry.ocr_task_id, faults)
                return response
            if not replacing.early:
                await self._receive.drain()
            return replies.fault_response(replacing)
        except BodyTooLargeError:
            return replies.too_large()

    async def _regular_response(self) -> Response:
        refusal = self._refusal()
        if refusal:
            await self._receive.drain()
            return refusal
        answers: dict[str, Callable[[], Awaitable[Response]]] = {
            "token": self._sign_in,
            "submit": self._submit,
            "poll": self._poll,
            "status": self._task_status,
            "cancel": self._cancel,
            "file": self._file,
        }
        return await answers[self._route.kind]()

    def _refusal(self) -> Response | None:
        if self._route.authenticated and not self._state.tokens.accepts(
            self._request.headers.get("authorization")
        ):
            return replies.unauthorized(self._options.refused_token)
        if self._route.kind not in ("token", "submit") and not self._given_id:
            return replies.problem(400, "The id is required.", errors={"id": ["The id field is required."]})
        return None

    async def _sign_in(self) -> Response:
        try:
            form = await read_form(self._request, self._receive)
        except UploadError:
            return replies.sign_in(TokenRefusal("invalid_request"), self._options)
        fields = [form.get(name, "") for name in ("grant_type", "client_id", "client_secret")]
        return replies.sign_in(self._state.tokens.grant(*fields), self._options)

    async def _submit(self) -> Response:
        if self._is_announced_too_large():
            return replies.too_large()
        operation = OPERATIONS[self._route.operations[0]]
        try:
            ocr_task = await self._take_upload(operation)
        except UploadError as error:
            await self._receive.drain()
            return replies.problem(400, error.detail, errors={error.member: [error.detail]})
        except SettingsError as error:
            return replies.problem(400, error.detail, errors={_place_of(error, operation): [error.detail]})
        except OSError:
            await self._receive.drain()
            return replies.problem(
                507, "The upload cannot be kept: the emulator's disk is full or read-only."
            )
        self._entry.ocr_task_id = ocr_task.ocr_task_id
        self._state.calls.count_made(ocr_task.ocr_task_id)
        return replies.submitted(self._request, ocr_task.ocr_task_id, self._options)

    def _is_announced_too_large(self) -> bool:
        limit = self._options.max_body_bytes
        announced = self._request.headers.get("content-length", "")
        return limit is not None and announced.isdigit() and int(announced) > limit

    async def _take_upload(self, operation: Operation) -> OcrTask:
        ocr_task_id = self._state.ocr_tasks.new_id()
        path = None if self._options.scripted else self._state.ocr_tasks.image_path(ocr_task_id)
        if operation.body is Body.JSON_TEXT:
            self._receive.limit_to(MAX_TEXT_BODY_BYTES)
        with FileSink(path) as sink:
            body = await _READERS[operation.body](self._request, sink)
            flat = operation.settings is SettingsKind.SPEECH_FLAT
            settings = body if flat else member(body, "settings")
            wrong = self._wrong(operation, settings)
        kept: dict[str, Any] = settings if isinstance(settings, dict) and not wrong else {}
        try:
            ocr_task = self._state.submit(ocr_task_id, operation.name, kept, sink)
        except OSError:
            sink.discard()
            raise
        if wrong and self._options.wrong_settings == "error":
            self._state.ocr_tasks.fail(ocr_task_id, (wrong.detail,))
        return ocr_task

    def _wrong(self, operation: Operation, settings: Any) -> SettingsError | None:
        try:
            AppliedSettings.from_wire(operation, settings)
        except SettingsError as error:
            # Without regions there is nothing that could be done instead.
            if self._options.wrong_settings == "400" or operation.name == "RecognizeRegions":
                raise
            return error
        return None

    async def _poll(self) -> Response:
        ocr_task = self._ocr_task()
        if ocr_task is None:
            return replies.unknown_ocr_task(self._request, self._given_id or "", self._options)
        await self._block(ocr_task)
        status = ocr_task.read()
        if status == "Completed" and self._options.forget_after_read:
            self._state.ocr_tasks.remove(ocr_task.ocr_task_id)
        return replies.state_of(self._request, ocr_task, status, self._options, with_results=True)

    async def _block(self, ocr_task: OcrTask) -> None:
        until, connection = time.monotonic() + self._options.block_get_seconds, connection_of(self._scope)
        # Polled, because a scripted OCR task completes by the clock, without an event.
        while not (ocr_task.is_final or connection.is_gone or time.monotonic() >= until):  # noqa: ASYNC110
            await asyncio.sleep(_BLOCKED_GET_TICK)

    async def _task_status(self) -> Response:
        ocr_task = self._ocr_task() if self._options.status_knows_ids else None
        if ocr_task is None:
            return replies.unknown_ocr_task(self._request, self._given_id or "", self._options)
        return replies.state_of(self._request, ocr_task, ocr_task.read(), self._options, with_results=False)

    async def _file(self) -> Response:
        ocr_task = self._ocr_task()
        if ocr_task is None or ocr_task.read() != "Completed":
            return Response(status_code=204)
        return replies.result_file(ocr_task, self._options)

    async def _cancel(self) -> Response:
        if self._options.delete_status == 405:
            return replies.problem(405, "DELETE is not possible here.", headers={"Allow": "GET, POST"})
        ocr_task = self._ocr_task()
        if ocr_task is None and self._options.unknown_id == "404":
            return replies.unknown_ocr_task(self._request, self._given_id or "", self._options)
        if ocr_task and not (self._options.keep_deleted and ocr_task.is_final):
            self._state.ocr_tasks.remove(ocr_task.ocr_task_id)
        return Response(status_code=self._options.delete_status)

    def _ocr_task(self) -> OcrTask | None:
        ocr_task = self._state.ocr_tasks.get(self._given_id or "")
        return ocr_task if ocr_task and self._route.serves(ocr_task.submission.operation) else None

    async def _deliver(self, response: Response, faults: Sequence[Fault]) -> None:
        kinds = {fault.kind for fault in faults}
        if "drop_after_accept" in kinds:
            await self._reset()
            return
        if "truncated_json" in kinds:
            response = replies.truncated(response)
        self._entry.status = response.status_code
        if "reset_mid_body" in kinds:
            await self._break_off(response)
        else:
            await response(self._scope, self._server_receive, self._send)

    async def _break_off(self, response: Response) -> None:
        start = {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": response.raw_headers,
        }
        await self._send(start)
        async for chunk in replies.first_half(response):
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        connection_of(self._scope).close()
        await wait_until_gone(self._server_receive)

    async def _reset(self) -> None:
        connection_of(self._scope).reset()
        await wait_until_gone(self._server_receive)


def _place_of(error: SettingsError, operation: Operation) -> str:
    """Return the path of an invalid setting in the body."""
    top = operation.settings is SettingsKind.SPEECH_FLAT or error.name == "settings"
    return error.name if top else f"settings.{error.name}"


def _id_in_query(scope: Scope) -> str | None:
    query = urllib.parse.parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return next((value for name, value in dict(query).items() if name.lower() == "id"), None)


def _transcript_entry(scope: Scope, route: Route, ocr_task_id: str | None) -> TranscriptEntry:
    # Of several headers with one name the first is shown, because that is the one that takes effect.
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
    return TranscriptEntry(
        method=scope["method"],
        path=scope["path"][:MAX_SHOWN_CHARS],
        kind=route.kind,
        operation=route.operations[0] if route.operations else None,
        ocr_task_id=ocr_task_id[:MAX_ID_CHARS] if ocr_task_id else ocr_task_id,
        authorized="authorization" in headers,
        headers={name: headers[name][:MAX_SHOWN_CHARS] for name in SHOWN_HEADERS if name in headers},
        received_at=time.time(),
    )
