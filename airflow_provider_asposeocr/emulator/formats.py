"""File formats by their first bytes: the documented ones are opened, others are refused by name.

Nothing else chooses a decoder: left to guess, Pillow tries dozens of formats and runs Ghostscript on some.
"""

from __future__ import annotations

import re

from airflow_provider_asposeocr.emulator.limits import UnreadableImageError

HEAD_BYTES = 4096
"""So much of a file's beginning tells its format."""

_READ = (
    ("BMP", re.compile(rb"BM")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
)
_REFUSED = (
    ("PDF", re.compile(rb"(?s:.{0,1024})%PDF-")),
    ("DjVu", re.compile(rb"AT&TFORM")),
    ("PostScript", re.compile(rb"%!PS|\xc5\xd0\xd3\xc6")),
    ("HTML", re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype )?html", re.IGNORECASE)),
    ("SVG", re.compile(rb"(?s)(?:\xef\xbb\xbf)?\s*(?:<[?!].*)?<svg[\s>]", re.IGNORECASE)),
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


def format_of(head: bytes) -> str:
    """Return the format of an image, by Pillow's name for it.

    :param head: the first :data:`HEAD_BYTES` of the file.
    """
    for name, pattern in _READ:
        if pattern.match(head):
            return name
    for name, pattern in _REFUSED:
        if pattern.match(head):
            known = ", ".join(known for known, _ in _READ)
            raise UnreadableImageError(
                f"The file is not an image that can be read here: it is {name}, not one of {known}."
            )
    raise UnreadableImageError("The file is not an image, or is damaged.")
