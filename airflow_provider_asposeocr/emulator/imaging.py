"""Image filters: pure functions on pixels, in the order and with the meaning that the service documents."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from airflow_provider_asposeocr.emulator.limits import (
    MAX_FILTERED_PIXELS,
    check_filtered_size,
    check_result_size,
)
from airflow_provider_asposeocr.emulator.settings import AppliedSettings

Pixels = npt.NDArray[np.uint8]
"""Image as rows, columns and three channels (red, green, blue), unless a function says grey."""

Affine = npt.NDArray[np.float64]
"""Map between the points of two images, as a matrix of three by three."""

_DEFAULT_DPI = 150.0
_MAX_SKEW = 15.0
_SKEW_TOLERANCE = 0.2
"""Skew of 15 degrees may be measured as slightly more."""

_MIN_SKEW = 0.1
_MIN_SHIFT = 2.0
_SKEW_SEARCH_SIDE = 1000
_MAX_ELONGATION = 3
_MIN_PART = 300
"""Images longer than both, as a ratio of sides and in pixels, have their skew measured on a part."""

_MARGIN = 24

_SMALL_SIDE = 2000
_ENLARGEMENT = 2
_SHARPENING, _SHARPENED_RADIUS = 0.5, 1.5
"""Strength and radius in pixels: more sharpening makes an enlarged text harder to read, not easier."""

_CLIPPED_PERCENT = 0.5
_LIGHT_ON_DARK_MARGIN = 25
_PIXELS_AT_A_TIME = 1 << 20
SMOOTHING = 0.7
"""The engine was trained on photographs: with hard black and white edges it loses the dots of an i."""


@dataclass(frozen=True)
class Scan:
    """Decoded image.

    :param pixels: in colour.
    :param dpi: its horizontal resolution in dots per inch, a default if the file has none.
    :param aspect: the height of a pixel divided by its width.
    """

    pixels: Pixels
    dpi: float = _DEFAULT_DPI
    aspect: float = 1.0

    @property
    def resolution(self) -> tuple[float, float]:
        """Horizontal and vertical resolution in dots per inch."""
        return self.dpi, self.dpi / self.aspect


def with_square_pixels(scan: Scan) -> Scan:
    """Stretch an image whose pixels are not square, such as a fax, to its real proportions."""
    if scan.aspect == 1:
        return scan
    height, width = scan.pixels.shape[:2]
    across, down = max(1.0, 1 / scan.aspect), max(1.0, scan.aspect)
    if width * across * height * down > MAX_FILTERED_PIXELS:
        across, down = across / max(across, down), down / max(across, down)
    size = max(1, round(width * across)), max(1, round(height * down))
    return Scan(pixels_of(cv2.resize(scan.pixels, size, interpolation=cv2.INTER_CUBIC)), scan.dpi * across)


def stored_proportions(original: Scan, square: Scan, *, sideways: bool = False) -> tuple[float, float]:
    """Return the factors for width and height that undo :func:`with_square_pixels`.

    :param original: the image as it is stored.
    :param square: the image with square pixels.
    :param sideways: for an image that was turned by 90 degrees since.
    """
    down, across = (
        was / now for was, now in zip(original.pixels.shape[:2], square.pixels.shape[:2], strict=True)
    )
    return (down, across) if sideways else (across, down)


def stretched(scan: Scan, across: float, down: float, aspect: float) -> Scan:
    """Undo :func:`with_square_pixels`.

    :param scan: an image with square pixels.
    :param across: the factor for its width.
    :param down: the factor for its height.
    :param aspect: the height of a pixel of the result divided by its width.
    """
    height, width = scan.pixels.shape[:2]
    size = max(1, round(width * across)), max(1, round(height * down))
    method = cv2.INTER_NEAREST if is_black_and_white(scan.pixels) else cv2.INTER_AREA
    return Scan(pixels_of(cv2.resize(scan.pixels, size, interpolation=method)), scan.dpi * across, aspect)


def prepare(scan: Scan, settings: AppliedSettings) -> Scan:
    """Apply the filters that the settings ask for: rotation, contrast, binarization, skew, upsampling.

    Upsampling comes before skew for the operations that the service documents so.
    """
    return prepare_and_trace(scan, settings)[0]


def prepare_and_trace(scan: Scan, settings: AppliedSettings) -> tuple[Scan, Affine]:
    """Apply the filters as :func:`prepare` does.

    :return: the result, and the map from the points of the image to those of the result.
    """
    scan, trace = _rotated(scan, np.eye(3), settings.rotate)
    if settings.contrast:
        scan = replace(scan, pixels=stretch_contrast(scan.pixels))
    if settings.binarize:
        scan = replace(scan, pixels=pixels_of(cv2.cvtColor(black_and_white(scan.pixels), cv2.COLOR_GRAY2RGB)))
    if settings.upsample and settings.upsample_first:
        scan, trace = _enlarged(scan, trace)
    if settings.deskew:
        scan, trace = _rotated(scan, trace, -_correctable_skew(scan.pixels))
    if settings.upsample and not settings.upsample_first:
        scan, trace = _enlarged(scan, trace)
    return scan, trace


def _rotated(scan: Scan, trace: Affine, degrees: float) -> tuple[Scan, Affine]:
    pixels = rotate(scan.pixels, degrees)
    return replace(scan, pixels=pixels), _rotation(scan.pixels, degrees) @ trace


def _enlarged(scan: Scan, trace: Affine) -> tuple[Scan, Affine]:
    """Double the size of an image if it is small."""
    if max(scan.pixels.shape[:2]) > _SMALL_SIDE:
        return scan, trace
    return upscale(scan), np.diag([_ENLARGEMENT, _ENLARGEMENT, 1.0]) @ trace


def upscale(scan: Scan) -> Scan:
    """Enlarge an image to twice its width and height, slightly sharpened.

    :raises LimitExceededError: if the result would be too large.
    """
    height, width = (side * _ENLARGEMENT for side in scan.pixels.shape[:2])
    check_filtered_size("Upsampling", width, height)
    large = cv2.resize(scan.pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    blurred = cv2.GaussianBlur(large, (0, 0), _SHARPENED_RADIUS)
    sharp = cv2.addWeighted(large, 1 + _SHARPENING, blurred, -_SHARPENING, 0, dst=large)
    return replace(scan, pixels=pixels_of(sharp), dpi=scan.dpi * _ENLARGEMENT)


def encode_png(pixels: Pixels, resolution: tuple[float, float] = (_DEFAULT_DPI, _DEFAULT_DPI)) -> bytes:
    """Encode an image as PNG, with one bit per pixel if it is only black and white.

    :param pixels: the image, in colour or grey.
    :param resolution: horizontal and vertical, in dots per inch.
    """
    if is_black_and_white(pixels):
        image = Image.fromarray(_grey(pixels)).convert("1", dither=Image.Dither.NONE)
    else:
        image = Image.fromarray(pixels)
    target = BoundedBytes("ImagePNG")
    image.save(target, "PNG", dpi=resolution)
    return target.getvalue()


class BoundedBytes(io.BytesIO):
    """In-memory file that refuses to grow beyond the maximum size of a result.

    :param kind: the type of the result.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """Append bytes."""
        check_result_size(self._kind, self.tell() + len(data))
        return super().write(data)


