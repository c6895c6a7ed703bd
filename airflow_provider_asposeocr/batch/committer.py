"""Group commit: records of many items go to the journal together, in a thread, a few times a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from airflow_provider_asposeocr.api.exceptions import AsposeOcrStorageError
from airflow_provider_asposeocr.batch.containment import contained
from airflow_provider_asposeocr.batch.journal import BatchRecord, Record
from airflow_provider_asposeocr.files.paths import reason_of

log = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two commits, unless somebody waits for the next one."""

SHORTEST = 0.1
"""Seconds between two commits at least."""

_ATTEMPTS = 5


class Committer:
    """Collects records on the event loop and commits them.

    :param journal: where to; None commits nothing, and counts everything as committed.
    :param unrecorded: the most submissions that may be made before the next commit.
    """

    def __init__(self, journal: BatchRecord | None, unrecorded: Callable[[], int]) -> None:
        self._journal = journal
        self._unrecorded = unrecorded
        self._pending: list[tuple[Record, asyncio.Event]] = []
        self._wanted = asyncio.Event()
        self._awaited = asyncio.Event()
        self._closing = False

    async def open(self) -> None:
        """Commit, before the first submission, how many may be made.

        :raises AsposeOcrStorageError: if that fails; nothing has been submitted then.
        """
        try:
            await self._commit()
        except Exception as error:
            raise AsposeOcrStorageError(
                f"nothing was submitted, since it cannot be recorded: {reason_of(error)}"
            ) from None

    def add(self, record: Record) -> asyncio.Event:
        """Take a record; what is returned is set once it is committed, for :meth:`settle` to wait for."""
        committed = asyncio.Event()
        if self._journal is None:
            committed.set()
        else:
            self._pending.append((record, committed))
            self._wanted.set()
        return committed

    async def settle(self, committed: asyncio.Event) -> None:
        """Wait until a record is committed."""
        if not committed.is_set():
            self._awaited.set()
            await committed.wait()

    async def run(self) -> None:
        """Commit whenever there is something to commit, until closed.

        :raises AsposeOcrStorageError: if the journal cannot be written: jobs would be paid for twice after
            a crash.
        """
        while not self._closing:
            await self._wanted.wait()
            await self._persist()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awaited.wait(), INTERVAL)
                await asyncio.sleep(SHORTEST)
        await self._persist()

    def close(self) -> None:
        """Let :meth:`run` commit what is left, and end."""
        self._closing = True
        self._wanted.set()
        self._awaited.set()

    async def _persist(self) -> None:
        for attempt in range(1, _ATTEMPTS):
            try:
                return await self._commit()
            except Exception as error:
                log.warning("The journal could not be written (%s): trying again", reason_of(error))
                await asyncio.sleep(INTERVAL * 2**attempt)
        try:
            await self._commit()
        except Exception as error:
            raise AsposeOcrStorageError(f"the journal cannot be written: {reason_of(error)}") from None

    async def _commit(self) -> None:
        self._wanted.clear()
        self._awaited.clear()
        if self._journal is None:
            return
        taken = list(self._pending)
        records = [record for record, _ in taken]
        await asyncio.to_thread(contained, self._journal.write, records, unrecorded=self._unrecorded())
        del self._pending[: len(taken)]
        for _, committed in taken:
            committed.set()
