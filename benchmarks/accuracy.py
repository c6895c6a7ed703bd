"""Measure how well the emulator reads: character errors and processor time by kind of page, beside Tesseract.

Pages are drawn from a seed and spoilt as a scanner would. Character errors are the fewest insertions,
deletions and replacements that turn the text that was read into the text on the page, in reading order, as a
share of it; a run of white space counts as one blank. A page of columns that is read row by row thus counts
as mostly wrong. Layout and reading were tuned on the seeds 1 to 3 and 2026; the default is another one.

Tesseract is measured where it is installed, with the data of the page's language; the blanks that it puts
between Han and Kana characters do not count.
"""

from __future__ import annotations

import io
import resource
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from PIL import Image

from airflow_provider_asposeocr.emulator import engine
from airflow_provider_asposeocr.emulator.decoding import decode
from airflow_provider_asposeocr.emulator.settings import AppliedSettings
from benchmarks.about import Stopwatch, tell
from benchmarks.accuracy_pages import DENSE, KINDS, SHORT, Drawn, is_columns, pages
from benchmarks.accuracy_texts import LANGUAGES
from benchmarks.program import finish, options
from benchmarks.tables import Table, Target, targets_table

UNSEEN_SEED = 2027
MAX_ERROR, MAX_COLUMN_ERROR = 1.0, 2.0
"""Targets for the mean character error, in percent."""

MAX_SHORT_SECONDS, MAX_DENSE_SECONDS = 2.5, 12.0
"""Targets for the processor time of a short page and of an A4 page of 52 lines."""

