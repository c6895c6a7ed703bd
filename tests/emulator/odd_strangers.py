"""Files that are no images, images of other formats, and broken ones."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator

from tests.emulator import odd_png
from tests.emulator.odd_bombs import NO_IMAGE, bomb, tagged_tiff, zeros
from tests.emulator.odd_file import OddFile, encoded, page
from tests.emulator.odd_tiff import LONG, SHORT


def _zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("page.png", bytes(50 << 20))
    return target.getvalue()


def _postscript() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n(mark) (w) file closefile\nshowpage\n"


def _flipped(data: bytes, every: int = 97) -> bytes:
    out = bytearray(data)
    for place in range(len(data) // 3, len(data), every):
        out[place] ^= 0x5A
    return bytes(out)


def no_images() -> Iterator[OddFile]:
    """Yield files that are no images, or broken ones."""
    whole = {
        kind: (lambda kind=kind: encoded(page().convert("RGB"), kind))
        for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF")
    }
    yield bomb("a text", lambda: b"Dear sir or madam,\n" * 99, NO_IMAGE)
    yield bomb("one byte", lambda: b"\0", NO_IMAGE)
    yield bomb("zeros", lambda: bytes(99_999), NO_IMAGE)
    yield bomb("PostScript", _postscript, "PostScript")
    yield bomb(
        "PostScript with a preview", lambda: b"\xc5\xd0\xd3\xc6" + bytes(26) + _postscript(), "PostScript"
    )
    yield bomb("PDF", lambda: b"%PDF-1.7\n1 0 obj\n", "PDF")
    yield bomb("PDF after some lines", lambda: b"\n\n junk \n%PDF-1.7\n1 0 obj\n", "PDF")
    yield bomb("DjVu", lambda: b"AT&TFORM\0\0\0\x99DJVMDIRM", "DjVu")
    yield bomb(
        "SVG", lambda: b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"
    )
    yield bomb("SVG without a prologue", lambda: b"\xef\xbb\xbf<svg><text>Hi</text></svg>", "SVG")
    yield bomb("HTML", lambda: b"<!DOCTYPE html><html><body><svg/></body></html>", "HTML")
    yield bomb("ZIP", _zip, "ZIP")
    yield bomb("WebP", lambda: encoded(page(), "WEBP"), "WebP")
    yield bomb("HEIF", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "HEIF")
    yield bomb("JPEG 2000", lambda: encoded(page(), "JPEG2000"), "JPEG 2000")
    yield bomb("ICO", lambda: encoded(page().resize((64, 64)), "ICO"), "ICO")
    yield bomb("a Netpbm image", lambda: encoded(page(), "PPM"), NO_IMAGE)
    for kind, make in whole.items():
        yield bomb(f"the beginning of a {kind}", lambda make=make: make()[:40], NO_IMAGE)  # type: ignore[misc]
        yield bomb(f"a third of a {kind}", lambda make=make: make()[: len(make()) // 3], NO_IMAGE)  # type: ignore[misc]
        yield OddFile(f"a {kind} with wrong bytes", lambda make=make: _flipped(make()), None)  # type: ignore[misc]
        yield bomb(f"only the name of a {kind}", lambda make=make: make()[:8] + b"?" * 4000, NO_IMAGE)  # type: ignore[misc]
    yield bomb("PNG without a pixel", lambda: zeros(0, 5, odd_png.GREY, 8, 1), NO_IMAGE)
    yield bomb(
        "PNG of 3 bits",
        lambda: odd_png.file_of([(b"IHDR", struct.pack(">2I5B", 9, 9, 3, 0, 0, 0, 0))]),
        NO_IMAGE,
    )
    yield bomb(
        "TIFF of 64 samples", lambda: tagged_tiff(t277=(SHORT, [64]), t258=(SHORT, [8] * 64)), NO_IMAGE
    )
    yield bomb("TIFF of a compression that nobody knows", lambda: tagged_tiff(t259=(SHORT, [9999])), NO_IMAGE)
    yield bomb("TIFF without a size", lambda: tagged_tiff(t256=(LONG, [0])), NO_IMAGE)
    yield bomb("TIFF whose directory is nowhere", lambda: b"II*\0\xff\xff\xff\x7f" + bytes(99), NO_IMAGE)
    yield bomb("TIFF whose directory is its header", lambda: b"II*\0\0\0\0\0" + bytes(99), NO_IMAGE)
