"""Make an image that looks like a scanned letter, and a file with its text.

The scan beside this file is the output of ``python -m dags_examples.demo.make_scan`` without options.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).resolve().parent
Plane = npt.NDArray[np.float32]

# A4 at 150 dots per inch, drawn at twice that and scaled down, so that the letters have soft edges.
PAGE = (1240, 1754)
OVERSAMPLING = 2
MARGIN, FONT_SIZE, LEADING, BLANK_LEADING = 140, 28, 45, 30
PAPER, INK, LID = (252, 247, 234), (38, 37, 48), (206, 205, 201)
SKEW_DEGREES = 1.2
JPEG_QUALITY = 68

TEXTS = {
    "letter": """\
Quillmere Bindery
Old Lock House, Canal Street
14 March

To the keeper of the reading room

Dear colleague,

Thank you for sending us the three ledgers. We opened the parcel on
Monday and looked at every volume under daylight. The paper is sound,
but the sewing has failed in two places and the first board is loose.

We suggest the following. The pages will be cleaned with a soft brush,
the torn corners mended with thin tissue, and the spines sewn again on
new linen tapes. The old leather can be kept, because only its edges
are worn. All this will take about six weeks and cost 480 in total.

One thing puzzled the whole workshop. On the last page of the second
ledger somebody has written, in violet pencil, that the brass heron
above door seventeen sings only when it rains on a Thursday. We left
the note as it was and made a drawing of it for your files.

Please tell us by the end of the month whether we may begin. If you
would like to see the damage first, come on any weekday before noon;
the kettle is always on. We return all books in person, so there is
no need to pay for carriage.

With kind regards,
The master binder
""",
    "note": """\
Tern and Tide Chandlery
Delivery note 20718
2 September

Dear customer,

Your order left our store this morning and should reach the harbour
office before five. Please count the pieces while the driver waits,
and write anything that is missing on the back of this sheet.

Forty metres of hemp rope, tarred, in two coils
Twelve brass shackles with spare pins
Six tins of grey deck paint, five litres each
One ship's bell, polished, without its clapper

The clapper follows next week, since the foundry cast it in the wrong
size. Nobody has ever complained about a silent bell, but we would
rather not be the first to hear it. You pay for the bell only when
both parts have arrived.

Empty tins and coils may be returned with the driver at no charge.
Questions are answered at the counter every day until six.

The storekeeper
""",
}


def make_scan(text: str, seed: int) -> Image.Image:
    """Return a page as a scanner would see it: with uneven light, paper texture, noise and skew.

    :param text: the lines of the page
    :param seed: random seed; the same one gives the same image
    """
    chance = np.random.default_rng(seed)
    page = np.asarray(_print_page(text), dtype=np.float32)
    page *= _paper(chance)[..., None]
    flat = Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))
    skewed = flat.rotate(SKEW_DEGREES, Image.Resampling.BICUBIC, fillcolor=LID)
    light = _light()
    exposed = np.asarray(skewed.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float32)
    exposed *= light[..., None] * np.array([1.0, 0.985, 0.95], dtype=np.float32)
    return Image.fromarray(np.clip(exposed + _sensor_noise(chance, exposed), 0, 255).astype(np.uint8))


def _print_page(text: str) -> Image.Image:
    width, height = (side * OVERSAMPLING for side in PAGE)
    page = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(page)
    y = MARGIN * OVERSAMPLING
    for number, line in enumerate(text.splitlines()):
        size = FONT_SIZE + (13 if number == 0 else 0)
        font = ImageFont.load_default(size * OVERSAMPLING)
        draw.text((MARGIN * OVERSAMPLING, y), line, font=font, fill=INK)
        y += (LEADING + size - FONT_SIZE if line else BLANK_LEADING) * OVERSAMPLING
    return page.resize(PAGE, Image.Resampling.LANCZOS)


def _paper(chance: np.random.Generator) -> Plane:
    """Return the reflectance of each point of the paper: clouds, fibres and two creases."""
    clouds = sum(
        strength * _smooth_noise(chance, grain) for grain, strength in ((120, 0.006), (14, 0.008), (2, 0.014))
    )
    y = np.arange(PAGE[1], dtype=np.float32)[:, None]
    creases = sum(0.07 * np.exp(-(((y - PAGE[1] * part) / 3.0) ** 2)) for part in (1 / 3, 2 / 3))
    return np.asarray(1.0 + clouds - creases, dtype=np.float32)


def _smooth_noise(chance: np.random.Generator, grain: int) -> Plane:
    """Return noise with standard deviation 1 and spots of the given width.

    :param grain: width of a spot in pixels
    """
    small = chance.standard_normal((PAGE[1] // grain + 2, PAGE[0] // grain + 2)).astype(np.float32)
    spots = np.asarray(Image.fromarray(small).resize(PAGE, Image.Resampling.BICUBIC))
    return np.asarray((spots - spots.mean()) / spots.std(), dtype=np.float32)


def _light() -> Plane:
    """Return the light on each point: a lamp at the upper right, the shadow of the fold at the left."""
    x = np.linspace(0, 1, PAGE[0], dtype=np.float32)[None, :]
    y = np.linspace(0, 1, PAGE[1], dtype=np.float32)[:, None]
    lamp = 1.05 - 0.50 * ((x - 0.72) ** 2 + 0.8 * (y - 0.22) ** 2)
    fold = 1.0 - 0.55 * np.exp(-x / 0.05) - 0.22 * np.exp(-((x / 0.2) ** 2))
    return np.asarray(lamp * fold, dtype=np.float32)


def _sensor_noise(chance: np.random.Generator, exposed: Plane) -> Plane:
    """Return noise that is stronger in dark areas and mostly the same in the three colours."""
    shared = chance.normal(0, 3.2, (*exposed.shape[:2], 1))
    own = chance.normal(0, 1.6, exposed.shape)
    return np.asarray((shared + own) * (1.5 - exposed / 400), dtype=np.float32)


def main() -> None:
    """Write the image, and the text beside it with the suffix ``.txt``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--text", choices=TEXTS, default="letter", help="text of the page")
    parser.add_argument("--seed", type=int, default=7, help="seed of noise and paper")
    parser.add_argument("--output", type=Path, default=HERE / "scan.jpg", help="the image file")
    options = parser.parse_args()
    text = TEXTS[options.text]
    make_scan(text, options.seed).save(options.output, quality=JPEG_QUALITY, dpi=(150, 150))
    options.output.with_suffix(".txt").write_text(text)
    print(f"{options.output}: {options.output.stat().st_size // 1000} kB, {len(text.split())} words")


if __name__ == "__main__":
    main()
