"""Which format a file is of, by its first bytes."""

from __future__ import annotations

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"AT&TFORM", "djvu"),
)


def sniff(head: bytes) -> str | None:
    """Name the format of a file, or None.

    :param head: its first bytes; 4096 are enough.
    """
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    # Readers allow bytes before the header of a PDF.
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if b"<svg" in head.lower():
        return "svg"
    return None
