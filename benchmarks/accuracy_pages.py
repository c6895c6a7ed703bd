"""Pages that the accuracy benchmark draws, with the text that is on them in the order in which people read.

Every page follows from the name of its kind, its number and a seed: font, size, words, columns, gutter, and
what a scanner does to it.
"""

from __future__ import annotations

import importlib.resources
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import reportlab
from PIL import Image, ImageDraw, ImageFont

from benchmarks.accuracy_scans import scanned
from benchmarks.accuracy_texts import LANGUAGES, Language, with_digits

DENSE, SHORT = "A4 page of 52 lines", "short note"

_A4 = (1240, 1754)
"""Size in pixels, at 150 dpi."""

_INK = 25
_GOODS = (
    *("Wooden chair", "Desk lamp", "Printer paper A4", "Ink cartridge black", "Whiteboard markers"),
    *("Filing cabinet", "Coffee beans 1 kg", "Stapler", "Envelopes", "Paper clips", "Desk", "Bookcase oak"),
    *(
        "Window blinds",
        "Carpet cleaner",
        "Office plant",
        "Wall clock",
        "Notebook",
        "Scissors",
        "Adhesive tape",
    ),
)
_CITIES = ("Hamburg", "Leeds", "Porto", "Lyon", "Kraków", "Brno", "Bergen", "Malmö", "Cork", "Ghent", "Bari")
_NAMES = (
    *("Margaret Whitfield", "John Carter", "Anna Lindqvist", "Peter van Dijk", "Lucía Fernández"),
    *("Tom Baker", "Jürgen Weiß", "Eva Nováková", "Paul Meyer", "Ingrid Berg", "Marco Rossi"),
)
_DEPARTMENTS = ("Purchasing", "Human resources", "Legal affairs", "Sales", "Customer service")
_HEADINGS = ("Annual report", "Notes from the warehouse", "News of the week", "General conditions", "Minutes")


@dataclass(frozen=True)
class Drawn:
    """Drawn page.

    :param kind: the class that it counts for.
    :param image: as a scanner delivers it.
    :param text: what is written on it.
    :param language: as spelled on the wire.
    """

    kind: str
    image: Image.Image
    text: str
    language: str = "English"


class Sheet:
    """Blank page that is written on.

    :param size: its size in points, which decides that of the text.
    """

    def __init__(
        self, chance: random.Random, size: tuple[int, int] = _A4, *, language: str = "English"
    ) -> None:
        self.chance = chance
        self.language: Language = LANGUAGES[language]
        self.image = Image.new("L", size, 255)
        self.pen = ImageDraw.Draw(self.image)
        self.pixels = chance.choice((18, 20, 21, 23, 25, 27))
        self.file = chance.choice(fonts(language))
        self.leading = self.pixels * chance.uniform(1.25, 1.55)

    def face(self, factor: float = 1.0) -> ImageFont.FreeTypeFont:
        """Return the font of the page at its size times a factor."""
        return ImageFont.truetype(str(self.file), self.pixels * factor)

    def write(self, x: float, y: float, text: str, *, factor: float = 1.0, anchor: str = "la") -> None:
        """Write a line of text."""
        self.pen.text((x, y), text, font=self.face(factor), fill=_INK, anchor=anchor)

    def wrapped(self, pieces: Sequence[str], width: float) -> list[str]:
        """Break a text into lines of a width."""
        face, lines, joint = self.face(), [""], self.language.joint
        for piece in pieces:
            longer = lines[-1] + joint + piece if lines[-1] else piece
            if lines[-1] and face.getlength(longer) > width:
                lines.append(piece)
            else:
                lines[-1] = longer
        return lines

    def prose(self, x: float, y: float, width: float, count: int, *, justified: bool = False) -> list[str]:
        """Write some lines of prose, and return them."""
        lines = self.wrapped(self.language.prose(self.chance, count * 3), width)[:count]
        for place, line in enumerate(lines):
            top = y + place * self.leading
            words = line.split()
            if justified and place + 1 < len(lines) and len(words) > 1:
                spare = (width - sum(self.face().getlength(word) for word in words)) / (len(words) - 1)
                left = x
                for word in words:
                    self.write(left, top, word)
                    left += self.face().getlength(word) + spare
            else:
                self.write(x, top, line)
        return lines


def pages(seed: int, per_kind: int) -> Iterator[Drawn]:
    """Draw the pages of a seed.

    :param seed: the seed.
    :param per_kind: the number of pages of each kind.
    """
    for name, draw in KINDS.items():
        for number in range(per_kind):
            yield draw(name, random.Random(f"{seed} {name} {number}"))


def fonts(language: str) -> list[Path]:
    """Return the fonts that have all letters of a language.

    :param language: as spelled on the wire.
    """
    if not LANGUAGES[language].spaced:
        return [_packaged("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf")]
    found = [
        _packaged("font_caladea", "files/Caladea-Regular.ttf"),
        _packaged("font_hanken_grotesk", "files/HankenGrotesk-Regular.otf"),
        _packaged("font_source_sans_pro", "files/SourceSansPro-Regular.otf"),
        _packaged("font_source_serif_pro", "files/SourceSerifPro-Regular.otf"),
        _packaged("font_source_serif_pro", "files/SourceSerifPro-It.otf"),
    ]
    if language in ("Polish", "Czech"):
        return found
    return found + [Path(reportlab.__file__).parent / "fonts" / name for name in ("Vera.ttf", "VeraBd.ttf")]


