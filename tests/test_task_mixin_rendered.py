"""Values that templates leave in the fields of operators and sensor: class x field x form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Asset, ObjectStoragePath
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import (
    AsposeOcrBinarizeImageOperator,
    AsposeOcrRecognizeImageOperator,
)
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from airflow_provider_asposeocr.operators.fetch import AsposeOcrFetchResultOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.running import context, run

DOCUMENT = "Confidential. The patient, born in 1970, was seen on Monday."
UNSET = {"None": None, "word": "None", "rendered": "{{ none }}", "empty": "", "white space": " \n"}

CLASSES: dict[str, type[Any]] = {
    "operator": AsposeOcrRecognizeImageOperator,
    "batch": AsposeOcrBatchOperator,
    "sensor": AsposeOcrTaskSensor,
    "fetch": AsposeOcrFetchResultOperator,
}
REQUIRED = {
    "operator": {"source"},
    "batch": {"sources", "destination"},
    "sensor": {"ocr_task_id"},
    "fetch": {"ocr_task_id"},
}
PATHS = {"source", "sources", "source_prefix", "destination", "durable_path", "reuse_path", "report"}
ROWS = [(name, field) for name, kind in CLASSES.items() for field in kind.template_fields]


class Place:
    """A folder with a scan, and an OCR task that has completed."""

    def __init__(self, folder: Path, scan: Path) -> None:
        self.folder = folder
        self.scan = scan
        self.ocr_task_id = AsposeOcrHook().submit("RecognizeImage", scan)
        self.calls_before = 1

    def task(self, name: str, **given: Any) -> Any:
        """Make and render a task of a class, which runs with the fewest arguments besides those given."""
        fewest: dict[str, dict[str, Any]] = {
            "operator": {"source": str(self.scan), "poll_interval": 0.05},
            "batch": {
                "sources": [str(self.scan)],
                "destination": f"{self.folder}/out/",
                "poll_interval": 0.05,
            },
            "sensor": {
                "operation": "RecognizeImage",
                "ocr_task_id": self.ocr_task_id,
                "poke_interval": 0.05,
            },
            "fetch": {"operation": "RecognizeImage", "ocr_task_id": self.ocr_task_id},
        }
        task = CLASSES[name](task_id="t", **fewest[name] | given)
        task.render_template_fields(context())
        return task


@pytest.mark.parametrize("name", CLASSES)
def test_what_may_be_a_list_or_a_dict_is_shown_as_json(name: str) -> None:
    """Airflow 2 would show nothing of other fields: its view of JSON leaves numbers and booleans out."""
    fields = CLASSES[name].template_fields
    data = PATHS | {"regions", "extra_settings"}
    assert CLASSES[name].template_fields_renderers == dict.fromkeys(data.intersection(fields), "json")


@pytest.fixture(autouse=True)
def _events_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a scheduler there is no report of a worker to wait for."""
    monkeypatch.setattr("airflow_provider_asposeocr.triggers.asposeocr.MIN_SECONDS", 0)


@pytest.fixture
def place(emulator: Emulator, tmp_path: Path, scan: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    emulator.options.scripted_text = DOCUMENT
    # A file that is called None would be written here.
    monkeypatch.chdir(tmp_path)
    found = Place(tmp_path, scan)
    yield found
    assert not (tmp_path / "None").exists()


def has_run(name: str, found: Any, folder: Path) -> bool:
    """Tell whether a task has delivered as it does by default."""
    if name == "batch":
        return bool(found["succeeded"] == 1 and found["report"] == f"file://{folder}/out/report.jsonl")
    return bool(found["text"] == DOCUMENT)


@pytest.mark.parametrize(("name", "field"), [row for row in ROWS if row[1] not in REQUIRED[row[0]]])
def test_a_field_that_is_not_set_has_its_default(place: Place, name: str, field: str) -> None:
    assert has_run(name, run(place.task(name, **{field: "{{ none }}"})), place.folder)


@pytest.mark.parametrize("form", UNSET)
@pytest.mark.parametrize("name", CLASSES)
def test_nothing_is_set_in_any_form(place: Place, name: str, form: str) -> None:
    optional = set(CLASSES[name].template_fields) - REQUIRED[name]
    found = run(place.task(name, **dict.fromkeys(optional, UNSET[form])))
    assert has_run(name, found, place.folder)


@pytest.mark.parametrize("form", UNSET)
@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in CLASSES for field in sorted(REQUIRED[name])]
)
def test_a_field_that_must_be_set_says_so(
    emulator: Emulator, place: Place, name: str, field: str, form: str
) -> None:
    with pytest.raises(Exception, match=field) as caught:
        run(place.task(name, **{field: UNSET[form]}))
    assert type(caught.value).__name__ == "AirflowFailException"
    assert emulator.calls.billed == place.calls_before


@pytest.mark.parametrize("form", ["text", "value", "object"])
@pytest.mark.parametrize(("name", "field"), ROWS)
def test_the_text_of_a_document_is_shown_nowhere(
    emulator: Emulator, place: Place, name: str, field: str, form: str
) -> None:
    manifest: dict[str, Any] = {
        "ocr_task_id": place.ocr_task_id,
        "text": DOCUMENT,
        "uri": None,
        "results": [],
    }
    values = {"text": str(manifest), "value": manifest, "object": object()}
    task = place.task(name, **{field: values[form]})
    assert "patient" not in str([getattr(task, shown) for shown in task.template_fields])
    if form != "object" and field in ("ocr_task_id", "extra_settings"):
        run(task)
        return
    with pytest.raises(Exception, match=r".") as caught:
        run(task)
    assert type(caught.value).__name__ == "AirflowFailException"
    assert not any("patient" in str(error) for error in chain_of(caught.value))
    assert emulator.calls.submit == place.calls_before


