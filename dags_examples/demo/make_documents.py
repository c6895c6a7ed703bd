"""Make the documents of the demo and of examples: a table, an invoice, and a scanned page as PDF.

``python -m dags_examples.demo.make_documents`` writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dags_examples.demo.make_scan import TEXTS, make_scan

FOLDER = Path(__file__).resolve().parents[1] / "documents"
INK, PAPER, RULE = (30, 30, 36), (255, 255, 255), (70, 70, 76)
FONT_SIZE, CELL_HEIGHT, MARGIN = 28, 58, 60
COLUMN_WIDTHS = (420, 180, 220, 220)
JPEG_QUALITY = 60

TABLE = (
    ("Article", "Pieces", "Price", "Amount"),
    ("Hemp rope, tarred", "40", "3.20", "128.00"),
    ("Brass shackle", "12", "6.50", "78.00"),
    ("Deck paint, grey", "6", "21.40", "128.40"),
    ("Ship's bell", "1", "190.00", "190.00"),
)
"""The cells of the table."""

INVOICE = {
    "Tern and Tide Chandlery": "",
    "7 Harbour Street, Port Alder": "",
    "": "",
    "Invoice number": "TT-20718",
    "Invoice date": "2025-09-02",
    "Due date": "2025-10-02",
    "Subtotal": "524.40",
    "VAT 20%": "104.88",
    "Total": "629.28",
}
"""The lines of the invoice: a label, and what stands beside it."""


def make_table(cells: Sequence[Sequence[str]] = TABLE) -> Image.Image:
    """Draw a ruled table.

    :param cells: its rows
    """
    width, height = sum(COLUMN_WIDTHS), CELL_HEIGHT * len(cells)
    page = Image.new("RGB", (width + 2 * MARGIN, height + 2 * MARGIN), PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(FONT_SIZE)
    for row, texts in enumerate(cells):
        left, top = MARGIN, MARGIN + row * CELL_HEIGHT
        for text, across in zip(texts, COLUMN_WIDTHS, strict=True):
            pen.rectangle((left, top, left + across, top + CELL_HEIGHT), outline=RULE, width=2)
            pen.text((left + 16, top + CELL_HEIGHT // 2), text, font=font, fill=INK, anchor="lm")
            left += across
    return page


def make_invoice(lines: Sequence[tuple[str, str]] = tuple(INVOICE.items())) -> Image.Image:
    """Draw an invoice.

    :param lines: pairs of a label and what stands beside it
    """
    page = Image.new("RGB", (1000, 2 * MARGIN + CELL_HEIGHT * len(lines)), PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(FONT_SIZE)
    for row, (label, value) in enumerate(lines):
        top = MARGIN + row * CELL_HEIGHT
        pen.text((MARGIN, top), label, font=font, fill=INK)
        pen.text((500, top), value, font=font, fill=INK)
    return page


def main() -> None:
    """Write the documents."""
    make_table().save(FOLDER / "table.png", optimize=True)
    make_invoice().save(FOLDER / "invoice.png", optimize=True)
    page = make_scan(TEXTS["note"], seed=11)
    page.save(FOLDER / "note.pdf", resolution=150, quality=JPEG_QUALITY)
    (FOLDER / "note.txt").write_text(TEXTS["note"])


if __name__ == "__main__":
    main()
