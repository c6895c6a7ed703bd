"""Identification of fonts: text set in known and in other fonts is told by kind, style and name."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import font_source_serif_pro
import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfgen.canvas import Canvas

from airflow_provider_asposeocr.emulator.work.font import identified
from tests.emulator.client import Client
from tests.emulator.pages import FONTS, draw_text, encode, scan

LINES = [
    "The invoice for fourteen wooden chairs",
    "was sent on Monday and should be paid",
    "within thirty days: Margaret Whitfield",
]


def identify(client: Client, image: Image.Image | bytes, **settings: object) -> tuple[str, list[str]]:
    """Return the style and the fonts of an image."""
    file = image if isinstance(image, bytes) else encode(image)
    data = client.results(file, "IdentifyFont", **settings)["Text"]
    found = ast.literal_eval(data.decode())
    assert data.decode() == f"{{'style': '{found['style']}', 'font': {found['font']}}}"
    return found["style"], found["font"]


def printed(font: str, *, dots_per_inch: int = 150, points: int = 12) -> Image.Image:
    """Return the lines in one of the fonts that every PDF may use."""
    written = io.BytesIO()
    canvas = Canvas(written, (330, 90))
    canvas.setFont(font, points)
    for place, line in enumerate(LINES):
        canvas.drawString(20, 60 - 18 * place, line)
    canvas.save()
    with pypdfium2.PdfDocument(written.getvalue()) as document:
        image: Image.Image = document[0].render(scale=dots_per_inch / 72, grayscale=True).to_pil()
    return image.convert("L")


@pytest.mark.parametrize(
    ("font", "style", "name"),
    [
        *[("Helvetica", "regular", "helvetica"), ("Helvetica-BoldOblique", "bold italic", "helvetica")],
        *[("Times-Roman", "regular", "times"), ("Times-Bold", "bold", "times")],
        *[("Times-Italic", "italic", "times"), ("Courier", "regular", "courier")],
        *[("Courier-Bold", "bold", "courier"), ("Courier-Oblique", "italic", "courier")],
    ],
)
def test_a_known_font_is_named_first(real: Client, font: str, style: str, name: str) -> None:
    found, names = identify(real, printed(font))
    assert (found, names[0]) == (style, name)
    assert len(names) == len(set(names)) <= 3


@pytest.mark.parametrize(
    ("file", "style"),
    [
        ("Vera.ttf", "regular"),
        ("VeraBd.ttf", "bold"),
        ("VeraIt.ttf", "italic"),
        ("VeraBI.ttf", "bold italic"),
    ],
)
def test_a_scan_is_measured_as_well(real: Client, file: str, style: str) -> None:
    page = scan(draw_text(LINES, font=file, points=12))
    assert identify(real, page) == (style, ["verdana", "helvetica"])


@pytest.mark.parametrize(
    ("file", "styles"),
    [
        *[("Regular", {"regular"}), ("Bold", {"bold"})],
        # The weight of slanted letters is sure only for fonts that it knows.
        *[("It", {"italic", "bold italic"}), ("BoldIt", {"bold italic"})],
    ],
)
def test_another_font_with_serifs_is_told_from_those_without(
    real: Client, file: str, styles: set[str]
) -> None:
    folder = Path(font_source_serif_pro.__file__).parent / "files"
    page = draw_text(LINES, font=str(folder / f"SourceSerifPro-{file}.ttf"), points=14)
    found, names = identify(real, page)
    assert found in styles
    assert names[0] == "times"


def test_another_font_without_serifs_is_told_from_those_with(real: Client) -> None:
    style, names = identify(real, draw_text(LINES, points=14))
    assert style == "regular"
    assert names[0] in ("helvetica", "verdana")


def test_equal_distances_make_a_font_monospaced(real: Client) -> None:
    face = ImageFont.truetype(str(FONTS / "Vera.ttf"), 30)
    page = Image.new("L", (900, 240), 255)
    pen = ImageDraw.Draw(page)
    for row, line in enumerate(LINES):
        for column, character in enumerate(line):
            pen.text((40 + 20 * column, 60 + 50 * row), character, font=face, fill=20, anchor="ms")
    style, names = identify(real, page)
    assert (style, names[0]) == ("regular", "courier")


def test_letters_of_a_fax_are_measured_in_their_proportions(real: Client) -> None:
    for font, style in (("Vera.ttf", "regular"), ("VeraBI.ttf", "bold italic")):
        page = draw_text(LINES, font=font, points=12, dpi=204)
        for size, dpi in (
            ((page.width, page.height // 2), (204, 102)),
            ((page.width // 2, page.height), (102, 204)),
        ):
            fax = encode(page.resize(size), "TIFF", dpi=dpi)
            assert identify(real, fax) == (style, ["verdana", "helvetica"])


def test_filters_are_applied_and_light_text_is_read(real: Client) -> None:
    page = draw_text(LINES, font="VeraBd.ttf", points=12)
    negative = page.point(lambda value: 255 - value).rotate(180)
    settings = {"rotate": 180, "makeBinarization": True, "resultType": "text"}
    assert identify(real, negative, **settings) == ("bold", ["verdana", "helvetica"])


def test_without_text_nothing_is_named(real: Client) -> None:
    assert identify(real, Image.new("L", (400, 300), 255)) == ("", [])
    assert identified([]) == ("", [])
