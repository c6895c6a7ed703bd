"""PDF files that hold an image on each page, copied from where it lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

_LONG_SIDE, _MIN_LONG_SIDE, _MAX_LONG_SIDE = 842.0, 144.0, 1728.0
"""Points of the longer side of a page: of A4, and those between which a resolution is believed."""

_CHUNK = 64 * 1024

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Bytes with their bits in the other order."""

SIDEWAYS = (5, 6, 7, 8)
ORIENTATIONS: Mapping[int, str] = {
    1: "{w} 0 0 {h} 0 0",
    2: "-{w} 0 0 {h} {w} 0",
    3: "-{w} 0 0 -{h} {w} {h}",
    4: "{w} 0 0 -{h} 0 {h}",
    5: "0 -{h} -{w} 0 {w} {h}",
    6: "0 -{h} {w} 0 0 {h}",
    7: "0 {h} {w} 0 0 0",
    8: "0 {h} -{w} 0 {w} 0",
}
"""Transformations of an image to an upright page of so many points, by its orientation."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as it lies in a file.

    :param size: width and height in pixels, as stored.
    :param resolution: horizontal and vertical, in dots per inch, as stored; None where it is not known.
    :param orientation: of Exif.
    :param description: its entries in the dictionary of a PDF.
    :param file: holds it.
    :param parts: where: offsets and lengths.
    :param head: bytes before them.
    :param mirrored: whether the bits of each byte are in the other order.
    """

    size: tuple[int, int]
    resolution: tuple[float, float] | None
    orientation: int
    description: str
    file: IO[bytes]
    parts: Sequence[tuple[int, int]]
    head: bytes = b""
    mirrored: bool = False

    @property
    def points(self) -> tuple[float, float]:
        """Width and height of the page, upright."""
        across, down = self.resolution or (1.0, 1.0)
        width, height = 72 * self.size[0] / across, 72 * self.size[1] / down
        long = max(width, height)
        if self.resolution is None or not _MIN_LONG_SIDE <= long <= _MAX_LONG_SIDE:
            width, height = width * _LONG_SIDE / long, height * _LONG_SIDE / long
        return (height, width) if self.orientation in SIDEWAYS else (width, height)

    def data(self) -> Iterator[bytes]:
        """Read it in chunks."""
        yield self.head
        for at, length in self.parts:
            self.file.seek(at)
            while length:
                chunk = self.file.read(min(length, _CHUNK))
                if not chunk:
                    raise EOFError
                length -= len(chunk)
                yield chunk.translate(_MIRRORED) if self.mirrored else chunk


class PdfWriter:
    """Write a PDF, a page with one image at a time.

    :param file: takes it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.pages: list[int] = []
        self._file = file
        self._offsets = [0, 0, 0]  # of nothing, the catalog, and the tree of pages
        file.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")

    def add(self, image: StoredImage) -> None:
        """Add a page that an image fills."""
        width, height = image.size
        across, down = (f"{side:.2f}" for side in image.points)
        length = len(image.head) + sum(length for _, length in image.parts)
        shown = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} {image.description}"
        pixels = self._object(f"<< {shown} /Length {length} >>", image.data())
        drawn = f"q {ORIENTATIONS[image.orientation].format(w=across, h=down)} cm /I Do Q".encode()
        contents = self._object(f"<< /Length {len(drawn)} >>", [drawn])
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {across} {down}] /Contents {contents} 0 R "
            f"/Resources << /XObject << /I {pixels} 0 R >> >> >>"
        )
        self.pages.append(self._object(page))

    def end(self) -> None:
        """Write what leads to the pages."""
        self._object("<< /Type /Catalog /Pages 2 0 R >>", number=1)
        kids = " ".join(f"{page} 0 R" for page in self.pages)
        self._object(f"<< /Type /Pages /Kids [{kids}] /Count {len(self.pages)} >>", number=2)
        start, count = self._file.tell(), len(self._offsets)
        rows = "".join(f"{offset:010} 00000 n \n" for offset in self._offsets[1:])
        trailer = f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
        self._file.write(f"xref\n0 {count}\n0000000000 65535 f \n{rows}{trailer}".encode())

    def _object(self, dictionary: str, stream: Iterable[bytes] | None = None, number: int = 0) -> int:
        """Write an object, and return its number."""
        if not number:
            number = len(self._offsets)
            self._offsets.append(0)
        self._offsets[number] = self._file.tell()
        self._file.write(f"{number} 0 obj\n{dictionary}\n".encode())
        if stream is not None:
            self._file.write(b"stream\n")
            self._file.writelines(stream)
            self._file.write(b"\nendstream\n")
        self._file.write(b"endobj\n")
        return number
