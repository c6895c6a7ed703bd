"""One shard of a batch: the sources that it takes, and the number of shards that a run keeps to.

Which shard a source belongs to depends on the source alone: not on the machine, the process, the try or the
rest of the listing. So no two shards ever take the same one, even if each finds other files when it lists.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.batch.containment import address_of
from airflow_provider_asposeocr.durable import RecordStore, not_recorded, read_record
from airflow_provider_asposeocr.files.paths import identity_of
from airflow_provider_asposeocr.files.storage import canonical

log = logging.getLogger(__name__)

_KEY = "shards"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the shards of a batch.

    :param index: its number, from 0.
    :param count: how many there are.
    """

    index: int
    count: int

    def __str__(self) -> str:
        return f"shard {self.index} of {self.count}"

    def takes(self, item: Any) -> bool:
        """Tell whether a source belongs to this shard.

        :param item: one of a :class:`.Listing`. Those without an address all belong to the same shard.
        """
        # As sources are told apart: a signature, which is another one for each shard, does not count.
        identity = identity_of(canonical(address_of(item) or ""))
        digest = hashlib.sha256(identity.encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % self.count == self.index


def read_shard(shards: Any, shard: Any) -> Shard | None:
    """Read which shard a batch is, or None if it is a whole one.

    :param shards: how many there are.
    :param shard: the number of this one, from 0.
    :raises AsposeOcrSettingsError: if one is given without the other, or there is no such shard.
    """
    count = coerce.integer("shards", shards, minimum=1)
    index = coerce.integer("shard", shard, minimum=0)
    if count is None and index is None:
        return None
    if count is None or index is None:
        given, missing = ("shard", "shards") if count is None else ("shards", "shard")
        raise AsposeOcrSettingsError(
            f"{given} is given without {missing}: a batch in shards needs both, as in "
            ".partial(shards=4, ...).expand(shard=[0, 1, 2, 3])"
        )
    if index >= count:
        raise AsposeOcrSettingsError(f"shard must be less than shards, which is {count}, not {index}")
    return Shard(index, count)


def keep_to(shard: Shard, store: RecordStore) -> None:
    """Refuse another number of shards than the run has begun with.

    Sources would change their shards, and the records of submissions are with the shards.

    :param shard: the one that is to run.
    :param store: the one that all shards of a run share.
    :raises AsposeOcrSettingsError: if the run has begun with another number.
    :raises AsposeOcrStorageError: if the number can be neither read nor recorded.
    """
    record = read_record(store, _KEY)
    begun = None if record is None else record.get("shards")
    if begun == shard.count:
        return
    if isinstance(begun, int):
        raise AsposeOcrSettingsError(
            f"this run has begun with shards={begun}, and now shards is {shard.count}: what other shards "
            f"have submitted would be paid for twice. Set shards to {begun} for this run, or start a new one"
        )
    if record is not None:
        log.warning("The record of the number of shards is damaged and counts as none")
    try:
        store.write(_KEY, {"shards": shard.count})
    except Exception as error:
        raise not_recorded(error) from None
