"""The application of the result page: routes, headers, and how much of the API server it may take."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import jinja2
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.staticfiles import StaticFiles

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError, AsposeOcrStorageError
from airflow_provider_asposeocr.files.paths import display_uri
from airflow_provider_asposeocr.plugin.access import Instance, InstanceDep, Known, read_known
from airflow_provider_asposeocr.plugin.contents import (
    MAX_FILE_BYTES,
    human_size,
    look_into,
    read_up_to,
)
from airflow_provider_asposeocr.plugin.described import BatchResult, Described, read_described
from airflow_provider_asposeocr.plugin.links import page_path
from airflow_provider_asposeocr.plugin.page import settings_of, shown
from airflow_provider_asposeocr.plugin.reports import report_item, report_page
from airflow_provider_asposeocr.plugin.roots import Readable, Root, open_within

T = TypeVar("T")

_HERE = Path(__file__).parent
_PDFJS = _HERE / "static" / "pdfjs" / "pdf.min.mjs"
_PAGE = "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{map_index}"
_ITEM = f"{_PAGE}/items/{{line}}"

MAX_THREADS = 4
"""Threads that work for the page at a time; Airflow's own requests have others."""

MAX_SECONDS = 300
"""Seconds that a browser may take for a file."""

_CHUNK = 256 * 1024

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; worker-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
"""Sources of all that a page may load: style sheet, scripts and files; nothing that is written in it."""

FILE_POLICY = "sandbox; default-src 'none'; frame-ancestors 'self'"
"""Rights of a file that a browser shows by itself: none."""

STATIC_POLICY = "default-src 'none'; connect-src 'self'; script-src 'self' 'wasm-unsafe-eval'"
"""Rights of the worker of pdf.js: it loads its decoders of scans, and nothing from anywhere else."""


def result_app(roots: Iterable[Root]) -> FastAPI:
    """Make the application.

    :param roots: the folders that may be read.
    """
    app = FastAPI(title="Aspose.OCR Cloud: result page", openapi_url=None, docs_url=None, redoc_url=None)
    site = _Site(tuple(roots))
    app.mount("/static", _Static(directory=_HERE / "static"))
    app.get(_PAGE)(site.page)
    app.get(f"{_PAGE}/files/{{which}}")(site.file)
    app.get(_ITEM)(site.item)
    app.get(f"{_ITEM}/files/{{which}}")(site.item_file)
    app.exception_handler(StarletteHTTPException)(site.problem)
    app.exception_handler(RequestValidationError)(site.not_found)
    return app


class _Static(StaticFiles):
    """Serve the scripts and the style sheet, which are the same for everybody."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the file with the headers that all answers have."""
        response = super().file_response(*args, **kwargs)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = STATIC_POLICY
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-cache"
        return response


