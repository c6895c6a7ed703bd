"""Regions of an image: recognition of those that a client names, and detection of those that hold text."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import numpy as np

from airflow_provider_asposeocr.emulator import engine, imaging, results
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.imaging import Affine, Scan
from airflow_provider_asposeocr.emulator.limits import UnreadableImageError
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.page import Block
from airflow_provider_asposeocr.emulator.settings import AppliedSettings, Region
from airflow_provider_asposeocr.emulator.work.assignment import Assignment

Rect = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels; the last two are just outside."""


def recognize_regions(given: Assignment) -> Outcome:
    """Recognize regions of an image, each as an image of its own.

    The results of a region follow each other, in the order of the asked result types; regions are in the
    order of their ``order``, then of the request. They refer to the image as it is shown, before any filter.
    """
    scan, regions = decode(given.file), given.settings.regions
    parts = [_part(scan, number, region) for number, region in enumerate(regions)]
    skew = _skew(scan, given.settings) if given.settings.deskew else 0.0
    ordered = (parts[place] for place in sorted(range(len(parts)), key=lambda place: regions[place].order))
    sheets = (engine.recognize(part, _straightened(part, skew, given.settings)) for part in ordered)
    rendered = (results.rendered([sheet], given.settings) for sheet in sheets)
    return Outcome(results=results.as_results(itertools.chain.from_iterable(rendered)))


def detect_regions(given: Assignment) -> Outcome:
    """Find the paragraphs and columns of an image, in reading order, as they lie on it before any filter."""
    original = decode(given.file)
    square = imaging.with_square_pixels(original)
    scan, trace = imaging.prepare_and_trace(square, given.settings)
    back = np.diag([*imaging.stored_proportions(original, square), 1.0]) @ np.linalg.inv(trace)
    rects = [_rect(block, back, original) for block in engine.read(scan, given.settings).blocks]
    return Outcome(results=results.as_results([("Other", json.dumps(rects).encode())]))


def _part(scan: Scan, number: int, region: Region) -> Scan:
    height, width = scan.pixels.shape[:2]
    if region.left >= width or region.top >= height:
        raise UnreadableImageError(
            f"Region {number} ({region.left}, {region.top}, {region.right}, {region.bottom}) lies outside of"
            f" the image, which has {width:,} x {height:,} pixels."
        )
    return replace(scan, pixels=scan.pixels[region.top : region.bottom, region.left : region.right])


def _skew(scan: Scan, settings: AppliedSettings) -> float:
    """Return the skew of the whole image, by which its parts are straightened: a single word shows none."""
    return imaging.find_skew(imaging.rotate(imaging.with_square_pixels(scan).pixels, settings.rotate))


def _straightened(part: Scan, skew: float, settings: AppliedSettings) -> AppliedSettings:
    """Return settings that straighten a part of an image, unless the result would be too large."""
    degrees = settings.rotate - skew
    fits = imaging.can_rotate(imaging.with_square_pixels(part).pixels, degrees)
    return replace(settings, deskew=False, rotate=degrees if fits else settings.rotate)


def _rect(block: Block, back: Affine, original: Scan) -> Rect:
    points = [(*point, 1.0) for row in block for line in row for point in line.quad]
    across, down, _ = back @ np.array(points).T
    height, width = original.pixels.shape[:2]
    return (
        max(0, math.floor(across.min())),
        max(0, math.floor(down.min())),
        min(width, math.ceil(across.max())),
        min(height, math.ceil(down.max())),
    )
