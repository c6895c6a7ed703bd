"""Metrics and spans: what they are called, and that no backend can fail a task."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from tests.running import run

TEXT = "Two grey otters and a brass bell."


class Backend:
    """Stand in for Airflow's Stats: keep what it is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any, dict[str, str]]] = []

    def incr(self, name: str, count: int, *, tags: dict[str, str]) -> None:
        """Keep a counter."""
        self.sent.append((name, count, tags))

    timing = gauge = incr


class BrokenBackend:
    """Stand in for a backend that is misconfigured."""

    def __getattr__(self, name: str) -> Any:
        raise OSError("no such host: secret.example")


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Return the backend in use."""
    found = Backend()
    monkeypatch.setattr(metrics, "Stats", found)
    return found


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Return the exporter that keeps all spans."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def test_the_page_lists_what_there_is() -> None:
    page = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `asposeocr\.([\w.]+)` \| (\w+) \|", page, re.MULTILINE)
    kinds = {"counter": metrics.COUNTERS, "timer": metrics.TIMERS, "gauge": metrics.GAUGES}
    assert rows == [(name, kind) for kind, names in kinds.items() for name in names]


def test_every_billed_call_is_one_metric(emulator: Emulator, backend: Backend, scan: Path) -> None:
    hook = AsposeOcrHook()
    ocr_task_id = hook.submit("RecognizeImage", scan)
    hook.wait("RecognizeImage", ocr_task_id)
    hook.cancel("RecognizeImage", ocr_task_id)
    counted = {name: count for name, count, _ in backend.sent if not name.endswith((".wait", ".delay"))}
    assert counted.pop("asposeocr.sent_bytes") > scan.stat().st_size
    assert counted == {"asposeocr.submissions": 1, "asposeocr.polls": 1, "asposeocr.cancels": 1}
    assert {tags["operation"] for _, _, tags in backend.sent} == {"RecognizeImage"}
    assert hook.api_calls == sum(counted.values())


def test_a_resumed_ocr_task_is_counted(
    emulator: Emulator, backend: Backend, scan: Path, tmp_path: Path
) -> None:
    for kept in (False, True):
        task = AsposeOcrRecognizeImageOperator(
            task_id="read", source=str(scan), durable_path=str(tmp_path), wait_for_completion=False
        )
        run(task)
        names = [name for name, _, _ in backend.sent]
        assert ("asposeocr.reattachments" in names) is kept
    assert names.count("asposeocr.submissions") == 1


def test_a_broken_backend_fails_nothing_and_is_told_once(
    emulator: Emulator, scan: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    metrics._warn_once.cache_clear()
    monkeypatch.setattr(metrics, "Stats", BrokenBackend())
    emulator.options.scripted_text = TEXT
    assert run(AsposeOcrRecognizeImageOperator(task_id="read", source=str(scan)))["text"] == TEXT
    told = [record.getMessage() for record in caplog.records if "Metrics" in record.getMessage()]
    assert told == ["Metrics are not reported: OSError"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_task_has_spans(
    emulator: Emulator, spans: InMemorySpanExporter, scan: Path, deferrable: bool
) -> None:
    emulator.options.scripted_text = TEXT
    run(AsposeOcrRecognizeImageOperator(task_id="read", source=str(scan), deferrable=deferrable))
    ended = spans.get_finished_spans()
    assert [span.name for span in ended] == ["asposeocr.submit", "asposeocr.wait", "asposeocr.deliver"]
    assert {dict(span.attributes or {})["asposeocr.operation"] for span in ended} == {"RecognizeImage"}
    told = "".join(span.to_json() for span in ended)
    assert TEXT not in told
    assert str(scan) not in told


def test_a_span_names_the_class_of_an_error_alone(spans: InMemorySpanExporter) -> None:
    with pytest.raises(AsposeOcrError), metrics.span("submit", operation="RecognizeImage"):
        raise AsposeOcrError("a message with a secret")
    (span,) = spans.get_finished_spans()
    assert dict(span.attributes or {})["error.type"] == "AsposeOcrError"
    assert span.status.status_code is trace.StatusCode.ERROR
    assert "secret" not in span.to_json()
