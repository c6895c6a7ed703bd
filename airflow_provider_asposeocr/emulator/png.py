"""Reduction of PNG files to their image: text, profiles and animations can be broken, or bombs."""

from __future__ import annotations

import io
import shutil
import struct
import tempfile
import zlib
from dataclasses import dataclass
from typing import IO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_SMALL_CHUNK = 1 << 16
_KEPT = (b"PLTE", b"pHYs", b"eXIf")
_GREY, _COLOUR, _PALETTE = 0, 2, 3
_IN_MEMORY = 16 << 20


@dataclass(frozen=True)
class PlainPng:
    """PNG reduced to its image.

    :param file: the PNG; damaged where the original is.
    :param transparent: the transparent value of each channel, in 8 bits (16-bit grey: in 16); None if there
        is none, or if a palette defines it.
    """

    file: IO[bytes]
    transparent: tuple[int, ...] | None = None


def plain(source: IO[bytes]) -> PlainPng:
    """Copy the image of a PNG.

    :param source: the PNG, from its beginning.
    """
    source.seek(len(_SIGNATURE))
    target: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (returned open)
    target.write(_SIGNATURE)
    header, transparent = b"", None
    while len(start := source.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        if kind == b"IDAT":
            target.write(start)
            _copy(source, target, length + 4)
        elif kind == b"IHDR" or (kind in _KEPT and length <= _MAX_SMALL_CHUNK):
            data = source.read(length + 4)[:length]
            header = data if kind == b"IHDR" else header
            _write(target, kind, data)
        elif kind == b"tRNS" and length <= _MAX_SMALL_CHUNK:
            data = source.read(length + 4)[:length]
            if header[9:10] == bytes([_PALETTE]):
                _write(target, kind, data)
            else:
                transparent = _transparent(header, data)
        else:
            source.seek(length + 4, io.SEEK_CUR)
        if kind == b"IEND":
            _write(target, kind, b"")
            break
    target.seek(0)
    return PlainPng(target, transparent)


def _write(target: IO[bytes], kind: bytes, data: bytes) -> None:
    target.write(struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data)))


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    while size and (piece := source.read(min(size, shutil.COPY_BUFSIZE))):  # type: ignore[attr-defined]
        target.write(piece)
        size -= len(piece)


def _transparent(header: bytes, data: bytes) -> tuple[int, ...] | None:
    if len(header) < 10 or header[9] not in (_GREY, _COLOUR):
        return None
    depth, channels = header[8], 1 if header[9] == _GREY else 3
    if len(data) < 2 * channels or depth not in (1, 2, 4, 8, 16):
        return None
    values = struct.unpack_from(f">{channels}H", data)
    if depth == 16:
        return values if channels == 1 else tuple(value >> 8 for value in values)
    # Decoding scales the values to eight bits.
    maximum = (1 << depth) - 1
    return tuple((value & maximum) * 255 // maximum for value in values)
