"""Limits of one OCR task, so that no untrusted file costs too much; the error says which limit was exceeded.

Pixels are limited by the headers, before anything is decoded; the size of a filter's result is computed and
checked before the filter runs. Memory is limited by the operating system inside the recognition process, time
by the process that feeds it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

MAX_PIXELS = 40_000_000
"""Maximum size of an image: A4 at 600 dpi has 35 million pixels."""

MAX_SIDE = 65_535
"""Maximum side of an image in pixels; no JPEG is longer."""

MAX_FILTERED_PIXELS = 60_000_000
"""Maximum size of a filtered image: the largest image just fits after its skew is corrected."""

MAX_RESULT_BYTES = 64 << 20
MAX_PAGES = 100
"""Maximum number of pages of a document: as many take minutes to recognize, and may to convert."""

MAX_DJVU_PIXELS = 36_000_000
"""Maximum size of a page of a DjVu document: the decoder takes four bytes per pixel, several times."""

MAX_SECONDS = 60.0
DOCUMENT_TIME_FACTOR = 5
"""Factor for the maximum duration of an OCR task whose file may have several pages."""

MAX_RESIDENT_BYTES = 1_120 << 20
"""Memory of a recognition process with its engine; library pages that are mapped later come on top."""


class LimitExceededError(ValueError):
    """Raised for a file that would exceed a limit."""


class UnreadableImageError(ValueError):
    """Raised for a file that is not an image or cannot be decoded."""


def check_image_size(width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse an image that is too large to be decoded.

    :param width: in pixels, from the header.
    :param height: in pixels, from the header.
    :param max_pixels: the number of pixels that its decoder can take.
    """
    if width < 1 or height < 1:
        raise UnreadableImageError(f"The file is not an image, or is damaged: its size is {width}x{height}.")
    if width * height > max_pixels:
        raise LimitExceededError(
            f"The image has {width:,} x {height:,} pixels; at most {max_pixels:,} are recognized."
        )
    if max(width, height) > MAX_SIDE:
        raise LimitExceededError(
            f"The image has {width:,} x {height:,} pixels; a side may have at most {MAX_SIDE:,}."
        )


def check_page_count(kind: str, count: int) -> None:
    """Refuse a document with no pages or too many.

    :param kind: its format, such as ``PDF``.
    :param count: the number of its pages.
    """
    if count < 1:
        raise UnreadableImageError(f"The {kind} has no pages.")
    if count > MAX_PAGES:
        raise LimitExceededError(f"The {kind} has {count:,} pages; at most {MAX_PAGES} are recognized.")


def check_filtered_size(what: str, width: int, height: int) -> None:
    """Refuse a filter whose result would be too large.

    :param what: the filter, as the subject of a sentence.
    :param width: of the result, in pixels.
    :param height: of the result, in pixels.
    """
    if width * height > MAX_FILTERED_PIXELS:
        raise LimitExceededError(
            f"{what} would make an image of {width:,} x {height:,} pixels; at most {MAX_FILTERED_PIXELS:,}"
            " are recognized."
        )


def check_result_size(kind: str, size: int) -> None:
    """Refuse results that are too large to be kept and sent.

    :param kind: the type of the last one, such as ``ImagePNG``.
    :param size: of all results of an OCR task, in bytes, as far as they have been written.
    :raises LimitExceededError: if it exceeds :data:`MAX_RESULT_BYTES`.
    """
    if size > MAX_RESULT_BYTES:
        raise LimitExceededError(
            f"The result {kind} exceeds {MAX_RESULT_BYTES >> 20} MiB, the most that is returned in all."
        )


def out_of_memory() -> str:
    """Return the error message of an OCR task that ran out of memory."""
    return f"The recognition needs more than {MAX_RESIDENT_BYTES >> 20} MiB of memory, the most that it gets."


def out_of_time(seconds: float) -> str:
    """Return the error message of an OCR task that ran out of time."""
    return f"The recognition takes longer than {seconds:g} seconds, the most that it gets."


def core_count() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def limit_memory() -> None:
    """Limit the memory of this process to what it has now plus the rest of :data:`MAX_RESIDENT_BYTES`.

    The limit applies to the data segment, not to the address space: libraries reserve far more of that than
    they use, and more with every core. Only Linux enforces it for all allocators.
    """
    if sys.platform != "linux":
        return
    import resource

    has = memory_of_this_process()
    bound = has["VmData"] + max(0, MAX_RESIDENT_BYTES - has["VmRSS"])
    with contextlib.suppress(ValueError):  # a stricter hard limit from outside stays in force
        resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))


def give_memory_back() -> None:
    """Return freed memory to the system, which the allocator of glibc would otherwise keep."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def memory_of_this_process() -> dict[str, int]:
    """Return the memory figures that Linux reports for this process, in bytes."""
    rows = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if row[2:] == ["kB"]}