def is_black_and_white(pixels: Pixels) -> bool:
    """Return whether an image contains only the values 0 and 255."""
    flat = pixels.reshape(-1)
    bands = (flat[start : start + _PIXELS_AT_A_TIME] for start in range(0, flat.size, _PIXELS_AT_A_TIME))
    return not any(bool(((band > 0) & (band < 255)).any()) for band in bands)


def filled_part(pixels: Pixels, blank: int) -> tuple[int, int, int, int] | None:
    """Return the box around everything that is not blank: left, top, right and bottom.

    :param pixels: in colour or grey.
    :param blank: a row or column whose values differ by no more than this is blank.
    :return: None if the whole image is blank.
    """
    values = pixels.reshape(*pixels.shape[:2], -1)
    rows = np.flatnonzero(np.subtract(values.max(axis=(1, 2)), values.min(axis=(1, 2))) > blank)
    columns = np.flatnonzero(np.subtract(values.max(axis=(0, 2)), values.min(axis=(0, 2))) > blank)
    if not rows.size or not columns.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def rotate(pixels: Pixels, degrees: float) -> Pixels:
    """Rotate an image clockwise; it grows so that nothing is cut off, and the new corners are white."""
    quarters, rest = divmod(degrees % 360, 90)
    if rest == 0:
        return np.ascontiguousarray(np.rot90(pixels, -int(quarters)))
    height, width = pixels.shape[:2]
    size = _rotated_size(width, height, degrees)
    check_filtered_size(f"A rotation by {degrees:g} degrees", *size)
    white = (255, 255, 255)
    turn = _rotation(pixels, degrees)[:2]
    return pixels_of(cv2.warpAffine(pixels, turn, size, flags=cv2.INTER_CUBIC, borderValue=white))


def _rotation(pixels: Pixels, degrees: float) -> Affine:
    """Return the map from the points of an image to those of the image that :func:`rotate` makes of it."""
    height, width = pixels.shape[:2]
    new_width, new_height = _rotated_size(width, height, degrees)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    turn[:, 2] += (new_width - width) / 2, (new_height - height) / 2
    return np.vstack([turn, [0.0, 0.0, 1.0]])


