"""The table of misbehaviours: what the service does wrong, at which call, and how a task may end then."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from tests.hostile import wire
from tests.hostile.wire import Behaviour, instead, json_of, members, raw, with_headers

SUCCESS, PERMANENT, RETRYABLE, LATE = "success", "permanent", "retryable", "late"

OVER = frozenset({LATE, RETRYABLE})
"""A wait is over at its deadline, or before it when the service is taken for down."""

ANY = frozenset({SUCCESS, PERMANENT, RETRYABLE, LATE})


@dataclass(frozen=True)
class Row:
    """A misbehaviour.

    :param call: the kind of call that it strikes: ``token``, ``token again`` (the one after a 401),
        ``submit``, ``poll``, ``status``, ``fetch`` (of a result that is stored) or ``cancel``.
    :param behaviour: what is sent instead of the regular answer.
    :param allowed: how the task may end.
    :param times: how often it strikes; None for always.
    :param submissions: that a task makes at most.
    :param ends_batch: whether all items of a batch meet it.
    """

    call: str
    behaviour: Behaviour
    allowed: frozenset[str]
    times: int | None = None
    submissions: int = 1
    ends_batch: bool = False

    @property
    def never_ends(self) -> bool:
        """Tell whether the task never ends, so that it comes to be cancelled."""
        return self.call == "cancel"

    @property
    def stores(self) -> bool:
        """Whether the result is an image that is stored: its status is polled then, and it is fetched."""
        return self.call in ("status", "fetch")

    @property
    def spoils_token(self) -> bool:
        """Tell whether the first token is refused when the task is asked for."""
        return self.call == "token again"

    def strikes(self, kind: str, ident: str, number: int, count: int, struck: int, item: int) -> bool:
        """Tell whether a call is struck.

        :param kind: the kind of the call.
        :param ident: the id that it asks for.
        :param number: of a submission, which it is.
        :param count: how many calls of that kind there were, this one included.
        :param struck: how many were struck.
        :param item: the submission that is meant.
        """
        if self.times is not None and struck >= self.times:
            return False
        if self.call in ("token", "token again"):
            return kind == "token" and (self.call == "token" or count > 1)
        if self.call == "submit":
            return kind == "submit" and number == item
        wanted = "poll" if self.call == "fetch" else self.call
        return kind == wanted and ident == f"task-{item}"


ROWS: dict[str, Row] = {}


def _add(name: str, call: str, behaviour: Behaviour, allowed: frozenset[str] | str, **more: object) -> None:
    allowed = frozenset({allowed}) if isinstance(allowed, str) else allowed
    more.setdefault("ends_batch", call in ("token", "token again"))
    if call == "submit" and RETRYABLE in allowed:
        more.setdefault("submissions", 2)
    ROWS[f"{call}: {name}"] = Row(call, behaviour, allowed, **more)  # type: ignore[arg-type]


# Characters in every field of every reply.

CHARACTERS = {
    "U+0000": "\0",
    "a lone surrogate": "\ud800",
    "new lines and ESC": "\r\n\x1b[31m[2026-01-01] ERROR forged\x1b[0m\n",
    "line separators": "\u2028\u2029\x85",
    "a change of direction": "\u202e\u2066",
    "a private character": "\ue000\uffff",
    "300 kB": "w" * 300_000,
}


def _text(characters: str) -> str:
    data = f"Gr\u00fc\u00dfe{characters}aus".encode("utf-8", "surrogatepass")
    return base64.b64encode(data).decode()


def _results(kind: object, data: object) -> list[dict[str, object]]:
    return [{"type": kind, "data": data}]


def _problem(characters: str) -> bytes:
    said = {"title": f"No{characters}way", "detail": characters, "errors": {characters: [characters] * 9}}
    return json.dumps(said).encode()


for _name, _odd in CHARACTERS.items():
    # A reply that is too long for XCom leaves its text at the service.
    _long = len(_odd) > 1000
    _told = frozenset({SUCCESS, PERMANENT}) if _long else frozenset({SUCCESS})
    _good = _text("")
    _fields: dict[str, dict[str, object]] = {
        "messages": {"error": {"messages": [_odd, f"a{_odd}b"] * 40}},
        "warnings": {"error": {"messages": None, "warnings": [f"a{_odd}b"]}},
        "a message that is no list": {"error": f"a{_odd}b"},
        "the code": {"responseStatusCode": f"Ok{_odd}"},
        "the id": {"id": f"x{_odd}"},
        "a member that nobody knows": {f"x{_odd}": _odd},
    }
    _fields["every field"] = {
        "error": {"messages": [_odd, f"a{_odd}b"] * 40, "warnings": [f"a{_odd}b"]},
        **_fields["the code"],
        **_fields["the id"],
        **_fields["a member that nobody knows"],
    }
    for _field, _changes in _fields.items():
        _add(f"{_name} in {_field}", "poll", members(**_changes), _told)
        _add(f"{_name} in {_field}", "status", members(**_changes), SUCCESS)
    _add(f"{_name} in the status", "poll", members(taskStatus=f"Done{_odd}"), _told if _long else LATE)
    _add(f"{_name} in the status", "status", members(taskStatus=f"Done{_odd}"), LATE)
    _add(
        f"{_name} in the reason of an error",
        "poll",
        members(taskStatus="Error", error={"messages": [f"a{_odd}b"]}),
        PERMANENT,
    )
    _add(
        f"{_name} in the reason of an error",
        "status",
        members(taskStatus="Error", error={"messages": [f"a{_odd}b"]}),
        PERMANENT,
    )
    _add(
        f"{_name} in the type of a result",
        "poll",
        members(results=_results(f"Te{_odd}xt", _good)),
        frozenset({SUCCESS, PERMANENT}),
    )
    _add(
        f"{_name} in the type of a result", "fetch", members(results=_results(f"Te{_odd}xt", _good)), SUCCESS
    )
    _add(
        f"{_name} in the text",
        "poll",
        members(results=_results("Text", _text(_odd))),
        _told,
    )
    _add(f"{_name} in the text", "fetch", members(results=_results("Text", _text(_odd))), SUCCESS)
    _add(
        f"{_name} in a text that is no Base64",
        "poll",
        members(results=_results("Text", f"not Base64{_odd}!")),
        _told,
    )
    for _call in ("submit", "poll", "status", "fetch", "token"):
        _add(f"{_name} in a problem", _call, instead(_problem(_odd), 403), PERMANENT, ends_batch=True)
    _add(
        f"{_name} in the token",
        "token",
        instead(json.dumps({"access_token": f"t{_odd}"}).encode()),
        RETRYABLE,
    )
    if "line" not in _name:
        _bare = f"an{_odd}id".encode("utf-8", "surrogatepass")
        _add(f"{_name} in the id", "submit", instead(_bare), PERMANENT)
    _add(f"{_name} in the id in quotes", "submit", instead(json.dumps(f"an{_odd}id").encode()), PERMANENT)

for _ident in ("null", "None", '""', '"null"', "undefined", "x" * 201, "\u00ff\u00fe" * 150):
    _add(f"the id {_ident[:12]}", "submit", instead(_ident.encode()), PERMANENT)
for _page in ("", "<html>busy</html>", '{"id": "x"}', "[1]", "the service is busy", '"half an id'):
    _add(f"no id but {_page[:12]!r}", "submit", instead(_page.encode()), RETRYABLE)

# Time and size, at every call.

_ENDS = {
    "token": frozenset({RETRYABLE}),
    "token again": OVER,
    "submit": frozenset({RETRYABLE}),
    "poll": OVER,
    "status": OVER,
    "fetch": frozenset({RETRYABLE}),
    "cancel": frozenset({LATE}),
}
_SLOW: dict[str, Behaviour] = {
    "drips from the first byte": wire.drip_headers,
    "drips the body": wire.drip_body,
    "drips chunks": wire.drip_chunks,
    "100 Continue without end": wire.endless_continue,
    "102 Processing without end": wire.slow_continue,
    "says nothing": wire.silence,
    "says nothing after the headers": wire.headers_then_silence,
    "headers without end": wire.endless_headers,
    "a header of 8 MiB": wire.one_long_header,
    "90 headers of 64 kB": wire.large_headers,
    "compressed data that holds nothing": wire.compressed_nothing,
    "compressed parts that hold nothing": wire.compressed_parts,
    "the size of a chunk without end": wire.long_chunk_size,
}
for _call, _ends in _ENDS.items():
    for _name, _behaviour in _SLOW.items():
        # A short answer that drips may be whole in time.
        _soon = {SUCCESS} if _name.startswith("drips from") and _call in ("submit", "cancel") else set()
        _add(_name, _call, _behaviour, _ends | _soon)

_TOO_LARGE = {
    "token": frozenset({RETRYABLE}),
    "submit": frozenset({RETRYABLE, PERMANENT}),
    # The beginning of the reply tells that the task is done; its text stays at the service.
    "poll": frozenset({PERMANENT}),
    "status": frozenset({SUCCESS}),
    "fetch": frozenset({PERMANENT}),
    "cancel": frozenset({LATE}),
}
for _call, _ends in _TOO_LARGE.items():
    for _name, _behaviour in {"a string without end": wire.endless_string, **wire.BOMBS}.items():
        _two = _name == "two codings"
        _add(_name, _call, _behaviour, (_ENDS[_call] if _two else _ends))
    _add("white space without end", _call, wire.endless_body, _ends | {SUCCESS})
    _add("a trailer without end", _call, wire.long_trailer, _ENDS[_call] | _ends | {SUCCESS})
    for _name, _piece in {
        "lists": b"[],",
        "objects": b'{"a":1},',
        "strings": b'"ab",',
        "numbers": b"1.5,",
    }.items():
        _add(f"2 MiB of small {_name}", _call, json_of(_piece, 2 * 1024 * 1024), _ends | {SUCCESS, RETRYABLE})
    for _status in (400, 403, 500):
        _add(
            f"HTTP {_status} with a body without end",
            _call,
            wire.raw(b"HTTP/1.1 %d No\r\nConnection: close\r\n\r\n" % _status, *[wire.BLOCK] * 4000),
            ANY,
            ends_batch=_status == 403 or _call == "token",
            submissions=2,
        )
_add("40,000 results", "fetch", members(results=_results("Text", "QQ==") * 40_000), PERMANENT)
_add("40,000 results", "poll", members(results=_results("Text", "QQ==") * 40_000), frozenset({PERMANENT}))
_add("3,000 results", "fetch", members(results=_results("Text", "QQ==") * 3_000), SUCCESS)
_add(
    "an error with a large reason",
    "poll",
    members(taskStatus="Error", error={"messages": ["x" * 10**6]}),
    PERMANENT,
)
_add("numbers for messages", "poll", members(error={"messages": [10**1000] * 20}), SUCCESS)
_add(
    "a million backslashes",
    "fetch",
    members(results=_results("Text", "\\" * 10**6)),
    SUCCESS,
)
_add("deep lists", "poll", instead(b"[" * 100_000), OVER)
_add(
    "deep lists in a member",
    "poll",
    instead(b'{"taskStatus":"Completed","x":' + b"[" * 60_000),
    OVER | {PERMANENT},
)
_add("deep lists", "fetch", instead(b'{"taskStatus":' + b"[" * 100_000), frozenset({RETRYABLE}))
_add("a number of 5,000 digits", "poll", instead(b'{"taskStatus":' + b"9" * 5000 + b"}"), OVER)

# Retry-After.

_RETRY_AFTER = {
    "1e12": "1000000000000",
    "1e400": "1e400",
    "60 digits": "9" * 60,
    "5,000 digits": "9" * 5000,
    "the year 9999": format_datetime(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), usegmt=True),
    "the year 99999": "Fri, 31 Dec 99999 23:59:59 GMT",
    "the year 1": "Mon, 01 Jan 0001 00:00:00 GMT",
    "a zone far away": "Fri, 31 Dec 9999 23:59:59 -2359",
    "-1": "-1",
    "nan": "nan",
    "inf": "inf",
    "a word": "soon",
    "two values": "1, 2",
}
for _name, _value in _RETRY_AFTER.items():
    _header = f"Retry-After: {_value}".encode()
    for _call in ("token", "submit", "poll", "status", "fetch"):
        _add(
            f"429, Retry-After {_name}",
            _call,
            raw(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n" + _header + b"\r\n\r\n"),
            OVER,
            # An account that may do nothing for so long.
            ends_batch=_call in ("token", "submit", "fetch"),
            # None of them was accepted.
            submissions=5 if _call == "submit" else 1,
        )

# Redirects, cookies and headers.

for _status in (301, 302, 303, 307, 308):
    for _where in (
        "http://127.0.0.1:9/elsewhere",
        "/v5.0/ocr/RecognizeImage?id=task-1",
        "file:///etc/passwd",
        "",
    ):
        for _call in ("token", "submit", "poll", "status"):
            _add(
                f"{_status} to {_where or 'nowhere'}",
                _call,
                instead(b"", _status, Location=_where),
                PERMANENT,
                ends_batch=True,
            )

_ODD_BUT_HONEST: dict[str, Behaviour] = {
    "a cookie for everybody": with_headers(
        b"Set-Cookie: a=b; Domain=.1; Path=/", b"Set-Cookie: c=d; HttpOnly"
    ),
    "90 cookies": with_headers(*[b"Set-Cookie: c%d=%s" % (n, b"x" * 500) for n in range(60)]),
    "a header in Latin-1": with_headers(b"X-Name: Gr\xfc\xdfe"),
    "another content type": with_headers(b"Content-Type: image/png; charset=utf-99"),
    "hop-by-hop headers": with_headers(b"Keep-Alive: timeout=0, max=0", b"Proxy-Authenticate: Basic"),
    "a request for a sign-in": with_headers(b'WWW-Authenticate: Basic realm="\xff"'),
    "no reason": raw(b"HTTP/1.1 200\r\nConnection: close\r\n\r\n%BODY%"),
    "HTTP/1.0": raw(b"HTTP/1.0 200 OK\r\n\r\n%BODY%"),
}
_BROKEN: dict[str, Behaviour] = {
    "a header without a colon": with_headers(b"no colon at all"),
    "U+0000 in a header": with_headers(b"X-Nul: a\0b"),
    "a folded header": with_headers(b"X-Folded: a", b"  b"),
    "two lengths": with_headers(b"Content-Length: 7"),
    "a length below zero": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n%BODY%"),
    "a length that is none": raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n%BODY%"),
    "a length without end": raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n%BODY%"),
    "chunks of nonsense": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n%BODY%\r\n"),
    "a chunk below zero": raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n%BODY%\r\n0\r\n\r\n"
    ),
    "another coding of the transfer": raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n%BODY%"
    ),
    "a status that is none": raw(b"HTTP/1.1 abc OK\r\n\r\n%BODY%"),
    "the status 999": raw(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
    "the status 0": raw(b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n"),
    "the status 101": raw(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    ),
    "HTTP/9.9": raw(b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "no HTTP at all": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "half a status line": raw(b"HTTP/1.1 20"),
    "nothing": raw(b""),
    "gzip that is none": with_headers(b"Content-Encoding: gzip"),
    "a coding that nobody asked for": with_headers(b"Content-Encoding: br"),
    "gzip that breaks off": raw(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n",
        b"\x1f\x8b\x08\0\0\0\0\0\0\3\xab",
    ),
}
for _call in ("token", "submit", "poll", "status", "fetch"):
    for _name, _behaviour in _ODD_BUT_HONEST.items():
        _add(_name, _call, _behaviour, SUCCESS)
    for _name, _behaviour in _BROKEN.items():
        # Clients differ in what they take for an answer; none of them may do anything else.
        _add(_name, _call, _behaviour, ANY, ends_batch=True, submissions=2)
