"""The service of a benchmark as a process: an emulator whose OCR tasks take times drawn beforehand.

It prints the Airflow connection to it as a line of JSON. To each line of JSON that it reads it answers with
what it has seen, in another one. It ends when there are no more lines.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from airflow_provider_asposeocr.emulator.options import LogNormal
from airflow_provider_asposeocr.emulator.submission import Submission
from airflow_provider_asposeocr.emulator.testing import Emulator

BORDER = 100_000
"""Bytes from which a source counts as large."""


class BySize:
    """Service times that depend on the size of the source.

    :param small: of small ones.
    :param large: of large ones.
    """

    def __init__(self, small: LogNormal, large: LogNormal) -> None:
        self._small = small
        self._large = large

    def __call__(self, submission: Submission) -> float:
        """Return the service time of an OCR task, in seconds."""
        return (self._small if submission.size < BORDER else self._large)(submission)


def main(spec: dict[str, Any]) -> None:
    """Serve, and answer questions.

    :param spec: ``service`` (one or two objects of the arguments of ``LogNormal``, or a number of seconds)
        and ``options`` of the emulator.
    """
    service = spec["service"]
    if isinstance(service, list):
        drawn = [LogNormal(**one) for one in service]
        service = drawn[0] if len(drawn) == 1 else BySize(*drawn)
    with Emulator(ocr=False, discard=True, service_seconds=service, **spec.get("options", {})) as emulator:
        print(emulator.connection_json(), flush=True)
        for line in sys.stdin:
            print(json.dumps(_seen(emulator, json.loads(line))), flush=True)


def _seen(emulator: Emulator, question: dict[str, Any]) -> dict[str, Any]:
    began, ended = question.get("between", (0.0, 0.0))
    calls = emulator.calls.to_dict()
    by_ocr_task = calls.pop("by_ocr_task")
    polls = [one for one in emulator.transcript if one.kind == "poll" and one.ocr_task_id]
    return {
        "calls": calls,
        "ocr_tasks": _ocr_tasks(emulator, by_ocr_task) if question.get("ocr_tasks") else {},
        "polls_between": sum(began <= one.received_at < ended for one in polls),
        "first_polls": sorted({one.ocr_task_id: one.received_at for one in reversed(polls)}.values()),
    }


def _ocr_tasks(emulator: Emulator, by_ocr_task: dict[str, dict[str, int]]) -> dict[str, dict[str, Any]]:
    return {
        ocr_task_id: {
            "index": ocr_task.submission.index,
            "size": ocr_task.submission.size,
            "submitted_at": ocr_task.submission.submitted_at,
            "ready_at": ocr_task.ready_at,
            "calls": by_ocr_task.get(ocr_task_id, {}).get("billed", 0),
        }
        for ocr_task_id, ocr_task in emulator.ocr_tasks.items()
    }


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