def stretch_contrast(pixels: Pixels) -> Pixels:
    """Stretch the brightness to the full range without changing the hue."""
    counts = np.cumsum(cv2.calcHist([_grey(pixels)], [0], None, [256], [0, 256]).ravel())
    share = np.array([_CLIPPED_PERCENT, 100 - _CLIPPED_PERCENT]) / 100
    dark, light = np.searchsorted(counts, counts[-1] * share)
    if light - dark < 1:
        return pixels
    levels = (np.arange(256) - dark) * (255 / (light - dark))
    return pixels_of(cv2.LUT(pixels, np.clip(levels, 0, 255).astype(np.uint8)))


def black_and_white(pixels: Pixels) -> Pixels:
    """Reduce an image to black text on white, as a grey image that contains only 0 and 255.

    The paper without its text is estimated and subtracted, which evens out shadows and stains. A single
    threshold then fits the whole page.
    """
    grey = _dark_on_light(_grey(pixels))
    paper = cv2.medianBlur(cv2.dilate(grey, np.ones((9, 9), np.uint8)), _odd(min(grey.shape) // 30, 15))
    ink = pixels_of(cv2.subtract(paper, grey))
    if int(ink.max()) - int(ink.min()) < _LIGHT_ON_DARK_MARGIN:
        return np.full_like(grey, 255)
    return pixels_of(cv2.threshold(255 - ink, 0, 255, cv2.THRESH_OTSU)[1])


def deskew(pixels: Pixels) -> Pixels:
    """Straighten an image skewed by up to 15 degrees, unless the result would be too large."""
    skew = _correctable_skew(pixels)
    return rotate(pixels, -skew) if skew else pixels


def _correctable_skew(pixels: Pixels) -> float:
    skew = find_skew(pixels)
    return skew if can_rotate(pixels, skew) else 0.0


def can_rotate(pixels: Pixels, degrees: float) -> bool:
    """Return whether an image is small enough to be rotated."""
    height, width = pixels.shape[:2]
    return math.prod(_rotated_size(width, height, degrees)) <= MAX_FILTERED_PIXELS


def find_skew(pixels: Pixels) -> float:
    """Return the skew of the text, clockwise in degrees.

    At the correct angle the sums along the rows of pixels differ most from row to row, because text and white
    space alternate sharply.
    """
    ink = _small_ink(pixels)
    if not ink.any():
        return 0.0
    best = 0.0
    for step, reach in ((1.0, _MAX_SKEW), (0.2, 1.0), (0.05, 0.2)):
        candidates = np.arange(best - reach, best + reach + step / 2, step)
        best = float(max(candidates, key=lambda angle: _sharpness(ink, float(angle))))
    # A smaller angle cannot be measured: it moves the end of a row by less than the shift that is visible.
    minimum = math.degrees(math.atan(_MIN_SHIFT / ink.shape[1]))
    return best if max(minimum, _MIN_SKEW) <= abs(best) <= _MAX_SKEW + _SKEW_TOLERANCE else 0.0


def _small_ink(pixels: Pixels) -> Pixels:
    part = _most_varied_part(_without_margins(_grey(pixels)))
    return 255 - black_and_white(shrunk(part, _SKEW_SEARCH_SIDE))


def shrunk(pixels: Pixels, max_side: int) -> Pixels:
    """Return an image whose sides are at most so long, in pixels; it is never enlarged."""
    height, width = pixels.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return pixels_of(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _without_margins(grey: Pixels) -> Pixels:
    height, width = grey.shape
    left, top, right, bottom = filled_part(grey, _LIGHT_ON_DARK_MARGIN) or (0, 0, width, height)
    return grey[max(0, top - _MARGIN) : bottom + _MARGIN, max(0, left - _MARGIN) : right + _MARGIN]


def _most_varied_part(grey: Pixels) -> Pixels:
    """Return the part with the most content of a very long image, which as a whole would shrink to a line."""
    height, width = grey.shape
    length = max(_MIN_PART, _MAX_ELONGATION * min(height, width))
    if max(height, width) <= length:
        return grey
    upright = grey if height > width else grey.T
    starts = range(0, len(upright) - length + 1, max(1, length // 2))
    best = max(starts, key=lambda start: float(upright[start : start + length].std()))
    part = upright[best : best + length]
    return part if height > width else part.T


def _rotated_size(width: int, height: int, degrees: float) -> tuple[int, int]:
    cos, sin = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    return round(height * sin + width * cos), round(height * cos + width * sin)


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


def _odd(size: int, minimum: int) -> int:
    # The median filter of OpenCV takes odd sizes up to 255 only.
    return min(255, max(minimum, size | 1))


def _grey(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 2 else pixels_of(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def pixels_of(array: npt.ArrayLike) -> Pixels:
    """Return an array that is known to hold pixels under their type."""
    return np.asarray(array, np.uint8)
