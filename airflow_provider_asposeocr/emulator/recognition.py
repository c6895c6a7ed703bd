"""Work on one OCR task in the recognition process: a request in, an outcome out, whatever the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import cv2

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.emulator import engine, results
from airflow_provider_asposeocr.emulator.limits import LimitExceededError, UnreadableImageError, out_of_memory
from airflow_provider_asposeocr.emulator.ocr_tasks import Outcome
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from airflow_provider_asposeocr.emulator.trial import masked_words

_OUT_OF_MEMORY = -4
"""Code of OpenCV's error for insufficient memory."""


def work(request: Mapping[str, Any]) -> Outcome:
    """Work on one OCR task.

    :param request: its ``operation``, its ``settings`` (None for preprocessing), the path of its ``image``
        and the digest of that file (``sha256``).
    """
    try:
        with Path(request["image"]).open("rb") as file:
            if request["settings"] is None:
                return Outcome(results=(results.as_result("ImagePNG", engine.binarize(file)),))
            return _recognize(file, request)
    except (UnreadableImageError, LimitExceededError, engine.UnsupportedLanguageError) as error:
        return Outcome(messages=(str(error),))
    except Exception as error:
        if _is_out_of_memory(error):
            return Outcome(messages=(out_of_memory(),))
        # Only the type of the error: its message could contain text of the document.
        return Outcome(messages=(f"The recognition failed ({type(error).__name__}).",))


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error or one of its causes reports a lack of memory, as each library words it."""
    if error is None:
        return False
    if isinstance(error, MemoryError) or "bad_alloc" in str(error):
        return True
    if isinstance(error, cv2.error) and error.code == _OUT_OF_MEMORY:
        return True
    return _is_out_of_memory(error.__cause__ or error.__context__)


def _recognize(file: IO[bytes], request: Mapping[str, Any]) -> Outcome:
    settings = AppliedSettings(**request["settings"])
    page, scan = engine.recognize(file, settings)
    if not get_operation(request["operation"]).authenticated:
        page = page.masked(masked_words(page.word_count, request["sha256"]))
    return Outcome(results=tuple(results.render(kind, page, scan) for kind in settings.result_types))
