"""Sign in from many processes at the same moment: ``python -m tests.faults.signing_in 50``.

The processes are forked, as Airflow forks one for each task. Each prints what came of it.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

from airflow_provider_asposeocr.api.exceptions import AsposeOcrError
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook


def ask(barrier: Any, outcomes: Any) -> None:
    """Make one call when all processes are there."""
    barrier.wait(60)
    try:
        status = AsposeOcrHook().get_status("11111111-2222-3333-4444-555555555555")
        outcomes.put(status.value)
    except AsposeOcrError as error:
        outcomes.put(f"{type(error).__name__}: {error}")


def main(count: int) -> None:
    """Fork, and print a line for each process."""
    fork = multiprocessing.get_context("fork")
    barrier, outcomes = fork.Barrier(count), fork.SimpleQueue()
    processes = [fork.Process(target=ask, args=(barrier, outcomes)) for _ in range(count)]
    for process in processes:
        process.start()
    for _ in processes:
        print(outcomes.get(), flush=True)
    for process in processes:
        process.join(60)


if __name__ == "__main__":
    main(int(sys.argv[1]))
