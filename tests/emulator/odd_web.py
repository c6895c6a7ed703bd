"""Odd but honest files of screenshot tools, web pages and telephones: PNG, JPEG, GIF and BMP."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from tests.emulator import odd_bmp, odd_png
from tests.emulator.odd_bmp import bmp
from tests.emulator.odd_file import coloured, encoded, grey, ink, is_ink, page
from tests.emulator.odd_png import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, png

ORIENTATION = 0x0112
_TWO_COLOURS = np.array([(250, 250, 240), (10, 20, 90)], np.uint8)
_TURNS: Mapping[int, Callable[[Image.Image], Image.Image]] = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """Write Exif of these tags: number, type, count, value."""
    out, values, at = struct.pack("<H", len(entries)), b"", 8 + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        out += struct.pack("<HHL", tag, kind, count)
        out += value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<L", at + len(values))
        values += value if len(value) > 4 else b""
    return b"Exif\0\0II*\0" + struct.pack("<L", 8) + out + b"\0\0\0\0" + values


def orientation(number: int) -> tuple[int, int, int, bytes]:
    """Return the Exif tag of an orientation."""
    return ORIENTATION, 3, 1, struct.pack("<H", number)


def turned(number: int) -> Image.Image:
    """Return the page as it is stored with an orientation."""
    return _TURNS[number](page())


def _photo(number: int = 6, *odd: tuple[int, int, int, bytes], image: Image.Image | None = None) -> bytes:
    return encoded(image or turned(number), "JPEG", quality=92, exif=exif(orientation(number), *odd))


def _transparent(colour: tuple[int, int, int]) -> bytes:
    opaque = ink()[:, :, None]
    return png(np.dstack([np.full((*opaque.shape[:2], 3), colour, np.uint8), opaque]), RGBA, 8)


def _both_ways_on_transparent() -> bytes:
    samples = np.dstack([np.zeros((*ink().shape, 3), np.uint8), ink()])
    samples[: ink().shape[0] // 2, :, :3] = 255
    return png(samples, RGBA, 8)


def _palette_of_alphas() -> bytes:
    palette = (b"PLTE", bytes([255] * 3 * 16))
    alphas = (b"tRNS", bytes(level * 17 for level in range(16)))
    return png(ink() // 16, PALETTE, 4, before=[palette, alphas])


def _ycck() -> bytes:
    """Return a JPEG of four inks, three of them as brightness and colour: Photoshop's way."""
    luma = np.asarray(Image.fromarray(coloured((235, 235, 200), (5, 5, 10))).convert("YCbCr"))
    key = np.full((*luma.shape[:2], 1), 0, np.uint8)
    # Pillow inverts what it stores, as Photoshop does with the colours before it makes the brightness.
    stored = np.dstack([255 - luma, key])
    data = encoded(Image.fromarray(stored, "CMYK"), "JPEG", quality=95)
    place = data.index(b"Adobe\0") + 11
    return data[:place] + b"\x02" + data[place + 1 :]


def _cmyk() -> Image.Image:
    return Image.fromarray(coloured((20, 20, 10, 240), (0, 0, 8, 4)), "CMYK")


def _without(marker: bytes, data: bytes) -> bytes:
    place = data.index(marker)
    size = int.from_bytes(data[place + 2 : place + 4], "big") + 2
    return data[:place] + data[place + size :]


def _jfif(unit: int, across: int, down: int, image: Image.Image | None = None) -> bytes:
    data = bytearray(encoded(image or page(), "JPEG", quality=92))
    place = data.index(b"JFIF\0")
    data[place + 7 : place + 12] = struct.pack(">B2H", unit, across, down)
    return bytes(data)


