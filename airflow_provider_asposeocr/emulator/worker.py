"""The recognition process: a task for each line on standard input, an outcome for each on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.emulator import engine, results
from airflow_provider_asposeocr.emulator.imaging import UnreadableImageError
from airflow_provider_asposeocr.emulator.jobs import Outcome
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from airflow_provider_asposeocr.emulator.trial import masked_words


def main() -> None:
    """Work until standard input ends."""
    engine.load_engine()
    # Libraries that print would corrupt the answers: what they print goes to standard error from here on.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        outcome = work(json.loads(line))
        answers.write(json.dumps(asdict(outcome)).encode() + b"\n")
        answers.flush()


def work(task: Mapping[str, Any]) -> Outcome:
    """Work on one task.

    :param task: its ``operation``, its ``settings`` (None for preprocessing), the path of its ``image`` and
        the digest of that.
    """
    try:
        data = Path(task["image"]).read_bytes()
        if task["settings"] is None:
            return Outcome(results=(results.as_result("ImagePNG", engine.binarize(data)),))
        return _recognize(data, task)
    except (UnreadableImageError, engine.UnsupportedLanguageError) as error:
        return Outcome(messages=(str(error),))
    except Exception as error:
        # Only the kind of error: its message could hold text of the document.
        return Outcome(messages=(f"The recognition failed ({type(error).__name__}).",))


def _recognize(data: bytes, task: Mapping[str, Any]) -> Outcome:
    settings = AppliedSettings(**task["settings"])
    page, scan = engine.recognize(data, settings)
    if not get_operation(task["operation"]).authenticated:
        page = page.masked(masked_words(page.word_count, task["sha256"]))
    return Outcome(results=tuple(results.render(kind, page, scan) for kind in settings.result_types))


if __name__ == "__main__":
    main()
