"""The assignment of a recognition process: one OCR task, as every kind of work takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.emulator.settings import AppliedSettings


@dataclass(frozen=True)
class Assignment:
    """One OCR task to work on.

    :param operation: what is to be done.
    :param file: the upload; the text in UTF-8 for speech.
    :param settings: the settings to apply; defaults where the operation takes none.
    :param sha256: the digest of the upload, in hexadecimal.
    """

    operation: Operation
    file: IO[bytes]
    settings: AppliedSettings
    sha256: str
