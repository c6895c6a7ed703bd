"""TIFF (revision 6.0) as far as it matters before a file is paid for: its pages, and traces of a camera.

The service documents TIFF of a single page. A directory is a page unless its NewSubfileType says that it is
a reduced image (a thumbnail, a level of a pyramid), a mask or a map of depths; SubIFDs belong to their page.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from airflow_provider_asposeocr.files.paths import reason_of

MAX_DIRECTORIES = 100
"""Directories that are read of one file at most: in a remote storage each may cost a request."""

MAX_SECONDS = 60.0
"""Seconds after which no further directory is read."""

_MAX_ENTRIES = 4096
_MAX_SUB_DIRECTORIES = 8

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_WIDTH, _LENGTH, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION = 256, 257, 262, 271, 330, 50706
_WANTED = frozenset(
    {_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _WIDTH, _LENGTH, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION}
)
_NOT_A_PAGE = 0b1101
"""Bits of NewSubfileType: reduced image, transparency mask, map of depths."""

_REDUCED = 2
_MASK = 4
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
_FORMATS = {1: "B", 3: "H", 4: "I", 13: "I"}

ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class TiffLook:
    """What a look at a TIFF has shown.

    :param several: whether it has more than one page of full resolution.
    :param camera: the camera's own format that it is of, such as ``nef``, or None.
    :param unclear: why its pages could not be counted, or None.
    """

    several: bool = False
    camera: str | None = None
    unclear: str | None = None


class _UnclearError(Exception):
    """The pages cannot be counted; the message says why."""


@dataclass(slots=True)
class _Directory:
    values: dict[int, list[int]]
    make: tuple[bytes, int]
    following: int

    @property
    def is_page(self) -> bool:
        # A thumbnail of Exif has no dimensions of its own.
        if not (self.values.get(_WIDTH) and self.values.get(_LENGTH)) or self._one(_PHOTOMETRIC) == _MASK:
            return False
        kind = self._one(_NEW_SUBFILE_TYPE)
        return not (kind & _NOT_A_PAGE if kind else self._one(_SUBFILE_TYPE) == _REDUCED)

    @property
    def of_a_sensor(self) -> bool:
        return self._one(_PHOTOMETRIC) in _SENSOR

    def _one(self, tag: int) -> int:
        return next(iter(self.values.get(tag, ())), 0)


@dataclass(slots=True)
class _Reader:
    read_at: ReadAt
    order: str = "<"
    seen: set[int] = field(default_factory=set)
    until: float = field(default_factory=lambda: time.monotonic() + MAX_SECONDS)

    def exactly(self, at: int, size: int) -> bytes:
        data = self.read_at(at, size)
        if len(data) != size:
            raise _UnclearError("it is damaged")
        return data

    def first(self) -> int:
        head = self.exactly(0, 8)
        self.order = "<" if head.startswith(b"II") else ">"
        return self._offset(head[4:])

    def following(self, at: int) -> _Directory:
        if at in self.seen:
            raise _UnclearError("its directories form a circle")
        if len(self.seen) >= MAX_DIRECTORIES or time.monotonic() > self.until:
            raise _UnclearError("it has too many directories")
        self.seen.add(at)
        return self.directory(at)

    def directory(self, at: int) -> _Directory:
        if at < 8:
            raise _UnclearError("it is damaged")
        (count,) = struct.unpack(f"{self.order}H", self.exactly(at, 2))
        if not 0 < count <= _MAX_ENTRIES:
            raise _UnclearError("it is damaged")
        data = self.exactly(at + 2, 12 * count + 4)
        values: dict[int, list[int]] = {}
        make = b"", 0
        for tag, kind, number, raw in struct.iter_unpack(f"{self.order}HHI4s", data[:-4]):
            if tag == _MAKE:
                make = raw, number
            elif tag in _WANTED and kind in _FORMATS:
                values[tag] = self._numbers(raw, kind, number)
        return _Directory(values, make, self._offset(data[-4:]))

    def _offset(self, raw: bytes) -> int:
        return int(struct.unpack(f"{self.order}I", raw)[0])

    def _numbers(self, raw: bytes, kind: int, number: int) -> list[int]:
        number = min(number, _MAX_SUB_DIRECTORIES)
        form = f"{self.order}{number}{_FORMATS[kind]}"
        size = struct.calcsize(form)
        if size > 4:
            raw = self.exactly(self._offset(raw), size)
        return list(struct.unpack_from(form, raw))

    def text(self, raw: bytes, number: int) -> bytes:
        if number <= 4:
            return raw[:number].lower()
        return self.read_at(self._offset(raw), min(number, 32)).lower()


def look_at_tiff(read_at: ReadAt) -> TiffLook:
    """Look for a second page, and for the traces of a camera, in as few parts of a file as it takes.

    Ends at the second page: how many more there are would not change what is done.

    :param read_at: reads so many bytes at an offset of the file; fewer only at its end. What it raises
        means that the pages cannot be counted.
    """
    try:
        return _look(_Reader(read_at))
    except _UnclearError as error:
        return TiffLook(unclear=str(error))
    except Exception as error:
        # A storage raises what it likes, and the file is read as a whole later on.
        return TiffLook(unclear=f"its parts cannot be read: {reason_of(error)}")


def _look(reader: _Reader) -> TiffLook:
    pages, at = 0, reader.first()
    while at:
        directory = reader.following(at)
        # What lies below the first directory tells enough of a camera.
        below = _below(reader, directory) if len(reader.seen) == 1 else []
        if camera := _camera(reader, directory, below):
            return TiffLook(camera=camera)
        pages += directory.is_page
        if pages > 1:
            return TiffLook(several=True)
        at = directory.following
    return TiffLook() if pages else TiffLook(unclear="no directory of it describes a page")


def _camera(reader: _Reader, directory: _Directory, below: list[_Directory]) -> str | None:
    if directory.values.get(_DNG_VERSION):
        return "dng"
    if any(one.of_a_sensor for one in (directory, *below)):
        make = reader.text(*directory.make)
        return next((name for maker, name in _MAKERS.items() if make.startswith(maker)), "raw")
    return None


def _below(reader: _Reader, directory: _Directory) -> list[_Directory]:
    try:
        return [reader.directory(at) for at in directory.values.get(_SUB_DIRECTORIES, ())]
    except _UnclearError:
        # They are no pages, so that they need not be whole.
        return []