class _Site:
    """Answer requests.

    :param roots: the folders that may be read.
    """

    def __init__(self, roots: tuple[Root, ...]) -> None:
        self._roots = roots
        self._limiter = CapacityLimiter(MAX_THREADS)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["shown_uri"] = display_uri

    async def page(
        self,
        request: Request,
        instance: InstanceDep,
        page: int = 1,
        start: int = 0,
        status: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        """Show what a task has returned."""
        known = await self._work(lambda: read_known(instance))
        described = read_described(known.result)
        if isinstance(described, Described):
            return await self._document(request, instance, known, described, page)
        if described is None:
            return self._render("empty.html", request, instance, known=known)
        problem, part = None, None
        try:
            part = await self._work(
                lambda: report_page(described.report, self._roots, status=status, start=start)
            )
        except AsposeOcrError as error:
            problem = str(error)
        return self._render(
            "batch.html", request, instance, known=known, batch=described, part=part, problem=problem
        )

    async def item(self, request: Request, instance: InstanceDep, line: int, page: int = 1) -> Response:
        """Show one item of a batch."""
        known = await self._work(lambda: read_known(instance))
        described = await self._item(known, line)
        return await self._document(request, instance, known, described, page, line)

    async def file(self, request: Request, instance: InstanceDep, which: str) -> Response:
        """Serve the source or a result."""
        known = await self._work(lambda: read_known(instance))
        described = read_described(known.result)
        if not isinstance(described, Described):
            raise HTTPException(404)
        return await self._served(request, described, which)

    async def item_file(self, request: Request, instance: InstanceDep, line: int, which: str) -> Response:
        """Serve the source or a result of one item of a batch."""
        known = await self._work(lambda: read_known(instance))
        return await self._served(request, await self._item(known, line), which)

    async def problem(self, request: Request, error: Any) -> Response:
        """Say what is wrong."""
        headers = {"WWW-Authenticate": "Bearer"} if error.status_code == HTTPStatus.UNAUTHORIZED else {}
        return self._render(
            "problem.html", request, None, code=error.status_code, detail=str(error.detail), headers=headers
        )

    async def not_found(self, request: Request, error: Any) -> Response:
        """Answer an address that cannot be one of ours."""
        return await self.problem(request, HTTPException(404))

    async def _work(self, function: Callable[[], T]) -> T:
        return await to_thread.run_sync(function, limiter=self._limiter)

    async def _document(
        self,
        request: Request,
        instance: Instance,
        known: Known,
        described: Described,
        number: int,
        line: int | None = None,
    ) -> Response:
        document = await self._work(lambda: shown(described, self._roots, number))
        return self._render(
            "document.html",
            request,
            instance,
            known=known,
            described=described,
            shown=document,
            settings=settings_of(known.arguments),
            shows_pdf=_PDFJS.is_file(),
            line=line,
        )

    async def _item(self, known: Known, line: int) -> Described:
        batch = read_described(known.result)
        if not isinstance(batch, BatchResult):
            raise HTTPException(404)
        try:
            found = await self._work(lambda: report_item(batch.report, self._roots, line))
        except AsposeOcrError as error:
            raise _http_error(error) from None
        if found is None:
            raise HTTPException(404)
        return found

    async def _served(self, request: Request, described: Described, which: str) -> Response:
        uri = _uri_of(described, which)
        async with AsyncExitStack() as stack:
            try:
                opened = open_within(uri, self._roots)
                readable = await self._work(opened.__enter__)
                stack.push_async_callback(self._work, lambda: opened.__exit__(None, None, None))
                look, head = await self._work(lambda: look_into(readable))
            except AsposeOcrError as error:
                raise _http_error(error) from None
            if look.size > MAX_FILE_BYTES:
                raise HTTPException(413, f"The file has {human_size(look.size)}, more than the page takes.")
            part = (
                _asked_part(request.headers.get("Range"), look.size) if readable.stream.seekable() else None
            )
            start, length = part or (0, look.size)
            if part:
                head = b""
                await self._work(lambda: readable.stream.seek(start))
            headers = {
                **_ALWAYS,
                "Content-Security-Policy": FILE_POLICY,
                "Content-Length": str(length),
                "Content-Disposition": _disposition(uri, look.media_type),
            }
            if part:
                headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{look.size}"
            kept = stack.pop_all()
        return StreamingResponse(
            self._chunks(readable, head, length, kept),
            status_code=206 if part else 200,
            media_type=look.media_type,
            headers=headers,
        )

    async def _chunks(
        self, readable: Readable, head: bytes, left: int, kept: AsyncExitStack
    ) -> AsyncIterator[bytes]:
        """Yield what was there when the file was opened, even if it grows."""
        async with kept:
            chunk = head[:left] or await self._work(partial(read_up_to, readable.stream, min(left, _CHUNK)))
            deadline = time.monotonic() + MAX_SECONDS
            while chunk and time.monotonic() < deadline:
                left -= len(chunk)
                yield chunk
                chunk = await self._work(partial(read_up_to, readable.stream, min(left, _CHUNK)))

    def _render(self, name: str, request: Request, instance: Instance | None, **values: Any) -> Response:
        base = str(request.scope.get("root_path", "")).rstrip("/")
        here = base
        if instance is not None:
            here += page_path(instance.dag_id, instance.run_id, instance.task_id, instance.map_index)
        text = self._templates.get_template(name).render(base=base, here=here, instance=instance, **values)
        headers = {**_ALWAYS, "Content-Security-Policy": PAGE_POLICY, **values.get("headers", {})}
        return HTMLResponse(text, status_code=values.get("code", 200), headers=headers)


def _asked_part(header: str | None, size: int) -> tuple[int, int] | None:
    """Return start and length of the part that a player of sounds asks for; None for the whole."""
    found = re.fullmatch(r"bytes=(\d{1,12})-(\d{0,12})", header or "")
    if found is None:
        return None
    start, end = int(found[1]), min(int(found[2] or size - 1), size - 1)
    return (start, end - start + 1) if start <= end else None


def _uri_of(described: Described, which: str) -> str:
    if which == "source":
        uri = described.source
    elif which.isascii() and which.isdecimal() and int(which) < len(described.results):
        uri = described.results[int(which)].uri
    else:
        uri = None
    if uri is None:
        raise HTTPException(404)
    return uri


def _http_error(error: AsposeOcrError) -> HTTPException:
    # To be elsewhere and not to exist look the same.
    return HTTPException(502 if isinstance(error, AsposeOcrStorageError) else 404, str(error))


def _disposition(uri: str, media_type: str) -> str:
    name = quote(display_uri(uri).rpartition("/")[2][:100] or "file", safe="")
    shows = media_type.startswith(("image/", "audio/", "text/plain"))
    return f"{'inline' if shows else 'attachment'}; filename*=UTF-8''{name}"
