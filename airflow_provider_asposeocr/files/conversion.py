"""Conversion: making a format that the service reads, on the worker, before anything is paid for.

What is to be done is decided by the first bytes alone, so that every try comes to the same decision; the work
waits until the source is sent. Pillow (extra ``images``) is loaded then, and only then. The format that was
found names the decoder: Pillow, left to guess, would try dozens. Images of strangers are bounded in bytes,
pixels and pages before they are decoded, and those decoded at a time share one bound.
"""

from __future__ import annotations

import io
import logging
import re
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.files.body import TemporaryCopy, read_exactly
from airflow_provider_asposeocr.files.formats import CONVERTIBLE, FORMATS
from airflow_provider_asposeocr.files.paths import reason_of
from airflow_provider_asposeocr.files.raster import UnfitError, write_image, write_pdf
from airflow_provider_asposeocr.files.source import Source

log = logging.getLogger(__name__)

MAX_BYTES = 512 * 1024**2
"""Bytes of a file that is converted; most decoders hold it in memory. A TIFF is read in parts."""

MAX_LOOK_BYTES = 4 * 1024**2
"""Bytes of a file that are read to decide on its conversion."""

_VERSION = 1
"""Version of what a conversion makes of a file: raise it when that changes."""

CONVERTIBLE_SUFFIXES = (
    *("avif", "bmp", "gif", "heic", "heif", "hif", "j2k", "jp2", "jpe", "jpeg", "jpf", "jpg", "jpx"),
    *("pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"),
)
"""Suffixes of what can be converted."""

_ORIENTATION = 274

_SEQUENCE = re.compile(rb"\0\0..ftyp.{0,200}?(?:avis|hevc|hevx|msf1)", re.DOTALL)
"""The brands of a sequence of images."""


