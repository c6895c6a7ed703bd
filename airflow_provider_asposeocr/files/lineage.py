"""What was read and written, for whoever follows data through Airflow, such as OpenLineage."""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

log = logging.getLogger(__name__)


def add_input(path: Any) -> None:
    """Report a file that is read. Raises nothing.

    :param path: from :func:`.source_path`.
    """
    _add("add_input_asset", path)


def add_output(path: Any) -> None:
    """Report a file that was written. Raises nothing.

    :param path: from :func:`.source_path`.
    """
    _add("add_output_asset", path)


def _add(method: str, path: Any) -> None:
    if not _somebody_reads():
        return
    try:
        getattr(get_hook_lineage_collector(), method)(context=path, uri=str(path))  # type: ignore[no-untyped-call]
    except Exception as error:
        # Airflow refuses some addresses, such as those with letters that are not ASCII. The job goes on.
        log.warning("A file is not reported for lineage: %s", type(error).__name__)


def _somebody_reads() -> bool:
    # Airflow's collector loads the clients of all storages that are installed, even the one that collects
    # nothing: a fifth of a second of each worker.
    try:
        from airflow.sdk.plugins_manager import get_hook_lineage_readers_plugins
    except ImportError:
        return True  # Airflow before 3.2, which is to decide by itself
    return bool(get_hook_lineage_readers_plugins())
