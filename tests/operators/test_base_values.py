"""Results of the other operations: what they mean, in the manifest; and their special arguments."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api import typed
from airflow_provider_asposeocr.api.operations import OPERATIONS
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrConvertTextToSpeechOperator,
    AsposeOcrConvertTextToSpeechTrialOperator,
    AsposeOcrDetectRegionsOperator,
    AsposeOcrRecognizeRegionsOperator,
    AsposeOcrRecognizeTableOperator,
)
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from tests.operators.recognizing import TEXT, both_ways
from tests.running import context, run


def read(operation: str, source: Any, **arguments: Any) -> Any:
    """Run an operator to its end and return the manifest."""
    arguments = {"poll_interval": 0.1, **arguments}
    return run(AsposeOcrOperator(task_id="read", operation=operation, source=source, **arguments))


@both_ways
@pytest.mark.parametrize(
    ("operation", "settings", "value"),
    [
        ("RecognizeImage", {}, None),
        ("DetectRegions", {}, [[0, 0, 1, 1]]),
        ("IdentifyFont", {}, {"style": "regular", "font": ["dejavu sans"]}),
        ("RecognizeTable", {}, None),
        ("RecognizeTable", {"result_type": "Csv"}, [[TEXT]]),
        (
            "RecognizeRegions",
            {"regions": [[0, 0, 5, 5], {"box": [5, 5, 9, 9], "order": 7}]},
            [
                {"order": 0, "rect": [0, 0, 5, 5], "text": TEXT},
                {"order": 7, "rect": [5, 5, 9, 9], "text": TEXT},
            ],
        ),
    ],
)
def test_the_value_of_a_manifest(
    emulator: Emulator, scan: Path, operation: str, settings: Any, value: Any, deferrable: bool
) -> None:
    manifest = read(operation, scan, deferrable=deferrable, **settings)
    assert manifest["value"] == value
    assert manifest["warnings"] == []
    # The reply as it came stays at hand.
    assert manifest["text"]


@both_ways
def test_fields_that_an_invoice_lacks_are_none(emulator: Emulator, scan: Path, deferrable: bool) -> None:
    manifest = read("RecognizeAndParseInvoice", scan, deferrable=deferrable)
    raw = json.loads(manifest["text"])
    assert raw["vat"] == -1
    assert manifest["value"].keys() == raw.keys()
    assert set(manifest["value"].values()) == {None}


def test_words_have_their_boxes(emulator: Emulator, scan: Path) -> None:
    manifest = read("RecognizeImage", scan, result_type="JSON")
    (page,) = manifest["value"]
    (block,) = page["blocks"]
    assert (block["text"], block["box"]) == (TEXT, [0, 0, 1, 1])


def test_rows_come_beside_the_files(emulator: Emulator, scan: Path, out: Path) -> None:
    manifest = run(
        AsposeOcrRecognizeTableOperator(
            task_id="table", source=scan, result_type="CsvAndExcel", destination=f"{out}/"
        )
    )
    assert [result["type"] for result in manifest["results"]] == ["Csv", "Excel"]
    assert [Path(result["path"]).suffix for result in manifest["results"]] == [".csv", ".xlsx"]
    assert (manifest["value"], manifest["text"]) == ([[TEXT]], None)


def test_a_value_that_is_too_long_is_left_out(emulator: Emulator, scan: Path, out: Path) -> None:
    manifest = read(
        "RecognizeTable", scan, result_type="Csv", destination=f"{out}/", max_inline_bytes=len(TEXT) - 1
    )
    assert manifest["value"] is None
    assert "left out" in manifest["warnings"][0]
    assert TEXT not in manifest["warnings"][0]
    assert Path(manifest["results"][0]["path"]).read_text().strip('"\n') == TEXT


@pytest.mark.parametrize(
    ("operation", "settings"),
    [
        ("RecognizeImage", {"result_type": "JSON"}),
        ("RecognizeRegions", {"regions": [[0, 0, 5, 5]]}),
        ("RecognizeRegions", {"regions": [[0, 0, 5, 5]], "result_type": "Pdf"}),
    ],
)
def test_what_holds_all_of_a_text_stays_out_where_the_text_does(
    emulator: Emulator, scan: Path, out: Path, operation: str, settings: Any
) -> None:
    manifest = read(operation, scan, destination=f"{out}/", **settings)
    assert (manifest["text"], manifest["value"], manifest["warnings"]) == (None, None, [])


def test_text_and_value_share_a_bound(emulator: Emulator, scan: Path) -> None:
    regions = [[0, 0, 5, 5]]
    whole = read("RecognizeRegions", scan, regions=regions)
    room = len(TEXT) + len(json.dumps(whole["value"]))
    assert read("RecognizeRegions", scan, regions=regions, max_inline_bytes=room)["value"] == whole["value"]
    short = read("RecognizeRegions", scan, regions=regions, max_inline_bytes=room - 1)
    assert (short["text"], short["value"]) == (TEXT, None)
    assert "left out" in short["warnings"][0]


def test_a_result_that_is_far_too_long_is_not_even_read(
    emulator: Emulator, scan: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "typed_value", None)
    emulator.options.result_bytes = 17 * 32 * 1024
    manifest = read("RecognizeTable", scan, result_type="Csv", destination=f"{out}/")
    assert manifest["value"] is None
    assert "left out" in manifest["warnings"][0]


def test_no_text_of_regions_is_shown(emulator: Emulator, scan: Path) -> None:
    texts = [{"order": 1, "rect": [5, 5, 9, 9], "text": "secret"}, {"order": 0, "rect": [0, 0, 5, 5]}]
    for given in (
        texts,
        {"operation": "DetectRegions", "text": "secret", "value": [[0, 0, 5, 5], [5, 5, 9, 9]]},
    ):
        task = AsposeOcrRecognizeRegionsOperator(task_id="read", source=str(scan), regions="{{ given }}")
        task.render_template_fields(context(given=given))
        assert task.regions == [[0, 0, 5, 5], [5, 5, 9, 9]]
        assert [text["rect"] for text in run(task)["value"]] == task.regions


def test_a_detection_that_reaches_over_the_edge_is_cut(emulator: Emulator, scan: Path) -> None:
    detected = {"operation": "DetectRegions", "value": [[-3, 2, 5, 5], [7, 7, 7, 9]]}
    manifest = run(AsposeOcrRecognizeRegionsOperator(task_id="read", source=scan, regions=detected))
    assert manifest["value"] == [{"order": 0, "rect": [0, 2, 5, 5], "text": TEXT}]


@pytest.mark.parametrize("operation", ["RecognizeAndParseInvoice", "IdentifyFont", "DetectRegions"])
def test_a_reply_that_cannot_be_read_is_told_and_delivered(
    emulator: Emulator, scan: Path, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = "<html>Something went wrong</html>"
    emulator.options.scripted_text = odd
    monkeypatch.setattr("airflow_provider_asposeocr.emulator.scripted._SPECIAL", {})
    monkeypatch.setattr(
        "airflow_provider_asposeocr.emulator.scripted._FORMS", {"Text": str.encode, "Other": str.encode}
    )
    manifest = read(operation, scan)
    assert (manifest["value"], manifest["text"]) == (None, odd)
    (warning,) = manifest["warnings"]
    assert operation in warning
    assert "cannot be read" in warning
    assert "went wrong" not in warning


def test_detected_regions_are_recognized(emulator: Emulator, scan: Path) -> None:
    detected = run(AsposeOcrDetectRegionsOperator(task_id="detect", source=scan))
    for given in (detected, json.dumps(detected), str(detected), detected["value"]):
        manifest = run(AsposeOcrRecognizeRegionsOperator(task_id="read", source=scan, regions=given))
        assert manifest["value"] == [{"order": 0, "rect": [0, 0, 1, 1], "text": TEXT}]


@pytest.mark.parametrize(
    "regions", [None, [], [[1, 2, 3]], [[5, 5, 1, 1]], "words", {"operation": "IdentifyFont"}]
)
def test_regions_that_cannot_be_are_refused_before_any_call(
    emulator: Emulator, scan: Path, regions: Any
) -> None:
    with pytest.raises(AirflowFailException, match="regions"):
        run(AsposeOcrRecognizeRegionsOperator(task_id="read", source=scan, regions=regions))
    assert emulator.calls.billed == 0


class TestSpeech:
    """A text in, a WAV file out."""

    @both_ways
    def test_a_text_is_spoken(self, emulator: Emulator, out: Path, deferrable: bool) -> None:
        task = AsposeOcrConvertTextToSpeechOperator(
            task_id="speak",
            text=" Hello, caf\u00e9! ",
            destination=f"{out}/",
            deferrable=deferrable,
            poll_interval=0.1,
        )
        manifest = run(task)
        (path,) = (out / Path(result["path"]).name for result in manifest["results"])
        with wave.open(str(path)) as sound:
            assert sound.getnframes() > 0
        assert path.suffix == ".wav"
        (submission,) = emulator.submissions
        assert (submission.operation, submission.size) == (
            "ConvertTextToSpeech",
            len("Hello, caf\u00e9!".encode()),
        )
        assert (manifest["text"], manifest["value"]) == (None, None)

    def test_a_file_is_spoken(self, emulator: Emulator, tmp_path: Path, out: Path) -> None:
        (tmp_path / "a.txt").write_text("Hello")
        manifest = run(
            AsposeOcrConvertTextToSpeechTrialOperator(
                task_id="speak", source=tmp_path / "a.txt", destination=f"{out}/"
            )
        )
        assert manifest["source"] == f"file://{tmp_path}/a.txt"

    @pytest.mark.parametrize("form", [dict, json.dumps, str])
    def test_the_text_of_a_manifest_is_spoken(self, emulator: Emulator, out: Path, form: Any) -> None:
        manifest = {"ocr_task_id": "an-id", "uri": None, "text": "Hello, World!"}
        run(AsposeOcrConvertTextToSpeechOperator(task_id="speak", text=form(manifest), destination=f"{out}/"))
        assert [submission.size for submission in emulator.submissions] == [len("Hello, World!")]

    def test_nobody_sees_the_text_even_where_another_field_is_refused(self) -> None:
        task = AsposeOcrConvertTextToSpeechOperator(
            task_id="speak", text="{{ text }}", destination="sftp://user:password@host/x/"
        )
        with pytest.raises(AirflowFailException):
            task.render_template_fields(context(text="Dear Ms Whitfield"))
        assert task.text == "a text of 17 characters"

    def test_nobody_sees_the_text_among_the_rendered_fields(
        self, emulator: Emulator, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = "Dear Ms Whitfield, see https://example.org/a?token=abcdefghijk"
        task = AsposeOcrConvertTextToSpeechOperator(
            task_id="speak", text="{{ text }}", destination=f"{out}/", poll_interval=0.1
        )
        secrets: list[str] = []
        monkeypatch.setattr("airflow_provider_asposeocr.task_mixin.mask_secret", secrets.append)
        task.render_template_fields(context(text=text))
        assert secrets == []
        assert task.text == f"a text of {len(text)} characters"
        run(task)
        assert [submission.size for submission in emulator.submissions] == [len(text)]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "text is empty"),
            ("  ", "text is empty"),
            ("None", "text is empty"),
            ({"uri": "file:///a", "text": None}, "text is empty.*inline_text=True"),
            (5, "text must be text, or the output of one task, not 5"),
            ([{"text": "a"}], "text must be text, or the output of one task, not a list"),
        ],
    )
    def test_there_must_be_something_to_speak(
        self, emulator: Emulator, out: Path, text: Any, message: str
    ) -> None:
        with pytest.raises(AirflowFailException, match=message):
            run(AsposeOcrConvertTextToSpeechOperator(task_id="speak", text=text, destination=f"{out}/"))
        assert emulator.calls.billed == 0

    def test_without_a_destination_it_is_refused_before_any_call(self, emulator: Emulator) -> None:
        with pytest.raises(AirflowFailException, match="answers with Wav, which does not go into XCom"):
            run(AsposeOcrConvertTextToSpeechOperator(task_id="speak", text="Hello"))
        assert emulator.calls.billed == 0


@pytest.mark.parametrize("operation", [name for name, row in OPERATIONS.items() if row.submits])
def test_every_operation_brings_its_results(
    emulator: Emulator, tmp_path: Path, png: bytes, operation: str
) -> None:
    row = OPERATIONS[operation]
    begins = {"pdf": b"%PDF-1.7\n", "djvu": b"AT&TFORM\0\0\0\0DJVU", "plain text": b"Hello"}
    (tmp_path / "source").write_bytes(begins.get(row.input_formats[0], png))
    settings = {"regions": [[0, 0, 5, 5]]} if operation == "RecognizeRegions" else {}
    manifest = read(operation, tmp_path / "source", destination=f"{tmp_path}/out/", **settings)
    assert manifest["operation"] == operation
    (result,) = manifest["results"]
    assert Path(result["path"]).stat().st_size == result["bytes"] > 0


class TestLabel:
    """A mapped task shows the name of its file in place of an index."""

    @both_ways
    def test_it_is_the_name_of_the_file(self, emulator: Emulator, scan: Path, deferrable: bool) -> None:
        shown = self._shown(scan, deferrable=deferrable)
        assert shown == ["scan.png"] * (2 if deferrable else 1)

    def test_a_long_name_fits_the_database(self, emulator: Emulator, scan: Path) -> None:
        long = scan.rename(scan.with_name("a" * 251 + ".png"))
        (label,) = self._shown(long)
        assert label
        assert len(label) == 250

    def test_a_file_that_is_missing_has_one(self, emulator: Emulator, scan: Path) -> None:
        began = context(map_index=3)
        task = AsposeOcrOperator(task_id="read", operation="RecognizeImage", source=f"{scan}.missing")
        task.render_template_fields(began)
        with pytest.raises(AirflowFailException):
            task.execute(began)
        assert began["asposeocr_file"] == "scan.png.missing"

    def test_it_is_text_whatever_the_name(self, emulator: Emulator, scan: Path) -> None:
        odd = scan.rename(scan.with_name("{{ 1 + 1 }}.png"))
        assert self._shown(odd) == ["{{ 1 + 1 }}.png"]

    def test_a_template_of_the_dag_counts(self, emulator: Emulator, scan: Path) -> None:
        assert self._shown(scan, map_index_template="{{ 'mine' }}") == ["mine"]

    def test_a_task_that_is_not_mapped_has_none(self, emulator: Emulator, scan: Path) -> None:
        assert self._shown(scan, map_index=-1) == [None]

    def _shown(
        self,
        source: Path,
        *,
        map_index: int = 3,
        map_index_template: str | None = None,
        deferrable: bool = False,
    ) -> list[str | None]:
        """Return the labels as Airflow renders them before each of its calls."""
        from airflow.providers.common.compat.sdk import TaskDeferred

        from tests.running import first_event, rebuilt

        def label(of: Any) -> str | None:
            template = of["map_index_template"]
            return task.get_template_env().from_string(template).render(of) if template else None

        task = AsposeOcrOperator(
            task_id="read",
            operation="RecognizeImage",
            source=source,  # as text, Jinja would render it
            deferrable=deferrable,
            durable_path=str(source.parent / "records"),
            poll_interval=0.1,
        )
        began = context(map_index=map_index, map_index_template=map_index_template)
        task.render_template_fields(began)
        labels = [label(began)]
        try:
            task.execute(began)
        except TaskDeferred as deferred:
            resumed = context(map_index=map_index, map_index_template=map_index_template)
            task.render_template_fields(resumed)
            event = first_event(rebuilt(deferred.trigger))
            task.execute_complete(resumed, json.loads(json.dumps(event.payload)))
            labels.append(label(resumed))
        return labels
