"""All odd and bad files, with the outcome that is expected of each."""

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
"""Odd files that are read, except for three that are refused with a known message."""

BAD_FILES = (*bombs(), *demanding(), *no_images())
"""Files with any outcome, provided that they cost others no more than their own limit."""

ODD_FILES = (*HONEST_FILES, *BAD_FILES)
