"""What a service may send instead of an answer: bytes, and seconds to wait between them."""

from __future__ import annotations

import functools
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

Sent = Iterator[bytes | float]
"""Bytes to send, and seconds to wait before the next ones."""

TICK = 0.1
"""Seconds between two bytes of what drips: shorter than any time that a client waits for the next byte."""

MIB, GIB = 1024**2, 1024**3
BLOCK = b" " * 65536


@dataclass(frozen=True)
class Answer:
    """A regular answer.

    :param body: its body.
    :param status: the HTTP status.
    :param headers: without the length.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, *, length: bool = True, **more: str) -> bytes:
        """Return status line and headers, the empty line included."""
        headers = {**self.headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        if length:
            headers["Content-Length"] = str(len(self.body))
        lines = [f"HTTP/1.1 {self.status} Said", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass")


Behaviour = Callable[[Answer], Sent]
"""Sends something in place of the regular answer."""


def regular(answer: Answer) -> Sent:
    """Send the answer as it is."""
    yield answer.head() + answer.body


# Time


def drip_headers(answer: Answer) -> Sent:
    """Send a byte at a time, from the first one on."""
    for byte in answer.head() + answer.body:
        yield bytes([byte])
        yield TICK


def drip_body(answer: Answer) -> Sent:
    """Send the headers at once, then a byte at a time."""
    yield answer.head(length=False, Content_Length=str(len(answer.body) + 10_000))
    for byte in answer.body + BLOCK:
        yield bytes([byte])
        yield TICK


def drip_chunks(answer: Answer) -> Sent:
    """Send a chunk of one byte at a time."""
    yield answer.head(length=False, Transfer_Encoding="chunked")
    for byte in answer.body + BLOCK:
        yield b"1\r\n" + bytes([byte]) + b"\r\n"
        yield TICK


def endless_continue(answer: Answer) -> Sent:
    """Never come to the answer."""
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n" * 20
        yield 0.002


def slow_continue(answer: Answer) -> Sent:
    """Never come to the answer, and take the time for it."""
    while True:
        yield b"HTTP/1.1 102 Processing\r\n\r\n"
        yield TICK


def silence(answer: Answer) -> Sent:
    """Say nothing."""
    yield 60.0


def headers_then_silence(answer: Answer) -> Sent:
    """Announce a body that never comes."""
    yield answer.head()
    yield 60.0


# Size


def endless_body(answer: Answer) -> Sent:
    """Go on after the answer with white space, which JSON allows."""
    yield answer.head(length=False, Transfer_Encoding="chunked")
    yield b"%x\r\n%s\r\n" % (len(answer.body), answer.body)
    while True:
        yield b"10000\r\n" + BLOCK + b"\r\n"


def endless_string(answer: Answer) -> Sent:
    """Begin a member of the answer that never ends."""
    yield answer.head(length=False, Connection="close")
    yield answer.body.rstrip().removesuffix(b"}") + b',"more":"'
    while True:
        yield b"x" * 65536


def endless_headers(answer: Answer) -> Sent:
    """Never come to the body."""
    yield answer.head().removesuffix(b"\r\n")
    number = 0
    while True:
        number += 1
        yield b"X-%d: %s\r\n" % (number, b"x" * 1000)


def one_long_header(answer: Answer) -> Sent:
    """Send a header of 8 MiB."""
    yield answer.head(X_Long="x" * 8 * 1024 * 1024) + answer.body


@functools.cache
def _bomb(window: int, filler: bytes, before: bytes, after: bytes) -> bytes:
    """Compress 1 GiB in a moment: the same block again and again, with a checksum that nobody gets to see."""
    packer = zlib.compressobj(9, wbits=-15)
    start = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(filler * (MIB // len(filler))) + packer.flush(zlib.Z_FULL_FLUSH)
    data = start + block * (GIB // MIB) + packer.compress(after) + packer.flush()
    header, checksum = {31: (b"\x1f\x8b\x08\0\0\0\0\0\0\3", bytes(8)), 15: (b"\x78\x9c", bytes(4))}.get(
        window, (b"", b"")
    )
    return header + data + checksum


def _exploding(window: int, encoding: str, filler: bytes) -> Behaviour:
    def behave(answer: Answer) -> Sent:
        before = answer.body.rstrip().removesuffix(b"}")
        before, after = (before + b',"more":"', b'"}') if filler == b"x" else (before + b',"more":[', b"1]}")
        packed = Answer(_bomb(window, filler, before, after), answer.status, answer.headers)
        yield packed.head(Content_Encoding=encoding) + packed.body

    return behave


def bomb_of_bombs(answer: Answer) -> Sent:
    """Compress twice, as a header of two codings says."""
    inner = _bomb(31, b"x", b"{", b"}")
    packed = Answer(zlib.compress(inner), answer.status, answer.headers)
    yield packed.head(Content_Encoding="deflate, gzip") + packed.body


BOMBS: dict[str, Behaviour] = {
    "gzip of a string": _exploding(31, "gzip", b"x"),
    "gzip of lists": _exploding(31, "gzip", b"[],"),
    "deflate of a string": _exploding(15, "deflate", b"x"),
    "bare deflate of a string": _exploding(-15, "deflate", b"x"),
    "two codings": bomb_of_bombs,
}


def compressed_nothing(answer: Answer) -> Sent:
    """Send compressed data without end that holds nothing, as fast as it earns time."""
    yield answer.head(length=False, Content_Encoding="gzip", Connection="close")
    yield b"\x1f\x8b\x08\0\0\0\0\0\0\3"
    while True:
        yield b"\0\0\0\xff\xff" * 13_000
        yield 0.5


def compressed_parts(answer: Answer) -> Sent:
    """Send empty compressed parts without end."""
    yield answer.head(length=False, Content_Encoding="gzip", Connection="close")
    while True:
        yield gzip.compress(b"") * 3_000


def long_chunk_size(answer: Answer) -> Sent:
    """Send the size of a chunk, with leading zeros without end."""
    yield answer.head(length=False, Transfer_Encoding="chunked")
    while True:
        yield b"0" * 65536


def long_trailer(answer: Answer) -> Sent:
    """Send a trailer without end behind the body."""
    yield answer.head(length=False, Transfer_Encoding="chunked")
    yield b"%x\r\n%s\r\n0\r\nX-Trailer: " % (len(answer.body), answer.body)
    while True:
        yield b"x" * 65536


def large_headers(answer: Answer) -> Sent:
    """Send 90 headers of 64 kB."""
    yield answer.head().removesuffix(b"\r\n")
    for number in range(90):
        yield b"X-%d: %s\r\n" % (number, b"x" * 64_000)
    yield b"\r\n" + answer.body


def json_of(piece: bytes, size: int) -> Behaviour:
    """Send an answer with a list of so many bytes of small pieces."""

    def behave(answer: Answer) -> Sent:
        body = answer.body.rstrip().removesuffix(b"}") + b',"more":[' + piece * (size // len(piece)) + b"1]}"
        large = Answer(body, answer.status, answer.headers)
        yield large.head() + large.body

    return behave


# Form


def instead(body: bytes, status: int = 200, **headers: str) -> Behaviour:
    """Send another answer."""

    def behave(answer: Answer) -> Sent:
        other = Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})
        yield other.head() + other.body

    return behave


def with_headers(*lines: bytes, status: int | None = None) -> Behaviour:
    """Send the answer with further header lines."""

    def behave(answer: Answer) -> Sent:
        told = Answer(answer.body, status or answer.status, answer.headers)
        yield told.head().removesuffix(b"\r\n") + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
        yield told.body

    return behave


def raw(*pieces: bytes) -> Behaviour:
    """Send these bytes, with the regular body for ``%BODY%``, and end the connection."""

    def behave(answer: Answer) -> Sent:
        for piece in pieces:
            yield piece.replace(b"%BODY%", answer.body)
        yield b""

    return behave


def members(**changes: object) -> Behaviour:
    """Send the answer with other members."""

    def behave(answer: Answer) -> Sent:
        reply = json.loads(answer.body)
        reply.update(changes)
        changed = Answer(json.dumps(reply).encode(), answer.status, answer.headers)
        yield changed.head() + changed.body

    return behave
