"""Where the shards of a journal are kept: Airflow's task state store, or files in object storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_asposeocr.batch.journal import Parts
from airflow_provider_asposeocr.durable import FOLDER, FileStore, StateStore

KEY = "asposeocr_batch"


class StateParts:
    """Keeps shards in Airflow's task state store (Airflow 3.3 and later), one key for each.

    :param accessor: ``context["task_state_store"]``.
    """

    def __init__(self, accessor: Any) -> None:
        self._accessor = accessor

    def read(self, number: int) -> Mapping[str, Any] | None:
        """Return a shard; None if there is none, and an empty one if it is damaged."""
        return self._store(number).read()

    def write(self, number: int, shard: Mapping[str, Any]) -> None:
        """Keep a shard in place of the one before."""
        self._store(number).write(shard)

    def _store(self, number: int) -> StateStore:
        return StateStore(self._accessor, f"{KEY}_{number:05}")


class FileParts:
    """Keeps shards as JSON files, each written whole or not at all.

    :param folder: a path or URI of a folder.
    :param identity: what tells this task from all others: DAG, task, run and map index, never the try.
    :param conn_id: the Airflow connection for the storage.
    """

    def __init__(self, folder: str, identity: tuple[str, ...], conn_id: str | None) -> None:
        self._folder = folder
        self._identity = identity
        self._conn_id = conn_id

    def read(self, number: int) -> Mapping[str, Any] | None:
        """Return a shard; None if there is none, and an empty one if it is damaged."""
        return self._store(number).read()

    def write(self, number: int, shard: Mapping[str, Any]) -> None:
        """Keep a shard in place of the one before."""
        self._store(number).write(shard)

    def _store(self, number: int) -> FileStore:
        return FileStore(self._folder, (*self._identity, KEY), self._conn_id, part=number)


def parts_for(
    context: Mapping[str, Any], *, path: str | None, destination: str, conn_id: str | None
) -> Parts:
    """Where the journal of a running task is kept.

    :param context: Airflow's.
    :param path: the user's ``durable_path``: a folder for records, which wins over all else.
    :param destination: the folder that results go to; records lie in a folder ``.asposeocr`` inside it.
    :param conn_id: the Airflow connection for the storage of either.
    """
    accessor = context.get("task_state_store")
    if accessor is not None and not path:
        return StateParts(accessor)
    ti = context["ti"]
    identity = (ti.dag_id, ti.task_id, ti.run_id, str(getattr(ti, "map_index", -1)))
    return FileParts(path or f"{destination}/{FOLDER}", identity, conn_id)
