"""Images as plain pixels, and as pages of a PDF: all that conversion needs Pillow for.

Plain is what every reader takes: upright, opaque, black and white, grey or RGB, with 8 bits of a sample.
Colour profiles are left out, as text reads the same without them. A page whose data a PDF can hold as they
are is not decoded; any other is compressed as a PNG is, whose data a PDF can hold as well.
"""

from __future__ import annotations

import io
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Condition
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_asposeocr.files.pdf import ORIENTATIONS, SIDEWAYS, PdfWriter, StoredImage

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 120_000_000
"""Pixels of an image, and of all images that a process decodes at a time."""

MAX_PAGES = 1000
"""Pages of a TIFF that becomes a PDF."""

MAX_DECODED_PIXELS = 40 * MAX_PIXELS
"""Pixels of all pages of a TIFF that have to be decoded."""

JPEG_QUALITY = 95
"""Quality of a JPEG made of an image that was compressed with loss before; colours keep their resolution."""

_PNG_LEVEL = 3
"""Twice as fast as the default of 6, for a twentieth more bytes."""

_MAX_JPEG_SIDE = 65_500
_ROWS = 512
"""Rows of an image that are put on a background at a time."""

_LIGHT = 191
"""Mean brightness of what is seen of a transparent image, from which it is taken for light on dark."""

_MIN_DPI, _MAX_DPI = 30.0, 5000.0
_MAX_DIRECTORIES = 4 * MAX_PAGES

_ORIENTATION = 274
_WIDTH, _LENGTH = 256, 257
_SUBFILE, _OLD_SUBFILE, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 254, 255, 259, 262, 266
_STRIPS, _STRIP_BYTES, _T6_OPTIONS, _JPEG_TABLES, _TILES = 273, 279, 293, 347, 324
_NOT_A_PAGE, _REDUCED, _MASK = 0b1101, 2, 4
_GROUP_4, _JPEG = 4, 7
_JPEGS = (6, _JPEG)
_TIFFS, _DIRECT = ("tiff", "bigtiff"), ("tiff", "bigtiff", "jpg")
"""Formats with pages, and those whose data a PDF may hold as they are."""

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _YCBCR = 0, 1, 2, 6
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_MAX_JPEG_TAIL = 4096
"""Bytes at the end of a JPEG among which its end is looked for: some write more behind it."""

_PLAIN, _TRANSPARENT = ("1", "L", "RGB"), ("LA", "La", "PA", "RGBA", "RGBa")
_SPACES = {"L": "DeviceGray", "RGB": "DeviceRGB"}
_JPEG_SPACES = (("L", _BLACK_IS_ZERO), ("RGB", _RGB), ("RGB", _YCBCR))
_LOW_BIT_FIRST = 2


class UnfitError(Exception):
    """An image cannot be converted; the message goes on after "is", the label of its format, and a blank."""


class _Room:
    """Let no more pixels be decoded at a time than fit.

    :param pixels: that fit.
    """

    def __init__(self, pixels: int) -> None:
        self._free = pixels
        self._changed = Condition()

    @contextmanager
    def take(self, size: tuple[int, int]) -> Iterator[None]:
        """Wait until there is room for an image of a size; refuse one that is too large."""
        pixels = size[0] * size[1]
        if pixels > MAX_PIXELS:
            raise UnfitError(
                f"of {size[0]} x {size[1]} pixels, and no more than {MAX_PIXELS} pixels are converted: make "
                "it smaller, or save it as PNG or JPEG and send that"
            )
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


_room = _Room(MAX_PIXELS)


