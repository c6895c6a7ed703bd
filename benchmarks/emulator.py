"""The service of a benchmark as a process: an emulator whose tasks take times that were drawn beforehand.

It prints the Airflow connection to it as a line of JSON. To each line of JSON that it reads it answers with
what it has seen, in another one. It ends with its input.
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
        """Return the service time of a task, in seconds."""
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
    by_task = calls.pop("by_ocr_task")
    polls = [one for one in emulator.transcript if one.kind == "poll" and one.ocr_task_id]
    return {
        "calls": calls,
        "jobs": _jobs(emulator, by_task) if question.get("jobs") else {},
        "polls_between": sum(began <= one.received_at < ended for one in polls),
        "first_polls": sorted({one.ocr_task_id: one.received_at for one in reversed(polls)}.values()),
    }


def _jobs(emulator: Emulator, by_task: dict[str, dict[str, int]]) -> dict[str, dict[str, Any]]:
    return {
        ocr_task_id: {
            "index": job.submission.index,
            "size": job.submission.size,
            "submitted_at": job.submission.submitted_at,
            "ready_at": job.ready_at,
            "calls": by_task.get(ocr_task_id, {}).get("billed", 0),
        }
        for ocr_task_id, job in emulator.ocr_tasks.items()
    }


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
