"""PNG files as an encoder's author would not write them: any depth, any chunk, interlaced."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))

Chunk = tuple[bytes, bytes]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(
    samples: npt.NDArray[np.integer],
    colour: int,
    depth: int,
    *,
    before: Sequence[Chunk] = (),
    after: Sequence[Chunk] = (),
    interlaced: bool = False,
) -> bytes:
    """Write a PNG.

    :param samples: rows, columns and, where there is more than one, channels.
    :param colour: the colour type.
    :param depth: the bits of a sample.
    :param before: chunks before the image data.
    :param after: chunks after it.
    :param interlaced: store it in the seven passes of Adam.
    """
    height, width = samples.shape[:2]
    samples = samples.reshape(height, width, _CHANNELS[colour])
    header = struct.pack(">2I5B", width, height, depth, colour, 0, 0, int(interlaced))
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    parts = (samples[top::down, left::across] for left, top, across, down in passes)
    data = b"".join(_rows(part, depth) for part in parts if part.size)
    return file_of([(b"IHDR", header), *before, (b"IDAT", zlib.compress(data, 9)), *after, (b"IEND", b"")])


def file_of(chunks: Iterable[Chunk]) -> bytes:
    """Join chunks to a file."""
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in chunks)


def chunk(kind: bytes, data: bytes, *, checksum: int | None = None) -> bytes:
    """Return one chunk."""
    right = zlib.crc32(kind + data)
    return (
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", right if checksum is None else checksum)
    )


def compressed_text(size: int) -> Chunk:
    """Return a text of so many bytes that takes a thousandth of them."""
    return b"zTXt", b"Comment\0\0" + zlib.compress(b" " * size, 9)


def profile(size: int) -> Chunk:
    """Return a colour profile of so many bytes, none of which mean anything."""
    return b"iCCP", b"profile\0\0" + zlib.compress(bytes(size), 9)


def _rows(part: npt.NDArray[np.integer], depth: int) -> bytes:
    lines = part.reshape(part.shape[0], -1)
    if depth == 16:
        packed = lines.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = lines.astype(np.uint8)
    else:
        bits = np.unpackbits(lines.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - depth :]
        packed = np.packbits(bits.reshape(lines.shape[0], -1), axis=1)
    return b"".join(b"\0" + line.tobytes() for line in packed)