def with_conversion(source: Source, operation: Operation) -> Source:
    """Decide whether and how a source is to be converted for an operation.

    :param source: as it was found.
    :param operation: the operation, or :data:`.AUTO`.
    :return: the source with its conversion; the same where the operation reads it, or nothing can be done.
    :raises AsposeOcrError: as :func:`.read_exactly`.
    """
    looked = _look(source) if source.format in CONVERTIBLE else _Look()
    target = _target(source, looked, operation.input_formats)
    if target is None:
        return source
    conversion = f"{target}-{_VERSION}"
    if looked.notice:
        log.warning("%s: %s", source.display_uri, looked.notice)
    sent = replace(
        source,
        name=f"{PurePosixPath(source.name).stem}.{target}",
        format=target,
        tiff=None,
        content_tag=f"{source.content_tag}:{conversion}",
        conversion=conversion,
        notice=looked.notice,
    )
    return replace(
        sent, convert=lambda sha256: _converted(replace(source, sha256=sha256), sent, lossy=looked.lossy)
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """The findings of a look at an image.

    :param unusual: whether not every reader reads it, whatever its format.
    :param lossy: whether it was compressed with loss.
    :param notice: what is lost of it when it is converted.
    """

    unusual: bool = False
    lossy: bool = False
    notice: str | None = None


def _target(source: Source, looked: _Look, reads: Sequence[str]) -> str | None:
    """Return the format that a source is converted to; None where it is sent, or refused, as it is."""
    kind, several = source.format, source.tiff is not None and source.tiff.several
    if kind not in CONVERTIBLE or not {"png", "pdf"}.intersection(reads):
        return None
    # The pages of a BigTIFF are counted when it is decoded.
    if "pdf" in reads and ("png" not in reads or several or kind == "bigtiff"):
        return "pdf"
    if several or (kind in reads and not looked.unusual):
        return None
    return "jpg" if looked.lossy else "png"


def _look(source: Source) -> _Look:
    kind = source.format or ""
    if kind == "tiff":
        return _Look(unusual=source.tiff is not None and not source.tiff.plain)
    with closing(_Front(source)) as front:
        return front.look(kind)


class _Front:
    """The first bytes of a source, of which no more are read than are asked for.

    :param source: the source.
    """

    def __init__(self, source: Source) -> None:
        self._chunks = read_exactly(source)
        self._data = bytearray()

    def close(self) -> None:
        """Close the source."""
        self._chunks.close()  # type: ignore[attr-defined]

    def look(self, kind: str) -> _Look:
        """Look at an image of a format."""
        frames, unusual, lossy = 1, False, kind in ("jpg", "avif", "heic", "heif")
        if kind == "png":
            unusual = self._number(24) == 16
        elif kind == "jpg":
            unusual = self._is_unusual_jpeg()
        elif kind == "gif":
            frames = self._gif_frames()
        elif kind == "webp":
            frames, lossy = self._webp()
        elif kind == "jp2":
            # The transformation of the first coding style: 0 is that with loss.
            head = self._at(0, 64 * 1024)
            at = head.find(b"\xff\x52", max(0, head.find(b"\xff\x4f\xff\x51")))
            lossy = at >= 0 and head[at + 13 : at + 14] == b"\0"
        elif lossy and _SEQUENCE.match(self._at(0, 256)):
            return _Look(lossy=True, notice="the first image of a sequence was sent")
        if frames == 1:
            return _Look(unusual, lossy)
        more = " or more" if len(self._data) >= MAX_LOOK_BYTES else ""
        return _Look(True, lossy, f"the first of {frames} frames{more} was sent")

    def _at(self, start: int, size: int) -> bytes:
        while len(self._data) < min(start + size, MAX_LOOK_BYTES) and (chunk := next(self._chunks, b"")):
            self._data += chunk
        return bytes(self._data[start : start + size])

    def _number(self, start: int, size: int = 1, order: Any = "big") -> int:
        return int.from_bytes(self._at(start, size), order)

    def _is_unusual_jpeg(self) -> bool:
        """Tell whether a JPEG is turned by its Exif data, or has four colours."""
        at = 2
        while (marker := self._at(at, 2))[:1] == b"\xff" and marker != b"\xff\xda":
            size = self._number(at + 2, 2)
            if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
                return self._number(at + 9) == 4
            if marker == b"\xff\xe1" and self._is_turned(self._at(at + 4, size - 2)):
                return True
            at += 2 + max(size, 2)
        return False

    def _is_turned(self, segment: bytes) -> bool:
        if not segment.startswith(b"Exif\0\0"):
            return False
        order: Any = "little" if segment[6:8] == b"II" else "big"
        entry = 6 + int.from_bytes(segment[10:14], order)
        for _ in range(int.from_bytes(segment[entry : entry + 2], order)):
            if int.from_bytes(segment[entry + 2 : entry + 4], order) == _ORIENTATION:
                return 1 < int.from_bytes(segment[entry + 10 : entry + 12], order) <= 8
            entry += 12
        return False

    def _gif_frames(self) -> int:
        frames, at = 0, 13 + self._gif_table(10)
        while (kind := self._at(at, 1)) in (b",", b"!"):
            frames += kind == b","
            at += 11 + self._gif_table(at + 9) if kind == b"," else 2
            while size := self._number(at):
                at += 1 + size
            at += 1
        return max(frames, 1)

    def _gif_table(self, flags_at: int) -> int:
        flags = self._number(flags_at)
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    def _webp(self) -> tuple[int, bool]:
        """Return the number of frames, and whether the first one is lossy."""
        frames, at, lossy = 0, 12, b"VP8 " in self._at(0, 4096)
        while len(chunk := self._at(at, 4)) == 4:
            frames += chunk == b"ANMF"
            size = self._number(at + 4, 4, "little")
            at += 8 + size + size % 2
        return max(frames, 1), lossy


def _converted(source: Source, sent: Source, *, lossy: bool) -> Source:
    """Make what is sent in place of a source; raise what :func:`.read_exactly` does, or why it cannot be.

    :param source: the original.
    :param sent: the same, with name and format of what is made.
    :param lossy: whether the original was compressed with loss.
    """
    target = sent.format or ""
    kind = source.format or ""
    shown = f"{source.display_uri} is {FORMATS[kind].label}"
    if kind not in ("tiff", "bigtiff") and source.size > MAX_BYTES:
        raise AsposeOcrSourceError(
            f"{shown} of {source.size} bytes, and no more than {MAX_BYTES} bytes are converted: make it "
            "smaller, or save it as PNG or JPEG and send that"
        )
    made = TemporaryCopy()
    try:
        with tempfile.TemporaryFile(prefix="asposeocr-") as original:
            original.writelines(read_exactly(source))
            original.seek(0)
            if target == "pdf":
                write_pdf(kind, original, made.file, lossy=lossy)
            else:
                write_image(kind, original, made.file, target)
        size = made.file.seek(0, io.SEEK_END)
    except ImportError:
        raise AsposeOcrSourceError(
            f"{shown}, and what converts it is not installed: "
            "pip install 'airflow-provider-asposeocr[images]'"
        ) from None
    except UnfitError as error:
        raise AsposeOcrSourceError(f"{shown} {error}") from None
    except (AsposeOcrError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise AsposeOcrStorageError(
                f"{source.display_uri} cannot be converted: its temporary file: {reason_of(error)}"
            ) from None
        # A decoder raises anything for a broken file, with what is in it.
        raise AsposeOcrSourceError(
            f"{shown} that cannot be converted: it is damaged, incomplete or of a rare kind "
            f"({type(error).__name__}). Copy it anew from where it came from, or save it as PNG or PDF"
        ) from None
    log.info("Converted %s to %s, %s to %s bytes", source.display_uri, target.upper(), source.size, size)
    # The original was read as it was looked at: what becomes of it now does not matter.
    return replace(sent, size=size, sha256=None, open=made.opened, is_current=lambda: True)
