"""Expectations of an odd file, and the page that most of them show."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.emulator.pages import draw_text

TEXT = "Invoice number 4711\nTotal 42 EUR"
MAX_SECONDS = 60.0


@dataclass(frozen=True)
class OddFile:
    """File and the outcome that is expected of it.

    :param name: a few words.
    :param make: writes it.
    :param text: what is read, exactly; None for a file that ends as an error.
    :param error: a part of the message of a file that ends as an error; None where it is read or any will do.
    :param settings: of its recognition.
    :param operation: what is done with it.
    :param seconds: the most that it may take.
    """

    name: str
    make: Callable[[], bytes]
    text: str | None = TEXT
    error: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    operation: str = "RecognizeImage"
    seconds: float = MAX_SECONDS


@functools.cache
def page() -> Image.Image:
    """Draw the page, dark grey on white."""
    return draw_text(TEXT.split("\n"), points=14, font="Vera.ttf")


def grey() -> npt.NDArray[np.uint8]:
    """Return the page as numbers from 20 (ink) to 255 (paper)."""
    return np.asarray(page())


def ink() -> npt.NDArray[np.uint8]:
    """Return how much ink there is on each pixel of the page, from 0 to 255."""
    return np.asarray(255 - np.interp(grey(), (20, 255), (0, 255)), np.uint8)


def is_ink() -> npt.NDArray[np.uint8]:
    """Return 1 for each pixel with ink and 0 for the others."""
    return (grey() < 128).astype(np.uint8)


def coloured(ink_colour: tuple[int, ...], paper: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return the page in two colours of any number of channels."""
    share = ink()[:, :, None] / 255.0
    return np.asarray(np.array(ink_colour) * share + np.array(paper) * (1 - share), np.uint8)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Let Pillow encode an image."""
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()
