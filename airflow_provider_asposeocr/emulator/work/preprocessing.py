"""Preprocessing of an image: a file in, a PNG out."""

from __future__ import annotations

from airflow_provider_asposeocr.emulator import imaging, results
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.work.assignment import Assignment


def binarize_image(given: Assignment) -> Outcome:
    """Reduce an image to black and white, with one bit per pixel."""
    scan = decode(given.file)
    png = imaging.encode_png(imaging.black_and_white(scan.pixels), scan.resolution)
    return Outcome(results=(results.as_result("ImagePNG", png),))