def opener_of(kind: str) -> Callable[[IO[bytes]], ImageFile]:
    """Return what opens images of a format, and of no other.

    :param kind: a key of :data:`.FORMATS`.
    :raises ImportError: if a package is missing.
    """
    if kind in ("heic", "heif"):
        from pillow_heif import HeifImageFile

        return HeifImageFile
    from PIL import (
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        Jpeg2KImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    openers: Mapping[str, Callable[[IO[bytes]], ImageFile]] = {
        "avif": AvifImagePlugin.AvifImageFile,
        "bigtiff": TiffImagePlugin.TiffImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
        "gif": GifImagePlugin.GifImageFile,
        "jp2": Jpeg2KImagePlugin.Jpeg2KImageFile,
        "jpg": JpegImagePlugin.JpegImageFile,
        "png": PngImagePlugin.PngImageFile,
        "pnm": PpmImagePlugin.PpmImageFile,
        "tiff": TiffImagePlugin.TiffImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
    }
    return openers[kind]


def write_image(kind: str, original: IO[bytes], made: IO[bytes], target: str) -> None:
    """Write an image as plain pixels.

    :param kind: its format, a key of :data:`.FORMATS`.
    :param original: holds it.
    :param made: takes what is written.
    :param target: ``png`` or ``jpg``.
    :raises ImportError: if a package is missing.
    :raises UnfitError: if it cannot be converted.
    """
    size, opened = _look(kind, original)
    if kind in _TIFFS:
        image = opened()
        first, *more = itertools.islice(_pages(image), 2)
        if more:
            raise UnfitError('of several pages: use operation="auto" or RecognizePdf, which get it as PDF')
        image.seek(first)
        size = image.size
    with _room.take(size):
        _encode(opened(), made, target)


def write_pdf(kind: str, original: IO[bytes], made: IO[bytes], *, lossy: bool) -> None:
    """Write a PDF with a page for each page of a TIFF, or for the first frame of any other image.

    :param kind: its format, a key of :data:`.FORMATS`.
    :param original: holds it.
    :param made: takes the PDF.
    :param lossy: whether it was compressed with loss; each page of a TIFF tells that itself.
    :raises ImportError: if a package is missing.
    :raises UnfitError: if it cannot be converted.
    """
    pdf, decoded = PdfWriter(made), 0
    size, opened = _look(kind, original)
    for _ in _pages(opened()) if kind in _TIFFS else (0,):
        if len(pdf.pages) == MAX_PAGES:
            raise UnfitError(f"of more than {MAX_PAGES} pages: split it")
        target = "jpg" if lossy else "png"
        if kind in _DIRECT:
            image = opened()
            size = image.size
            if stored := _as_it_is(image, original):
                pdf.add(stored)
                continue
            target = "jpg" if lossy or _tags(image).get(_COMPRESSION) in _JPEGS else "png"
        decoded += size[0] * size[1]
        if decoded > MAX_DECODED_PIXELS:
            raise UnfitError(f"of pages with more than {MAX_DECODED_PIXELS} pixels: split it")
        with _room.take(size), tempfile.TemporaryFile(prefix="asposeocr-") as page:
            pdf.add(_encode(opened(), page, target))
    pdf.end()


def _look(kind: str, original: IO[bytes]) -> tuple[tuple[int, int], Callable[[], ImageFile]]:
    """Return the size of an image, before it takes memory, and what returns it open."""
    opener = opener_of(kind)
    if kind != "webp":
        image = opener(original)
        return image.size, lambda: image
    # Its decoder takes the memory when it is made.
    head = _read(original, 0, 30)

    def number(at: int, length: int) -> int:
        return int.from_bytes(head[at : at + length], "little")

    if head[12:16] == b"VP8X":
        size = number(24, 3) + 1, number(27, 3) + 1
    elif head[12:16] == b"VP8L":
        size = (number(21, 4) & 0x3FFF) + 1, (number(21, 4) >> 14 & 0x3FFF) + 1
    else:
        size = number(26, 2) & 0x3FFF, number(28, 2) & 0x3FFF
    original.seek(0)
    return size, partial(opener, original)


def _pages(image: ImageFile) -> Iterator[int]:
    """Seek to each page of a TIFF, and yield its number among the directories."""
    found = False
    for number in range(_MAX_DIRECTORIES):
        try:
            image.seek(number)
        except EOFError:
            break
        tags = _tags(image)
        kind = tags.get(_SUBFILE)
        is_reduced = kind & _NOT_A_PAGE if kind else tags.get(_OLD_SUBFILE) == _REDUCED
        if not is_reduced and tags.get(_PHOTOMETRIC) != _MASK:
            found = True
            yield number
    if not found:
        raise UnfitError("without a page")


def _tags(image: Image) -> Mapping[int, Any]:
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags


def _as_it_is(image: ImageFile, original: IO[bytes]) -> StoredImage | None:
    """Return the data of a page, if a PDF can hold them as they are: Group 4 in one strip, or JPEG."""
    tags = _tags(image)
    # Pillow says how large a TIFF is upright.
    width, height = tags.get(_WIDTH, image.width), tags.get(_LENGTH, image.height)
    whole = partial(StoredImage, (width, height), _resolution(image), _orientation(image))
    size = original.seek(0, io.SEEK_END)
    if image.format == "JPEG" and image.mode in _SPACES and _is_whole_jpeg(original, 0, size):
        return whole(_of_jpeg(image.mode), original, [(0, size)])
    strips, lengths = tags.get(_STRIPS, ()), tags.get(_STRIP_BYTES, ())
    if len(strips) != 1 or len(lengths) != 1 or _TILES in tags:
        return None
    (at,), (length,), photometric = strips, lengths, tags.get(_PHOTOMETRIC)
    if tags.get(_COMPRESSION) == _GROUP_4 and image.mode == "1" and not tags.get(_T6_OPTIONS):
        is_white_one = "true" if photometric == _BLACK_IS_ZERO else "false"
        description = (
            "/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /CCITTFaxDecode "
            f"/DecodeParms << /K -1 /Columns {width} /Rows {height} /BlackIs1 {is_white_one} >>"
        )
        mirrored = tags.get(_FILL_ORDER) == _LOW_BIT_FIRST
        return whole(description, original, [(at, length)], mirrored=mirrored)
    if tags.get(_COMPRESSION) != _JPEG or (image.mode, photometric) not in _JPEG_SPACES:
        return None
    if not _is_whole_jpeg(original, at, length):
        return None
    tables = tags.get(_JPEG_TABLES, b"")
    # Both are whole JPEGs: the end of the tables and the start of the image meet.
    head = _JPEG_START + tables[2:-2]
    return whole(_of_jpeg(image.mode, photometric), original, [(at + 2, length - 2)], head=head)


def _is_whole_jpeg(file: IO[bytes], at: int, length: int) -> bool:
    tail = min(length, _MAX_JPEG_TAIL)
    return _read(file, at, 2) == _JPEG_START and _JPEG_END in _read(file, at + length - tail, tail)


def _of_jpeg(mode: str, photometric: int | None = None) -> str:
    plain = " /DecodeParms << /ColorTransform 0 >>" if photometric == _RGB else ""
    return f"/ColorSpace /{_SPACES[mode]} /BitsPerComponent 8 /Filter /DCTDecode{plain}"


def _encode(image: ImageFile, made: IO[bytes], target: str) -> StoredImage:
    """Write an image as plain pixels, and say where the data lie that a PDF can hold."""
    resolution, stored = _resolution(image), _tags(image).get(_ORIENTATION)
    picture, turned = _plain(image)
    if resolution and (stored in SIDEWAYS or turned in SIDEWAYS):
        resolution = resolution[::-1]
    # Neither profiles nor texts, and no colour that would be transparent.
    picture.info = {}
    more: dict[str, Any] = {"dpi": resolution} if resolution else {}
    whole = partial(StoredImage, picture.size, resolution, 1)
    if target == "jpg" and picture.mode in _SPACES and max(picture.size) <= _MAX_JPEG_SIDE:
        picture.save(made, "JPEG", quality=JPEG_QUALITY, subsampling=0, **more)
        return whole(_of_jpeg(picture.mode), made, [(0, made.seek(0, io.SEEK_END))])
    picture.save(made, "PNG", compress_level=_PNG_LEVEL, **more)
    bits, colours = (1 if picture.mode == "1" else 8), len(picture.getbands())
    space, depth = _SPACES["RGB" if colours == 3 else "L"], f"/BitsPerComponent {bits}"
    description = (
        f"/ColorSpace /{space} {depth} /Filter /FlateDecode "
        f"/DecodeParms << /Predictor 15 /Colors {colours} {depth} /Columns {picture.width} >>"
    )
    return whole(description, made, list(_png_data(made)))


def _png_data(file: IO[bytes]) -> Iterator[tuple[int, int]]:
    """Find the compressed pixels of a PNG, which a PDF can hold as they are."""
    at = 8
    while len(head := _read(file, at, 8)) == 8:
        length = int.from_bytes(head[:4])
        if head[4:] == b"IDAT":
            yield at + 8, length
        at += 12 + length


def _read(file: IO[bytes], at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _plain(image: ImageFile) -> tuple[Image, int]:
    """Decode an image, and make it upright, opaque, and black and white, grey or RGB with 8 bits.

    :return: the image, and the orientation that it had, unless it was a TIFF: Pillow turns those itself.
    """
    white_is_zero = _tags(image).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    # Before anything else is asked of it: Exif data of a PNG are looked for by decoding it, and what is
    # wrong with the pixels shows only once.
    image.load()
    turned = _orientation(image)
    picture: Image = image
    if picture.mode.startswith("I"):
        picture = _shallow(picture, white_is_zero=white_is_zero)
    elif picture.mode in _TRANSPARENT or "transparency" in picture.info:
        picture = _opaque(picture.convert("RGBA"))
    elif picture.mode not in _PLAIN:
        picture = picture.convert("RGB")
    if turned == 1:
        return picture, turned
    from PIL.Image import Transpose

    turns: Mapping[int, Transpose] = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return picture.transpose(turns[turned]), turned


def _shallow(picture: Image, *, white_is_zero: bool) -> Image:
    """Take the upper 8 of the bits that are used, of 16 or more."""
    high = int(picture.getextrema()[1])  # type: ignore[arg-type]
    scale = 255 / ((1 << max(8, high.bit_length())) - 1)
    grey = picture.point(lambda value: value * scale).convert("L")
    return grey.point(range(255, -1, -1)) if white_is_zero else grey


def _opaque(picture: Image) -> Image:
    """Put an image on white, or on black if what is seen of it is light."""
    from PIL.Image import new
    from PIL.ImageStat import Stat

    alpha = picture.getchannel("A")
    seen = Stat(picture.convert("L"), mask=alpha).mean[0] if alpha.getbbox() else 0
    background = (0, 0, 0, 255) if seen > _LIGHT else (255, 255, 255, 255)
    for top in range(0, picture.height, _ROWS):
        box = (0, top, picture.width, min(top + _ROWS, picture.height))
        rows = new("RGBA", (picture.width, box[3] - top), background)
        rows.alpha_composite(picture.crop(box))
        picture.paste(rows, box)
    return picture.convert("RGB")


def _orientation(image: Image) -> int:
    try:
        found = image.getexif().get(_ORIENTATION)
    except Exception:
        # What is wrong with the metadata is not wrong with the image.
        return 1
    return found if isinstance(found, int) and found in ORIENTATIONS else 1


def _resolution(image: Image) -> tuple[float, float] | None:
    try:
        across, down = map(float, image.info["dpi"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return (across, down) if all(_MIN_DPI <= dpi <= _MAX_DPI for dpi in (across, down)) else None
