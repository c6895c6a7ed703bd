"""TIFF (revision 6.0) as far as it matters before a file is paid for: its pages, and traces of a camera.

The service documents TIFF of a single page. A directory is a page unless its NewSubfileType says that it is
a reduced image (a thumbnail, a level of a pyramid), a mask or a map of depths; SubIFDs belong to their page.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_asposeocr.files.paths import reason_of

MAX_DIRECTORIES = 100
"""Directories that are read of one file at most: in a remote storage each may cost a request."""

MAX_SECONDS = 60.0
"""Seconds after which no further directory is read."""

_MAX_ENTRIES = 4096
_MAX_SUB_DIRECTORIES = 8

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_WIDTH, _LENGTH, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION = 256, 257, 262, 271, 330, 50706
_BITS, _ORIENTATION = 258, 274
_NOT_A_PAGE = 0b1101
"""Bits of NewSubfileType: reduced image, transparency mask, map of depths."""

_REDUCED, _MASK = 2, 4
_GREY_OR_COLOUR = frozenset({0, 1, 2, 3, 6})
"""Photometric interpretations that any reader knows: grey, RGB, palette, and YCbCr of JPEG."""

_SENSOR = frozenset({32803, 34892})
"""Photometric interpretations of a sensor: its colour filter, or linear raw data."""

_MAKERS = {
    b"canon": "cr2",
    b"nikon": "nef",
    b"sony": "arw",
    b"pentax": "pef",
    b"ricoh": "pef",
    b"samsung": "srw",
    b"hasselblad": "3fr",
    b"phase one": "iiq",
    b"epson": "erf",
    b"kodak": "dcr",
    b"eastman": "dcr",
}
_SIZES = {1: 1, 3: 2, 4: 4, 13: 4}
"""Bytes of the kinds of whole numbers: BYTE, SHORT, LONG, IFD."""

ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class TiffLook:
    """The findings of a look at a TIFF.

    :param several: whether it has more than one page of full resolution.
    :param camera: the camera's own format that it is of, such as ``nef``, or None.
    :param unclear: why its pages could not be counted, or None.
    :param plain: whether its first page is upright, in grey or RGB, with 8 bits of a sample at most.
    """

    several: bool = False
    camera: str | None = None
    unclear: str | None = None
    plain: bool = True


class _UnclearError(Exception):
    """The pages cannot be counted; the message says why."""


@dataclass(slots=True)
class _Reader:
    read_at: ReadAt
    order: Literal["little", "big"] = "little"
    seen: set[int] = field(default_factory=set)
    until: float = field(default_factory=lambda: time.monotonic() + MAX_SECONDS)

    def exactly(self, at: int, size: int) -> bytes:
        data = self.read_at(at, size)
        if len(data) != size:
            raise _UnclearError("it is damaged")
        return data

    def number(self, raw: bytes) -> int:
        return int.from_bytes(raw, self.order)

    def following(self, at: int) -> _Directory:
        if at in self.seen:
            raise _UnclearError("its directories form a circle")
        if len(self.seen) >= MAX_DIRECTORIES or time.monotonic() > self.until:
            raise _UnclearError("it has too many directories")
        self.seen.add(at)
        return self.directory(at)

    def directory(self, at: int) -> _Directory:
        count = self.number(self.exactly(at, 2)) if at >= 8 else 0
        if not 0 < count <= _MAX_ENTRIES:
            raise _UnclearError("it is damaged")
        data = self.exactly(at + 2, 12 * count + 4)
        entries = [data[start : start + 12] for start in range(0, 12 * count, 12)]
        return _Directory(self, {self.number(e[:2]): e for e in entries}, self.number(data[-4:]))


@dataclass(slots=True)
class _Directory:
    reader: _Reader
    entries: dict[int, bytes]
    following: int

    @property
    def is_page(self) -> bool:
        # A thumbnail of Exif has no dimensions of its own.
        if not (self.numbers(_WIDTH) and self.numbers(_LENGTH)) or self._one(_PHOTOMETRIC) == _MASK:
            return False
        kind = self._one(_NEW_SUBFILE_TYPE)
        return not (kind & _NOT_A_PAGE if kind else self._one(_SUBFILE_TYPE) == _REDUCED)

    @property
    def is_plain(self) -> bool:
        with suppress(_UnclearError):
            upright = self._one(_ORIENTATION) in (0, 1)
            return (
                upright
                and self._one(_PHOTOMETRIC) in _GREY_OR_COLOUR
                and max(self.numbers(_BITS), default=1) <= 8
            )
        return True

    def camera(self, *, is_first: bool) -> str | None:
        """Name the camera's format that it shows; what lies below the first of all tells enough."""
        if self.numbers(_DNG_VERSION):
            return "dng"
        looked_at = [self]
        if is_first:
            # They are no pages, so that they need not be whole.
            with suppress(_UnclearError):
                looked_at += [self.reader.directory(at) for at in self.numbers(_SUB_DIRECTORIES)]
        if not any(directory._one(_PHOTOMETRIC) in _SENSOR for directory in looked_at):
            return None
        _, size, raw = self._entry(_MAKE)
        found = raw if size <= 4 else self.reader.read_at(self.reader.number(raw), min(size, 32))
        make = found[:size].lower()
        return next((name for maker, name in _MAKERS.items() if make.startswith(maker)), "raw")

    def numbers(self, tag: int) -> list[int]:
        kind, count, raw = self._entry(tag)
        size = _SIZES.get(kind, 0)
        total = size * min(count, _MAX_SUB_DIRECTORIES)
        if total > 4:
            raw = self.reader.exactly(self.reader.number(raw), total)
        return [self.reader.number(raw[at : at + size]) for at in range(0, total, size or 1)]

    def _one(self, tag: int) -> int:
        return next(iter(self.numbers(tag)), 0)

    def _entry(self, tag: int) -> tuple[int, int, bytes]:
        """Return the kind of a value, the number of its parts, and itself, or its offset if it is longer."""
        entry = self.entries.get(tag, bytes(12))
        return self.reader.number(entry[2:4]), self.reader.number(entry[4:8]), entry[8:]


def look_at_tiff(read_at: ReadAt) -> TiffLook:
    """Look for a second page, and for the traces of a camera, in as few parts of a file as it takes.

    Ends at the second page: how many more there are would not change what is done.

    :param read_at: reads so many bytes at an offset of the file; fewer only at its end. What it raises
        means that the pages cannot be counted.
    """
    reader, pages, plain = _Reader(read_at), 0, True
    try:
        head = reader.exactly(0, 8)
        reader.order = "little" if head.startswith(b"II") else "big"
        at = reader.number(head[4:])
        while at:
            directory = reader.following(at)
            if camera := directory.camera(is_first=len(reader.seen) == 1):
                return TiffLook(camera=camera)
            if directory.is_page:
                pages += 1
                if pages > 1:
                    return TiffLook(several=True)
                plain = directory.is_plain
            at = directory.following
    except _UnclearError as error:
        return TiffLook(unclear=str(error))
    except Exception as error:
        # A storage raises what it likes, and the file is read as a whole later on.
        return TiffLook(unclear=f"its parts cannot be read: {reason_of(error)}")
    return TiffLook(plain=plain) if pages else TiffLook(unclear="no directory of it describes a page")
