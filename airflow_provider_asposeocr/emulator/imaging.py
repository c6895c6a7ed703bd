"""Image filters: pure functions on pixels, in the order and the meaning that the service documents."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from airflow_provider_asposeocr.emulator.settings import AppliedSettings

Pixels = npt.NDArray[np.uint8]
"""An image: rows, columns, and three channels (red, green, blue) unless a function says grey."""

_DEFAULT_DPI = 150.0
_PLAUSIBLE_DPI = (50.0, 1200.0)
_LARGEST_SKEW = 15.0
_SKEW_SEARCH_SIDE = 1000
_SMALL_SIDE = 2000
_CLIPPED_PERCENT = 0.5
_LIGHT_ON_DARK_MARGIN = 25


class UnreadableImageError(ValueError):
    """The bytes are no image that can be decoded."""


@dataclass(frozen=True)
class Scan:
    """A decoded image.

    :param pixels: in colour.
    :param dpi: its resolution in dots per inch, assumed where the file does not say.
    """

    pixels: Pixels
    dpi: float = _DEFAULT_DPI


def load(data: bytes) -> Scan:
    """Decode an image: the right way up, on white where it is transparent, the first page of several."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            dpi = _plausible_dpi(image.info.get("dpi"))
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableImageError("The file is not an image, or is damaged.") from error
    white = Image.new("RGBA", upright.size, "white")
    return Scan(np.asarray(Image.alpha_composite(white, upright).convert("RGB")), dpi)


def prepare(scan: Scan, settings: AppliedSettings) -> Scan:
    """Apply the filters that the settings ask for: rotation, contrast, binarization, skew, upsampling."""
    pixels, dpi = rotate(scan.pixels, settings.rotate), scan.dpi
    if settings.contrast:
        pixels = stretch_contrast(pixels)
    if settings.binarize:
        pixels = _pixels(cv2.cvtColor(black_and_white(pixels), cv2.COLOR_GRAY2RGB))
    if settings.deskew:
        pixels = deskew(pixels)
    if settings.upsample and max(pixels.shape[:2]) <= _SMALL_SIDE:
        pixels, dpi = _pixels(cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)), dpi * 2
    return Scan(pixels, dpi)


def encode_png(pixels: Pixels, dpi: float = _DEFAULT_DPI) -> bytes:
    """Encode an image as PNG, with one bit for each pixel when it is only black and white."""
    image = Image.fromarray(pixels)
    if is_black_and_white(pixels):
        image = image.convert("1", dither=Image.Dither.NONE)
    target = io.BytesIO()
    image.save(target, "PNG", dpi=(dpi, dpi))
    return target.getvalue()


def is_black_and_white(pixels: Pixels) -> bool:
    """Tell whether an image has no other values than the two extremes."""
    return not bool(((pixels > 0) & (pixels < 255)).any())


def rotate(pixels: Pixels, degrees: float) -> Pixels:
    """Turn an image clockwise; it grows so that nothing is cut off, and new corners are white."""
    quarters, rest = divmod(degrees % 360, 90)
    if rest == 0:
        return np.ascontiguousarray(np.rot90(pixels, -int(quarters)))
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    new_width, new_height = round(height * sin + width * cos), round(height * cos + width * sin)
    turn[:, 2] += (new_width - width) / 2, (new_height - height) / 2
    white = (255, 255, 255)
    size = (new_width, new_height)
    return _pixels(cv2.warpAffine(pixels, turn, size, flags=cv2.INTER_CUBIC, borderValue=white))


def stretch_contrast(pixels: Pixels) -> Pixels:
    """Spread the brightness over the whole range, without changing the hue."""
    dark, light = np.percentile(_grey(pixels), (_CLIPPED_PERCENT, 100 - _CLIPPED_PERCENT))
    if light - dark < 1:
        return pixels
    levels = (np.arange(256) - dark) * (255 / (light - dark))
    return _pixels(cv2.LUT(pixels, np.clip(levels, 0, 255).astype(np.uint8)))


def black_and_white(pixels: Pixels) -> Pixels:
    """Reduce an image to black text on white, as a grey image with only the two extremes.

    What the paper looks like without its text is estimated and subtracted, which evens out shadows and
    stains; one threshold then fits the whole page.
    """
    grey = _dark_on_light(_grey(pixels))
    paper = cv2.medianBlur(cv2.dilate(grey, np.ones((9, 9), np.uint8)), _odd(min(grey.shape) // 30, 15))
    ink = _pixels(cv2.subtract(paper, grey))
    if int(ink.max()) - int(ink.min()) < _LIGHT_ON_DARK_MARGIN:
        return np.full_like(grey, 255)
    return _pixels(cv2.threshold(255 - ink, 0, 255, cv2.THRESH_OTSU)[1])


def deskew(pixels: Pixels) -> Pixels:
    """Straighten an image that is skewed by up to 15 degrees."""
    skew = find_skew(pixels)
    return rotate(pixels, -skew) if abs(skew) >= 0.1 else pixels


def find_skew(pixels: Pixels) -> float:
    """Return how far the rows of text are turned, clockwise in degrees.

    The right angle is the one at which the sums along the rows of pixels differ most from row to row: text
    and white space then alternate sharply.
    """
    ink = _small_ink(pixels)
    if not ink.any():
        return 0.0
    best = 0.0
    for step, reach in ((1.0, _LARGEST_SKEW), (0.2, 1.0), (0.05, 0.2)):
        candidates = np.arange(best - reach, best + reach + step / 2, step)
        best = float(max(candidates, key=lambda angle: _sharpness(ink, float(angle))))
    return best if abs(best) <= _LARGEST_SKEW else 0.0


def _small_ink(pixels: Pixels) -> Pixels:
    scale = min(1.0, _SKEW_SEARCH_SIDE / max(pixels.shape[:2]))
    small = cv2.resize(_grey(pixels), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return 255 - black_and_white(_pixels(small))


def _sharpness(ink: Pixels, angle: float) -> float:
    height, width = ink.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    rows = cv2.warpAffine(ink, turn, (width, height), flags=cv2.INTER_NEAREST).sum(axis=1, dtype=np.int64)
    return float((np.diff(rows) ** 2).sum())


def _dark_on_light(grey: Pixels) -> Pixels:
    difference = grey.astype(np.int16) - cv2.medianBlur(grey, _odd(min(grey.shape) // 30, 61))
    lighter = int((difference > _LIGHT_ON_DARK_MARGIN).sum())
    darker = int((difference < -_LIGHT_ON_DARK_MARGIN).sum())
    return 255 - grey if lighter > 2 * darker else grey


def _odd(size: int, least: int) -> int:
    # The median filter of OpenCV takes odd sizes up to 255 only.
    return min(255, max(least, size | 1))


def _grey(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 2 else _pixels(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def _pixels(array: npt.ArrayLike) -> Pixels:
    return np.asarray(array, np.uint8)


def _plausible_dpi(value: object) -> float:
    dpi = float(value[0]) if isinstance(value, tuple) and value else 0.0
    return dpi if _PLAUSIBLE_DPI[0] <= dpi <= _PLAUSIBLE_DPI[1] else _DEFAULT_DPI
