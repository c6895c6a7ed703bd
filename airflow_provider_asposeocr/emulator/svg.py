"""Rendering of SVG, which may come from a stranger: it reaches neither other files nor the network.

The renderer is resvg, which runs no scripts but would open local images. So the file is read once before: it
must define no entities, must not be nested too deep, and must refer to nothing outside itself; of the images
that it holds, the sizes in their headers are summed up. All text is drawn in one family of fonts, that of
reportlab, since an unknown family would leave its text out; what these fonts lack is refused.
"""

from __future__ import annotations

import base64
import functools
import io
import re
import urllib.parse
from collections.abc import Mapping
from typing import IO, Any
from xml.parsers import expat

import numpy as np
import resvg_py
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from reportlab.pdfbase.ttfonts import TTFont

from airflow_provider_asposeocr.emulator.fonts import FONTS
from airflow_provider_asposeocr.emulator.imaging import Pixels, Scan, pixels_of
from airflow_provider_asposeocr.emulator.limits import (
    MAX_PIXELS,
    LimitExceededError,
    UnreadableImageError,
    check_image_size,
)
from airflow_provider_asposeocr.emulator.panics import refused
from airflow_provider_asposeocr.emulator.svg_nesting import Nesting

_DPI = 96
_FACES = ("Vera.ttf", "VeraBd.ttf", "VeraIt.ttf", "VeraBI.ttf")
_FAMILY = "Bitstream Vera Sans"
_ONE_FAMILY = f'* {{ font-family: "{_FAMILY}" !important }}'
_LINK = "a"
_OWN_ELEMENT = re.compile(r"\s*#")
_OWN_IMAGE = re.compile(r"\s*data:image/(png|jpe?g|gif)\s*;\s*base64\s*,(.*)", re.IGNORECASE | re.DOTALL)
_OPENERS: Mapping[str, type[ImageFile]] = {
    "png": PngImageFile,
    "jpg": JpegImageFile,
    "jpeg": JpegImageFile,
    "gif": GifImageFile,
}
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:e[+-]?\d+)?)(px|pt|pc|in|mm|cm)?\s*", re.IGNORECASE)
_PIXELS = {"px": 1.0, "pt": 96 / 72, "pc": 16.0, "in": 96.0, "mm": 96 / 25.4, "cm": 96 / 2.54}
_DAMAGED = "The file is not an image, or is damaged."


def render(file: IO[bytes]) -> Scan:
    """Render an SVG in its natural size, on white.

    :param file: the image.
    :raises UnreadableImageError: if it is damaged, or needs what is not done for a stranger.
    :raises LimitExceededError: if it is too large.
    """
    try:
        text = file.read().decode("utf-8-sig")
        root = _Reader().read(text)
    except (UnicodeDecodeError, expat.ExpatError) as error:
        raise UnreadableImageError(_DAMAGED) from error
    width, height = _size(root)
    check_image_size(width, height)
    return Scan(_rendered(text, width, height), _DPI)


def _rendered(text: str, width: int, height: int) -> Pixels:
    with refused(_DAMAGED, ValueError):
        png = resvg_py.svg_to_bytes(
            svg_string=text,
            width=width,
            height=height,
            dpi=_DPI,
            background="white",
            style_sheet=_ONE_FAMILY,
            skip_system_fonts=True,
            font_family=_FAMILY,
            font_files=[str(FONTS / face) for face in _FACES],
        )
    with PngImageFile(io.BytesIO(png)) as image:
        return pixels_of(np.asarray(image.convert("RGB")))


class _Reader:
    """Read an SVG for what the renderer must not see."""

    def __init__(self) -> None:
        self._root: Mapping[str, str] | None = None
        self._texts = self._pixels = 0
        self._nesting = Nesting()
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._refuse_entity
        self._parser.CharacterDataHandler = self._check_letters

    def read(self, text: str) -> Mapping[str, str]:
        """Return the attributes of the outermost element."""
        self._parser.Parse(text.encode(), True)
        self._nesting.check()
        return self._root or {}

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        if self._root is None:
            self._root = attributes
        self._nesting.enter(attributes)
        self._texts += _local(element) == "text"
        for name, value in attributes.items():
            if _local(name) == "href" and _local(element) != _LINK and not _OWN_ELEMENT.match(value):
                self._check_image(value)

    def _check_image(self, reference: str) -> None:
        found = _OWN_IMAGE.fullmatch(reference)
        if found is None:
            raise UnreadableImageError("The SVG refers to another file, which is not opened.")
        width, height = _size_of_image(found[1].lower(), found[2])
        check_image_size(width, height)
        self._pixels += width * height
        if self._pixels > MAX_PIXELS:
            raise LimitExceededError(
                f"The images in the SVG have {self._pixels:,} pixels; at most {MAX_PIXELS:,} are recognized."
            )

    def _end(self, element: str) -> None:
        self._nesting.leave()
        self._texts -= _local(element) == "text"

    def _refuse_entity(self, *_: Any) -> None:
        raise UnreadableImageError("The SVG defines entities, which are not expanded.")

    def _check_letters(self, text: str) -> None:
        lacking = {letter for letter in text if not letter.isspace()} - _letters()
        if self._texts and lacking:
            raise UnreadableImageError(
                "The SVG has text for which there is no font: only letters of the Latin script are drawn."
            )


def _local(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2]


def _size_of_image(kind: str, data: str) -> tuple[int, int]:
    """Return the size of an embedded image, from its header."""
    try:
        encoded = "".join(urllib.parse.unquote(data).split())
        with _OPENERS[kind](io.BytesIO(base64.b64decode(encoded, validate=True))) as image:
            return image.size
    except Exception as error:
        # A decoder may raise anything for a broken file.
        raise UnreadableImageError("The SVG holds an image that is damaged.") from error


@functools.lru_cache(1)
def _letters() -> frozenset[str]:
    """Return the characters that all faces have."""
    faces = (TTFont(face, str(FONTS / face)).face.charToGlyph for face in _FACES)
    return frozenset(map(chr, frozenset.intersection(*map(frozenset, faces))))


def _size(root: Mapping[str, str]) -> tuple[int, int]:
    """Return the natural size in pixels: that of the attributes, or what the view box makes of it."""
    width, height = _length(root.get("width")), _length(root.get("height"))
    box = [float(number) for number in re.findall(r"-?\d*\.?\d+(?:e[+-]?\d+)?", root.get("viewBox", ""))]
    if len(box) == 4 and min(box[2:]) > 0:
        ratio = box[3] / box[2]
        if width is None:
            width = box[2] if height is None else height / ratio
        if height is None:
            height = width * ratio
    if width is None or height is None:
        raise UnreadableImageError("The SVG does not tell its size.")
    # An absurd number would not even fit into an error message.
    return round(min(width, 1e6)), round(min(height, 1e6))


def _length(value: str | None) -> float | None:
    """Return a length in pixels; None if there is none, or it depends on where the image is shown."""
    found = _LENGTH.fullmatch(value or "")
    return float(found[1]) * _PIXELS[(found[2] or "px").lower()] if found else None