def _squeezed(across: int, down: int) -> Image.Image:
    image = page()
    return image.resize((image.width // across, image.height // down), Image.Resampling.BOX)


def _small_frame() -> bytes:
    """Return a GIF whose only frame covers a part of its canvas, the first colour of which is black."""
    image = Image.fromarray(1 - is_ink(), "P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    data = bytearray(encoded(image, "GIF"))
    data[6:10] = struct.pack("<2H", image.width + 300, image.height + 200)
    place = data.index(b",\0\0\0\0")
    data[place + 1 : place + 5] = struct.pack("<2H", 100, 50)
    return bytes(data)


def _gif_with_transparent_paper() -> bytes:
    image = Image.fromarray(is_ink(), "P")
    image.putpalette([0, 0, 0, 255, 255, 240])
    return encoded(image, "GIF", transparency=0)


def _aspect_gif() -> bytes:
    data = bytearray(encoded(_squeezed(1, 2), "GIF"))
    data[12] = 64 // 2 - 15
    return bytes(data)


def _animation() -> bytes:
    frames = [Image.new("L", page().size, level) for level in (0, 90, 255)]
    return encoded(page(), "GIF", save_all=True, append_images=frames, duration=10)


def _bmp_16(red: int, green: int, blue: int, **options: object) -> bytes:
    colours = coloured((20, 30, 60), (255, 250, 240)).astype(np.uint16)
    packed = (
        (colours[:, :, 0] >> 3) << red | (colours[:, :, 1] >> (8 - (red - 5))) << 5 | colours[:, :, 2] >> 3
    )
    del green, blue
    return bmp([row.astype("<u2").tobytes() for row in packed], packed.shape[1], 16, **options)  # type: ignore[arg-type]


def _bmp_32(alpha: int, header: int = 40, masks: tuple[int, ...] = ()) -> bytes:
    colours = coloured((20, 30, 60), (255, 250, 240))
    rows = np.dstack([colours[:, :, ::-1], np.full(colours.shape[:2], alpha, np.uint8)])
    compression = odd_bmp.BITFIELDS if masks else odd_bmp.RAW
    return bmp(
        [row.tobytes() for row in rows],
        rows.shape[1],
        32,
        header=header,
        masks=masks,
        compression=compression,
    )


def _bmp_indexed(bits: int, **options: object) -> bytes:
    indices = odd_png._rows(is_ink(), bits)  # rows of packed samples, each after a zero
    width = is_ink().shape[1]
    stride = -(-width * bits // 8) + 1
    rows = [indices[start + 1 : start + stride] for start in range(0, len(indices), stride)]
    return bmp(rows, width, bits, palette=_TWO_COLOURS, **options)  # type: ignore[arg-type]


def _bmp_runs(compression: int, bits: int) -> bytes:
    data = odd_bmp.run_lengths(is_ink(), nibbles=bits == 4)
    height, width = is_ink().shape
    return bmp([data], width, bits, compression=compression, palette=_TWO_COLOURS, height=height)


def _wrong_checksum() -> bytes:
    data, place = png(grey(), GREY, 8), len(odd_png.SIGNATURE) + 25
    return data[:place] + odd_png.chunk(b"tEXt", b"a\0b", checksum=7) + data[place:]


PNGS: Mapping[str, Callable[[], bytes]] = {
    "grey, 16 bits": lambda: png(grey().astype(int) * 257, GREY, 16),
    "grey, 12 bits in 16": lambda: png(grey().astype(int) * 16, GREY, 16),
    "grey, 10 bits in 16": lambda: png(grey().astype(int) * 4, GREY, 16),
    "grey, 8 bits in 16": lambda: png(grey().astype(int), GREY, 16),
    "colour, 16 bits": lambda: png(coloured((20, 30, 60), (255, 250, 240)).astype(int) * 257, RGB, 16),
    "colour and alpha, 16 bits": lambda: png(
        np.dstack([np.zeros((*ink().shape, 3), int), ink().astype(int) * 257]), RGBA, 16
    ),
    "grey and alpha, 16 bits": lambda: png(np.dstack([0 * ink(), ink()]).astype(int) * 257, GREY_ALPHA, 16),
    "grey, 2 bits": lambda: png(grey() >> 6, GREY, 2),
    "grey, 4 bits": lambda: png(grey() >> 4, GREY, 4),
    "grey, 1 bit, interlaced": lambda: png(1 - is_ink(), GREY, 1, interlaced=True),
    "grey, 16 bits, interlaced": lambda: png(grey().astype(int) * 257, GREY, 16, interlaced=True),
    "palette, 1 bit": lambda: png(is_ink(), PALETTE, 1, before=[(b"PLTE", _TWO_COLOURS.tobytes())]),
    "palette, 2 bits": lambda: png(is_ink(), PALETTE, 2, before=[(b"PLTE", _TWO_COLOURS.tobytes())]),
    "palette, 4 bits, alphas, white ink": _palette_of_alphas,
    "white on transparent": lambda: _transparent((255, 255, 255)),
    "pale yellow on transparent": lambda: _transparent((255, 250, 170)),
    "mid-grey on transparent": lambda: _transparent((128, 128, 128)),
    "red on transparent": lambda: _transparent((220, 20, 20)),
    "black and white on transparent": _both_ways_on_transparent,
    "grey and alpha, white ink": lambda: png(np.dstack([0 * ink() + 255, ink()]), GREY_ALPHA, 8),
    "colour and an empty alpha": lambda: png(
        np.dstack([coloured((0, 0, 0), (255, 255, 255)), 0 * ink()]), RGBA, 8
    ),
    "1 bit, transparent ink": lambda: png(1 - is_ink(), GREY, 1, before=[(b"tRNS", b"\0\0")]),
    "1 bit, transparent paper, white ink": lambda: png(is_ink(), GREY, 1, before=[(b"tRNS", b"\0\0")]),
    "4 bits, transparent ink": lambda: png(15 - 15 * is_ink(), GREY, 4, before=[(b"tRNS", b"\0\0")]),
    "4 bits, transparent paper, white ink": lambda: png(
        10 + 5 * is_ink(), GREY, 4, before=[(b"tRNS", b"\0\x0a")]
    ),
    "16 bits, transparent paper, white ink": lambda: png(
        40000 + 25000 * is_ink().astype(int), GREY, 16, before=[(b"tRNS", struct.pack(">H", 40000))]
    ),
    "colour, 16 bits, transparent paper, white ink": lambda: png(
        np.repeat((40000 + 25000 * is_ink().astype(int))[:, :, None], 3, 2),
        *(RGB, 16),
        before=[(b"tRNS", struct.pack(">3H", 40000, 40000, 40000))],
    ),
    "colour, one transparent, white ink": lambda: png(
        coloured((255, 255, 255), (255, 0, 255)) * is_ink()[:, :, None]
        + (1 - is_ink()[:, :, None]) * np.array([255, 0, 255], np.uint8),
        *(RGB, 8),
        before=[(b"tRNS", struct.pack(">3H", 255, 0, 255))],
    ),
    "a profile of 3 MB": lambda: png(grey(), GREY, 8, before=[odd_png.profile(3 << 20)]),
    "texts of 90 MB before the image": lambda: png(
        grey(), GREY, 8, before=[odd_png.compressed_text(900_000)] * 100
    ),
    "a text of 60 MB after the image": lambda: png(
        grey(), GREY, 8, after=[odd_png.compressed_text(60 << 20)]
    ),
    "an unknown compression of a text": lambda: png(grey(), GREY, 8, before=[(b"zTXt", b"a\0\x07b")]),
    "an animation with errors": lambda: png(
        grey(), GREY, 8, before=[(b"acTL", struct.pack(">2L", 2, 0)), (b"fcTL", bytes(26))]
    ),
    "gamma, chromaticities, a private chunk": lambda: png(
        grey(),
        GREY,
        8,
        before=[(b"gAMA", struct.pack(">L", 100000)), (b"cHRM", bytes(3)), (b"prVt", b"?" * 99)],
    ),
    "a wrong checksum beside the image": _wrong_checksum,
    "Exif with an orientation": lambda: png(
        np.asarray(turned(6)), GREY, 8, before=[(b"eXIf", exif(orientation(6))[6:])]
    ),
    "pixels twice as high as wide": lambda: png(
        np.asarray(_squeezed(1, 2)), GREY, 8, before=[(b"pHYs", struct.pack(">2LB", 2, 1, 0))]
    ),
    "an absurd resolution": lambda: png(
        grey(), GREY, 8, before=[(b"pHYs", struct.pack(">2LB", 1, 2**31 - 1, 1))]
    ),
}

JPEGS: Mapping[str, Callable[[], bytes]] = {
    **{f"orientation {number}": (lambda number=number: _photo(number)) for number in range(1, 9)},  # type: ignore[misc]
    "orientation 99": lambda: _photo(99, image=page()),
    "a resolution of -1/0": lambda: _photo(6, (0x011A, 10, 1, struct.pack("<2l", -1, 0))),
    "resolutions of 0/0": lambda: _photo(
        6, (0x011A, 5, 1, bytes(8)), (0x011B, 5, 1, bytes(8)), (0x0128, 3, 1, b"\2\0")
    ),
    "an integer of 8 bytes in Exif": lambda: _photo(6, (0x8827, 16, 1, struct.pack("<Q", 2**63))),
    "the software as a fraction": lambda: _photo(6, (0x0131, 5, 1, struct.pack("<2L", 1, 0))),
    "a name that is no ASCII": lambda: _photo(6, (0x010F, 2, 6, b"\xff\xfe\x00\xd8\x81\x00")),
    "a directory in Exif that is nowhere": lambda: _photo(6, (0x8769, 4, 1, struct.pack("<L", 2**31))),
    "a directory in Exif that is itself": lambda: _photo(6, (0x8769, 4, 1, struct.pack("<L", 8))),
    "a value in Exif that is nowhere": lambda: _photo(6, (0x0110, 2, 2**31, struct.pack("<L", 2**31))),
    "Exif that breaks off": lambda: _photo(1).replace(
        exif(orientation(1)), exif(orientation(1))[:14].ljust(32, b"\xff")
    ),
    "progressive": lambda: encoded(page().convert("RGB"), "JPEG", progressive=True, quality=92),
    "four inks": lambda: encoded(_cmyk(), "JPEG", quality=95),
    "four inks without Adobe's mark": lambda: _without(b"\xff\xee", encoded(_cmyk(), "JPEG", quality=95)),
    "four inks as brightness and colour": _ycck,
    "a second picture": lambda: encoded(
        page().convert("RGB"), "MPO", save_all=True, append_images=[Image.new("RGB", (80, 60))], quality=92
    ),
    "a broken second picture": lambda: encoded(
        page().convert("RGB"), "MPO", save_all=True, append_images=[Image.new("RGB", (80, 60))], quality=92
    ).replace(b"\xb0\x01", b"\xb0\x09", 1),
    "garbage after the end": lambda: encoded(page(), "JPEG", quality=92) + b"\xff\xd9 garbage \xff\xda" * 999,
    "without its last bytes": lambda: encoded(page(), "JPEG", quality=92)[:-9],
    "a profile that inverts": lambda: encoded(page(), "JPEG", quality=92, icc_profile=b"no profile" * 9000),
    "pixels twice as high as wide": lambda: _jfif(0, 2, 1, _squeezed(1, 2)),
    "pixels twice as wide as high": lambda: _jfif(0, 1, 2, _squeezed(2, 1)),
    "a fax of 204 by 98": lambda: _jfif(1, 204, 98, _squeezed(1, 2)),
    "a resolution of 0": lambda: _jfif(1, 0, 0),
    "a resolution of 65535 by 1": lambda: _jfif(1, 65535, 1),
}

GIFS: Mapping[str, Callable[[], bytes]] = {
    "transparent paper, pale ink": _gif_with_transparent_paper,
    "a small frame": _small_frame,
    "an animation": _animation,
    "interlaced": lambda: encoded(page(), "GIF", interlace=True),
    "pixels twice as high as wide": _aspect_gif,
    "without its last bytes": lambda: encoded(page(), "GIF")[:-40],
}

BMPS: Mapping[str, Callable[[], bytes]] = {
    "the first row first": lambda: bmp(
        [row.tobytes() for row in coloured((0, 0, 0), (255, 255, 255))], page().width, 24, top_down=True
    ),
    "runs of 8 bits": lambda: _bmp_runs(odd_bmp.RLE8, 8),
    "runs of 4 bits": lambda: _bmp_runs(odd_bmp.RLE4, 4),
    "16 bits, 5 of each": lambda: _bmp_16(10, 5, 0),
    "16 bits, 6 of green": lambda: _bmp_16(
        11, 5, 0, compression=odd_bmp.BITFIELDS, masks=(0xF800, 0x7E0, 0x1F)
    ),
    "32 bits, nothing in the last": lambda: _bmp_32(0),
    "32 bits, alpha left empty": lambda: _bmp_32(0, 108, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "32 bits, alpha, newest header": lambda: _bmp_32(255, 124, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "OS/2": lambda: _bmp_indexed(1, header=12),
    "OS/2, newer": lambda: _bmp_indexed(4, header=64),
    "1 bit": lambda: _bmp_indexed(1),
    "a wrong size of the file": lambda: _bmp_indexed(8, file_size=17),
    "a resolution of a fax": lambda: bmp(
        [row.tobytes() for row in np.repeat(np.asarray(_squeezed(1, 2))[:, :, None], 3, 2)],
        *(page().width, 24),
        per_meter=(8031, 3858),
    ),
}
