"""BMP files in the forms that Windows, OS/2 and screenshot tools have left behind."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RAW, RLE8, RLE4, BITFIELDS = 0, 1, 2, 3


def bmp(
    rows: Sequence[bytes],
    width: int,
    bits: int,
    *,
    compression: int = RAW,
    header: int = 40,
    palette: npt.NDArray[np.uint8] | None = None,
    masks: Sequence[int] = (),
    top_down: bool = False,
    height: int | None = None,
    file_size: int | None = None,
    per_meter: tuple[int, int] = (2835, 2835),
) -> bytes:
    """Write a BMP.

    :param rows: the encoded rows, from the top; a single one holds all of a compressed image.
    :param width: in pixels.
    :param bits: of a pixel.
    :param compression: how the rows are encoded.
    :param header: the size of the header, which tells its form.
    :param palette: red, green and blue of each colour.
    :param masks: the bits of red, green, blue, and of what is transparent.
    :param top_down: store the first row first.
    :param height: when it is not the number of rows.
    :param file_size: the size that the file claims.
    :param per_meter: pixels per metre.
    """
    height = len(rows) if height is None else height
    padded = [row + b"\0" * (-len(row) % 4) for row in rows]
    data = b"".join(padded if top_down else padded[::-1])
    if header == 12:
        information = struct.pack("<L4H", 12, width, height, 1, bits)
    else:
        fields = (header, width, -height if top_down else height, 1, bits, compression, len(data))
        colours = 0 if palette is None else len(palette)
        information = struct.pack("<L2l2H2L2l2L", *fields, *per_meter, colours, 0)
        if header > 40:
            information += struct.pack(f"<{len(masks)}L", *masks)
            information = information.ljust(header, b"\0")
    after = b"" if header > 40 else struct.pack(f"<{len(masks)}L", *masks)
    table = b"" if palette is None else _table(palette, 3 if header == 12 else 4)
    start = 14 + len(information) + len(after) + len(table)
    size = start + len(data) if file_size is None else file_size
    return struct.pack("<2sL2HL", b"BM", size, 0, 0, start) + information + after + table + data


def run_lengths(indices: npt.NDArray[np.uint8], *, nibbles: bool = False) -> bytes:
    """Encode rows of palette indices as runs, the last row first."""
    out = bytearray()
    for row in indices[::-1]:
        edges = np.flatnonzero(np.diff(row)) + 1
        for run in np.split(row, edges):
            value = int(run[0]) * 17 if nibbles else int(run[0])
            for start in range(0, len(run), 254):
                out += bytes([min(254, len(run) - start), value])
        out += b"\0\0"
    return bytes(out + b"\0\1")


def _table(palette: npt.NDArray[np.uint8], width: int) -> bytes:
    return b"".join(bytes(colour[::-1]) + b"\0" * (width - 3) for colour in palette)
