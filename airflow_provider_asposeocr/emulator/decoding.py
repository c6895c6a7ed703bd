"""Image decoding: size checked from the headers first, result upright, opaque and in eight bits per channel.

The format is recognized by the first bytes of the file, and nothing else chooses the decoder: left to guess,
Pillow tries dozens of formats and runs Ghostscript for some. Only the first page of a TIFF and the first
frame of a GIF are decoded; an SVG is rendered. Of the metadata only orientation and resolution are used, so
errors in the rest do no harm. Colour profiles are not applied: text reads the same without them. Of a damaged
image the intact part is decoded, provided that it is most of the image.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import IO, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin
from PIL import ImageFile as image_file
from PIL.ImageFile import ImageFile

from airflow_provider_asposeocr.emulator import png, rare_tiff, svg, tones
from airflow_provider_asposeocr.emulator.imaging import Pixels, Scan, pixels_of
from airflow_provider_asposeocr.emulator.limits import (
    LimitExceededError,
    UnreadableImageError,
    check_image_size,
)
from airflow_provider_asposeocr.emulator.resolution import DEFAULT_DPI, resolution_of

HEAD_BYTES = 4096
"""Bytes from the beginning of a file that are enough to recognize its format."""

_READ = (
    ("BMP", re.compile(rb"BM")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("SVG", re.compile(rb"(?s)(?:\xef\xbb\xbf)?\s*(?!<!doctype html)(?:<[?!].*)?<svg[\s>]", re.IGNORECASE)),
)
_REFUSED = (
    ("PDF", re.compile(rb"(?s:.{0,1024})%PDF-")),
    ("DjVu", re.compile(rb"AT&TFORM")),
    ("PostScript", re.compile(rb"%!PS|\xc5\xd0\xd3\xc6")),
    ("HTML", re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype )?html", re.IGNORECASE)),
    ("WebP", re.compile(rb"(?s)RIFF.{4}WEBP")),
    ("HEIF", re.compile(rb"(?s).{4}ftyp(?:hei|hev|mif1|msf1)")),
    ("AVIF", re.compile(rb"(?s).{4}ftypavi")),
    ("JPEG 2000", re.compile(rb"\0\0\0\x0cjP {2}|\xff\x4f\xff\x51")),
    ("JPEG XL", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL ")),
    ("Photoshop", re.compile(rb"8BPS")),
    ("ICO", re.compile(rb"\0\0[\x01\x02]\0")),
    ("ZIP", re.compile(rb"PK\x03\x04")),
    ("gzip", re.compile(rb"\x1f\x8b")),
)
_OPENERS: Mapping[str, type[ImageFile]] = {
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    # Not the class that Pillow would choose: that one also reads the extra pictures in a phone's file.
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
_ORIENTATION = 0x0112
_TILE_WIDTH, _TILE_LENGTH = 0x0142, 0x0143
_SAMPLE_FORMAT = 0x0153
_WHITE_IS_ZERO = 0
_UNSIGNED, _SIGNED = (1,), (2,)
_SIDEWAYS = (5, 6, 7, 8)
_RIGHT_WAY_UP: Mapping[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, 1),
}

_MAX_LOST = 0.5
"""Maximum share of an image that may be missing, so that the text read is most of the text there was."""

_BACKGROUNDS = (0, 255)

# One limit applies to all formats, and it is not Pillow's.
Image.MAX_IMAGE_PIXELS = None


def decode(file: IO[bytes]) -> Scan:
    """Decode an image.

    :param file: the encoded image.
    """
    try:
        return _decode(file)
    except (LimitExceededError, UnreadableImageError, MemoryError, cv2.error):
        raise
    except Exception as error:
        # A decoder may raise anything for a broken file.
        raise UnreadableImageError("The file is not an image, or is damaged.") from error


def format_of(head: bytes) -> str:
    """Return Pillow's name for the format of an image.

    :param head: the first :data:`HEAD_BYTES` of the file.
    """
    found = name_of_format(head)
    if found is None:
        raise UnreadableImageError("The file is not an image, or is damaged.")
    known = [name for name, _ in _READ]
    if found not in known:
        raise UnreadableImageError(
            f"The file is not an image that can be read here: it is {found}, not one of {', '.join(known)}."
        )
    return found


def name_of_format(head: bytes) -> str | None:
    """Return the name of the format of a file, as far as it is known.

    :param head: the first :data:`HEAD_BYTES` of the file.
    """
    return next((name for name, pattern in (*_READ, *_REFUSED) if pattern.match(head)), None)


def _decode(file: IO[bytes]) -> Scan:
    file.seek(0)
    kind = format_of(file.read(HEAD_BYTES))
    file.seek(0)
    if kind == "SVG":
        return svg.render(file)
    if kind == "TIFF" and (scan := _decode_rare_tiff(file)):
        return scan
    plain = png.plain(file) if kind == "PNG" else png.PlainPng(file)
    image = _open(_OPENERS[kind], plain.file)
    dpi, aspect = resolution_of(image)
    frame = image.tile[0][1] if kind == "GIF" else None
    stored, lost = _orientation(image), None
    try:
        image.load()
    except MemoryError:
        raise
    except Exception:
        image, lost = _salvage(_OPENERS[kind], plain.file)
    pixels, opaque = _colours(image, plain.transparent)
    if frame and opaque is None:
        opaque = _inside(frame, image.size)
    orientation = _orientation(image)
    if stored in _SIDEWAYS and orientation not in _SIDEWAYS:
        # Pillow turns a TIFF upright while decoding, but does not swap its resolution.
        dpi, aspect = dpi / aspect, 1 / aspect
    del image  # it takes as much memory as the pixels
    if lost is not None:
        pixels = pixels_of(np.where(lost[:, :, None], np.uint8(255), pixels))
    if opaque is not None:
        pixels = tones.on_background(pixels, opaque)
    return _right_way_up(Scan(pixels, dpi, aspect), orientation)


def _decode_rare_tiff(file: IO[bytes]) -> Scan | None:
    """Decode a TIFF that Pillow cannot decode; return None for all others."""
    try:
        image = TiffImagePlugin.TiffImageFile(file)
    except SyntaxError:
        tags = rare_tiff.tags_of(file)
        dpi, aspect = DEFAULT_DPI, 1.0
    else:
        tags = image.tag_v2
        if not rare_tiff.is_misread(tags):
            return None
        dpi, aspect = resolution_of(image)
    check_image_size(tags[rare_tiff.WIDTH], tags[rare_tiff.HEIGHT])
    samples = rare_tiff.samples_of(file, tags)
    white_is_zero = tags.get(rare_tiff.PHOTOMETRIC) == _WHITE_IS_ZERO
    pixels = samples if samples.dtype == np.uint8 else tones.deep(samples, white_is_zero=white_is_zero)
    if pixels.ndim == 2:
        pixels = pixels_of(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB))
    return _right_way_up(Scan(np.ascontiguousarray(pixels), dpi, aspect), tags.get(_ORIENTATION))


def _right_way_up(scan: Scan, orientation: Any) -> Scan:
    if orientation not in _RIGHT_WAY_UP:
        return scan
    pixels = np.ascontiguousarray(_RIGHT_WAY_UP[orientation](scan.pixels))
    if orientation in _SIDEWAYS:
        return Scan(pixels, scan.dpi / scan.aspect, 1 / scan.aspect)
    return replace(scan, pixels=pixels)


def _open(opener: type[ImageFile], file: IO[bytes]) -> ImageFile:
    file.seek(0)
    image = opener(file)
    check_image_size(*image.size)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        if _TILE_WIDTH in tags and _TILE_LENGTH in tags:
            # A tile is decoded as a whole, however little of it the image uses.
            check_image_size(tags[_TILE_WIDTH], tags[_TILE_LENGTH])
        # Pillow rewrites this when it turns the image upright, and fails if it is malformed.
        image.info.pop("xmp", None)
    return image


def _orientation(image: ImageFile) -> int:
    try:
        value = image.getexif().get(_ORIENTATION)
    except MemoryError:
        raise
    except Exception:
        # Unreadable metadata does not make the image unreadable.
        return 1
    return value if isinstance(value, int) else 1


def _colours(image: ImageFile, transparent: tuple[int, ...] | None) -> tuple[Pixels, Pixels | None]:
    if image.mode[0] in "IF":
        values = _deep_values(image)
        tags = getattr(image, "tag_v2", {})
        grey = tones.deep(values, white_is_zero=tags.get(rare_tiff.PHOTOMETRIC) == _WHITE_IS_ZERO)
        opaque = tones.opacity(values, transparent) if transparent else None
        return pixels_of(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)), opaque
    pixels, opaque = tones.colours(image)
    if getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT) == _SIGNED:
        pixels = pixels ^ np.uint8(128)
    if transparent:
        opaque = tones.opacity(pixels, transparent * (3 // len(transparent)))
    return pixels, opaque


def _deep_values(image: ImageFile) -> npt.NDArray[Any]:
    values = np.asarray(image)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    tags = getattr(image, "tag_v2", None)
    if image.mode == "I" and tags and tags.get(_SAMPLE_FORMAT, _UNSIGNED) == _UNSIGNED:
        return values.view(np.uint32)
    return values


def _inside(frame: tuple[int, int, int, int] | None, size: tuple[int, int]) -> Pixels | None:
    """Return the opacity of each pixel, or None if the frame covers the whole image."""
    if frame is None or frame == (0, 0, *size):
        return None
    opaque = np.zeros(size[::-1], np.uint8)
    left, top, right, bottom = frame
    opaque[top:bottom, left:right] = 255
    return opaque


def _salvage(opener: type[ImageFile], file: IO[bytes]) -> tuple[ImageFile, npt.NDArray[np.bool_]]:
    """Decode the intact part of a damaged image.

    No decoder reports how far it got. So the image is decoded twice, over two different backgrounds: where
    the background shows through, nothing was decoded.

    :param opener: the class of the image.
    :param file: the encoded image; its size has been checked.
    :return: the image, and a mask of its missing pixels.
    """
    over_black, over_white = (_decoded_over(background, opener, file) for background in _BACKGROUNDS)
    black, white = np.asarray(over_black), np.asarray(over_white)
    differs = black != white
    lost = differs.any(axis=2) if differs.ndim == 3 else differs
    share = float(lost.mean())
    if share > _MAX_LOST:
        raise UnreadableImageError(
            f"The file is not an image, or is damaged: {share:.0%} of the image cannot be decoded."
        )
    return over_black, lost


def _decoded_over(background: int, opener: type[ImageFile], file: IO[bytes]) -> ImageFile:
    class Filled(opener):  # type: ignore[misc, valid-type]
        def load_prepare(self) -> None:
            super().load_prepare()
            bands = len(Image.Image.getbands(self))
            colour: Any = background if bands == 1 else (background,) * bands
            self.im.paste(colour, (0, 0, *self.im.size))

    file.seek(0)
    image: ImageFile = Filled(file)
    if "progressive" not in image.info:
        # Otherwise Pillow completes a JPEG that breaks off, and the decoder makes up the missing part. An
        # incomplete progressive JPEG is different: it shows the whole image, only coarser.
        image._ended = True  # type: ignore[attr-defined]
    with _load_truncated(), contextlib.suppress(OSError):
        image.load()
    return image


@contextlib.contextmanager
def _load_truncated() -> Iterator[None]:
    before = image_file.LOAD_TRUNCATED_IMAGES
    image_file.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        image_file.LOAD_TRUNCATED_IMAGES = before
