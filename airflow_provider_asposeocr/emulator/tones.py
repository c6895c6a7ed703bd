"""Eight bits for each channel, whatever a file has: deep greys, colours of other spaces, transparency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from airflow_provider_asposeocr.emulator.imaging import Pixels, pixels_of

_PIXELS_AT_A_TIME = 1 << 20
_LEAST_BITS = 8
_GROUNDS = (255, 0, 128)
"""What is tried as the ground of a transparent image, the first that serves is taken."""

_VISIBLE = 60
_MOSTLY = 0.95
_OPAQUE = 255


def deep(values: npt.NDArray[Any], *, white_is_zero: bool = False) -> Pixels:
    """Reduce an image of more than eight bits a sample.

    Whole numbers of 16 bits keep their scale: the one of the least number of bits that holds them all, since
    scanners store 10 and 12 bits in 16. Other numbers have no scale: the least becomes black, the largest
    white; what is no number is as white as those.

    :param values: rows, columns and, where there are several, channels.
    :param white_is_zero: the least value is white.
    """
    least, most = _scale(values)
    levels = np.full(values.shape, 255, np.uint8)
    if most > least:
        for rows in _bands(values):
            level = (values[rows].astype(np.float64) - least) * (255.0 / (most - least))
            levels[rows] = np.nan_to_num(level, nan=255.0, posinf=255.0, neginf=0.0).clip(0, 255)
    return pixels_of(255 - levels) if white_is_zero else levels


def colours(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Return the colours of an image, and how opaque each pixel is where not all of it is opaque.

    :param image: decoded, in any mode but the deep greys.
    """
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode[:-1] + "A")
    if image.mode in ("1", "L"):
        return pixels_of(cv2.cvtColor(np.asarray(image.convert("L")), cv2.COLOR_GRAY2RGB)), None
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        both = np.asarray(image.convert("RGBA"))
        return pixels_of(cv2.cvtColor(both, cv2.COLOR_RGBA2RGB)), np.ascontiguousarray(both[:, :, 3])
    return np.asarray(image.convert("RGB")), None


def opacity(pixels: npt.NDArray[Any], transparent: tuple[int, ...]) -> Pixels:
    """Return how opaque each pixel is, where all of one colour are transparent.

    :param pixels: rows and columns, and the channels of a colour.
    :param transparent: the colour, one value for each channel.
    """
    opaque = np.full(pixels.shape[:2], _OPAQUE, np.uint8)
    for rows in _bands(pixels):
        same = pixels[rows] == np.asarray(transparent, pixels.dtype)
        opaque[rows][same if same.ndim == 2 else same.all(axis=2)] = 0
    return opaque


def on_a_ground(pixels: Pixels, opaque: Pixels) -> Pixels:
    """Lay an image on white, or on black or grey where that shows more of it.

    An image without a single opaque pixel is one whose writer left the channel empty: it is shown whole.

    :param pixels: in colour.
    :param opaque: how opaque each pixel is.
    """
    if not opaque.any() or opaque.min() == _OPAQUE:
        return pixels
    ground = _best_ground(pixels, opaque)
    laid = np.empty_like(pixels)
    for rows in _bands(pixels):
        weight = opaque[rows][:, :, None].astype(np.uint16)
        laid[rows] = (pixels[rows] * weight + ground * (_OPAQUE - weight) + _OPAQUE // 2) // _OPAQUE
    return laid


def _best_ground(pixels: Pixels, opaque: Pixels) -> np.uint16:
    """Choose the ground that most of what is opaque stands out from."""
    weights = np.zeros(256)
    for rows in _bands(pixels):
        grey = cv2.cvtColor(pixels[rows], cv2.COLOR_RGB2GRAY)
        weights += np.bincount(grey.ravel(), opaque[rows].ravel().astype(np.float64), minlength=256)
    levels = np.arange(256)

    def visible(ground: int) -> float:
        return float(weights[abs(levels - ground) >= _VISIBLE].sum() / weights.sum())

    best = next((ground for ground in _GROUNDS if visible(ground) >= _MOSTLY), None)
    return np.uint16(max(_GROUNDS, key=visible) if best is None else best)


def _scale(values: npt.NDArray[Any]) -> tuple[float, float]:
    if values.dtype == np.uint16:
        return 0.0, float((1 << max(_LEAST_BITS, int(values.max()).bit_length())) - 1)
    if values.dtype.kind != "f":
        return float(values.min()), float(values.max())
    least, most = np.inf, -np.inf
    for rows in _bands(values):
        finite = values[rows][np.isfinite(values[rows])]
        least, most = min(least, finite.min(initial=np.inf)), max(most, finite.max(initial=-np.inf))
    return float(least), float(most)


def _bands(values: npt.NDArray[Any]) -> Iterator[slice]:
    """Yield the rows of an image in parts: the arithmetic needs many times the memory of its pixels."""
    height, width = values.shape[:2]
    step = max(1, _PIXELS_AT_A_TIME // width)
    for top in range(0, height, step):
        yield slice(top, top + step)
