"""Responses of the emulated service, with the options for every point that its documentation leaves open."""

from __future__ import annotations

import base64
import gzip
import json
import random
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_asposeocr.emulator.auth import TokenGrant, TokenRefusal
from airflow_provider_asposeocr.emulator.faults import Fault
from airflow_provider_asposeocr.emulator.generated import TEXT_RESULTS, GeneratedData, GeneratedResponse
from airflow_provider_asposeocr.emulator.ocr_tasks import OcrTask
from airflow_provider_asposeocr.emulator.options import EmulatorOptions

_MEDIA_TYPES = {"ImagePNG": "image/png", "WavFile": "audio/wav"}
_STATUS_CODES = {"Completed": "Ok", "Error": "Error", "NotExist": "TaskNotFound"}
_WEB_PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"
_WITHOUT_BODY = frozenset({204, 304})
_NOT_EXIST = "The task does not exist, or its results are no longer stored."


def problem(
    status: int,
    detail: str,
    *,
    errors: Mapping[str, Sequence[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build an RFC 7807 problem response.

    :param status: the HTTP status.
    :param detail: a description of the problem.
    :param errors: the invalid members of the request, each with its messages.
    :param headers: additional headers.
    """
    body: dict[str, Any] = {
        "type": f"https://httpstatuses.io/{status}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    # ASCII only, so that anything the detail quotes from a request can be sent.
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status, dict(headers or {}), media_type="application/problem+json")


def unauthorized(status: int = 401) -> Response:
    """Build the 401, or the 403, for a missing, expired or wrong token."""
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'} if status == 401 else None
    return problem(status, "The access token is missing, expired or wrong.", headers=headers)


def too_large() -> Response:
    """Build the 413 for a body that is too large; the connection is closed, because the body is not read."""
    return problem(413, "The request body is too large.", headers={"Connection": "close"})


def sign_in(answer: TokenGrant | TokenRefusal, options: EmulatorOptions) -> Response:
    """Build the response to a sign-in."""
    if isinstance(answer, TokenGrant):
        body = {"access_token": answer.access_token, "expires_in": answer.expires_in, "token_type": "Bearer"}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})
    if answer.retry_after is not None:
        return problem(429, "Too many failed sign-ins.", headers={"Retry-After": str(answer.retry_after)})
    return JSONResponse({"error": answer.error}, options.rejected_sign_in)


def submitted(request: Request, ocr_task_id: str, options: EmulatorOptions) -> Response:
    """Build the response to a submission: the bare id as text, or quoted where JSON is preferred."""
    newline = "\n" if options.id_style == "newline" else ""
    if options.id_style == "quoted" or _prefers_json(request.headers.get("accept", "")):
        return Response(f'"{ocr_task_id}"{newline}', media_type="application/json")
    return Response(ocr_task_id + newline, media_type="text/plain")


def state_of(
    request: Request, ocr_task: OcrTask, status: str, options: EmulatorOptions, *, with_results: bool
) -> Response:
    """Build the response with the state of an OCR task, and with its results once it is completed.

    :param status: the state to report, read only once so that the whole response is consistent.
    :param with_results: False omits the results, as GetTaskStatus does.
    """
    final = status in ("Completed", "Error")
    if not final and with_results and options.unfinished != "status":
        return _without_state(options.unfinished)
    messages: Sequence[str] = ocr_task.outcome.messages if status == "Error" and ocr_task.outcome else ()
    warnings: Sequence[str] = ()
    results: list[dict[str, Any]] | None = None if options.empty_results == "null" else []
    generated: dict[str, GeneratedData] = {}
    if status == "Completed":
        messages, warnings = options.messages, options.warnings
        if ocr_task.outcome:
            warnings = (*ocr_task.outcome.warnings, *warnings)
        if with_results and ocr_task.outcome:
            results = [_result(result, options) for result in ocr_task.outcome.results]
            results = results[::-1] if options.reverse_results else results
            generated = _generate(results, options)
            if options.lower_case_types:
                results = [{**result, "type": result["type"].lower()} for result in results]
    body = {
        "id": ocr_task.ocr_task_id,
        "taskStatus": status if final else options.unknown_status or status,
        "responseStatusCode": options.response_status_code or _STATUS_CODES.get(status, "NotReady"),
        "results": results,
        "error": _error(messages, warnings),
    }
    return _large_json(body, generated, options) if generated else _json(request, body, options)


def unknown_ocr_task(request: Request, ocr_task_id: str, options: EmulatorOptions) -> Response:
    """Build the response for an unknown id."""
    if options.unknown_id != "not_exist":
        return _without_state(options.unknown_id)
    body: dict[str, Any] = {
        "id": ocr_task_id,
        "taskStatus": "NotExist",
        "responseStatusCode": options.response_status_code or _STATUS_CODES["NotExist"],
        "results": None if options.empty_results == "null" else [],
        "error": _error((_NOT_EXIST,), ()),
    }
    return _json(request, body, options)


def _without_state(status: str) -> Response:
    return problem(404, _NOT_EXIST) if status == "404" else Response(status_code=204)


def result_file(ocr_task: OcrTask, options: EmulatorOptions) -> Response:
    """Build the response with the bytes of the first result."""
    result = ocr_task.outcome.results[0] if ocr_task.outcome and ocr_task.outcome.results else None
    if result is None:
        return Response(status_code=204)
    media_type = _MEDIA_TYPES[result["type"]]
    if options.result_bytes is not None:
        data = GeneratedData(result["type"], options.result_bytes, is_base64=False)
        return GeneratedResponse([data], media_type)
    return Response(base64.b64decode(result["data"]), media_type=media_type)


def fault_response(fault: Fault) -> Response:
    """Build the response that an injected fault puts in place of the regular one."""
    if fault.kind == "unauthorized":
        return unauthorized()
    if fault.kind == "redirect":
        return Response(status_code=fault.status or 302, headers={"Location": fault.location})
    status = 200 if fault.kind == "html_200" else fault.status or 500
    page = _WEB_PAGE.format(f"{status} {_phrase(status)}" if status != 200 else "Maintenance")
    headers = dict(fault.headers)
    if fault.early:
        headers["Connection"] = "close"
    media_type = next(
        (value for name, value in headers.items() if name.lower() == "content-type"), "text/html"
    )
    headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    if status in _WITHOUT_BODY:
        return Response(status_code=status, headers=headers)
    return Response(page if fault.body is None else fault.body, status, headers, media_type=media_type)


def truncated(response: Response) -> Response:
    """Cut a response in half: complete by its Content-Length, but no longer valid JSON."""
    if isinstance(response, GeneratedResponse):
        return response.halved()
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    body = bytes(response.body)
    return Response(body[: len(body) // 2], response.status_code, headers)


async def first_half(response: Response) -> AsyncIterator[bytes]:
    """Yield the first half of the body of a response."""
    if isinstance(response, GeneratedResponse):
        async for chunk in response.halved().body_iterator:
            yield bytes(chunk)  # type: ignore[arg-type]
    else:
        body = bytes(response.body)
        yield body[: len(body) // 2]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _prefers_json(accept: str) -> bool:
    """Return whether an ``Accept`` header prefers JSON to plain text, by quality, then by position."""
    best, json_is_best = 0.0, False
    for item in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((_quality(value[2:]) for value in parameters if value.startswith("q=")), 1.0)
        if media_type in ("text/plain", "text/*", "*/*", "application/json", "text/json") and quality > best:
            best, json_is_best = quality, media_type.endswith("json")
    return json_is_best


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _result(result: Mapping[str, str], options: EmulatorOptions) -> dict[str, Any]:
    data = result["data"]
    if options.plain_data and result["type"] in TEXT_RESULTS:
        data = base64.b64decode(data).decode("utf-8", "surrogatepass")
    return {"type": result["type"], "data": data, **({"page": 1} if options.extra_fields else {})}


def _generate(results: list[dict[str, Any]], options: EmulatorOptions) -> dict[str, GeneratedData]:
    """Replace the data of results by placeholders; return the data for each placeholder."""
    if options.result_bytes is None:
        return {}
    generated: dict[str, GeneratedData] = {}
    for result in results:
        kind, placeholder = result["type"], secrets.token_hex(16)
        is_base64 = not (options.plain_data and kind in TEXT_RESULTS)
        generated[placeholder] = GeneratedData(kind, options.result_bytes, is_base64, options.escape_base64)
        result["data"] = placeholder
    return generated


def _error(messages: Sequence[str], warnings: Sequence[str]) -> dict[str, Any] | None:
    if not messages and not warnings:
        return None
    return {"messages": list(messages) or None, "warnings": list(warnings) or None}


def _json(request: Request, body: Mapping[str, Any], options: EmulatorOptions) -> Response:
    data = _dumped(body, options)
    headers: dict[str, str] = {}
    if options.gzip and "gzip" in request.headers.get("accept-encoding", "").lower():
        data = gzip.compress(data, 1)
        headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(data, headers=headers, media_type=options.reply_type)


def _large_json(
    body: Mapping[str, Any], generated: Mapping[str, GeneratedData], options: EmulatorOptions
) -> Response:
    pieces: list[bytes | GeneratedData] = []
    rest = _dumped(body, options)
    for placeholder, data in generated.items():
        before, _, rest = rest.partition(placeholder.encode())
        pieces += [before, data]
    return GeneratedResponse([*pieces, rest], options.reply_type)


def _dumped(body: Mapping[str, Any], options: EmulatorOptions) -> bytes:
    members = list(body.items())
    if options.extra_fields:
        members += [("queueTime", 0.25), ("billing", {"credits": 1, "plan": None})]
    if options.shuffle_keys:
        random.Random(str(body["id"])).shuffle(members)
    text = json.dumps(dict(members), ensure_ascii=False, separators=(",", ":"))
    if options.escape_base64:
        # Neither character occurs outside of strings here, because all numbers are small and positive.
        text = text.replace("+", "\\u002B").replace("/", "\\/")
    # A lone surrogate is written as its JSON escape.
    return text.encode("utf-8", "backslashreplace")
