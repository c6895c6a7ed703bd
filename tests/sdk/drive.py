"""Make every call that the vendor's SDK offers; the interpreter that runs this has the SDK and nothing else.

Reads a specification as JSON from stdin. Writes a line of JSON for each operation, with its name, the calls
that were made and what went wrong, and a last one with what the SDK cannot do and which calls were not made.
"""

from __future__ import annotations

import ast
import base64
import inspect
import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import aspose_ocr_cloud as sdk

API = "/v5.0/ocr/"
TIMEOUT = 60.0
"""Seconds for a call, and for an OCR task to end."""

_PAUSE = 0.05
_ENDED = ("Completed", "Error", "NotExist")
_BEGINNINGS = {"ImagePNG": b"\x89PNG\r\n", "Pdf": b"%PDF-", "WavFile": b"RIFF"}
_SPEECH = {"language": "English", "resultType": "Wav"}


class RecordingClient(sdk.ApiClient):  # type: ignore[misc]
    """Client of the SDK that keeps the paths that it asks for."""

    def __init__(self, configuration: Any) -> None:
        super().__init__(configuration)
        self.paths: list[str] = []

    def call_api(self, method: str, url: str, *arguments: Any, **named: Any) -> Any:
        """Send a request."""
        self.paths.append(urllib.parse.urlsplit(url).path.removeprefix(API))
        return super().call_api(method, url, *arguments, **named)


class Conversation:
    """Take one operation through the life of an OCR task.

    :param api: an object of the SDK with the calls of one or several operations.
    :param post: the name of the call that submits.
    :param spec: the specification.
    """

    def __init__(self, api: Any, post: str, spec: Mapping[str, Any]) -> None:
        self._api = api
        self._post = post
        self._spec = spec
        self._utilities = sdk.UtilitiesApi(api.api_client)
        self._calls = calls_of(type(api))
        self.called: list[str] = []
        self.cannot: dict[str, str] = {}

    @property
    def operation(self) -> str:
        """Name of the operation, which is the first path that was asked for."""
        paths = self._api.api_client.paths
        return paths[0] if paths else f"{type(self._api).__name__}.{self._post}"

    def hold(self) -> None:
        """Submit, wait, read, and cancel, each by the calls that the SDK has for it."""
        ocr_task_id = self._call(self._post, **self._body())
        results = self._results(ocr_task_id)
        assert results, "no results"
        for kind, data in results:
            self._check(kind, data)
        # Only an id of a trial is submitted without a token, which the status always needs.
        if not self.operation.endswith("Trial"):
            state = self._utilities.get_task_status(id=ocr_task_id, _request_timeout=TIMEOUT)
            self.called.append("get_task_status")
            assert (state.id, state.task_status.value) == (ocr_task_id, "Completed"), state
        for name in self._calls:
            if name.endswith("_file") and name.startswith("get_"):
                self._read_file(name, ocr_task_id, results[0][1])
            elif name.startswith("cancel_"):
                self._cancel(name, ocr_task_id)

    def _call(self, name: str, **arguments: Any) -> Any:
        if name not in self.called:
            self.called.append(name)
        return getattr(self._api, name)(**arguments, _request_timeout=TIMEOUT)

    def _body(self) -> dict[str, Any]:
        """Return the one argument of the submission, as its annotation asks for it."""
        sources = self._spec["sources"]
        parameters = inspect.signature(getattr(self._api, self._post)).parameters.values()
        (parameter,) = [one for one in parameters if not one.name.startswith("_")]
        if parameter.name == "file":
            return {"file": base64.b64decode(sources["image"])}
        model, own = parameter.annotation, type(self._api).__name__.removesuffix("Api")
        fields: dict[str, Any] = {}
        if "text" in model.model_fields:
            fields["text"] = sources["text"]
        else:
            fields["image"] = sources[{"RecognizePdf": "pdf", "DjVu2PDF": "djvu"}.get(own, "image")]
        if "settings" in model.model_fields:
            fields["settings"] = self._settings(own)
        elif "text" in fields:
            fields |= _SPEECH
        return {parameter.name: model.from_dict(fields)}

    def _settings(self, own: str) -> dict[str, Any]:
        if "Speech" in own:
            return _SPEECH
        return {"regions": self._spec["regions"]} if own == "RecognizeRegions" else {"language": "English"}

    def _fetch(self, ocr_task_id: str) -> Any:
        (name,) = [one for one in self._calls if one.startswith("get_") and not one.endswith("_file")]
        return self._call(name, id=ocr_task_id)

    def _results(self, ocr_task_id: str) -> list[tuple[str, bytes]]:
        until = time.monotonic() + TIMEOUT
        reply = self._fetch(ocr_task_id)
        while reply.task_status.value not in _ENDED and time.monotonic() < until:
            time.sleep(_PAUSE)
            reply = self._fetch(ocr_task_id)
        assert reply.task_status.value == "Completed", (reply.task_status.value, reply.error)
        return [(one.type, base64.b64decode(one.data, validate=True)) for one in reply.results]

    def _check(self, kind: str, data: bytes) -> None:
        assert data, f"an empty {kind}"
        if kind in _BEGINNINGS:
            assert data.startswith(_BEGINNINGS[kind]), f"no {kind}: {data[:20]!r}"
        else:
            form = _FORMS.get(self.operation, self._is_expected_text)
            assert form(data.decode()), f"not as documented: {data[:200]!r}"

    def _is_expected_text(self, text: str) -> bool:
        return all(word in text for word in self._spec["words"])

    def _read_file(self, name: str, ocr_task_id: str, expected: bytes) -> None:
        """Read the raw bytes, which the SDK can pass on, and try to read them as the SDK itself does."""
        raw = self._call(f"{name}_without_preload_content", id=ocr_task_id)
        assert raw.data == expected, "the file differs from the result"
        try:
            self._call(name, id=ocr_task_id)
        except (sdk.ApiException, UnicodeDecodeError) as error:
            # It decodes bytes as UTF-8, and refuses any type of content that is neither JSON nor text.
            self.cannot[self._api.api_client.paths[-1]] = shown(error)

    def _cancel(self, name: str, ocr_task_id: str) -> None:
        self._call(name, id=ocr_task_id)
        state = self._fetch(ocr_task_id).task_status.value
        assert state == "NotExist", f"{state} after it was cancelled"


