"""What was read and written, for whoever follows data through Airflow, such as OpenLineage."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector


def add_input(path: Any) -> None:
    """Report a file that is read.

    :param path: from :func:`.source_path`.
    """
    if _somebody_reads():
        get_hook_lineage_collector().add_input_asset(context=path, uri=str(path))  # type: ignore[no-untyped-call]


def add_output(path: Any) -> None:
    """Report a file that was written.

    :param path: from :func:`.source_path`.
    """
    if _somebody_reads():
        get_hook_lineage_collector().add_output_asset(context=path, uri=str(path))  # type: ignore[no-untyped-call]


def _somebody_reads() -> bool:
    # Airflow's collector loads the clients of all storages that are installed, even the one that collects
    # nothing: a fifth of a second of each worker.
    try:
        from airflow.sdk.plugins_manager import get_hook_lineage_readers_plugins
    except ImportError:
        return True  # before Airflow 3.2 there is no such question to ask
    return bool(get_hook_lineage_readers_plugins())