def is_columns(kind: str) -> bool:
    """Return whether pages of a kind are set in columns.

    :param kind: the kind.
    """
    return kind.endswith("columns")


def _packaged(package: str, name: str) -> Path:
    return Path(str(importlib.resources.files(package) / name))


def _letter(name: str, chance: random.Random, language: str = "English") -> Drawn:
    sheet = Sheet(chance, language=language)
    count = chance.randrange(8, 16)
    text = sheet.prose(120, 140, 1000, count)
    text += sheet.prose(120, 140 + (count + 1.2) * sheet.leading, 1000, chance.randrange(4, 9))
    return Drawn(name, scanned(sheet.image, chance), "\n".join(text), language)


def _dense(name: str, chance: random.Random) -> Drawn:
    sheet = Sheet(chance)
    sheet.pixels = chance.choice((18, 20))
    sheet.leading = 29
    text = sheet.prose(90, 110, 1060, 52)
    return Drawn(name, scanned(sheet.image, chance), "\n".join(text))


def _columns(name: str, chance: random.Random, columns: int, lines: tuple[int, int]) -> Drawn:
    sheet = Sheet(chance)
    gutter = chance.choice((12, 16, 20, 24, 30, 40, 60))
    width = (1060 - gutter * (columns - 1)) / columns
    y, text = 100.0, []
    if chance.random() < 0.6:
        heading = chance.choice(_HEADINGS)
        sheet.write(90, y, heading, factor=1.6)
        y += sheet.pixels * chance.uniform(1.9, 3.0)
        text.append(heading)
    if chance.random() < 0.3:
        text += sheet.prose(90, y, 1060, 3)
        y += sheet.leading * chance.uniform(3.2, 4.2)
    justified = chance.random() < 0.4
    # Lines of neighbours need not stand at the same height.
    shift = chance.choice((0.0, 0.0, 0.4))
    count = chance.randrange(*lines)
    for column in range(columns):
        own = max(3, count - chance.choice((0, 0, 1, 3)))
        left = 90 + column * (width + gutter)
        top = y + shift * sheet.leading * (column % 2)
        text += sheet.prose(left, top, width, own, justified=justified)
    if chance.random() < 0.3:
        text += sheet.prose(90, y + (count + 1.5) * sheet.leading, 1060, 2)
    return Drawn(name, scanned(sheet.image, chance, steep=0.6), "\n".join(text))


def _table(name: str, chance: random.Random, *, ruled: bool) -> Drawn:
    sheet = Sheet(chance)
    text = sheet.prose(90, 100, 1000, 2)
    lefts = [100, 480, 740, 960]
    step = sheet.leading * chance.uniform(1.1, 1.7)
    rows = [["Article", "City", "Number", "Amount"]]
    for _ in range(chance.randrange(6, 16)):
        price = with_digits(chance.choice(("#.##", "##.##", "###.##")), chance)
        cells = [chance.choice(_GOODS), chance.choice(_CITIES), with_digits("##-###", chance), price]
        rows.append(cells)
    top = 100 + 3.5 * sheet.leading
    for place, cells in enumerate(rows):
        y = top + place * step
        for cell, left in zip(cells[:3], lefts, strict=False):
            sheet.write(left, y, cell)
        sheet.write(1100, y, cells[3], anchor="ra")
        text.append(" ".join(cells))
    if ruled:
        for place in range(len(rows) + 1):
            y = top + place * step - 0.2 * sheet.pixels
            sheet.pen.line((88, y, 1112, y), fill=90, width=2)
        for left in (88, 468, 728, 948, 1112):
            bottom = top + len(rows) * step - 0.2 * sheet.pixels
            sheet.pen.line((left, top - 0.2 * sheet.pixels, left, bottom), fill=90, width=2)
    return Drawn(name, scanned(sheet.image, chance, steep=0.6), "\n".join(text))


def _people(name: str, chance: random.Random) -> Drawn:
    """Draw a table of words alone: names, what they do, and where."""
    sheet = Sheet(chance)
    rows = [["Name", "Department", "City"]]
    for _ in range(chance.randrange(5, 14)):
        department = chance.choice(
            ("Purchasing", "Human resources", "Legal affairs", "Sales", "Customer service")
        )
        rows.append([chance.choice(_NAMES), department, chance.choice(_CITIES)])
    step = sheet.leading * chance.uniform(1.0, 1.6)
    between = chance.choice((300, 340, 380))
    for place, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            sheet.write(110 + column * between, 120 + place * step, cell)
    return Drawn(name, scanned(sheet.image, chance), "\n".join(" ".join(row) for row in rows))