_FORMS: Mapping[str, Callable[[str], bool]] = {
    "RecognizeImageTrial": lambda text: "*" in text,
    "DetectRegions": lambda text: all(len(box) == 4 for box in json.loads(text)),
    "IdentifyFont": lambda text: {"style", "font"} <= set(ast.literal_eval(text)),
    "RecognizeAndParseInvoice": lambda text: isinstance(json.loads(text), dict),
}


def calls_of(api: type) -> list[str]:
    """Return the calls that a class of the SDK offers, without their variants."""
    names = [name for name in dir(api) if name.startswith(("post_", "get_", "cancel_"))]
    return [name for name in names if not name.endswith(("_with_http_info", "_without_preload_content"))]


def converse(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what became of each operation, then what the SDK cannot do."""
    signed_in = sdk.Configuration(host=spec["emulator"], access_token=sign_in(spec))
    anonymous = sdk.Configuration(host=spec["emulator"])
    apis = [getattr(sdk, name) for name in dir(sdk) if name.endswith("Api")]
    not_called = {name for api in apis for name in calls_of(api)}
    cannot = own_sign_in()
    for api in apis:
        configuration = anonymous if "Trial" in api.__name__ else signed_in
        for post in [name for name in calls_of(api) if name.startswith("post_")]:
            conversation = Conversation(api(RecordingClient(configuration)), post, spec)
            error = None
            try:
                conversation.hold()
            except Exception as caught:
                error = shown(caught)
            not_called -= set(conversation.called)
            cannot |= conversation.cannot
            yield {"operation": conversation.operation, "called": conversation.called, "error": error}
    yield {"cannot": cannot, "not_called": sorted(not_called)}


def own_sign_in() -> dict[str, str]:
    """Try to sign in as the example of the SDK does; return why it cannot."""
    try:
        sdk.Configuration(client_id="id", client_secret="secret")
    except TypeError as error:
        return {"connect/token": shown(error)}
    return {}


def shown(error: Exception) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def sign_in(spec: Mapping[str, Any]) -> str:
    """Return a token, which the SDK leaves to its users."""
    form = {"grant_type": "client_credentials", **spec["credentials"]}
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{spec['emulator']}/connect/token", data, timeout=TIMEOUT) as answer:
        token: str = json.load(answer)["access_token"]
    return token


if __name__ == "__main__":
    for row in converse(json.load(sys.stdin)):
        print(json.dumps(row), flush=True)
