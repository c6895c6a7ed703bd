"""Measure memory and time of the conversion of images of 12 and 100 megapixels, each in a process of its own.

Run it as ``python -m benchmarks.conversion``; ``--quick`` measures 12 megapixels alone. The pages are made
first, with text and the noise of a camera; the resident memory of a process that has converted a small image
counts as idle. The exit status is 1 when a conversion takes more memory for a pixel than is documented.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.about import REPOSITORY
from benchmarks.gauge import Gauge
from benchmarks.tables import Table

SIZES = ((4000, 3000), (11_600, 8700))
"""Width and height in pixels: a photograph of a phone, and one of 100 megapixels."""

FORMATS = ("heic", "avif", "webp", "jp2", "png", "jpg", "tif")
"""Formats of the images: the last three of 16 bits, turned by Exif, and two pages with loss-free colours."""

MAX_BYTES_PER_PIXEL = 24
"""Bytes of memory for each pixel of the image, or of the largest page, that a conversion takes at most."""

_MAX_WEBP = 50_000_000
"""Pixels that libwebp encodes with loss, if there is noise in them."""

_ROWS = 500


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status.

    :param arguments: the command line; None takes the process's own.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conversion", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="12 megapixels alone")
    parser.add_argument("--only", nargs="+", choices=FORMATS, default=FORMATS, help="some formats")
    given = parser.parse_args(arguments)
    rows, most = [], 0.0
    with tempfile.TemporaryDirectory(prefix="asposeocr-benchmark-") as folder:
        for width, height in SIZES[:1] if given.quick else SIZES:
            for kind in given.only:
                if kind == "webp" and width * height > _MAX_WEBP:
                    continue
                path = Path(folder, f"page.{kind}")
                small = Path(folder, f"small.{kind}")
                _child("make", str(small), 200, 100)
                _child("make", str(path), width, height)
                found = _child("measure", str(small), str(path))
                per_pixel = found["extra_mib"] * 1024**2 / (width * height)
                most = max(most, per_pixel)
                rows.append(
                    (
                        *(kind, f"{width * height / 1e6:.0f}", f"{path.stat().st_size / 1e6:.1f}"),
                        *(found["target"], f"{found['bytes'] / 1e6:.1f}", f"{found['extra_mib']:.0f}"),
                        *(f"{per_pixel:.1f}", f"{found['seconds'][0]:.1f}"),
                    )
                )
                print(Table("", ("",) * 8, rows[-1:]).text().splitlines()[-1], file=sys.stderr, flush=True)
    columns = ("from", "Mpx", "MB", "to", "MB sent", "extra MiB", "B/px", "s")
    print(Table("Conversion", columns, rows).text())
    return 1 if most > MAX_BYTES_PER_PIXEL else 0


def _child(action: str, *arguments: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.conversion", json.dumps([action, *arguments])]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{action} failed:\n{done.stdout}{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(small: str, path: str) -> None:
    """Convert a small image, then the one to be measured, and print what that took.

    :param small: a path.
    :param path: a path.
    """
    from airflow_provider_asposeocr.api.operations import AUTO
    from airflow_provider_asposeocr.files.source import open_source

    def convert(name: str) -> tuple[str, int]:
        source = open_source(name, convert_for=AUTO)
        if source.convert is None:
            raise RuntimeError(f"{name} is not converted")
        made = source.convert(None)
        return str(made.format), made.size

    convert(small)
    gauge = Gauge()
    with gauge:
        target, size = convert(path)
    print(json.dumps({**gauge.report(), "target": target, "bytes": size}), flush=True)


def make(path: str, width: int, height: int) -> None:
    """Write a page with text and noise, in the format of its suffix.

    :param path: where.
    :param width: pixels.
    :param height: pixels.
    """
    import numpy as np
    import pillow_heif
    from PIL import Image, ImageDraw, ImageFont

    pillow_heif.register_heif_opener()
    rng, image = np.random.default_rng(1), Image.new("RGB", (width, height))
    for top in range(0, height, _ROWS):
        shape = (min(_ROWS, height - top), width, 3)
        rows = np.linspace(180, 235, width)[None, :, None] + rng.normal(0, 3, shape)
        image.paste(Image.fromarray(rows.clip(0, 255).astype(np.uint8)), (0, top))
    line = "The quick brown fox jumps over the lazy dog 0123456789 " * (width // 1500 + 1)
    for top in range(60, height - 60, 90):
        ImageDraw.Draw(image).text((60, top), line, font=ImageFont.load_default(60), fill=(30, 30, 35))
    exif = Image.Exif()
    exif[274] = 6
    options: dict[str, dict[str, Any]] = {
        # In tiles, as cameras write it.
        "heic": {"quality": 70, "tile_size": 512, "enc_params": {"preset": "ultrafast"}},
        "avif": {"quality": 75, "speed": 10},
        "webp": {"quality": 85, "method": 0},
        "jp2": {"quality_mode": "rates", "quality_layers": [10], "irreversible": True},
        "png": {"compress_level": 1},
        "jpg": {"quality": 85, "exif": exif},
        "tif": {"compression": "tiff_lzw", "save_all": True, "append_images": [image]},
    }
    kind = path.rpartition(".")[2]
    if kind == "png":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    image.save(path, **options[kind])
    print("{}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("["):
        action, *given = json.loads(sys.argv[1])
        (make if action == "make" else measure)(*given)
    else:
        sys.exit(main())