@pytest.mark.parametrize("field", ["overwrite", "inline_text", "max_inline_bytes", "delete_remote"])
@pytest.mark.parametrize("operation", ["RecognizeImage", "BinarizeImage"])
def test_a_sensor_asks_for_nothing_that_it_could_not_deliver(
    emulator: Emulator, place: Place, operation: str, field: str
) -> None:
    given = {"operation": operation, field: "perhaps"}

    def poke(task: Any) -> Any:
        return task.poke(context())

    for deferrable, wait in ((True, run), (False, run), (False, poke)):
        with pytest.raises(AirflowFailException, match=field):
            wait(place.task("sensor", deferrable=deferrable, **given))
    assert emulator.calls.billed == place.calls_before


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error with all that would be logged before it."""
    while error:
        yield error
        following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if following is None:
            return
        error = following


NUMBERS = {
    "rotate": (90, 90.0, "90", "90.0", " 90\n"),
    "max_inline_bytes": (4096, 4096.0, "4096"),
    "max_source_bytes": (10**6, "1000000", 1e6),
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field in NUMBERS for value in NUMBERS[field]]
)
def test_numbers(place: Place, field: str, value: Any) -> None:
    assert run(place.task("operator", **{field: value}))["text"] == DOCUMENT


@pytest.mark.parametrize(
    "value", [{"a": 1}, '{"a": 1}', "{'a': 1}", "{{ {'a': 1} }}", "{{ {'a': 1} | tojson }}"]
)
@pytest.mark.parametrize("name", ["operator", "batch"])
def test_extra_settings_in_every_form(emulator: Emulator, place: Place, name: str, value: Any) -> None:
    run(place.task(name, extra_settings=value))
    sent = emulator.submissions[-1].settings
    assert sent is not None
    assert sent["a"] == 1


RESOLVES_PATHS = pytest.mark.xfail(
    AIRFLOW_V_3_0_PLUS and not AIRFLOW_V_3_2_PLUS,
    raises=FileNotFoundError,
    reason="Airflow 3.0 and 3.1 take a Path in a template field for an output, and look for the file",
)


@pytest.mark.parametrize(
    "make",
    [str, pytest.param(Path, marks=RESOLVES_PATHS), ObjectStoragePath, lambda path: Asset(f"file://{path}")],
)
@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, field in ROWS if field in PATHS - {"source_prefix"}]
)
def test_paths_in_every_form(place: Place, name: str, field: str, make: Any) -> None:
    target = place.scan if field.startswith("source") else place.folder / "made"
    if make is str and (name, field) == ("batch", "destination"):
        pytest.skip("a folder that is a text ends in a slash")
    found = run(place.task(name, **{field: make(str(target))}))
    if field in ("source", "sources"):
        assert name == "batch" or found["text"] == DOCUMENT
        assert name != "batch" or found["succeeded"] == 1
    elif name == "batch" and field == "destination":
        assert list(target.glob("scan-*.txt"))
    else:
        assert target.exists()


@pytest.mark.parametrize("name", ["sensor", "fetch"])
@pytest.mark.parametrize(
    "make", [str, lambda i: [i], lambda i: {"ocr_task_id": i}, lambda i: str({"ocr_task_id": i})]
)
def test_ids_in_every_form(place: Place, name: str, make: Any) -> None:
    task = place.task(name, ocr_task_id=make(place.ocr_task_id))
    assert task.ocr_task_id == place.ocr_task_id
    assert run(task)["text"] == DOCUMENT


@pytest.mark.parametrize("make", [lambda m: m, lambda m: [m], str, json.dumps, lambda m: str([m])])
def test_sources_of_a_batch_that_are_one_manifest(place: Place, make: Any) -> None:
    made = run(place.task("operator", source=str(place.scan)))
    manifest = made | {"uri": f"file://{place.scan}"}
    assert run(place.task("batch", sources=make(manifest)))["succeeded"] == 1


@pytest.mark.parametrize(
    ("kind", "arguments", "says"),
    [
        (AsposeOcrOperator, {"operation": "RecogniseImage", "source": "a"}, "RecognizeImage"),
        (AsposeOcrTaskSensor, {"operation": "RecogniseImage", "ocr_task_id": "a"}, "RecognizeImage"),
        (AsposeOcrFetchResultOperator, {"operation": "Recognise", "ocr_task_id": "a"}, "unknown operation"),
        (AsposeOcrRecognizeImageOperator, {"source": "a", "language": "Germn"}, "did you mean German"),
        (AsposeOcrRecognizeImageOperator, {"source": "a", "rotate": "left"}, "rotate must be a whole number"),
        (AsposeOcrBinarizeImageOperator, {"source": "a", "rotate": 90}, "takes no rotate"),
        (AsposeOcrBatchOperator, {"sources": "a", "destination": "b/", "dsr_mode": "all"}, "dsr_mode"),
    ],
)
def test_a_literal_that_can_never_be_right_is_found_where_the_dag_is_parsed(
    kind: type[Any], arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AirflowFailException, match=says):
        kind(task_id="t", **arguments)


def test_templates_and_outputs_are_not_read_where_the_dag_is_parsed(scan: Path) -> None:
    with DAG("d"):
        output = AsposeOcrRecognizeImageOperator(task_id="a", source=str(scan)).output
        AsposeOcrRecognizeImageOperator(task_id="b", source=output, language="{{ params.x }}", rotate=output)
