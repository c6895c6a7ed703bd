"""Errors for a missing or incomplete ``[emulator]`` extra.

This module imports nothing of the extra, so that it can always be imported itself.
"""

from __future__ import annotations

import importlib.util

_OCR_MODULES = (
    "onnxruntime",
    "rapidocr",
    "omegaconf",
    "cv2",
    "djvu_rs",
    "numpy",
    "openpyxl",
    "PIL",
    "pypdfium2",
    "reportlab",
    "resvg_py",
    "spellchecker",
)
_COMMAND = 'pip install "airflow-provider-asposeocr[emulator]"'


def extra_missing(error: ImportError) -> ImportError:
    """Return the error to raise instead of the one that an import raised."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing(error.name.partition(".")[0])
    return ImportError(f"The emulator cannot be loaded: {error}. Install it with: {_COMMAND}")


def require_ocr() -> None:
    """Check that all modules for recognition are installed, without spending the time to load them.

    :raises ImportError: if one is missing.
    """
    for name in _OCR_MODULES:
        if not _is_installed(name):
            raise _missing(name)


def _missing(name: str) -> ImportError:
    return ImportError(
        f"The emulator needs the module {name}, which is not installed. Install it with: {_COMMAND}",
        name=name,
    )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
