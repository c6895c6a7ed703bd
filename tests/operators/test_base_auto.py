"""``operation="auto"``: the operation follows from the first bytes of each source."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from airflow_provider_asposeocr.operators.fetch import AsposeOcrFetchResultOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.batch.support import batch, image, lines
from tests.operators.recognizing import TEXT, both_ways
from tests.running import deferral, run

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
DJVU = b"AT&TFORM\0\0\0\0DJVU"


@both_ways
@pytest.mark.parametrize(
    ("content", "operation"), [(image(), "RecognizeImage"), (PDF, "RecognizePdf")], ids=["png", "pdf"]
)
def test_the_operation_is_taken_by_the_first_bytes(
    emulator: Emulator, tmp_path: Path, content: bytes, operation: str, deferrable: bool
) -> None:
    # The name says nothing.
    source = tmp_path / "upload.bin"
    source.write_bytes(content)
    manifest = run(
        AsposeOcrOperator(
            task_id="read",
            operation="Auto",
            source=source,
            rotate=90,
            deferrable=deferrable,
            poll_interval=0.1,
        )
    )
    assert (manifest["operation"], manifest["text"]) == (operation, TEXT)
    assert [submission.operation for submission in emulator.submissions] == [operation]


@pytest.mark.parametrize(
    ("content", "way_on"),
    [
        (DJVU, "is DjVu: auto reads .*; use DjVu2PDF first, then RecognizePdf"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "is WebP: .*; convert it to PNG or TIFF first"),
        (b"plain words\n", "is plain text: auto reads"),
    ],
)
def test_what_has_no_text_operation_is_refused_before_any_call(
    emulator: Emulator, tmp_path: Path, content: bytes, way_on: str
) -> None:
    source = tmp_path / "upload.png"
    source.write_bytes(content)
    with pytest.raises(AirflowFailException, match=way_on):
        run(AsposeOcrOperator(task_id="read", operation="auto", source=source))
    assert emulator.calls.billed == 0


def test_a_retry_resumes_what_was_taken(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)

    def read() -> AsposeOcrOperator:
        return AsposeOcrOperator(
            task_id="read",
            operation="auto",
            source=tmp_path / "a.pdf",
            deferrable=True,
            durable_path=f"{tmp_path}/records/",
            poll_interval=0.1,
        )

    deferral(read())
    manifest = run(read())
    assert manifest["operation"] == "RecognizePdf"
    assert emulator.calls.submit == 1


@pytest.mark.parametrize("kind", [AsposeOcrTaskSensor, AsposeOcrFetchResultOperator])
def test_an_id_belongs_to_an_operation(kind: type) -> None:
    with pytest.raises(AirflowFailException, match="unknown operation 'auto'"):
        kind(task_id="wait", operation="auto", ocr_task_id="an-id")


class TestBatch:
    def test_each_item_has_its_own(self, emulator: Emulator, tmp_path: Path, out: Path) -> None:
        inbox = tmp_path / "in"
        inbox.mkdir()
        (inbox / "a.png").write_bytes(image(1))
        (inbox / "b.pdf").write_bytes(PDF)
        (inbox / "c.pdf").write_bytes(image(2))
        (inbox / "d.djvu").write_bytes(DJVU)
        (inbox / "e.png").write_bytes(DJVU)
        summary = run(
            batch(
                f"{inbox}/",
                f"{out}/{{operation}}/{{stem}}.txt",
                operation="auto",
                fail_on=0.5,
                report=f"{out}/",
            )
        )
        found = {Path(line["source"]).name: (line["operation"], line["status"]) for line in lines(out)}
        assert found == {
            "a.png": ("RecognizeImage", "succeeded"),
            "b.pdf": ("RecognizePdf", "succeeded"),
            "c.pdf": ("RecognizeImage", "succeeded"),
            # One that shows by its name that it is not read is not listed.
            "e.png": (None, "failed"),
        }
        assert (summary["succeeded"], summary["failed"]) == (3, 1)
        assert {str(path.relative_to(out)) for path in out.rglob("*.txt")} == {
            "RecognizeImage/a.txt",
            "RecognizePdf/b.txt",
            "RecognizeImage/c.txt",
        }
        assert sorted(submission.operation for submission in emulator.submissions) == [
            "RecognizeImage",
            "RecognizeImage",
            "RecognizePdf",
        ]

    def test_a_name_that_lies_overwrites_nothing(self, emulator: Emulator, tmp_path: Path, out: Path) -> None:
        inbox = tmp_path / "in"
        inbox.mkdir()
        (inbox / "a.png").write_bytes(image(1))
        (inbox / "a.pdf").write_bytes(image(2))
        run(
            batch(
                [f"{inbox}/a.png", f"{inbox}/a.pdf"],
                f"{out}/{{operation}}/{{stem}}.txt",
                operation="auto",
                fail_on="none",
                report=f"{out}/",
                max_in_flight=1,
            )
        )
        first, second = lines(out)
        assert first["status"] == "succeeded"
        assert (second["status"], second["error"]) == ("failed", "AsposeOcrDestinationError")
        assert "is the name of another item's result" in second["message"]

    def test_a_setting_is_refused_before_any_call(self, emulator: Emulator, inbox: Path, out: Path) -> None:
        with pytest.raises(AirflowFailException, match="auto takes no regions"):
            run(
                AsposeOcrBatchOperator(
                    task_id="batch",
                    operation="auto",
                    sources=f"{inbox}/",
                    destination=f"{out}/",
                    regions=[[1, 2, 3, 4]],
                )
            )
        assert emulator.calls.billed == 0
