"""The results of earlier tries: whether each is where this try would store it, and still there."""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from threading import Lock

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.batch.outcome import Outcome
from airflow_provider_asposeocr.files.destination import Names, targets
from airflow_provider_asposeocr.files.manifest import Delivery
from airflow_provider_asposeocr.files.paths import display_uri, reason_of
from airflow_provider_asposeocr.files.storage import LOCAL, StoragePath, is_denied

log = logging.getLogger(__name__)


class DeliveredResults:
    """Tells whether results need not be delivered again. Blocks: not for an event loop.

    A remote folder is listed once, when it is first asked about, so that thousands of items cost one request.

    :param delivery: where this try stores results.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._lock = Lock()
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self._listed: dict[str, frozenset[str] | None] = {}

    def hold(self, outcome: Outcome, names: Names) -> bool:
        """Tell whether all results of an item are where they belong.

        :param outcome: what an earlier try has recorded of the item.
        :param names: of its results.
        :raises AsposeOcrStorageError: if the storage cannot be asked.
        """
        types = [result.type for result in outcome.results]
        paths = targets(types, self._delivery.destination, names, self._delivery.conn_id)
        same = [str(path) for path in paths] == [result.uri for result in outcome.results]
        return bool(paths) and same and all(map(self._is_there, paths))

    def _is_there(self, path: StoragePath) -> bool:
        if path.protocol in LOCAL:
            with suppress(OSError):
                return Path(path.path).is_file()
            return False
        folder, _, name = str(path).rpartition("/")
        with self._lock:
            lock = self._locks[folder]
        with lock:
            if folder not in self._listed:
                self._listed[folder] = _names_beside(path)
        listed = self._listed[folder]
        return listed is None or name in listed


def _names_beside(path: StoragePath) -> frozenset[str] | None:
    """List the folder of a file; None if that is not allowed."""
    try:
        # Airflow's storages keep what they have listed; files may have gone since.
        path.fs.invalidate_cache()
        found = path.fs.ls(path.path.rpartition("/")[0], detail=False)
    except FileNotFoundError:
        return frozenset()
    except Exception as error:
        shown = display_uri(path.with_name(""))
        if is_denied(error):
            log.warning("%s may not be listed: results of an earlier try are taken to be there", shown)
            return None
        raise AsposeOcrStorageError(f"{shown} cannot be listed: {reason_of(error)}") from None
    return frozenset(name.rstrip("/").rpartition("/")[2] for name in found)
