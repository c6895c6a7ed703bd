"""Recognition of receipts, end to end."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont

from tests.emulator.client import Client
from tests.emulator.pages import FONTS, encode, scan, word_accuracy

ITEMS = [
    ("Wholegrain bread", "2 pcs at 13.49 EUR  26.98 A"),
    ("Free range eggs, ten pieces", "1 pcs at 12.99 EUR  12.99 A"),
    ("Bananas", "3 pcs at 10.15 EUR  30.45 A"),
    ("Sparkling water", "6 pcs at 14.74 EUR  88.44 B"),
    ("Ground coffee", "1 pcs at 17.99 EUR  17.99 A"),
    ("Chocolate bar with hazelnuts", "4 pcs at 11.19 EUR  44.76 A"),
    ("TOTAL", "221.61"),
]
TITLE, FOOTER = ["CORNER MARKET", "12 Station Road, Leeds"], "Thank you for your visit!"
ROWS = [*TITLE, *(" ".join(f"{item} {price}".split()) for item, price in ITEMS), FOOTER]


def receipt(copies: int = 1) -> Image.Image:
    """Draw a receipt with its prices at the right edge."""
    face = ImageFont.truetype(str(FONTS / "Vera.ttf"), 22)
    paper = Image.new("L", (760, 260 + 44 * len(ITEMS) * copies), 255)
    pen = ImageDraw.Draw(paper)
    for place, line in enumerate(TITLE):
        pen.text((380, 30 + 40 * place), line, font=face, fill=20, anchor="ma")
    for place, (item, price) in enumerate(ITEMS * copies):
        pen.text((30, 150 + 44 * place), item, font=face, fill=20)
        pen.text((730, 150 + 44 * place), price, font=face, fill=20, anchor="ra")
    pen.text((380, paper.height - 70), FOOTER, font=face, fill=20, anchor="ma")
    return paper


def rows(text: bytes) -> list[str]:
    return [row for row in text.decode().split("\n") if row]


def test_each_item_stands_beside_its_price(real: Client) -> None:
    assert rows(real.results(encode(receipt()), "RecognizeReceipt")["Text"]) == ROWS


def test_a_long_skewed_scan_of_a_receipt(real: Client) -> None:
    photographed = scan(receipt(copies=4), angle=-0.8, noise=6)
    found = rows(real.results(encode(photographed), "RecognizeReceipt")["Text"])
    assert len(found) == len(TITLE) + 4 * len(ITEMS) + 1
    assert [row.split()[-1] for row in found[2:-1]] == [price.split()[-1] for _, price in ITEMS * 4]
    wanted = [*TITLE, *ROWS[2:-1] * 4, FOOTER]
    assert word_accuracy("\n".join(wanted), "\n".join(found)) > 0.97


def test_a_sideways_receipt(real: Client) -> None:
    turned = encode(receipt().rotate(90, expand=True))
    assert rows(real.results(turned, "RecognizeReceipt")["Text"]) == ROWS


def test_it_is_enlarged_before_it_is_straightened(real: Client) -> None:
    """The order shows where only the straightened image is too large to be enlarged."""
    paper = Image.new("L", (1990, 400), 255)
    paper.paste(receipt().crop((0, 0, 760, 240)), (600, 80))
    image = encode(paper.rotate(4, fillcolor=255))
    widths = {}
    for operation in ("RecognizeReceipt", "RecognizeImage"):
        results = real.results(image, operation, resultType="ImagePNG", makeUpsampling=True)
        with Image.open(io.BytesIO(results["ImagePNG"])) as filtered:
            widths[operation] = filtered.width
    assert widths["RecognizeImage"] < 2 * 1990 < widths["RecognizeReceipt"]
