"""The batch operator against the emulator: what it submits, stores and tells."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_asposeocr.batch import runner
from airflow_provider_asposeocr.batch.item import TEXT_LIMIT
from airflow_provider_asposeocr.emulator.generated import generated_sha256
from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import batch, image, images, lines
from tests.running import run

TEXT = "The quick brown fox jumps over the lazy dog."


def most_in_flight(emulator: Emulator) -> int:
    """Count the OCR tasks that were at most submitted and not yet fetched; each is polled once."""
    now = most = 0
    for entry in emulator.transcript:
        now += (entry.kind == "submit") - (entry.kind == "poll")
        most = max(most, now)
    return most


def test_texts_are_stored_and_told(emulator: Emulator, inbox: Path, out: Path) -> None:
    summary = run(batch(f"{inbox}/", f"{out}/"))

    report = lines(out)
    assert [line["source"] for line in report] == [f"file://{path}" for path in sorted(inbox.iterdir())]
    for line in report:
        stored = Path(line["uri"].removeprefix("file://"))
        stem = Path(line["source"]).stem
        assert stored.parent == out
        assert re.fullmatch(rf"{stem}-[0-9a-f]{{12}}\.txt", stored.name)
        assert stored.read_text() == TEXT
        assert line["bytes"] == len(TEXT)
        assert line["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
        assert line["status"] == "succeeded"
        assert line["ocr_task_id"] in emulator.ocr_tasks
        assert line["api_calls"] == 2
        assert line["submitted_at"] < line["completed_at"]
        assert (line["error"], line["message"]) == (None, None)
        assert (line["warnings"], line["further_results"]) == ([], [])
    assert emulator.calls.billed == 24
    assert TEXT not in (out / "report.jsonl").read_text()
    assert summary.pop("seconds") > 0
    assert summary == {
        "report": f"file://{out}/report.jsonl",
        "destination": f"{out}/",
        "items": 12,
        "succeeded": 12,
        "failed": 0,
        "skipped": 0,
        "resumed": 0,
        "reused": 0,
        "api_calls": 24,
    }


def test_no_more_ocr_tasks_are_in_flight_than_allowed(emulator: Emulator, tmp_path: Path, out: Path) -> None:
    images(tmp_path / "in", 40)
    run(batch(f"{tmp_path}/in/", f"{out}/", max_in_flight="7"))
    assert most_in_flight(emulator) == 7


def test_submissions_and_waits_overlap(emulator: Emulator, inbox: Path, out: Path) -> None:
    emulator.options.service_seconds = 1.0
    summary = run(batch(f"{inbox}/", f"{out}/", poll_interval=1.05))
    assert summary["seconds"] < 6
    assert most_in_flight(emulator) == 12


def test_without_an_interval_the_moments_are_learned_and_the_cost_is_told_before(
    emulator: Emulator, inbox: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        summary = run(batch(f"{inbox}/", f"{out}/", poll_interval=None))
    assert summary["succeeded"] == 12
    assert summary["api_calls"] == 24
    (told,) = [line for line in caplog.messages if "12 sources, about" in line]
    assert 24 < int(told.partition("about ")[2].split()[0]) < 60


def test_settings_travel_as_with_a_single_image(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/", language="ukrainian", rotate="90", extra_settings={"brandNew": [1]}))
    for submission in emulator.submissions:
        assert submission.settings
        assert submission.settings["language"] == "Ukrainan"
        assert submission.settings["Rotate"] == 90
        assert submission.settings["brandNew"] == [1]


def test_what_is_sent_is_the_file(emulator: Emulator, inbox: Path, out: Path) -> None:
    (inbox / "large.png").write_bytes(image() + bytes(3_000_000))
    run(batch(f"{inbox}/", f"{out}/"))
    sent = {submission.sha256 for submission in emulator.submissions}
    assert sent == {hashlib.sha256(path.read_bytes()).hexdigest() for path in inbox.iterdir()}


def test_images_are_fetched_when_their_status_is_done(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/", operation="BinarizeImage"))
    assert (emulator.calls.submit, emulator.calls.status, emulator.calls.poll) == (12, 12, 12)
    assert all(Path(line["uri"].removeprefix("file://")).suffix == ".png" for line in lines(out))


def test_several_results_are_all_told(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/", result_type="TextAndPdf"))
    for line in lines(out):
        (pdf,) = line["further_results"]
        assert line["uri"].endswith(".txt")
        assert pdf["type"] == "Pdf"
        assert pdf["uri"].endswith(".pdf")
        assert Path(pdf["uri"].removeprefix("file://")).stat().st_size == pdf["bytes"]


def test_a_long_text_is_fetched_once_through_a_file(emulator: Emulator, inbox: Path, out: Path) -> None:
    emulator.options.result_bytes = 2 * TEXT_LIMIT
    run(batch([inbox / "page-0000.png"], f"{out}/"))
    (line,) = lines(out)
    assert line["bytes"] == 2 * TEXT_LIMIT
    assert line["sha256"] == generated_sha256("Text", 2 * TEXT_LIMIT)
    # Submission, the poll that stops reading when it has seen that the task is done, the fetch.
    assert line["api_calls"] == emulator.calls.billed == 3


def test_equal_names_never_meet(emulator: Emulator, tmp_path: Path, out: Path) -> None:
    for folder in ("a", "b"):
        images(tmp_path / "in" / folder, 2)
    run(batch(f"{tmp_path}/in/", f"{out}/"))
    assert len({line["uri"] for line in lines(out)}) == 4


def test_names_may_be_chosen(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/{{operation}}/{{stem}}.{{ext}}"))
    assert (out / "RecognizeImage/page-0007.txt").read_text() == TEXT
    assert len(lines(out)) == 12


@pytest.mark.parametrize("line_break", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\x1e"])
def test_the_report_has_one_line_for_each_file_whatever_it_is_called(
    emulator: Emulator, tmp_path: Path, out: Path, line_break: str
) -> None:
    names = [f"Grüße{line_break}漢字 😀.png", "plain.png"]
    (tmp_path / "in").mkdir()
    for number, name in enumerate(names):
        (tmp_path / "in" / name).write_bytes(image(number))
    run(batch(f"{tmp_path}/in/", f"{out}/"))
    text = (out / "report.jsonl").read_text()
    assert len(text.splitlines()) == 2
    assert [line["source"] for line in lines(out)] == [f"file://{tmp_path}/in/{name}" for name in names]
    # Letters of all languages can be read as they are.
    assert "Grüße" in text
    assert "漢字 😀.png" in text


def test_deleted_at_the_service_when_delivered(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/", delete_remote="true"))
    assert emulator.calls.cancel == 12
    assert {line["api_calls"] for line in lines(out)} == {3}


def test_warnings_of_the_service_are_told(emulator: Emulator, inbox: Path, out: Path) -> None:
    emulator.options.warnings = ("The image is very dark.",)
    run(batch(f"{inbox}/", f"{out}/"))
    assert {tuple(line["warnings"]) for line in lines(out)} == {("The image is very dark.",)}


def test_the_output_of_another_batch_of_tasks(emulator: Emulator, inbox: Path, out: Path) -> None:
    manifests = [
        {"ocr_task_id": "1", "uri": f"file://{inbox}/page-0001.png", "text": "secret", "results": []},
        {"ocr_task_id": "2", "uri": f"file://{inbox}/page-0002.png", "text": "secret", "results": []},
    ]
    operator = batch(manifests, f"{out}/")
    operator.render_template_fields({"ti": None})  # type: ignore[typeddict-item]
    assert "secret" not in str(operator.sources)
    assert run(operator)["succeeded"] == 2


def test_a_mapped_task_has_a_report_of_its_own(emulator: Emulator, inbox: Path, out: Path) -> None:
    run(batch(f"{inbox}/", f"{out}/"), map_index=3)
    assert len(lines(out, "report-3.jsonl")) == 12


@pytest.mark.parametrize("where", ["elsewhere/r.jsonl", "elsewhere/"])
def test_the_report_may_go_elsewhere(
    emulator: Emulator, inbox: Path, out: Path, tmp_path: Path, where: str
) -> None:
    summary = run(batch(f"{inbox}/", f"{out}/", report=f"{tmp_path}/{where}"))
    assert Path(summary["report"].removeprefix("file://")).parent == tmp_path / "elsewhere"
    assert len(ObjectStoragePath(summary["report"]).read_text().splitlines()) == 12


def test_no_sources_are_a_success(
    emulator: Emulator, tmp_path: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nothing: tuple[list[str] | str, ...] = ([], f"{tmp_path}/nothing/")
    for sources in nothing:
        assert run(batch(sources, f"{out}/"))["items"] == 0
    assert caplog.text.count("There are no sources") == 2
    assert lines(out) == []
    assert (emulator.calls.token, emulator.calls.billed) == (0, 0)


def test_progress_is_logged(
    emulator: Emulator,
    inbox: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(runner, "PROGRESS_INTERVAL", 0.1)
    emulator.options.service_seconds = 0.4
    with caplog.at_level(logging.INFO):
        run(batch(f"{inbox}/", f"{out}/", max_in_flight=6))
    told = [record.getMessage() for record in caplog.records if "items," in record.getMessage()]
    assert any("left" in line for line in told)
    assert f" s; report: file://{out}/report.jsonl" in caplog.text


def test_nothing_secret_is_logged(
    emulator: Emulator, inbox: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        run(batch(f"{inbox}/", f"{out}/", operation="RecognizeImageTrial"))
        run(batch(f"{inbox}/", f"{out}/"))
    secrets = (emulator.client_secret, TEXT, *emulator.tokens)
    assert not [secret for secret in secrets if secret in caplog.text]


def test_it_can_be_mapped_and_serialized() -> None:
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator

    with DAG("d", schedule=None):
        AsposeOcrBatchOperator.partial(task_id="t", destination="s3://b/out/", fail_on=0.1).expand(
            sources=["s3://b/a/", "s3://b/b/"]
        )
