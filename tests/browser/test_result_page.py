"""The result page in the tab of a task: words beside the picture, a table, fields, a PDF, a batch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dags_examples.demo.local_airflow import LocalAirflow

from .conftest import Shoot

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def runs(airflow: LocalAirflow, folder: Path) -> dict[str, str]:
    """Return the run of each DAG whose results are looked at, all over."""
    started: dict[str, str] = {}
    for name in ("results", "archive"):
        started[name] = airflow.trigger(name, {"folder": str(folder)})
        ended = airflow.wait(name, started[name], timeout=300)
        assert ended == "success", [text[-3000:] for text in airflow.task_logs(name).values()]
    return started


def open_tab(page: Any, airflow: LocalAirflow, dag_id: str, run_id: str, task_id: str) -> Any:
    """Open the page of a task, press its tab, and return the frame of the result page."""
    page.goto(f"{airflow.url}/dags/{dag_id}/runs/{run_id}/tasks/{task_id}")
    page.get_by_role("link", name="OCR result").click()
    return page.frame_locator("iframe")


def expect_marked(box: Any) -> None:
    """Wait until a box is marked, as is the word that the pointer is on."""
    box.and_(box.page.frame_locator("iframe").locator(".marked")).wait_for()
    assert box.bounding_box()["width"] > 5


def test_a_scan_has_its_words_over_the_picture_and_the_text_beside_it(
    page: Any, airflow: LocalAirflow, runs: dict[str, str], shoot: Shoot
) -> None:
    frame = open_tab(page, airflow, "results", runs["results"], "scan")
    frame.get_by_role("heading", name="scan.jpg").wait_for()
    word = frame.locator(".word", has_text=re.compile("^heron$"))
    box = frame.locator(f".box[data-unit='{word.get_attribute('data-unit')}']")
    word.hover()
    expect_marked(box)
    # Beside, not below: a person compares the two.
    picture, text = frame.locator("#sheet").bounding_box(), frame.locator("#text").bounding_box()
    assert picture["x"] + picture["width"] <= text["x"]
    frame.locator("#source").evaluate("image => image.decode()")
    shoot("result_scan")


def test_a_table_is_a_table(page: Any, airflow: LocalAirflow, runs: dict[str, str], shoot: Shoot) -> None:
    frame = open_tab(page, airflow, "results", runs["results"], "table")
    rows = frame.locator("table.cells tr")
    rows.first.wait_for()
    cells = [row.locator("td").all_inner_texts() for row in rows.all()]
    assert cells[0] == ["Article", "Pieces", "Price", "Amount"]
    assert ["Ship's bell", "1", "190.00", "190.00"] in cells
    shoot("result_table")


def test_an_invoice_is_fields(page: Any, airflow: LocalAirflow, runs: dict[str, str]) -> None:
    frame = open_tab(page, airflow, "results", runs["results"], "invoice")
    field = frame.locator("table.fields tr", has_text="Total amount")
    assert "629.28" in field.inner_text()


def test_a_pdf_is_drawn_or_says_why_not(page: Any, airflow: LocalAirflow, runs: dict[str, str]) -> None:
    frame = open_tab(page, airflow, "results", runs["results"], "pdf")
    frame.get_by_role("heading", name="note.pdf").wait_for()
    assert "Chandlery" in frame.locator("#text").inner_text()
    drawn = frame.locator("#pdf").count() == 1
    assert drawn is not frame.get_by_text("built without pdf.js").is_visible()


def test_a_batch_lists_failures_first_and_leads_to_each_file(
    page: Any, airflow: LocalAirflow, runs: dict[str, str], shoot: Shoot
) -> None:
    frame = open_tab(page, airflow, "archive", runs["archive"], "batch")
    rows = frame.locator("table.report tbody tr")
    rows.first.wait_for()
    assert [row.locator("th").inner_text() for row in rows.all()] == [
        "broken.png",
        "invoice.png",
        "letter.jpg",
    ]
    assert "is damaged" in rows.first.inner_text()
    shoot("result_batch")
    frame.get_by_role("link", name="letter.jpg").click()
    frame.get_by_role("heading", name="letter.jpg").wait_for()
    assert "Quillmere" in frame.locator("body").inner_text()