def _receipt(name: str, chance: random.Random) -> Drawn:
    sheet = Sheet(chance, (560, 1000))
    sheet.pixels = chance.choice((20, 22, 24))
    text = ["CORNER STORE", "14 Harbour Street, Leeds", with_digits("Tel. 0### ### ###", chance)]
    for place, line in enumerate(text):
        sheet.write(280, 50 + 32 * place, line, anchor="ma")
    y = 170
    for _ in range(chance.randrange(6, 14)):
        goods, price = chance.choice(_GOODS), with_digits(chance.choice(("#.##", "##.##")), chance)
        sheet.write(40, y, goods)
        sheet.write(520, y, price, anchor="ra")
        text.append(f"{goods} {price}")
        y += 36
    for label, price in (("TOTAL", "##.##"), ("Cash", "##.##"), ("Change", "#.##")):
        amount = with_digits(price, chance)
        sheet.write(40, y + 16, label)
        sheet.write(520, y + 16, amount, anchor="ra")
        text.append(f"{label} {amount}")
        y += 36
    sheet.write(280, y + 40, "Thank you for your visit!", anchor="ma")
    text.append("Thank you for your visit!")
    return Drawn(name, scanned(sheet.image.crop((0, 0, 560, y + 100)), chance), "\n".join(text))


def _invoice(name: str, chance: random.Random) -> Drawn:
    sheet = Sheet(chance)
    sheet.write(100, 90, "Northern Office Supplies Ltd.", factor=1.5)
    text = ["Northern Office Supplies Ltd."]
    facts = ["Invoice No.", "Customer", "Date", "Page"]
    values = [
        with_digits("##-####", chance),
        with_digits("K-####", chance),
        with_digits("1#.0#.202#", chance),
        "1 of 1",
    ]
    person = [chance.choice(_NAMES), with_digits("## Station Road", chance), chance.choice(_CITIES), "Europe"]
    for place, (address, fact, value) in enumerate(zip(person, facts, values, strict=True)):
        y = 170 + place * sheet.leading
        sheet.write(100, y, address)
        sheet.write(740, y, fact)
        sheet.write(960, y, value)
        text.append(f"{address} {fact} {value}")
    text += sheet.prose(100, 170 + 5.5 * sheet.leading, 1000, 3)
    y = 170 + 10 * sheet.leading
    for _ in range(chance.randrange(4, 10)):
        number, price = str(chance.randrange(1, 90)), with_digits("###.##", chance)
        goods = chance.choice(_GOODS)
        sheet.write(100, y, number)
        sheet.write(200, y, goods)
        sheet.write(1100, y, price, anchor="ra")
        text.append(f"{number} {goods} {price}")
        y += 1.2 * sheet.leading
    total = with_digits("####.##", chance)
    sheet.write(740, y + sheet.leading, "Total EUR")
    sheet.write(1100, y + sheet.leading, total, anchor="ra")
    text.append(f"Total EUR {total}")
    return Drawn(name, scanned(sheet.image, chance), "\n".join(text))


def _ruled_paper(name: str, chance: random.Random) -> Drawn:
    sheet = Sheet(chance)
    text = sheet.prose(140, 140, 960, chance.randrange(8, 20))
    for place in range(len(text)):
        y = 140 + place * sheet.leading + 1.12 * sheet.pixels
        sheet.pen.line((60, y, 1180, y), fill=190, width=2)
    return Drawn(name, scanned(sheet.image, chance, steep=0.6), "\n".join(text))


def _scan(name: str, chance: random.Random, **how: float) -> Drawn:
    sheet = Sheet(chance)
    text = sheet.prose(120, 140, 1000, chance.randrange(10, 22))
    return Drawn(name, scanned(sheet.image, chance, **how), "\n".join(text))


def _short_note(name: str, chance: random.Random) -> Drawn:
    sheet = Sheet(chance, (1000, 400))
    text = sheet.prose(60, 60, 880, chance.randrange(2, 6))
    return Drawn(name, scanned(sheet.image, chance), "\n".join(text))


def _in(language: str) -> Callable[[str, random.Random], Drawn]:
    return lambda name, chance: _letter(name, chance, language)


KINDS: dict[str, Callable[[str, random.Random], Drawn]] = {
    **{f"letter, {language}": _in(language) for language in LANGUAGES},
    "two columns": lambda name, chance: _columns(name, chance, 2, (12, 40)),
    "three columns": lambda name, chance: _columns(name, chance, 3, (12, 40)),
    "short columns": lambda name, chance: _columns(name, chance, chance.choice((2, 3)), (4, 9)),
    "table": lambda name, chance: _table(name, chance, ruled=False),
    "ruled table": lambda name, chance: _table(name, chance, ruled=True),
    "table of words": _people,
    "invoice": _invoice,
    "receipt": _receipt,
    "ruled paper": _ruled_paper,
    SHORT: _short_note,
    DENSE: _dense,
    "skewed": lambda name, chance: _scan(name, chance, steep=6.0),
    "noisy": lambda name, chance: _scan(name, chance, noise=28.0),
    "uneven light": lambda name, chance: _scan(name, chance, shade=0.6),
}
