"""Images in many formats, made by Pillow: those that the service reads, and those that are converted."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw, ImageFont, TiffImagePlugin

TEXT = "Invoice 48213 total 96 EUR"
PAGES = ("First page Monday", "Second page Tuesday", "Third page Friday")
SIZE = (800, 160)
ORIENTATION, FILL_ORDER, ROWS_PER_STRIP, SUBFILE = 274, 266, 278, 254


@cache
def picture(text: str = TEXT) -> Image.Image:
    """Return a page with a line of text, dark on light; do not change it."""
    page = Image.new("RGB", SIZE, (250, 250, 245))
    ImageDraw.Draw(page).text((30, 50), text, font=ImageFont.load_default(48), fill=(20, 20, 60))
    return page


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image in a format of Pillow, or as HEIF."""
    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


def deep(image: Image.Image) -> Image.Image:
    """Return it in grey of 16 bits."""
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def bilevel(image: Image.Image) -> Image.Image:
    """Return it in black and white, without a pattern of dots."""
    return image.convert("1", dither=Image.Dither.NONE)


def turned(image: Image.Image, kind: str) -> bytes:
    """Return it on its side, with the orientation of Exif that says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return encoded(image.transpose(Image.Transpose.ROTATE_90), kind, exif=exif)


def pages(*several: tuple[Image.Image, dict[str, Any]], big: bool = False) -> bytes:
    """Return a TIFF of several pages, each with options of its own; in one strip unless they differ."""
    file = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(file, True) as writer:
        for image, options in several:
            # A strip of JPEG has a multiple of 16 rows.
            tags = {ROWS_PER_STRIP: -(-image.height // 16) * 16, **options.get("tiffinfo", {})}
            image.save(writer, "TIFF", **{**options, "tiffinfo": tags})
            writer.newFrame()
    return file.getvalue()


def fax() -> bytes:
    """Return a TIFF of three pages: Group 4, JPEG, LZW."""
    first, second, third = map(picture, PAGES)
    return pages(
        (bilevel(first), {"compression": "group4"}),
        (second, {"compression": "jpeg"}),
        (third.convert("L"), {"compression": "tiff_lzw"}),
    )


def animated(kind: str, frames: int = 3) -> bytes:
    """Return an animation, whose first frame is the picture."""
    more = [picture(f"Frame {number}") for number in range(1, frames)]
    return encoded(picture(), kind, save_all=True, append_images=more)


PLAIN: dict[str, Callable[[], bytes]] = {
    "plain.png": lambda: encoded(picture(), "PNG"),
    "plain.jpg": lambda: encoded(picture(), "JPEG"),
    "plain.bmp": lambda: encoded(picture(), "BMP"),
    "plain.gif": lambda: encoded(picture(), "GIF"),
    "plain.tif": lambda: encoded(picture(), "TIFF"),
}
"""Images that the service reads."""

CONVERTED: dict[str, tuple[Callable[[], bytes], str]] = {
    "animated.gif": (lambda: animated("GIF"), "png-1"),
    "lossy.webp": (lambda: encoded(picture(), "WEBP", quality=90), "jpg-1"),
    "lossless.webp": (lambda: encoded(picture(), "WEBP", lossless=True), "png-1"),
    "animated.webp": (lambda: animated("WEBP"), "jpg-1"),
    "photo.heic": (lambda: encoded(picture(), "HEIF", quality=90), "jpg-1"),
    "photo.avif": (lambda: encoded(picture(), "AVIF", quality=90), "jpg-1"),
    "turned.avif": (lambda: turned(picture(), "AVIF"), "jpg-1"),
    "lossless.jp2": (lambda: encoded(picture(), "JPEG2000"), "png-1"),
    "lossy.jp2": (lambda: encoded(picture(), "JPEG2000", irreversible=True), "jpg-1"),
    "deep.png": (lambda: encoded(deep(picture()), "PNG"), "png-1"),
    "deep.tif": (lambda: encoded(deep(picture()), "TIFF"), "png-1"),
    "inks.jpg": (lambda: encoded(picture().convert("CMYK"), "JPEG", quality=95), "jpg-1"),
    "inks.tif": (lambda: encoded(picture().convert("CMYK"), "TIFF"), "png-1"),
    "turned.jpg": (lambda: turned(picture(), "JPEG"), "jpg-1"),
    "turned.tif": (lambda: turned(picture(), "TIFF"), "png-1"),
    "big.tif": (lambda: encoded(picture(), "TIFF", big_tiff=True), "png-1"),
    "scanned.ppm": (lambda: encoded(picture(), "PPM"), "png-1"),
}
"""Images of one page that are converted for operations that read PNG, each with its conversion."""

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "icon.ico": (lambda: encoded(picture().resize((64, 64)), "ICO"), "an icon (ICO or CUR)"),
    "layers.psd": (lambda: b"8BPS\0\1" + bytes(30), "a Photoshop document (PSD)"),
    "new.jxl": (lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(30), "JPEG XL"),
}
"""Images that nothing converts."""
