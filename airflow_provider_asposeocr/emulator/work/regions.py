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
    settings = _straightened_by_whole(scan, given.settings)
    ordered = (parts[place] for place in sorted(range(len(parts)), key=lambda place: regions[place].order))
    rendered = (results.rendered([engine.recognize(part, settings)], settings) for part in ordered)
    return Outcome(results=results.as_results(itertools.chain.from_iterable(rendered)))


def detect_regions(given: Assignment) -> Outcome:
    """Find the paragraphs and columns of an image, in reading order, as they lie on it before any filter."""
    original = decode(given.file)
    square = imaging.with_square_pixels(original)
    scan, trace = imaging.prepare_and_trace(square, given.settings)
    back = _stretch(square, original) @ np.linalg.inv(trace)
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


def _straightened_by_whole(scan: Scan, settings: AppliedSettings) -> AppliedSettings:
    """Return settings that straighten a part of an image like the whole: a single word shows no skew."""
    if not settings.deskew:
        return settings
    skew = imaging.find_skew(imaging.rotate(imaging.with_square_pixels(scan).pixels, settings.rotate))
    return replace(settings, deskew=False, rotate=settings.rotate - skew)


def _stretch(square: Scan, original: Scan) -> Affine:
    """Return the map from the points of an image with square pixels to those of its original."""
    down, across = (
        was / now for was, now in zip(original.pixels.shape[:2], square.pixels.shape[:2], strict=True)
    )
    return np.diag([across, down, 1.0])


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
