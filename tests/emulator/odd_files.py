"""All odd and bad files: what each is, and what is expected of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.emulator.odd_bombs import bombs
from tests.emulator.odd_demands import demanding
from tests.emulator.odd_file import OddFile
from tests.emulator.odd_scans import TIFFS
from tests.emulator.odd_shapes import SHAPES
from tests.emulator.odd_strangers import no_images
from tests.emulator.odd_web import BMPS, GIFS, JPEGS, PNGS

_NOT_READ = {
    "TIFF: numbers of 16 bits": "1 x 16 bits",
    "TIFF: grey and alpha, 16 bits": "2 x 16 bits",
    "TIFF: BigTIFF of 16 bits, Motorola": "not an image",
}


def _honest() -> Iterator[OddFile]:
    for kind, files in {"PNG": PNGS, "JPEG": JPEGS, "GIF": GIFS, "BMP": BMPS, "TIFF": TIFFS}.items():
        for name, make in files.items():
            file = OddFile(f"{kind}: {name}", make)
            error = _NOT_READ.get(file.name)
            yield replace(file, text=None, error=error) if error else file
    for name, (make, text) in SHAPES.items():
        yield OddFile(name, make, text)


HONEST_FILES = tuple(_honest())
"""Odd files that are read; of three it is said what they are instead."""

BAD_FILES = (*bombs(), *demanding(), *no_images())
"""Files that may end in any way that costs nobody else more than their own bound."""

ODD_FILES = (*HONEST_FILES, *BAD_FILES)