_PACKAGES = ("airflow-provider-asposeocr", "rapidocr", "onnxruntime", "opencv-python-headless")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the figures as JSON.

    :param arguments: the command line; None takes the process's own.
    :return: the exit status.
    """
    parser = options("accuracy", __doc__, "one page of each kind")
    parser.add_argument(
        "--seed", type=int, default=UNSEEN_SEED, help=f"of the pages (default: {UNSEEN_SEED})"
    )
    parser.add_argument("--pages", type=int, help="of each kind (default: 3, with --quick 1)")
    given = parser.parse_args(arguments)
    per_kind = given.pages or (1 if given.quick else 3)
    watch = Stopwatch()
    peers = {"emulator": _emulator}
    if shutil.which("tesseract"):
        peers["Tesseract"] = _tesseract
    engine.load_engine()
    figures = []
    for number, page in enumerate(pages(given.seed, per_kind), 1):
        tell(f"accuracy: page {number} of {len(KINDS) * per_kind}, {page.kind}")
        for peer, read in peers.items():
            text, seconds = read(page)
            percent = 100 * character_error(page.text, text)
            figures.append(
                {"kind": page.kind, "peer": peer, "error_percent": percent, "cpu_seconds": seconds}
            )
    tell("")
    versions = {"tesseract": _version()} if "Tesseract" in peers else {}
    data = watch.about(per_kind, _PACKAGES, **versions) | {"seed": given.seed, "pages": figures}
    return finish("accuracy", given, data, tables, targets)


def _emulator(page: Drawn) -> tuple[str, float]:
    """Recognize a page as the recognition process does; return the text and the processor time."""
    before = time.process_time()
    found, _ = engine.recognize(decode(_encoded(page.image)), AppliedSettings(language=page.language))
    return found.text, time.process_time() - before


def _tesseract(page: Drawn) -> tuple[str, float]:
    language = LANGUAGES[page.language]
    before = _seconds_of_children()
    command = ["tesseract", "-", "-", "-l", language.tesseract, "--dpi", "150"]
    image = _encoded(page.image).getvalue()
    done = subprocess.run(command, input=image, capture_output=True, check=True)
    text = done.stdout.decode()
    lines = text.splitlines() if language.spaced else [line.replace(" ", "") for line in text.splitlines()]
    return "\n".join(lines), _seconds_of_children() - before


def _encoded(image: Image.Image) -> io.BytesIO:
    target = io.BytesIO()
    image.save(target, "PNG")
    target.seek(0)
    return target


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _version() -> str:
    done = subprocess.run(["tesseract", "--version"], capture_output=True, check=True, text=True)
    return done.stdout.split()[1]


def character_error(expected: str, found: str) -> float:
    """Return the edit distance of two texts as a share of the expected one.

    :param expected: the text on the page.
    :param found: the text that was read.
    """
    wanted, got = " ".join(expected.split()), " ".join(found.split())
    return _distance(wanted, got) / max(1, len(wanted))


def _distance(one: str, other: str) -> int:
    """Return the edit distance of two texts.

    A column of the matrix is held as the bits of two numbers: where the distance grows by one from cell to
    cell, and where it shrinks (Myers, 1999).
    """
    if not one:
        return len(other)
    last, every = 1 << (len(one) - 1), (1 << len(one)) - 1
    places: dict[str, int] = defaultdict(int)
    for place, character in enumerate(one):
        places[character] |= 1 << place
    grows, shrinks, distance = every, 0, len(one)
    for character in other:
        same = places.get(character, 0)
        falls = same | shrinks
        level = (((same & grows) + grows) ^ grows) | same
        right_up, right_down = shrinks | ~(level | grows) & every, grows & level
        distance += bool(right_up & last) - bool(right_down & last)
        right_up, right_down = (right_up << 1 | 1) & every, (right_down << 1) & every
        grows, shrinks = right_down | ~(falls | right_up) & every, right_up & falls
    return distance


def _mean(data: Mapping[str, Any], figure: str, peer: str, kinds: Sequence[str]) -> float:
    return mean(
        float(page[figure]) for page in data["pages"] if page["peer"] == peer and page["kind"] in kinds
    )


def targets(data: Mapping[str, Any]) -> list[Target]:
    """Return the targets and what was measured.

    :param data: the figures.
    """
    error, seconds, ours = "error_percent", "cpu_seconds", "emulator"
    columns = [kind for kind in KINDS if is_columns(kind)]
    return [
        Target.at_most(
            "mean character error, percent", MAX_ERROR, _mean(data, error, ours, [*KINDS]), "{:.2f}"
        ),
        Target.at_most(
            "the same of columns, percent", MAX_COLUMN_ERROR, _mean(data, error, ours, columns), "{:.2f}"
        ),
        Target.at_most(
            f"{SHORT}, CPU seconds", MAX_SHORT_SECONDS, _mean(data, seconds, ours, [SHORT]), "{:.1f}"
        ),
        Target.at_most(
            f"{DENSE}, CPU seconds", MAX_DENSE_SECONDS, _mean(data, seconds, ours, [DENSE]), "{:.1f}"
        ),
    ]


def tables(data: Mapping[str, Any]) -> list[Table]:
    """All figures as tables.

    :param data: the figures.
    """
    peers = list(dict.fromkeys(page["peer"] for page in data["pages"]))
    heads = [f"{peer}: {figure}" for peer in peers for figure in ("mean error, %", "worst", "CPU s")]
    rows = [(kind, *_cells(data, peers, [kind])) for kind in KINDS]
    rows.append(("all", *_cells(data, peers, [*KINDS])))
    count = len(data["pages"]) // len(peers)
    title = f"Character errors and processor time, {count} pages, seed {data['seed']}"
    return [targets_table(targets(data)), Table(title, ("pages", *heads), rows)]


def _cells(data: Mapping[str, Any], peers: Sequence[str], kinds: Sequence[str]) -> list[str]:
    cells = []
    for peer in peers:
        errors = [p["error_percent"] for p in data["pages"] if p["peer"] == peer and p["kind"] in kinds]
        seconds = _mean(data, "cpu_seconds", peer, kinds)
        cells += [f"{mean(errors):.2f}", f"{max(errors):.2f}", f"{seconds:.1f}"]
    return cells


if __name__ == "__main__":
    sys.exit(main())
