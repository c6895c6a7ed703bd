"""Tables for the recognition tests: drawn with and without rules."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from tests.emulator.pages import FONTS

_SIZE, _LEADING, _PADDING, _MARGIN = 22, 30, 12, 60


def draw_table(
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    *,
    rules: int = 0,
    right: Sequence[int] = (),
    spans: dict[tuple[int, int], int] | None = None,
    frame: bool = True,
    grey: int = 30,
    filled: int | None = None,
) -> Image.Image:
    """Draw a table, each row as high as the most lines of its cells need.

    :param rows: the texts of its cells.
    :param widths: of its columns, in pixels.
    :param rules: the thickness of its rules, in pixels.
    :param right: the columns whose text is aligned at the right.
    :param spans: how many columns a cell spans, if several, by row and column.
    :param frame: draw the outer rules, too.
    :param grey: the brightness of its rules.
    :param filled: fill the first row with this brightness, under white text.
    """
    face = ImageFont.truetype(str(FONTS / "Vera.ttf"), _SIZE)
    heights = [_LEADING * max(text.count("\n") + 1 for text in row) + 2 * _PADDING for row in rows]
    lefts = [_MARGIN + sum(widths[:column]) for column in range(len(widths) + 1)]
    tops = [_MARGIN + sum(heights[:row]) for row in range(len(rows) + 1)]
    canvas = Image.new("L", (lefts[-1] + _MARGIN, tops[-1] + _MARGIN), 255)
    pen = ImageDraw.Draw(canvas)
    if filled is not None:
        pen.rectangle((lefts[0], tops[0], lefts[-1], tops[1]), fill=filled)
    for place, row in enumerate(rows):
        covered = 0
        for column, text in enumerate(row):
            if covered:
                covered -= 1
                continue
            covered = (spans or {}).get((place, column), 1) - 1
            box = (lefts[column], tops[place], lefts[column + covered + 1], tops[place + 1])
            ink = 255 if filled is not None and place == 0 else 20
            if column in right:
                at = box[2] - _PADDING, box[1] + _PADDING
                pen.multiline_text(at, text, font=face, fill=ink, anchor="ra", spacing=_LEADING - _SIZE)
            else:
                at = box[0] + _PADDING, box[1] + _PADDING
                pen.multiline_text(at, text, font=face, fill=ink, spacing=_LEADING - _SIZE)
            if not rules:
                continue
            if frame or place:
                pen.line((box[0], box[1], box[2], box[1]), fill=grey, width=rules)
            if frame or place < len(rows) - 1:
                pen.line((box[0], box[3], box[2], box[3]), fill=grey, width=rules)
            if frame or column:
                pen.line((box[0], box[1], box[0], box[3]), fill=grey, width=rules)
            if frame or column + covered < len(row) - 1:
                pen.line((box[2], box[1], box[2], box[3]), fill=grey, width=rules)
    return canvas
