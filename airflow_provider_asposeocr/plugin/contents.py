"""Contents of files for the result page: how much is read, and as what a browser gets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrResultError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.files.formats import HEAD_BYTES, sniff
from airflow_provider_asposeocr.files.paths import reason_of
from airflow_provider_asposeocr.plugin.roots import Readable, Root, open_within

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Bytes of a file that is handed to a browser, at most."""

MAX_TEXT_BYTES = 1024 * 1024
"""Bytes of a text that are shown, at most."""

MAX_PARSED_BYTES = 4 * 1024 * 1024
"""Bytes of hOCR, JSON and CSV that are parsed, at most."""

IMAGES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "bmp": "image/bmp"}
"""Media types of the images that browsers show, by their formats."""

_TEXT = "text/plain; charset=utf-8"
_MEDIA_TYPES = {
    **IMAGES,
    "pdf": "application/pdf",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    # As a text, whatever markup it is.
    **dict.fromkeys(("text", "html", "xml", "svg", "json", "base64", "email"), _TEXT),
}
BINARY = "application/octet-stream"
"""Media type of everything else: it is saved, and never shown."""


@dataclass(frozen=True, slots=True)
class Look:
    """Format, media type and size of a file, as its beginning shows them.

    :param format: such as ``png``; None where it shows nothing.
    :param media_type: as which it is served.
    :param size: bytes.
    """

    format: str | None
    media_type: str
    size: int


def look_into(readable: Readable) -> tuple[Look, bytes]:
    """Look at the beginning of a file, and return it as well.

    :param readable: at its beginning.
    """
    head = read_up_to(readable.stream, HEAD_BYTES)
    found = sniff(head)
    return Look(found, _MEDIA_TYPES.get(found or "", BINARY), readable.size), head


def look_at(uri: str | None, roots: Iterable[Root]) -> Look:
    """Look at the beginning of a file.

    :param uri: whoever has written it.
    :param roots: the folders that may be read.
    :raises AsposeOcrError: as :func:`.open_within`.
    """
    with open_within(uri, roots) as readable:
        return look_into(readable)[0]


def read_bytes(uri: str | None, roots: Iterable[Root], max_bytes: int, *, whole: bool = True) -> bytes:
    """Read a file.

    :param uri: whoever has written it.
    :param roots: the folders that may be read.
    :param max_bytes: the most that is read.
    :param whole: whether a longer file is refused; else its beginning is returned.
    :raises AsposeOcrResultError: if it is longer.
    :raises AsposeOcrError: as :func:`.open_within`.
    """
    with open_within(uri, roots) as readable:
        data = read_up_to(readable.stream, max_bytes + 1)
    if whole and len(data) > max_bytes:
        raise AsposeOcrResultError(f"the file is longer than the {max_bytes:,} bytes that are shown")
    return data[:max_bytes]


def read_up_to(stream: IO[bytes], max_bytes: int) -> bytes:
    """Read the next bytes of a stream, fewer only at its end.

    :param stream: of a file.
    :param max_bytes: as many.
    :raises AsposeOcrStorageError: if its storage fails.
    """
    pieces: list[bytes] = []
    left = max_bytes
    try:
        while left > 0 and (piece := stream.read(left)):
            pieces.append(piece)
            left -= len(piece)
    except AsposeOcrError:
        raise
    except Exception as error:
        # Each client of a storage has errors of its own.
        raise AsposeOcrStorageError(f"the file cannot be read: {reason_of(error)}") from None
    return b"".join(pieces)


def text_from(data: bytes) -> str:
    """Decode a text, with a mark in place of what is none.

    :param data: UTF-8, perhaps cut off.
    """
    return data.decode("utf-8-sig", errors="replace")


def human_size(size: Any) -> str:
    """Write a number of bytes for people.

    :param size: of a file.
    """
    if not isinstance(size, int):
        return ""
    amount, units = float(size), ["bytes", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:,.0f} bytes" if units[0] == "bytes" else f"{amount:,.1f} {units[0]}"
