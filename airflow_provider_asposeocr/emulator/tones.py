"""Conversion to eight bits per channel: from deep greys, other colour spaces and transparency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from airflow_provider_asposeocr.emulator.imaging import Pixels, pixels_of

_PIXELS_AT_A_TIME = 1 << 20
_MIN_BITS = 8
_BACKGROUNDS = (255, 0, 128)
"""Background levels to try for a transparent image; the first that shows its content is used."""

_MIN_CONTRAST = 60
_MIN_VISIBLE_SHARE = 0.95
_OPAQUE = 255


def deep(values: npt.NDArray[Any], *, white_is_zero: bool = False) -> Pixels:
    """Reduce an image of more than eight bits per sample.

    Whole numbers of 16 bits keep their scale, which is that of the smallest number of bits that holds them
    all, because scanners store 10 and 12 bits in 16. Other numbers have no scale: the lowest becomes black,
    the highest white, and NaN white as well.

    :param values: rows, columns and, for colours, channels.
    :param white_is_zero: the lowest value is white.
    """
    lowest, highest = _scale(values)
    levels = np.full(values.shape, 255, np.uint8)
    if highest > lowest:
        for rows in _bands(values):
            level = (values[rows].astype(np.float64) - lowest) * (255.0 / (highest - lowest))
            levels[rows] = np.nan_to_num(level, nan=255.0, posinf=255.0, neginf=0.0).clip(0, 255)
    return pixels_of(255 - levels) if white_is_zero else levels


def colours(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Return the colours of an image, and the opacity of each pixel, or None if all are opaque.

    :param image: decoded, in any mode except the deep greys.
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
    """Return the opacity of each pixel if all pixels of one colour are transparent.

    :param pixels: rows, columns and, for colours, channels.
    :param transparent: the colour, one value per channel.
    """
    opaque = np.full(pixels.shape[:2], _OPAQUE, np.uint8)
    for rows in _bands(pixels):
        same = pixels[rows] == np.asarray(transparent, pixels.dtype)
        opaque[rows][same if same.ndim == 2 else same.all(axis=2)] = 0
    return opaque


def on_background(pixels: Pixels, opaque: Pixels) -> Pixels:
    """Draw an image on white, or on black or grey if that shows more of it.

    An image without a single opaque pixel was written with an empty alpha channel: it is shown as if opaque.

    :param pixels: in colour.
    :param opaque: the opacity of each pixel.
    """
    if not opaque.any() or opaque.min() == _OPAQUE:
        return pixels
    background = _best_background(pixels, opaque)
    drawn = np.empty_like(pixels)
    for rows in _bands(pixels):
        weight = opaque[rows][:, :, None].astype(np.uint16)
        drawn[rows] = (pixels[rows] * weight + background * (_OPAQUE - weight) + _OPAQUE // 2) // _OPAQUE
    return drawn


def _best_background(pixels: Pixels, opaque: Pixels) -> np.uint16:
    """Choose the background that most of the opaque content contrasts with."""
    weights = np.zeros(256)
    for rows in _bands(pixels):
        grey = cv2.cvtColor(pixels[rows], cv2.COLOR_RGB2GRAY)
        weights += np.bincount(grey.ravel(), opaque[rows].ravel().astype(np.float64), minlength=256)
    levels = np.arange(256)

    def visible(background: int) -> float:
        return float(weights[abs(levels - background) >= _MIN_CONTRAST].sum() / weights.sum())

    best = next((level for level in _BACKGROUNDS if visible(level) >= _MIN_VISIBLE_SHARE), None)
    return np.uint16(max(_BACKGROUNDS, key=visible) if best is None else best)


def _scale(values: npt.NDArray[Any]) -> tuple[float, float]:
    if values.dtype == np.uint16:
        return 0.0, float((1 << max(_MIN_BITS, int(values.max()).bit_length())) - 1)
    if values.dtype.kind != "f":
        return float(values.min()), float(values.max())
    lowest, highest = np.inf, -np.inf
    for rows in _bands(values):
        finite = values[rows][np.isfinite(values[rows])]
        lowest = min(lowest, finite.min(initial=np.inf))
        highest = max(highest, finite.max(initial=-np.inf))
    return float(lowest), float(highest)


def _bands(values: npt.NDArray[Any]) -> Iterator[slice]:
    """Yield the rows of an image in parts: the arithmetic needs many times the memory of the pixels."""
    height, width = values.shape[:2]
    step = max(1, _PIXELS_AT_A_TIME // width)
    for top in range(0, height, step):
        yield slice(top, top + step)
