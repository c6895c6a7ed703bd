"""The vendor's own SDK against the emulator, operation by operation."""

from __future__ import annotations

import base64
import io
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.emulator.pages import draw_text, encode

ROOT = Path(__file__).parents[2]
SDK_PYTHON = ROOT / ".venv" / "sdk" / "bin" / "python"
"""Interpreter of the environment that ``make test`` and ``make test-sdk`` make."""

CANNOT = frozenset(
    ("connect/token", "ImageProcessing/GetResultFile", "TextToSpeech/GetTextToSpeechResultFile")
)
"""All that the SDK cannot do by itself: it has no code to sign in, and takes a file for text."""

LINES = ("Invoice No. 40817", "Date: 12.03.2024", "", "Wooden chairs 14", "Total: 428.50 EUR")
WORDS = ("Invoice", "chairs")
_DATA = ROOT / "tests" / "emulator" / "data"
_DJVU_BEGINNING = b"AT&TFORM\0\0\0\4DJVU"
_MAX_SECONDS = 900


@dataclass(frozen=True)
class Seen:
    """Outcome of all conversations.

    :param rows: the operations, each with its name, the calls that were made and the error.
    :param cannot: what the SDK cannot do, with its reason.
    :param not_called: the calls of the SDK that were not made.
    """

    rows: Sequence[Mapping[str, Any]]
    cannot: Mapping[str, str]
    not_called: Sequence[str]

    @property
    def failed(self) -> dict[str, str]:
        """Operations that failed, with their errors."""
        return {row["operation"]: row["error"] for row in self.rows if row["error"]}

    @property
    def complaints(self) -> list[str]:
        """All that is not as it should be."""
        found = [f"{operation}: {error}" for operation, error in self.failed.items()]
        found += [f"{name} was not called" for name in self.not_called]
        return found + [f"{name}: the SDK's ability has changed" for name in CANNOT ^ set(self.cannot)]


def drive(emulator: Emulator, python: Path = SDK_PYTHON) -> Seen:
    """Let the SDK talk to an emulator.

    :param emulator: the emulator; what it reads depends on its options.
    :param python: the interpreter that has the SDK.
    """
    done = subprocess.run(
        [python, Path(__file__).with_name("drive.py")],
        input=json.dumps(_specification(emulator)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_MAX_SECONDS,
    )
    *rows, last = map(json.loads, done.stdout.splitlines())
    return Seen(rows, **last)


def _specification(emulator: Emulator) -> dict[str, Any]:
    page = draw_text(list(LINES))
    scripted = emulator.options.scripted
    corners = {"topLeftX": 0, "topLeftY": 0, "bottomRightX": page.width, "bottomRightY": page.height}
    files = {"image": encode(page), "pdf": _pdf(page), "djvu": _DJVU_BEGINNING if scripted else _djvu()}
    return {
        "emulator": emulator.url,
        "credentials": {"client_id": emulator.client_id, "client_secret": emulator.client_secret},
        "sources": {
            "text": "Fourteen wooden chairs.",
            **{kind: base64.b64encode(data).decode() for kind, data in files.items()},
        },
        "regions": [{"rect": corners, "order": 0}],
        "words": str(emulator.options.scripted_text).split() if scripted else WORDS,
    }


def _pdf(page: Image.Image) -> bytes:
    """Return a PDF whose only page has no text, but an image of it."""
    target = io.BytesIO()
    canvas = Canvas(target, (page.width, page.height))
    canvas.drawImage(ImageReader(page), 0, 0)
    canvas.save()
    return target.getvalue()


def _djvu() -> bytes:
    """Return one of the DjVu files of the tests."""
    return min(_DATA.glob("*.djvu")).read_bytes()
