"""The page of a batch: failures first, all rows within reach, and whatever a report holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plugin.conftest import PAGE, Site
from tests.plugin.manifests import SCRIPT

pytest.importorskip("airflow.api_fastapi.core_api.security", reason="Airflow 3.1 and later have the page")


@pytest.fixture
def report(site: Site) -> list[dict[str, Any]]:
    """Write a report of 250 files, of which the last has failed."""
    (site.folder / "a.txt").write_text("text of a")
    lines: list[dict[str, Any]] = [
        {
            "source": f"{site.folder}/scan{number}.png",
            "operation": "RecognizeImage",
            "status": "succeeded",
            "uri": f"{site.folder}/a.txt",
            "api_calls": 3,
            "submitted_at": "2026-01-02T03:04:05+00:00",
            "completed_at": "2026-01-02T03:04:06+00:00",
        }
        for number in range(1, 250)
    ]
    failed = {"status": "failed", "uri": None, "error": "AsposeOcrTaskError", "message": SCRIPT}
    lines.append(lines[0] | failed | {"source": "/x/broken.png"})
    (site.folder / "report.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    totals = {"items": 250, "succeeded": 249, "failed": 1, "api_calls": 750, "seconds": 12.5}
    site.returns({"report": f"file://{site.folder}/report.jsonl", "destination": "x", **totals})
    return lines


def test_failures_come_first_and_each_row_is_linked(site: Site, report: Any) -> None:
    text = site.text()
    rows = text[text.index("<tbody>") :]
    assert rows.index("broken.png") < rows.index("scan1.png")
    assert "/-1/items/250" in text
    assert '/-1/items/1"' in text
    assert "failed 1</a>" in text
    assert "succeeded 249</a>" in text
    assert "1\u2013100 of 250" in text
    assert "<script>" not in text
    assert "scan100.png" not in text


def test_all_rows_can_be_reached(site: Site, report: Any) -> None:
    seen = "".join(site.text(f"?start={start}") for start in (0, 100, 200))
    assert [line for line in report if line["source"].rpartition("/")[2] not in seen] == []
    assert "broken.png" not in site.text("?status=succeeded")
    assert "scan1.png" not in site.text("?status=failed")
    assert "No file." in site.text("?status=nonsense")
    assert "scan249.png" in site.text("?start=99999")


def test_the_page_of_an_item_shows_its_result(site: Site, report: Any) -> None:
    assert "text of a" in site.text("/items/1")
    assert site.client.get(f"{PAGE}/items/1/files/0").text == "text of a"
    broken = site.text("/items/250")
    assert "AsposeOcrTaskError &lt;script&gt;" in broken
    for line in ("0", "251", "-1"):
        site.text(f"/items/{line}", 404)


@pytest.mark.parametrize("content", ["", "[]\n", "no json\n", "5\n", '{"status": []}\n', '{"a": 1}\n' * 3])
def test_a_report_of_another_form_does_no_harm(site: Site, content: str) -> None:
    (site.folder / "report.jsonl").write_text(content)
    site.returns({"report": f"{site.folder}/report.jsonl", "items": 1})
    site.text()
    assert site.client.get(f"{PAGE}/items/1").status_code in (200, 404)


def test_an_endless_line_is_refused(site: Site) -> None:
    (site.folder / "report.jsonl").write_text("{" + " " * 100_000 + "}\n")
    site.returns({"report": f"{site.folder}/report.jsonl", "items": 1})
    assert "a line of the report is longer" in site.text()
