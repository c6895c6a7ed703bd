"""Recognition and binarization: bytes in, a page or an image out.

The engine is RapidOCR; its weights come with its wheel, nothing is fetched. It reads the Latin script. It
does not notice when it reads another one (it answers nonsense with high confidence), so languages of other
scripts are refused by name.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from airflow_provider_asposeocr.emulator import imaging
from airflow_provider_asposeocr.emulator.imaging import Pixels, Scan
from airflow_provider_asposeocr.emulator.languages import is_readable
from airflow_provider_asposeocr.emulator.layout import reading_order
from airflow_provider_asposeocr.emulator.page import Block, Line, Page, Point, Quad, Word
from airflow_provider_asposeocr.emulator.settings import AppliedSettings

_POOR_CONFIDENCE = 0.8
_SIDEWAYS_PENALTY = 0.5
_SIDEWAYS_SHAPE = 1.5
_SMOOTHING = 0.7


class UnsupportedLanguageError(ValueError):
    """The language is one that the service reads but the emulator does not."""


def recognize(data: bytes, settings: AppliedSettings) -> tuple[Page, Scan]:
    """Read an image.

    :param data: the encoded image.
    :param settings: which language, and which filters to apply first.
    :return: the page, and the filtered image that its boxes refer to.
    """
    if not is_readable(settings.language):
        raise UnsupportedLanguageError(f"The language {settings.language} is not supported by the emulator.")
    scan = imaging.prepare(imaging.load(data), settings)
    height, width = scan.pixels.shape[:2]
    return Page(width, height, _read_any_way_up(_smoothed(scan.pixels))), scan


def binarize(data: bytes) -> bytes:
    """Reduce an image to black and white.

    :param data: the encoded image.
    :return: a PNG with one bit for each pixel.
    """
    scan = imaging.load(data)
    return imaging.encode_png(imaging.black_and_white(scan.pixels), scan.dpi)


@functools.lru_cache(1)
def load_engine() -> Any:
    """Load the engine; takes seconds, once for each process."""
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.log_level": "error",
            # The bundled orientation classifier turns long upright lines upside down.
            "Global.use_cls": False,
            "Global.max_side_len": 4000,
            "Det.limit_type": "max",
            "Det.limit_side_len": 1280,
            "Rec.rec_batch_num": 1,
            "EngineConfig.onnxruntime.intra_op_num_threads": 2,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _smoothed(pixels: Pixels) -> Pixels:
    # The engine was trained on photographs: hard black and white edges cost it the dots of its i.
    if not imaging.is_black_and_white(pixels):
        return pixels
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), _SMOOTHING), np.uint8)


def _read_any_way_up(pixels: Pixels) -> tuple[Block, ...]:
    """Read an image; when that goes badly, read it turned by each quarter and keep the best reading."""
    upright = _read(pixels)
    if not upright or _quality(upright) >= _POOR_CONFIDENCE:
        return reading_order(upright)
    readings = {0: upright} | {quarters: _read(np.rot90(pixels, quarters)) for quarters in (1, 2, 3)}
    best = max(readings, key=lambda quarters: _quality(readings[quarters]))
    height, width = pixels.shape[:2]
    # Rows are rows only the right way up: the order comes first, then the boxes are turned back.
    return tuple(
        tuple(tuple(_turned_back(line, best, width, height) for line in row) for row in block)
        for block in reading_order(readings[best])
    )


def _read(pixels: Pixels) -> list[Line]:
    blue_first = np.ascontiguousarray(pixels[:, :, ::-1])
    found = load_engine()(blue_first, return_word_box=True)
    if found.boxes is None:
        return []
    lines = zip(found.boxes, found.scores, found.word_results, strict=True)
    return [Line(_words(words), float(score), _quad(quad)) for quad, score, words in lines if _words(words)]


def _words(found: Any) -> tuple[Word, ...]:
    return tuple(Word(text, float(sure), _quad(box)) for text, sure, box in found if text.strip())


def _quality(lines: Sequence[Line]) -> float:
    """Return the mean confidence by length, less for tall boxes: sideways text is misread with confidence."""
    length = sum(len(line.text) for line in lines)
    if not length:
        return 0.0
    sure = sum(line.confidence * len(line.text) for line in lines) / length
    sideways = sum(_is_tall(line.quad) for line in lines) > len(lines) / 2
    return sure - (_SIDEWAYS_PENALTY if sideways else 0.0)


def _is_tall(quad: Quad) -> bool:
    return math.dist(quad[0], quad[3]) > _SIDEWAYS_SHAPE * math.dist(quad[0], quad[1])


def _quad(corners: Any) -> Quad:
    first, second, third, fourth = ((float(x), float(y)) for x, y in corners)
    return first, second, third, fourth


def _turned_back(line: Line, quarters: int, width: int, height: int) -> Line:
    """Return a line of the turned image in the frame of the image before."""

    def back(point: Point) -> Point:
        x, y = point
        return {0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters]

    def back_quad(quad: Quad) -> Quad:
        return back(quad[0]), back(quad[1]), back(quad[2]), back(quad[3])

    words = tuple(Word(word.text, word.confidence, back_quad(word.quad)) for word in line.words)
    return Line(words, line.confidence, back_quad(line.quad))
