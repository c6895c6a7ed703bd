"""TIFF files made by code: directories in any order of bytes, with whatever in them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

Values = Mapping[int, "Sequence[int] | bytes"]
"""Values of a directory by their tags: numbers, or the bytes of a text."""

SUBFILE, OLD_SUBFILE, WIDTH, LENGTH, PHOTOMETRIC, MAKE, SUB_DIRECTORIES, DNG = (
    *(254, 255, 256, 257, 262, 271, 330),
    50706,
)
THUMBNAIL, PAGE, MASK = 1, 2, 4
PLAIN: Values = {WIDTH: [8], LENGTH: [8], PHOTOMETRIC: [1]}
CFA = 32803


def page(**more: Sequence[int] | bytes) -> Values:
    """Return a directory of a grey image of 8 by 8 pixels.

    :param more: further values by the names of the tags of this module, in lower case.
    """
    return {**PLAIN, **{int(globals()[name.upper()]): value for name, value in more.items()}}


def tiff(
    *directories: Values,
    order: str = "<",
    below: Sequence[Values] = (),
    last: int = 0,
    gap: int = 0,
) -> bytes:
    """Make a TIFF.

    :param directories: those of the chain, in their order.
    :param order: ``<`` or ``>``.
    :param below: directories that the first one names as its SubIFDs.
    :param last: where the last directory says that the next one is.
    :param gap: bytes between the directories.
    """
    data = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 0))
    offsets = [_add(data, values, order, gap) for values in below]
    link = 4
    for number, values in enumerate(directories):
        more: Values = {**values, SUB_DIRECTORIES: offsets} if offsets and not number else values
        at = _add(data, more, order, gap)
        struct.pack_into(f"{order}I", data, link, at)
        link = len(data) - 4 - gap
    struct.pack_into(f"{order}I", data, link, last)
    return bytes(data)


def _add(data: bytearray, values: Values, order: str, gap: int) -> int:
    """Add a directory and what does not fit into it, and return where it is."""
    entries = []
    for tag, value in sorted(values.items()):
        if isinstance(value, bytes):
            kind, number, raw = 2, len(value), value
        else:
            kind, number = (1 if tag == DNG else 3 if tag in (WIDTH, LENGTH, PHOTOMETRIC) else 4), len(value)
            raw = struct.pack(f"{order}{number}{'?BsHI'[kind]}", *value)
        if len(raw) > 4:
            at = len(data)
            data += raw + bytes(len(raw) % 2)
            raw = struct.pack(f"{order}I", at)
        entries.append(struct.pack(f"{order}HHI", tag, kind, number) + raw.ljust(4, b"\0"))
    at = len(data)
    data += struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4) + bytes(gap)
    return at
