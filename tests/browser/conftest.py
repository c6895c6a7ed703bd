"""Debian's Chromium on a real Airflow with an emulator. All start once, for all tests of the browser."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "dags_examples" / "documents"
SECRET = "secret-of-the-browser-test-0815"

MAPPED = ("facture-2026-04.jpg", "lettre d'été.jpg", "contrat n° 7 & annexe.jpg")
"""Files of the mapped tasks."""

WIDTH, HEIGHT = 1280, 800
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MAX_PICTURE_BYTES = 200_000

Shoot = Callable[[str], None]
"""Takes a picture of the page under a name, when pictures are wanted."""


@pytest.fixture(scope="package")
def service() -> Iterator[Emulator]:
    """Return an emulator whose OCR tasks take long enough to be looked at while they run."""
    with Emulator(client_secret=SECRET, min_processing_seconds=4) as running:
        yield running


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    """Return a folder with what the DAGs read; its name is short, since pictures show it."""
    with tempfile.TemporaryDirectory(prefix="scans-") as made:
        fill(Path(made))
        yield Path(made)


def fill(made: Path) -> None:
    """Put documents into a folder."""
    scan = ROOT / "dags_examples" / "demo" / "scan.jpg"
    for name in ("scan.jpg", *MAPPED, "archive/letter.jpg"):
        target = made / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(scan, target)
    for name in ("table.png", "invoice.png", "note.pdf"):
        shutil.copy(SAMPLES / name, made)
    shutil.copy(SAMPLES / "invoice.png", made / "archive" / "invoice.png")
    (made / "archive" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing else")


@pytest.fixture(scope="package")
def airflow(
    service: Emulator, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    dags = tmp_path_factory.mktemp("dags")
    for path in (Path(__file__).parent / "dags").glob("*.py"):
        shutil.copy(path, dags)
    env = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled", "AIRFLOW__ASPOSEOCR__RESULT_PAGE_ROOTS": str(folder)}
    connections = {"asposeocr_default": service.connection_json()}
    with LocalAirflow(dags, connections=connections, env=env) as running:
        running.start()
        running.wait_until_parsed("inbox", "results", "archive")
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "there is no Chromium: install Debian's package chromium, or name one with CHROMIUM=path"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return a new window, which fails the test if a page of it meets an error of JavaScript."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US", timezone_id="UTC"
    )
    context.set_default_timeout(30_000)
    errors: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


@pytest.fixture
def shoot(page: Any) -> Shoot:
    """Return what takes pictures for the documentation, if ``SCREENSHOTS`` names their folder."""
    folder = os.environ.get("SCREENSHOTS")

    def take(name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            taken = page.screenshot(animations="disabled", caret="hide")
            (Path(folder) / f"{name}.png").write_bytes(small(taken))

    return take


def small(png: bytes) -> bytes:
    """Return a picture with as many of its colours as go into the size that the documentation can bear."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64):
        written = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
        if written.tell() < MAX_PICTURE_BYTES:
            break
    return written.getvalue()
