"""Fonts that come with reportlab."""

from __future__ import annotations

from pathlib import Path

import reportlab

FONTS = Path(reportlab.__file__).parent / "fonts"
