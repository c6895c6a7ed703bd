"""Identification of fonts: an image in, the style of its text and the nearest typefaces out.

Each letter and digit that stands apart is compared with the same character of the fonts that the emulator
knows: helvetica, times, courier and verdana, each regular, bold, italic and bold italic. Another font is
named by the nearest of these. A monospaced font is told by the equal distances of its characters, a serif by
the feet of its letters, so that the first name is mostly of the right kind for other fonts, too.

Measured on twelve families in four styles: in clean prints kind and style are right for nearly all, in noisy
scans of small text the weight is wrong for a quarter, most often a light font that counts as bold.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median

import numpy as np
import numpy.typing as npt

from airflow_provider_asposeocr.emulator import engine, imaging, results
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.work.assignment import Assignment
from airflow_provider_asposeocr.emulator.work.font_glyphs import Glyph, Spelled, words_of
from airflow_provider_asposeocr.emulator.work.font_references import (
    CHARACTERS,
    FAMILIES,
    STYLES,
    normal_size,
    references,
)

_MIN_GLYPHS = 5
_MAX_WORDS = 100
"""Words that are measured, spread over the page."""

_MAX_NAMES = 3
_NEAR = 0.1
"""Maximum distance of another font from the nearest one to be named, too; the same font is at about 0.1."""

_MIN_SPACED = 4
"""Minimum length of a word whose spacing is measured."""

_EVEN_SPACING = 0.08
"""Maximum spread of the distances in a monospaced font: others begin at 0.09, such fonts end at 0.075."""

_FEET = "hnmrifFHTPIl"
"""Characters that stand on straight stems alone."""

_WIDE_FEET = 1.12
"""Minimum width of a foot with a serif, in widths of the stem; without one it is at most 1.02."""


def identify_font(given: Assignment) -> Outcome:
    """Recognize an image and identify the font of its text."""
    # Its letters are compared with others as they are shown, which those of a fax are not as they are stored.
    scan = imaging.prepare(imaging.with_square_pixels(decode(given.file)), given.settings)
    page = engine.read(scan, given.settings)
    style, fonts = identified(list(words_of(page, scan)))
    # The service writes it like this, with single quotes, which are not those of JSON.
    written = f"{{'style': '{style}', 'font': {fonts}}}"
    return Outcome(results=results.as_results([("Text", written.encode())]))


def identified(words: Sequence[Spelled]) -> tuple[str, list[str]]:
    """Return the style of a text and the names of the nearest typefaces, the best first.

    :param words: the text; if there is too little of it, the style is empty and there are no names.
    """
    sample = words[:: max(1, len(words) // _MAX_WORDS)]
    glyphs = [glyph for word in sample for glyph in word if glyph.character in CHARACTERS]
    if len(glyphs) < _MIN_GLYPHS:
        return "", []
    by_sharpness = np.mean([_distances(glyph) for glyph in glyphs], axis=0)
    # A scan blurs all of its text alike, and thin strokes that are blurred look bold.
    distances = by_sharpness[int(by_sharpness.min(axis=(1, 2)).argmin())]
    style = STYLES[int(_by_style(distances).argmin())]
    nearest = distances.min(axis=1)
    kind = _kind(sample, glyphs) or FAMILIES[int(nearest.argmin())].kind
    order = sorted(range(len(FAMILIES)), key=lambda place: (FAMILIES[place].kind != kind, nearest[place]))
    limit = nearest[order[0]] + _NEAR
    return style, [FAMILIES[place].name for place in order if nearest[place] <= limit][:_MAX_NAMES]


def _distances(glyph: Glyph) -> npt.NDArray[np.float32]:
    """Return how much a character differs from that of each sharpness, family and style, from 0 to 1."""
    known = references()[glyph.character]
    own = normal_size(glyph.ink)
    difference = np.abs(known - own).sum(axis=(-2, -1))
    return np.asarray(difference / (known.sum(axis=(-2, -1)) + own.sum()), np.float32)


def _by_style(distances: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the distance of each style, the mean of the two nearest families: one alone can mislead."""
    return np.asarray(np.sort(distances, axis=0)[:2].mean(axis=0), np.float32)


def _kind(words: Sequence[Spelled], glyphs: Sequence[Glyph]) -> str | None:
    """Return the kind of a font as far as it can be measured."""
    spreads = [_spread(word) for word in words if len(word) >= _MIN_SPACED]
    if spreads and median(spreads) <= _EVEN_SPACING:
        return "monospaced"
    feet = [_foot(glyph) for glyph in glyphs if glyph.character in _FEET]
    return "serif" if len(feet) >= _MIN_GLYPHS and median(feet) >= _WIDE_FEET else None


def _spread(word: Spelled) -> float:
    """Return how much the distances between characters vary, as a share of their mean."""
    steps = [right.middle - left.middle for left, right in itertools.pairwise(word)]
    return float(np.std(steps) / np.mean(steps))


def _foot(glyph: Glyph) -> float:
    """Return the width of the foot of a character, in widths of its stem."""
    widths = glyph.ink.sum(axis=1)
    height = len(widths)
    stem = float(np.median(widths[int(0.62 * height) : int(0.8 * height) + 1]))
    return float(widths[int(0.9 * height) :].max()) / max(stem, 0.1)
