"""Small files that are huge inside, or lie about what is inside."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from tests.emulator import odd_png
from tests.emulator.odd_bmp import RLE8, bmp
from tests.emulator.odd_file import OddFile, encoded, grey, page
from tests.emulator.odd_tiff import BLACK_IS_ZERO, LONG, RATIONAL, SHORT, TRUE_COLOUR, UNDEFINED, tiff

TOO_MANY = "pixels; at most 40,000,000"
NO_IMAGE = "not an image"


def blank(mode: str, side: int, kind: str, **options: object) -> Callable[[], bytes]:
    return lambda: encoded(
        Image.new(mode, (side, side), 1 if mode == "1" else 255 if mode == "L" else "white"), kind, **options
    )


def zeros(width: int, height: int, colour: int, depth: int, channels: int) -> bytes:
    """Write a PNG of nothing but zeros without holding them."""
    packer = zlib.compressobj(9)
    row = bytes(1 + -(-width * depth * channels // 8))
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0)
    return odd_png.file_of([(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")])


def _jpeg_header() -> bytes:
    data = bytearray(encoded(page(), "JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">2H", 65500, 65500)
    return bytes(data)


def _many_scans() -> bytes:
    """Return a progressive JPEG with one of its scans over and over: each is decoded for the whole image."""
    data = encoded(Image.new("L", (6000, 6000), 200), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    last = data[start:-2]
    return data[:start] + last * 300 + b"\xff\xd9"


def _many_comments() -> bytes:
    data = encoded(page(), "JPEG", quality=92)
    return data[:2] + (b"\xff\xfe" + struct.pack(">H", 12) + b"a comment.") * 60_000 + data[2:]


def _many_pieces() -> bytes:
    chunks = [(b"IHDR", struct.pack(">2I5B", page().width, page().height, 8, odd_png.GREY, 0, 0, 0))]
    rows = b"".join(b"\0" + row.tobytes() for row in grey())
    packed = zlib.compress(rows, 0)
    chunks += [(b"IDAT", packed[place : place + 1]) for place in range(len(packed))]
    return odd_png.file_of([*chunks, (b"IEND", b"")])


def _many_frames() -> bytes:
    whole = encoded(page(), "GIF")
    frame = b"!\xf9\x04\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    return whole[:-1] + frame * 50_000 + b";"


def _deep_colours() -> bytes:
    """Write a TIFF of 16 bits a channel, each strip of which is the same compressed white."""
    white = zlib.compress(b"\xff" * 6000 * 6 * 100, 9)
    tags = {259: (SHORT, [8]), 273: (LONG, [8] * 60), 279: (LONG, [len(white)] * 60), 278: (LONG, [100])}
    samples = np.broadcast_to(np.uint16(0), (6000, 6000, 3))
    return tiff(samples, TRUE_COLOUR, data=white, tags=tags)


def _huge_screen() -> bytes:
    data = bytearray(encoded(page(), "GIF"))
    data[6:10] = struct.pack("<2H", 65535, 65535)
    return bytes(data)


def _lying_bmp(width: int, height: int) -> Callable[[], bytes]:
    return lambda: bmp([b"\xff" * 900], width, 24, height=height, file_size=999)


def _endless_runs() -> bytes:
    palette = np.array([(255, 255, 255), (0, 0, 0)], np.uint8)
    return bmp([b"\x01\x01" * 200_000], 6000, 8, compression=RLE8, palette=palette, height=6000)


def tagged_tiff(**tags: tuple[int, object]) -> bytes:
    return tiff(grey(), BLACK_IS_ZERO, tags={int(tag[1:]): value for tag, value in tags.items()})  # type: ignore[misc]


def _many_tags() -> bytes:
    data = bytes(60_000)
    return tiff(grey(), BLACK_IS_ZERO, tags=dict.fromkeys(range(1000, 1100), (UNDEFINED, data)))


def _all_tags() -> bytes:
    """Return a TIFF of 65,535 tags, each of which claims the whole file for its value."""
    body = bytearray(tiff(grey(), BLACK_IS_ZERO))
    start = struct.unpack_from("<L", body, 4)[0]
    own = body[start + 2 : start + 2 + 12 * struct.unpack_from("<H", body, start)[0]]
    size = start + 12 * 65_535
    more = b"".join(
        struct.pack("<2H2L", 20_000 + tag % 45_000, UNDEFINED, size, 0)
        for tag in range(65_535 - len(own) // 12)
    )
    return bytes(body[:start]) + struct.pack("<H", 65_535) + bytes(own) + more + bytes(4)


def _directories(count: int, *, loop: bool) -> bytes:
    """Return a TIFF with many pages after its own, or with one that comes after itself."""
    first = tiff(grey(), BLACK_IS_ZERO)
    start = struct.unpack_from("<L", first, 4)[0]
    link = start + 2 + 12 * struct.unpack_from("<H", first, start)[0]
    at, size = len(first), 18
    width = struct.pack("<H2HLHH", 1, 256, SHORT, 1, 9, 0)
    places = [
        at if loop else at + size * (number + 1) if number + 1 < count else 0 for number in range(count)
    ]
    pages = b"".join(width + struct.pack("<L", place) for place in places)
    return first[:link] + struct.pack("<L", at) + first[link + 4 :] + pages


def _strips(count: int) -> bytes:
    return tiff(
        grey(), BLACK_IS_ZERO, tags={273: (LONG, [8] * count), 279: (LONG, [100] * count), 278: (LONG, [1])}
    )


def _tile_of(side: int) -> bytes:
    tags = {322: (LONG, [side]), 323: (LONG, [side])}
    return tiff(grey(), BLACK_IS_ZERO, tile=64, tags=tags)


def bomb(name: str, make: Callable[[], bytes], error: str, **more: object) -> OddFile:
    return OddFile(name, make, None, error, **more)  # type: ignore[arg-type]


def bombs() -> Iterator[OddFile]:
    """Yield files that are far larger inside than outside."""
    yield bomb("PNG of 169 million pixels", blank("1", 13_000, "PNG"), TOO_MANY)
    yield bomb("PNG of 4 billion pixels", lambda: zeros(65_000, 65_000, odd_png.GREY, 1, 1), TOO_MANY)
    yield bomb(
        "PNG of 2 billion pixels in a row", lambda: zeros(2**31 - 1, 1, odd_png.GREY, 1, 1)[:9999], TOO_MANY
    )
    yield bomb(
        "PNG of 39 million pixels in a row",
        lambda: zeros(39_000_000, 1, odd_png.GREY, 1, 1),
        "a side may have",
    )
    yield OddFile("PNG of 39 million pixels of 8 bytes", lambda: zeros(6200, 6290, odd_png.RGBA, 16, 4), "")
    yield bomb("GIF of 4 billion pixels", _huge_screen, TOO_MANY)
    yield bomb("JPEG of 4 billion pixels", _jpeg_header, TOO_MANY)
    yield OddFile("JPEG of 300 scans", _many_scans, None)
    yield OddFile("JPEG of 60,000 comments", _many_comments)
    yield OddFile("PNG in 200,000 pieces", _many_pieces)
    yield OddFile("GIF of 39 million pixels", blank("L", 6200, "GIF"), "")
    yield OddFile("GIF of 50,000 frames", _many_frames)
    yield bomb("BMP of 4 billion pixels", _lying_bmp(65_000, 65_000), TOO_MANY)
    yield bomb("BMP that has no 36 million pixels", _lying_bmp(6000, 6000), NO_IMAGE)
    yield bomb("BMP of a negative width", _lying_bmp(-400, 300), "")
    yield bomb("BMP of short runs", _endless_runs, NO_IMAGE)
    yield bomb(
        "TIFF of 400 million pixels, group 4", blank("1", 20_000, "TIFF", compression="group4"), TOO_MANY
    )
    yield bomb(
        "TIFF of 100 million pixels, LZW", blank("L", 10_000, "TIFF", compression="tiff_lzw"), TOO_MANY
    )
    yield OddFile(
        "TIFF of 36 million pixels, deflated",
        blank("RGB", 6000, "TIFF", compression="tiff_adobe_deflate"),
        "",
    )
    yield OddFile("TIFF of 36 million pixels of 6 bytes", _deep_colours, "")
    yield bomb("TIFF with a tile of 4 billion pixels", lambda: _tile_of(65_520), TOO_MANY)
    yield OddFile("TIFF of a million strips", lambda: _strips(1_000_000), None)
    yield OddFile("TIFF of 100 long tags", _many_tags)
    yield OddFile("TIFF of 65,535 tags as long as the file", _all_tags)
    yield OddFile("TIFF of 100,000 pages", lambda: _directories(100_000, loop=False))
    yield OddFile("TIFF whose second page follows itself", lambda: _directories(3, loop=True))
    yield OddFile(
        "TIFF with a tag that is itself",
        lambda: tagged_tiff(t34665=(LONG, [8]), t330=(LONG, [8]), t282=(RATIONAL, [1, 0])),
    )
    yield OddFile(
        "PNG with 90 MB of text",
        lambda: odd_png.png(grey(), 0, 8, before=[odd_png.compressed_text(900_000)] * 100),
    )
    yield OddFile(
        "PNG with a profile of 200 MB", lambda: odd_png.png(grey(), 0, 8, before=[odd_png.profile(200 << 20)])
    )
