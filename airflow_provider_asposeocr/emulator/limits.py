"""Bounds of one OCR task: a file from a stranger may cost so much, and an error says which bound it met.

Pixels are bounded from the headers, before anything is decoded; what filters make of an image is computed and
bounded before they run. Memory is bounded by the operating system inside the recognition process, seconds by
the process that feeds it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

MAX_PIXELS = 40_000_000
"""Largest image that is opened: A4 at 600 dpi has 35 million pixels."""

MAX_SIDE = 65_535
"""Longest side of an image that is opened, in pixels; no JPEG is longer."""

MAX_FILTERED_PIXELS = 60_000_000
"""Largest image that a filter may make. The corrected skew of the largest image just fits."""

MAX_RESULT_BYTES = 64 << 20
MAX_SECONDS = 60.0
MAX_RESIDENT_BYTES = 1_120 << 20
"""Memory of a recognition process with its engine. Pages of libraries that are mapped later come on top."""


class LimitExceededError(ValueError):
    """A file that costs more than one OCR task may."""


class UnreadableImageError(ValueError):
    """Bytes that are no image, or one that cannot be decoded."""


def check_image_size(width: int, height: int) -> None:
    """Refuse an image that is too large to be decoded.

    :param width: in pixels, from the header.
    :param height: in pixels, from the header.
    """
    if width < 1 or height < 1:
        raise UnreadableImageError(f"The file is not an image, or is damaged: its size is {width}x{height}.")
    if width * height > MAX_PIXELS:
        raise LimitExceededError(
            f"The image has {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} are recognized."
        )
    if max(width, height) > MAX_SIDE:
        raise LimitExceededError(
            f"The image has {width:,} x {height:,} pixels; a side may have at most {MAX_SIDE:,}."
        )


def check_filtered_size(what: str, width: int, height: int) -> None:
    """Refuse a filter that would make too large an image.

    :param what: the filter, as the subject of a sentence.
    :param width: of its result, in pixels.
    :param height: of its result, in pixels.
    """
    if width * height > MAX_FILTERED_PIXELS:
        raise LimitExceededError(
            f"{what} would make an image of {width:,} x {height:,} pixels; at most {MAX_FILTERED_PIXELS:,}"
            " are recognized."
        )


def check_result_size(kind: str, size: int) -> None:
    """Refuse a result that is too large to be kept and sent.

    :param kind: its type, such as ``ImagePNG``.
    :param size: in bytes, as far as it has been written.
    """
    if size > MAX_RESULT_BYTES:
        raise LimitExceededError(
            f"The result {kind} is larger than {MAX_RESULT_BYTES >> 20} MiB, the most that is returned."
        )


def out_of_memory() -> str:
    """Return the message of an OCR task that needs more memory than it may have."""
    return f"The recognition needs more than {MAX_RESIDENT_BYTES >> 20} MiB of memory, the most that it gets."


def out_of_time(seconds: float) -> str:
    """Return the message of an OCR task that takes longer than it may."""
    return f"The recognition takes longer than {seconds:g} seconds, the most that it gets."


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def limit_memory() -> None:
    """Bound the memory of this process: what it has and what is left up to :data:`MAX_RESIDENT_BYTES`.

    The limit is on what the process reserves for data, not on its address space: libraries reserve far more
    of that than they use, the more cores there are the more. Only Linux enforces it for all allocators.
    """
    if sys.platform != "linux":
        return
    import resource

    has = memory_of_this_process()
    bound = has["VmData"] + max(0, MAX_RESIDENT_BYTES - has["VmRSS"])
    with contextlib.suppress(ValueError):  # a stricter hard limit was set from outside and stays
        resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))


def give_memory_back() -> None:
    """Return to the system what an OCR task has freed: the allocator of glibc keeps it for the next one."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def memory_of_this_process() -> dict[str, int]:
    """Return what Linux tells of the memory of this process, in bytes."""
    rows = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if row[2:] == ["kB"]}
