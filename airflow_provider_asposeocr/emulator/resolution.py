"""Resolution of an image by its metadata: often wrong or missing, sometimes different across and down."""

from __future__ import annotations

import math
from typing import Any

from PIL import Image

POINTS_PER_INCH = 72
DEFAULT_DPI = 150.0
_PLAUSIBLE_DPI = (50.0, 1200.0)
_MAX_ASPECT = 3.0
_MIN_ASPECT = 1.1
"""Pixels closer to square than this are read as well as square ones."""


def resolution_of(image: Image.Image) -> tuple[float, float]:
    """Return the horizontal dots per inch of an image, and the height of its pixels divided by their width.

    :param image: opened, not necessarily decoded.
    """
    across, down = _pair(image.info.get("dpi"))
    if _is_plausible(across) and _is_plausible(down):
        return across, _aspect(across, down)
    dpi = next(filter(_is_plausible, (across, down)), DEFAULT_DPI)
    return dpi, _aspect(*_proportion(image))


def _proportion(image: Image.Image) -> tuple[float, float]:
    """Return densities without a unit, of which only the ratio has a meaning."""
    info = image.info
    for key in ("resolution", "aspect"):
        if key in info:
            return _pair(info[key])
    if info.get("jfif_unit") == 0:
        return _pair(info.get("jfif_density"))
    if image.format == "GIF":
        return _gif_proportion(image)
    return 1.0, 1.0


def _gif_proportion(image: Image.Image) -> tuple[float, float]:
    fp = getattr(image, "fp", None)
    if fp is None:
        return 1.0, 1.0
    place = fp.tell()
    fp.seek(12)
    given = fp.read(1)
    fp.seek(place)
    # The format stores the width of a pixel divided by its height, in steps of 1/64 starting at 1/4.
    return (64.0, given[0] + 15.0) if given and given[0] else (1.0, 1.0)


def _aspect(across: float, down: float) -> float:
    if not (across > 0 and down > 0):
        return 1.0
    aspect = across / down
    if not 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT or 1 / _MIN_ASPECT <= aspect <= _MIN_ASPECT:
        return 1.0
    return aspect


def _pair(value: Any) -> tuple[float, float]:
    try:
        across, down = (float(item) for item in value)
    except (TypeError, ValueError, ArithmeticError):
        return 0.0, 0.0
    return (across, down) if math.isfinite(across) and math.isfinite(down) else (0.0, 0.0)


def _is_plausible(dpi: float) -> bool:
    return _PLAUSIBLE_DPI[0] <= dpi <= _PLAUSIBLE_DPI[1]
