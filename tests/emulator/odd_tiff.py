"""TIFF files as scanners, fax machines and instruments write them: any sample, byte order and layout."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
_SIZES = {1: 1, 2: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1, 9: 4, 10: 8, 12: 8, 16: 8}
WHITE_IS_ZERO, BLACK_IS_ZERO, TRUE_COLOUR, PALETTE, INKS, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8

Value = tuple[int, Sequence[int]] | tuple[int, bytes]
Tags = Mapping[int, Value | None]
"""Tag numbers, each with its type and values; None omits a tag."""


def tiff(
    samples: npt.NDArray[np.generic],
    photometric: int,
    *,
    order: str = "<",
    bits: int | None = None,
    tile: int | None = None,
    rows_per_strip: int | None = None,
    big: bool = False,
    planar: bool = False,
    data: bytes | None = None,
    tags: Tags | None = None,
) -> bytes:
    """Write a TIFF.

    :param samples: rows, columns and, where there is more than one, channels.
    :param photometric: what the samples mean.
    :param order: the byte order, ``<`` or ``>``.
    :param bits: of a sample, when it is not what the array has.
    :param tile: store it in squares of this side.
    :param rows_per_strip: store it in strips of so many rows.
    :param big: the form with offsets of 64 bits.
    :param planar: store one channel after the other.
    :param data: the image data, when it is not just the samples.
    :param tags: further ones, or others: type and values.
    """
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    kind = {"f": 3, "i": 2}.get(samples.dtype.kind, 1)
    bits = bits or samples.dtype.itemsize * 8
    parts = [data] if data is not None else _parts(samples, order, bits, tile, rows_per_strip, planar)
    offset_tag, count_tag = (324, 325) if tile else (273, 279)
    entries: dict[int, Value | None] = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [bits] * channels),
        259: (SHORT, [1]),
        262: (SHORT, [photometric]),
        277: (SHORT, [channels]),
        284: (SHORT, [2 if planar else 1]),
        339: (SHORT, [kind] * channels),
        count_tag: (LONG, [len(part) for part in parts]),
        offset_tag: (LONG, [0] * len(parts)),
    }
    if tile:
        entries |= {322: (LONG, [tile]), 323: (LONG, [tile])}
    else:
        entries[278] = (LONG, [rows_per_strip or height])
    entries |= tags or {}
    start = 16 if big else 8
    places = [start + sum(map(len, parts[:place])) for place in range(len(parts))]
    if offset_tag in entries and not (tags and offset_tag in tags):
        entries[offset_tag] = (LONG, places)
    body = b"".join(parts)
    body += b"\0" * (len(body) % 2)
    mark = {"<": b"II", ">": b"MM"}[order]
    if big:
        head = mark + struct.pack(order + "3HQ", 43, 8, 0, start + len(body))
    else:
        head = mark + struct.pack(order + "HL", 42, start + len(body))
    return head + body + directory(entries, order, start + len(body), big=big)


def directory(entries: Tags, order: str, at: int, *, big: bool = False, following: int = 0) -> bytes:
    """Write a directory of tags that stands at a place in the file."""
    count, entry, word, room = ("Q", "HHQ", "Q", 8) if big else ("H", "HHL", "L", 4)
    present = sorted((tag, value) for tag, value in entries.items() if value is not None)
    out = struct.pack(order + count, len(present))
    after = at + len(out) + len(present) * (4 + 2 * room) + room
    values = b""
    for tag, (kind, given) in present:
        data = given if isinstance(given, bytes) else _values(kind, given, order)
        out += struct.pack(order + entry, tag, kind, len(data) // _SIZES[kind])
        if len(data) <= room:
            out += data.ljust(room, b"\0")
        else:
            out += struct.pack(order + word, after + len(values))
            values += data
    return out + struct.pack(order + word, following) + values


def resolution(across: float, down: float | None, unit: int) -> Tags:
    """Return the tags of a resolution: unit 1 is none, 2 the inch, 3 the centimetre."""
    tags: dict[int, tuple[int, Sequence[int]]] = {
        282: (RATIONAL, [round(across * 100), 100]),
        296: (SHORT, [unit]),
    }
    if down is not None:
        tags[283] = (RATIONAL, [round(down * 100), 100])
    return tags


def reversed_bits(data: bytes) -> bytes:
    """Return bytes with the order of their bits reversed, as FillOrder 2 has them."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    return np.packbits(bits.reshape(-1, 8)[:, ::-1]).tobytes()


def _values(kind: int, given: Sequence[int], order: str) -> bytes:
    letter = {1: "B", SHORT: "H", LONG: "L", RATIONAL: "L", 9: "l", 10: "l", 16: "Q"}[kind]
    return struct.pack(f"{order}{len(given)}{letter}", *given)


def _parts(
    samples: npt.NDArray[np.generic],
    order: str,
    bits: int,
    tile: int | None,
    rows: int | None,
    planar: bool,
) -> list[bytes]:
    if planar:
        return [_bytes(samples[:, :, channel], order, bits) for channel in range(samples.shape[2])]
    height, width = samples.shape[:2]
    if tile is None:
        step = rows or height
        return [_bytes(samples[top : top + step], order, bits) for top in range(0, height, step)]
    padded = np.zeros(
        (-(-height // tile) * tile, -(-width // tile) * tile, *samples.shape[2:]), samples.dtype
    )
    padded[:height, :width] = samples
    return [
        _bytes(padded[top : top + tile, left : left + tile], order, bits)
        for top in range(0, padded.shape[0], tile)
        for left in range(0, padded.shape[1], tile)
    ]


def _bytes(samples: npt.NDArray[np.generic], order: str, bits: int) -> bytes:
    lines = samples.reshape(samples.shape[0], -1)
    size = lines.dtype.itemsize * 8
    if bits == size:
        return lines.astype(lines.dtype.newbyteorder("<" if order == "<" else ">")).tobytes()
    wide = np.unpackbits(lines.astype(">u2")[:, :, None].view(np.uint8), axis=2)[:, :, 16 - bits :]
    return np.packbits(wide.reshape(lines.shape[0], -1), axis=1).tobytes()
