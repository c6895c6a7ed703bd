"""Preprocessing of an image: a file in, a PNG out."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_asposeocr.emulator import dewarp, imaging, paper, results
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.imaging import Pixels
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.work.assignment import Assignment

_NO_LINES = "The image is unchanged: no lines of text were found by which it could be dewarped."


def binarize_image(given: Assignment) -> Outcome:
    """Reduce an image to black and white, with one bit per pixel."""
    scan = decode(given.file)
    return _outcome(imaging.black_and_white(scan.pixels), scan.resolution)


def deskew_image(given: Assignment) -> Outcome:
    """Straighten an image that is skewed by up to 15 degrees; one that is straight stays as it is."""
    scan = decode(given.file)
    square = imaging.with_square_pixels(scan)
    straight = imaging.deskew(square.pixels)
    if straight is square.pixels:
        return _outcome(scan.pixels, scan.resolution)
    return _outcome(straight, square.resolution)


def dewarp_image(given: Assignment) -> Outcome:
    """Straighten the curved lines of a photographed page, and its perspective if its outline is seen."""
    scan = decode(given.file)
    square = imaging.with_square_pixels(scan)
    facing = paper.facing(square.pixels)
    level = dewarp.dewarp(facing)
    if level is not None and level is not square.pixels:
        return _outcome(level, square.resolution)
    if facing is not square.pixels:
        return _outcome(facing, square.resolution)
    warnings = () if level is not None else (_NO_LINES,)
    return replace(_outcome(scan.pixels, scan.resolution), warnings=warnings)


def upscale_image(given: Assignment) -> Outcome:
    """Enlarge an image to twice its width and height."""
    scan = imaging.upscale(decode(given.file))
    return _outcome(scan.pixels, scan.resolution)


def _outcome(pixels: Pixels, resolution: tuple[float, float]) -> Outcome:
    png = imaging.encode_png(pixels, resolution)
    return Outcome(results=results.as_results([("ImagePNG", png)]))
