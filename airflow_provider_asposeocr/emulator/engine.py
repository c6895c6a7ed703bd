"""Recognition of text: an image in, a page out.

The engine is RapidOCR; its weights come with its wheel, nothing is downloaded. It reads the Latin script, Han
and Kana. It does not notice when the text is in another one (it returns nonsense with high confidence), so
languages of other scripts are refused by name.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from airflow_provider_asposeocr.emulator import imaging, spelling
from airflow_provider_asposeocr.emulator.detection import MAX_SIDE, MIN_SIDE, Detector
from airflow_provider_asposeocr.emulator.gutters import split_at_gutters
from airflow_provider_asposeocr.emulator.imaging import Pixels, Scan
from airflow_provider_asposeocr.emulator.layout import reading_order
from airflow_provider_asposeocr.emulator.limits import core_count
from airflow_provider_asposeocr.emulator.page import Block, Line, Page, Quad, changed
from airflow_provider_asposeocr.emulator.quads import height_of, is_tall, turned, turned_back, width_of
from airflow_provider_asposeocr.emulator.reading import read_text
from airflow_provider_asposeocr.emulator.recognizer import Alphabet, Recognizer
from airflow_provider_asposeocr.emulator.scripts import UNREADABLE_LANGUAGES, Script, allows, script_of
from airflow_provider_asposeocr.emulator.settings import AppliedSettings

_POOR_CONFIDENCE = 0.8
_SAMPLE = 10
_CHARACTERS = 0.4
"""Minimum number of characters expected on a length equal to the text height."""

_MAX_THREADS = 2
_MAX_PIECES_OF_A_TILE = 5_000


class UnsupportedLanguageError(ValueError):
    """Raised for a language that the service reads but the emulator does not."""


def recognize(original: Scan, settings: AppliedSettings) -> tuple[Page, Scan]:
    """Read an image.

    :param original: the image.
    :param settings: the language, the filters to apply first, and whether to correct misspelt words.
    :return: the page, and the filtered image that its boxes refer to.
    :raises UnsupportedLanguageError: if the engine does not read the language.
    """
    square = imaging.with_square_pixels(original)
    scan = imaging.prepare(square, settings)
    page = read(scan, settings)
    if square is not original and settings.rotate % 90 == 0:
        scan = _as_stored(scan, original, square, sideways=settings.rotate % 180 != 0)
        page = page.resized(*scan.pixels.shape[1::-1])
    return page, scan


def read(scan: Scan, settings: AppliedSettings) -> Page:
    """Read an image with square pixels as it is, whatever the filters in the settings.

    :param scan: the image.
    :param settings: the language, and whether to correct misspelt words.
    :raises UnsupportedLanguageError: if the engine does not read the language.
    """
    if settings.language in UNREADABLE_LANGUAGES:
        raise UnsupportedLanguageError(f"The language {settings.language} is not supported by the emulator.")
    height, width = scan.pixels.shape[:2]
    page = Page(width, height, _read_any_way_up(scan.pixels, script_of(settings.language)))
    return spelling.corrected(page, settings.language) if settings.spell_check else page


def read_pieces(scan: Scan, quads: Iterable[Quad], settings: AppliedSettings) -> list[Line]:
    """Read given pieces of text, each in the direction of its corners.

    :param scan: the image that they are on.
    :param quads: their positions.
    :param settings: the language, and whether to correct misspelt words.
    """
    smooth = imaging.is_black_and_white(scan.pixels)
    lines = _Reader(scan.pixels, script_of(settings.language), smooth=smooth).read(quads)
    if not settings.spell_check:
        return lines
    return [spelling.corrected_line(line, settings.language) for line in lines]


def _as_stored(scan: Scan, original: Scan, square: Scan, *, sideways: bool) -> Scan:
    """Return a filtered image in the pixel proportions of its file, which are those that a client expects."""
    across, down = imaging.stored_proportions(original, square, sideways=sideways)
    return imaging.stretched(scan, across, down, 1 / original.aspect if sideways else original.aspect)


@dataclass(frozen=True)
class Engine:
    """Loaded models.

    :param detector: finds text.
    :param recognizer: reads it.
    :param alphabets: the characters of each script.
    """

    detector: Any
    recognizer: Recognizer
    alphabets: Mapping[Script, Alphabet]


@functools.lru_cache(1)
def load_engine() -> Engine:
    """Load the engine, which takes a second, once per process."""
    import rapidocr
    from omegaconf import flag_override

    detector = rapidocr.RapidOCR(
        params={
            "Global.log_level": "error",
            # The bundled orientation classifier turns long upright lines upside down.
            "Global.use_cls": False,
            "Global.use_preprocess_img": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": MAX_SIDE,
            "Det.max_candidates": _MAX_PIECES_OF_A_TILE,
        }
    )
    models = Path(rapidocr.__file__).parent / "models"
    reader = _session(models, "rec")
    with flag_override(detector.cfg, "allow_objects", True):
        detector.cfg.Det.session = _session(models, "det")
        detector.cfg.Rec.session = reader
    recognizer = Recognizer(reader)
    alphabets = {script: Alphabet(recognizer.known, functools.partial(allows, script)) for script in Script}
    # The first image initializes the models.
    blank = np.full((MIN_SIDE, MIN_SIDE, 3), 255, np.uint8)
    detector(blank, use_rec=False)
    recognizer.read(blank, alphabets[Script.LATIN])
    return Engine(detector, recognizer, alphabets)


def _session(models: Path, purpose: str) -> Any:
    """Load a model whose threads wait for their next step without spinning.

    Two processes share the cores: threads that spin in one of them slow the other down.
    """
    from onnxruntime import InferenceSession, SessionOptions  # type: ignore[import-untyped]

    options = SessionOptions()
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False
    options.intra_op_num_threads = min(_MAX_THREADS, core_count())
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    (path,) = models.glob(f"*_{purpose}_*.onnx")
    return InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])


class _Reader:
    """Read pieces of text on one image, each of them once.

    :param pixels: the image, in colour.
    :param script: the script of its text.
    :param smooth: soften hard black and white edges first.
    """

    def __init__(self, pixels: Pixels, script: Script, *, smooth: bool) -> None:
        self._engine = load_engine()
        self._alphabet = self._engine.alphabets[script]
        self._pixels = pixels
        self._smooth = smooth
        self._read: dict[Quad, list[Line]] = {}

    def find(self) -> list[Quad]:
        """Find all pieces of text, split at the gutters between columns."""
        found = Detector(self._engine.detector, self._pixels, smooth=self._smooth).find()
        return split_at_gutters(self._pixels, found)

    def read(self, quads: Iterable[Quad]) -> list[Line]:
        """Read pieces of text, each in the direction of its corners."""
        return [line for quad in quads for line in self._read_one(quad)]

    def _read_one(self, quad: Quad) -> list[Line]:
        if quad not in self._read:
            self._read[quad] = read_text(
                self._engine.recognizer, self._alphabet, self._pixels, quad, smooth=self._smooth
            )
        return self._read[quad]


def _read_any_way_up(pixels: Pixels, script: Script) -> tuple[Block, ...]:
    """Read an image; if a sample of it reads badly, turn the image the way in which the sample reads best."""
    smooth = imaging.is_black_and_white(pixels)
    reader = _Reader(pixels, script, smooth=smooth)
    quads = reader.find()
    quarters = _best_turn(reader, sorted(quads, key=_length, reverse=True)[:_SAMPLE])
    if quarters == 0:
        return reading_order(reader.read(map(_as_read, quads)))
    reader = _Reader(np.rot90(pixels, quarters), script, smooth=smooth)
    blocks = reading_order(reader.read(map(_as_read, reader.find())))
    # Rows exist only while the text is upright, so the reading order comes first, then boxes are turned back.
    height, width = pixels.shape[:2]
    return changed(blocks, lambda line: line.moved(lambda point: turned_back(point, quarters, width, height)))


def _best_turn(reader: _Reader, sample: Sequence[Quad]) -> int:
    """Return by how many quarter turns to the left the image can be read."""

    def quality(quarters: int) -> float:
        return _quality(sample, [reader.read([turned(quad, quarters)]) for quad in sample])

    as_it_is = quality(0)
    if not sample or as_it_is >= _POOR_CONFIDENCE:
        return 0
    qualities = {0: as_it_is} | {quarters: quality(quarters) for quarters in (1, 2, 3)}
    return max(qualities, key=qualities.__getitem__)


def _as_read(quad: Quad) -> Quad:
    return turned(quad, 1) if is_tall(quad) else quad


def _quality(quads: Sequence[Quad], readings: Sequence[Sequence[Line]]) -> float:
    """Return the mean confidence weighted by length, reduced for long pieces with few characters."""
    expected = [max(1.0, _CHARACTERS * _length(quad) / _thickness(quad)) for quad in quads]
    sure = (
        sum(line.confidence * len(line.text) for line in lines)
        / max(count, sum(len(line.text) for line in lines))
        for lines, count in zip(readings, expected, strict=True)
    )
    return sum(each * count for each, count in zip(sure, expected, strict=True)) / max(1.0, sum(expected))


def _length(quad: Quad) -> float:
    return max(width_of(quad), height_of(quad))


def _thickness(quad: Quad) -> float:
    return max(1.0, min(width_of(quad), height_of(quad)))
