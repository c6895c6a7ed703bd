"""Odd but honest files of scanners, fax machines and instruments: TIFF in all its forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from tests.emulator.odd_file import coloured, encoded, grey, ink, is_ink, page
from tests.emulator.odd_tiff import (
    BLACK_IS_ZERO,
    INKS,
    LAB,
    LONG,
    PALETTE,
    RATIONAL,
    SHORT,
    TRUE_COLOUR,
    UNDEFINED,
    WHITE_IS_ZERO,
    YCBCR,
    Tags,
    resolution,
    reversed_bits,
    tiff,
)

_BILEVEL = ("group3", "group4", "tiff_lzw", "tiff_adobe_deflate", "packbits", None)
_CONTINUOUS = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", None)
_PHOTOMETRIC, _FILL_ORDER, _ORIENTATION, _EXTRA = 262, 266, 274, 338
Lines = npt.NDArray[np.uint8]


def _deep(scale: float, kind: str) -> npt.NDArray[Any]:
    return (grey().astype(np.float64) * scale).astype(kind)


def _compressed(mode: str, compression: str | None, white_is_zero: bool) -> bytes:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    if white_is_zero:
        info[_PHOTOMETRIC] = WHITE_IS_ZERO
    return encoded(page().convert(mode), "TIFF", compression=compression, tiffinfo=info)


def fax(across: float, down: float | None, unit: int = 2, *, squeezed: tuple[int, int] = (1, 2)) -> bytes:
    """Return a page in black and white with pixels that are not square."""
    image = page()
    size = image.width // squeezed[0], image.height // squeezed[1]
    lines = np.asarray(image.resize(size, Image.Resampling.BOX)) < 128
    return tiff(lines.astype(np.uint16), WHITE_IS_ZERO, bits=1, tags=resolution(across, down, unit))


def _squeezed_lines() -> npt.NDArray[np.bool_]:
    image = page()
    return np.asarray(image.resize((image.width, image.height // 2), Image.Resampling.BOX)) < 128


def _group_4_fax() -> bytes:
    image = page()
    lines = image.resize((image.width, image.height // 2), Image.Resampling.BOX).convert(
        "1", dither=Image.Dither.NONE
    )
    return encoded(lines, "TIFF", compression="group4", dpi=(204, 98))


def _backwards_group_4() -> bytes:
    """Return a fax whose bits are stored from the right to the left, as modems deliver them."""
    image = page().convert("1", dither=Image.Dither.NONE)
    data = encoded(image, "TIFF", compression="group4")
    with Image.open(__import__("io").BytesIO(data)) as read:
        offsets, counts = read.tag_v2[273], read.tag_v2[279]  # type: ignore[attr-defined]
        photometric, rows = read.tag_v2[262], read.tag_v2[278]  # type: ignore[attr-defined]
    parts = [data[offset : offset + count] for offset, count in zip(offsets, counts, strict=True)]
    places = [8 + sum(map(len, parts[:number])) for number in range(len(parts))]
    tags = {
        259: (SHORT, [4]),
        266: (SHORT, [2]),
        273: (LONG, places),
        278: (LONG, [rows]),
        279: (LONG, [len(part) for part in parts]),
    }
    samples = np.zeros((image.height, image.width), np.uint16)
    return tiff(samples, photometric, bits=1, data=reversed_bits(b"".join(parts)), tags=tags)


def _oriented(number: int, *, tags: Tags | None = None) -> bytes:
    from tests.emulator.odd_web import turned

    return tiff(
        np.asarray(turned(number)), BLACK_IS_ZERO, tags={_ORIENTATION: (SHORT, [number]), **(tags or {})}
    )


def _palette(bits: int) -> bytes:
    colours = np.zeros((3, 1 << bits), np.uint16)
    colours[:, 0], colours[:, 1] = 65535, (2000, 3000, 20000)
    return tiff(is_ink().astype(np.uint16), PALETTE, bits=bits, tags={320: (SHORT, colours.ravel().tolist())})


def _subsampled() -> bytes:
    """Return brightness for each pixel and colour for each four, as video and some scanners have it."""
    rows, columns = (side // 2 * 2 for side in grey().shape)
    luma = grey()[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2).transpose(0, 2, 1, 3)
    blocks = np.concatenate(
        [luma.reshape(rows // 2, columns // 2, 4), np.full((rows // 2, columns // 2, 2), 128)], 2
    )
    samples = np.zeros((rows, columns, 3), np.uint8)
    tags = {530: (SHORT, [2, 2]), 532: (RATIONAL, [0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1])}
    return tiff(samples, YCBCR, data=blocks.astype(np.uint8).tobytes(), tags=tags)


def _pages() -> bytes:
    others = [Image.new("L", (300, 200), level) for level in (0, 128)]
    return encoded(page(), "TIFF", save_all=True, append_images=others)


def _lab() -> bytes:
    lab = np.dstack([grey(), np.zeros((*grey().shape, 2), np.uint8)])
    return tiff(lab, LAB)


def _with_holes() -> npt.NDArray[np.float32]:
    values = (grey() / 255).astype(np.float32)
    values[:9, :9], values[-9:, :9], values[:9, -9:] = np.nan, np.inf, -np.inf
    return values


def _white_ink(kind: str, most: int, alpha: int) -> bytes:
    samples = np.dstack([np.full((*ink().shape, 3), most), ink().astype(int) * most // 255]).astype(kind)
    if alpha == 1:
        samples[:, :, :3] = samples[:, :, 3:]
    return tiff(samples, TRUE_COLOUR, tags={_EXTRA: (SHORT, [alpha])})


TIFFS: Mapping[str, Callable[[], bytes]] = {
    **{
        f"1 bit, {name or 'plain'}, {'white' if white else 'black'} is zero": (
            lambda name=name, white=white: _compressed("1", name, white)  # type: ignore[misc]
        )
        for name in _BILEVEL
        for white in (True, False)
    },
    **{
        f"grey, {name or 'plain'}, {'white' if white else 'black'} is zero": (
            lambda name=name, white=white: _compressed("L", name, white)  # type: ignore[misc]
        )
        for name in _CONTINUOUS
        for white in (True, False)
    },
    **{
        f"colour, {name or 'plain'}": (lambda name=name: _compressed("RGB", name, False))  # type: ignore[misc]
        for name in _CONTINUOUS
    },
    "four inks": lambda: tiff(coloured((20, 20, 10, 240), (0, 0, 8, 4)), INKS),
    "four inks, compressed as JPEG": lambda: _compressed("CMYK", "jpeg", False),
    "four inks, 16 bits": lambda: tiff(
        coloured((20, 20, 10, 240), (0, 0, 8, 4)).astype(np.uint16) * 257, INKS
    ),
    **{
        f"{bits} bits in 16, {'Intel' if order == '<' else 'Motorola'}": (
            lambda bits=bits, order=order: tiff(_deep(2.0 ** (bits - 8), "u2"), BLACK_IS_ZERO, order=order)  # type: ignore[misc]
        )
        for bits in (8, 10, 12, 16)
        for order in "<>"
    },
    "16 bits, white is zero": lambda: tiff(65535 - _deep(257, "u2"), WHITE_IS_ZERO),
    "16 bits, white is zero, Motorola": lambda: tiff(65535 - _deep(257, "u2"), WHITE_IS_ZERO, order=">"),
    "16 bits with a sign": lambda: tiff(_deep(100, "i2"), BLACK_IS_ZERO),
    "16 bits with a sign, Motorola": lambda: tiff(
        _deep(100, "i2") - np.int16(9000), BLACK_IS_ZERO, order=">"
    ),
    "8 bits with a sign": lambda: tiff((grey().astype(int) - 128).astype(np.int8), BLACK_IS_ZERO),
    "12 bits, packed": lambda: tiff(_deep(16, "u2"), BLACK_IS_ZERO, bits=12),
    "12 bits, packed, Motorola": lambda: tiff(_deep(16, "u2"), BLACK_IS_ZERO, bits=12, order=">"),
    "32 bits": lambda: tiff(_deep(16843009, "u4"), BLACK_IS_ZERO),
    "32 bits, Motorola": lambda: tiff(_deep(16843009, "u4"), BLACK_IS_ZERO, order=">"),
    "32 bits with a sign": lambda: tiff(_deep(1000, "i4") - np.int32(99999), BLACK_IS_ZERO),
    "numbers from 0 to 1": lambda: tiff(_deep(1 / 255, "f4"), BLACK_IS_ZERO),
    "numbers from 0 to 1, Motorola": lambda: tiff(_deep(1 / 255, "f4"), BLACK_IS_ZERO, order=">"),
    "numbers, white is zero": lambda: tiff((1 - _deep(1 / 255, "f4")), WHITE_IS_ZERO),
    "numbers with holes": lambda: tiff(_with_holes(), BLACK_IS_ZERO),
    "numbers of 16 bits": lambda: tiff(_deep(1 / 255, "f2"), BLACK_IS_ZERO),
    "numbers of 64 bits": lambda: tiff(_deep(1 / 255, "f8"), BLACK_IS_ZERO),
    "numbers of 32 bits in colour": lambda: tiff(
        np.repeat(_deep(1 / 255, "f4")[:, :, None], 3, 2), TRUE_COLOUR
    ),
    "grey, 2 bits": lambda: tiff(_deep(1 / 64, "u2"), BLACK_IS_ZERO, bits=2),
    "grey, 4 bits": lambda: tiff(_deep(1 / 16, "u2"), BLACK_IS_ZERO, bits=4),
    "grey, 4 bits, white is zero": lambda: tiff(15 - _deep(1 / 16, "u2"), WHITE_IS_ZERO, bits=4),
    "palette, 1 bit": lambda: _palette(1),
    "palette, 4 bits": lambda: _palette(4),
    "palette, 8 bits": lambda: _palette(8),
    "colour, 16 bits": lambda: tiff(
        coloured((20, 30, 60), (255, 250, 240)).astype(np.uint16) * 257, TRUE_COLOUR
    ),
    "colour, 16 bits, Motorola": lambda: tiff(
        coloured((20, 30, 60), (255, 250, 240)).astype(np.uint16) * 257, TRUE_COLOUR, order=">"
    ),
    "colour, 12 bits in 16": lambda: tiff(
        coloured((20, 30, 60), (255, 250, 240)).astype(np.uint16) * 16, TRUE_COLOUR
    ),
    "colour, one channel after the other": lambda: tiff(
        coloured((20, 30, 60), (255, 250, 240)), TRUE_COLOUR, planar=True
    ),
    "colour, 16 bits, one channel after the other": lambda: tiff(
        coloured((20, 30, 60), (255, 250, 240)).astype(np.uint16) * 257, TRUE_COLOUR, planar=True
    ),
    "white ink on transparent": lambda: _white_ink("u1", 255, 2),
    "white ink on transparent, multiplied": lambda: _white_ink("u1", 255, 1),
    "white ink on transparent, 16 bits": lambda: _white_ink("u2", 65535, 2),
    "grey and alpha, white ink": lambda: tiff(
        np.dstack([0 * ink() + 255, ink()]), BLACK_IS_ZERO, tags={_EXTRA: (SHORT, [2])}
    ),
    "grey and alpha, 16 bits": lambda: tiff(
        np.dstack([0 * ink(), ink()]).astype(np.uint16) * 257, BLACK_IS_ZERO, tags={_EXTRA: (SHORT, [2])}
    ),
    "brightness and colour": lambda: tiff(
        np.dstack([grey(), np.full((*grey().shape, 2), 128, np.uint8)]), YCBCR, tags={530: (SHORT, [1, 1])}
    ),
    "brightness and less colour": _subsampled,
    "lightness and two colour axes": _lab,
    "bits from the right": lambda: tiff(
        is_ink().astype(np.uint16),
        WHITE_IS_ZERO,
        bits=1,
        data=reversed_bits(np.packbits(is_ink(), axis=1).tobytes()),
        tags={_FILL_ORDER: (SHORT, [2])},
    ),
    "group 4, bits from the right": _backwards_group_4,
    "tiles": lambda: tiff(grey(), BLACK_IS_ZERO, tile=64),
    "tiles of colour": lambda: tiff(coloured((20, 30, 60), (255, 250, 240)), TRUE_COLOUR, tile=128),
    "tiles of 1 bit": lambda: tiff(is_ink().astype(np.uint16), WHITE_IS_ZERO, bits=1, tile=64),
    "tiles of 16 bits, Motorola": lambda: tiff(_deep(257, "u2"), BLACK_IS_ZERO, tile=64, order=">"),
    "a strip for each row": lambda: tiff(grey(), BLACK_IS_ZERO, rows_per_strip=1),
    "one strip of any length": lambda: tiff(grey(), BLACK_IS_ZERO, tags={278: (LONG, [2**32 - 1])}),
    "a strip without a length": lambda: tiff(grey(), BLACK_IS_ZERO, tags={279: None}),
    "a strip of no length": lambda: tiff(grey(), BLACK_IS_ZERO, tags={279: (LONG, [0])}),
    "no more tags than are needed": lambda: tiff(
        is_ink().astype(np.uint16),
        WHITE_IS_ZERO,
        bits=1,
        tags=dict.fromkeys((258, 277, 278, 279, 284, 339, _PHOTOMETRIC)),
    ),
    "a fax on its side": lambda: tiff(
        (np.rot90(_squeezed_lines())).astype(np.uint16),
        WHITE_IS_ZERO,
        bits=1,
        tags={_ORIENTATION: (SHORT, [6]), **resolution(98, 204, 2)},
    ),
    "BigTIFF": lambda: tiff(grey(), BLACK_IS_ZERO, big=True),
    "BigTIFF of 16 bits, Motorola": lambda: tiff(_deep(257, "u2"), BLACK_IS_ZERO, big=True, order=">"),
    "three pages": _pages,
    **{f"orientation {number}": (lambda number=number: _oriented(number)) for number in range(1, 9)},  # type: ignore[misc]
    "an orientation and broken metadata": lambda: _oriented(
        6,
        tags={
            700: (SHORT, [1, 2, 3]),
            34665: (LONG, [2**31]),
            305: (RATIONAL, [1, 0]),
            33723: (LONG, [1, 2]),
        },
    ),
    "an orientation, compressed": lambda: encoded(
        page().transpose(Image.Transpose.ROTATE_90),
        "TIFF",
        compression="tiff_lzw",
        tiffinfo={_ORIENTATION: 6},
    ),
    "a private tag of 200 kB": lambda: tiff(grey(), BLACK_IS_ZERO, tags={65000: (UNDEFINED, bytes(200_000))}),
    "a fax of 204 by 98": lambda: fax(204, 98),
    "a fax of 204 by 98, group 4": _group_4_fax,
    "a fax of 204 by 196": lambda: fax(204, 196, squeezed=(1, 1)),
    "a fax of 200 by 100": lambda: fax(200, 100),
    "a scan of 100 by 200": lambda: fax(100, 200, squeezed=(2, 1)),
    "a fax in centimetres": lambda: fax(80.3, 38.5, 3),
    "a fax without a unit": lambda: fax(204, 98, 1),
    "a resolution across only": lambda: fax(204, None, squeezed=(1, 1)),
    "a resolution of 0 by 65535": lambda: fax(0, 65535, squeezed=(1, 1)),
    "a resolution of 0/0": lambda: tiff(
        grey(), BLACK_IS_ZERO, tags={282: (RATIONAL, [0, 0]), 283: (RATIONAL, [0, 0]), 296: (SHORT, [2])}
    ),
    "without its last bytes": lambda: tiff(grey(), BLACK_IS_ZERO, tags={279: (LONG, [grey().size + 4000])}),
}
