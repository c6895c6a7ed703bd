"""Formats of files by their first bytes: what an operation reads, and the name of what none does."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import IO

from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.files.markup import is_unfinished, text_format
from airflow_provider_asposeocr.files.signatures import (
    CAMERA_SUFFIXES,
    FORMATS,
    IMAGES,
    OTHERS,
    PRINTABLE,
    Group,
)
from airflow_provider_asposeocr.files.tiff import TiffLook, look_at_tiff

HEAD_BYTES = 4096
"""Bytes from which a format is told."""

MAX_PROLOGUE_BYTES = 256 * 1024
"""Bytes that are read of markup whose first element comes later than that."""

_MAX_WHOLE_TIFF = 256 * 1024
"""Bytes of a TIFF that is read at once, which is faster than part by part, and needs no ranges."""

_PDF = re.compile(rb"%PDF-\d")
_PDF_LINE = re.compile(rb"(?:\A|[^ -~])%PDF-\d")
_PDF_WITHIN = 1024
"""Readers allow so many bytes before the header."""

_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_BMP_DEPTHS = frozenset({1, 2, 4, 8, 16, 24, 32})
_TGA_DEPTHS = frozenset({1, 8, 15, 16, 24, 32})
_PNM = re.compile(rb"P[1-6]\s+(?:#|\d)|P7\nWIDTH")
_BRANDS = {
    b"crx ": "cr3",
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "heic"),
    **dict.fromkeys((b"mif1", b"mif2", b"msf1", b"miaf"), "heif"),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), "m4a"),
    b"qt  ": "mov",
}
_BARE_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_RIFF = {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}
_OPEN_DOCUMENT = {b"text": "odt", b"spreadsheet": "ods", b"presentation": "odp", b"graphics": "odg"}
_STATED = re.compile(
    rb"mimetypeapplication/(?:vnd\.oasis\.opendocument\.(text|spreadsheet|presentation|graphics)?|(epub\+zip))"
)
_IN_ZIP = (
    ("docx", re.compile(r"word/")),
    ("xlsx", re.compile(r"xl/")),
    ("pptx", re.compile(r"ppt/")),
    ("vsdx", re.compile(r"visio/")),
    ("xps", re.compile(r"(?:Documents/\d|FixedDocSeq|FixedDocumentSequence)")),
    ("iwork", re.compile(r"Index/.*\.iwa|index\.(?:xml|apxl)\Z")),
    ("ooxml", re.compile(r"\[Content_Types\]\.xml|_rels/\.rels|docProps/")),
)
_READERS = {"pdf": "RecognizePdf", "djvu": "DjVu2PDF"}
_HINTS = {Group.ARCHIVE: "unpack it first", Group.WRAPPED: "take the image out of it first"}
_SIGNED_DATA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"


def sniff(head: bytes, name: str = "") -> str | None:
    """Name the format of a file: a key of :data:`.FORMATS`, or None.

    :param head: its first bytes, :data:`HEAD_BYTES` of them, or more where :func:`needs_more` says so.
    :param name: its base name: camera files begin as TIFF does.
    """
    if found := _signed(head, IMAGES):
        suffix = name.rpartition(".")[2].casefold()
        return suffix if found == "tiff" and suffix in CAMERA_SUFFIXES else found
    if _is_bmp(head):
        return "bmp"
    text = text_format(head)
    # In the sentence of a text it means nothing.
    if text != "html" and (_PDF_LINE if text else _PDF).search(head[: _PDF_WITHIN + 6]):
        return "pdf"
    named = text or _signed(head, PRINTABLE) or _container(head) or _signed(head, OTHERS)
    return named or _weak(head)


def needs_more(head: bytes) -> bool:
    """Tell whether the format shows only later: :data:`MAX_PROLOGUE_BYTES` are to be read then.

    :param head: the first bytes of a file.
    """
    return len(head) >= HEAD_BYTES and is_unfinished(head)


def look(
    stream: IO[bytes],
    size: int,
    name: str,
    in_parts: Callable[[], AbstractContextManager[IO[bytes]]] | None = None,
) -> tuple[bytes, str | None, TiffLook | None]:
    """Read what tells the format of a file: its beginning, and of a TIFF its directories.

    :param stream: at its beginning.
    :param size: its bytes.
    :param name: its base name.
    :param in_parts: opens it anew to be read in parts, if the stream cannot seek.
    :return: the beginning, the format, and what the look at a TIFF has shown.
    """
    head = _read(stream, HEAD_BYTES)
    if needs_more(head):
        head += _read(stream, MAX_PROLOGUE_BYTES - len(head))
    kind = sniff(head, name)
    if kind != "tiff":
        return head, kind, None
    if size <= _MAX_WHOLE_TIFF:
        head += _read(stream, size - len(head))
    with in_parts() if in_parts else nullcontext(stream) as parts:

        def read_at(at: int, length: int) -> bytes:
            if at + length <= len(head):
                return head[at : at + length]
            if at + length > size:
                return b""
            parts.seek(at)
            return _read(parts, length)

        tiff = look_at_tiff(read_at)
    return head, tiff.camera or kind, tiff


def refusal(found: str | None, operation: Operation) -> str | None:
    """Say why an operation cannot read a format and what can be done; None if it reads it.

    :param found: from :func:`sniff`.
    :param operation: the operation.
    """
    reads = operation.input_formats
    if "plain text" in reads or found in reads:
        return None
    known = FORMATS.get(found or "")
    label = known.label if known else "of no known format"
    hint = _way_on(found, known.group, reads) if known else None
    return f"is {label}: {operation.name} reads {', '.join(reads)}" + (f"; {hint}" if hint else "")


def _read(stream: IO[bytes], size: int) -> bytes:
    # A network hands out less than is asked for.
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _way_on(found: str | None, group: Group, reads: tuple[str, ...]) -> str | None:
    if group is Group.READ:
        return f"use {_READERS.get(found or '', 'RecognizeImage')}"
    if group is Group.IMAGE:
        return "convert it to PNG or TIFF " + ("first" if "png" in reads else "and use RecognizeImage")
    if group is Group.DOCUMENT:
        return "save it as PDF " + ("first" if "pdf" in reads else "and use RecognizePdf")
    return _HINTS.get(group)


def _signed(head: bytes, signatures: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((name for at, signature, name in signatures if head.startswith(signature, at)), None)


def _is_bmp(head: bytes) -> bool:
    """Tell whether the header of a bitmap makes sense: any text may begin with ``BM``."""
    if not head.startswith(b"BM") or len(head) < 26:
        return False
    (header,) = struct.unpack_from("<I", head, 14)
    if header == 12:
        width, height, planes, depth = struct.unpack_from("<HHHH", head, 18)
    elif header in _BMP_HEADERS and len(head) >= 30:
        width, height, planes, depth = struct.unpack_from("<iiHH", head, 18)
    else:
        return False
    return width > 0 and height != 0 and planes <= 1 and depth in _BMP_DEPTHS


def _container(head: bytes) -> str | None:
    if head.startswith(b"RIFF"):
        kind = head[8:12]
        return _RIFF.get(kind, "cdr" if kind.startswith(b"CDR") else None)
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[4:8] in _BARE_QUICKTIME:
        return "mov"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK\x03\x04")):
        return _zip(head)
    if _is_tga(head):
        return "tga"
    if head[:1] == b"\x30" and _SIGNED_DATA in head[:32]:
        return "p7m"
    return None


def _iso_media(head: bytes) -> str:
    """Name what lies in a container of ISO media, by its brand."""
    found = _BRANDS.get(head[8:12], "mp4")
    if found != "heif":
        return found
    # The first brand tells the container alone, those that follow the images.
    length = min(int.from_bytes(head[:4], "big"), 256)
    others = {_BRANDS.get(head[at : at + 4]) for at in range(16, length - 3, 4)}
    return next((name for name in ("avif", "heic") if name in others), found)


def _zip(head: bytes) -> str:
    """Name what a ZIP archive is, by its first entries."""
    if stated := _STATED.search(head[:200]):
        return "epub" if stated[2] else _OPEN_DOCUMENT.get(stated[1] or b"", "odf")
    starts = [found.start() for found in re.finditer(rb"PK\x03\x04", head)]
    lengths = [int.from_bytes(head[at + 26 : at + 28], "little") for at in starts]
    pairs = zip(starts, lengths, strict=True)
    entries = [head[at + 30 : at + 30 + length].decode("latin-1") for at, length in pairs]
    return next(
        (name for name, pattern in _IN_ZIP if any(pattern.match(entry) for entry in entries)),
        "zip",
    )


def _weak(head: bytes) -> str | None:
    """Name what has no signature to speak of."""
    if head[:1] == b"\x0a" and head[1:2] in b"\0\2\3\4\5" and head[2:3] in b"\0\1":
        return "pcx"
    if _PNM.match(head):
        return "pnm"
    if head[:1] == b"G" and head[188:189] == b"G" == head[376:377]:
        return "mpeg"
    return "zeros" if head and not head.strip(b"\0") else None


def _is_tga(head: bytes) -> bool:
    """Tell whether a header is one of TGA, which resembles that of an icon."""
    if len(head) < 18 or head[16] not in _TGA_DEPTHS or b"\0\0" in (head[12:14], head[14:16]):
        return False
    coloured, kind = head[1], head[2]
    return (coloured == 1 and kind in (1, 9)) or (
        kind in (2, 3, 10, 11) and not any(head[3:8]) and not coloured
    )
