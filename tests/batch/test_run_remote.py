"""Batches whose sources, results, record and report lie in a remote storage."""

from __future__ import annotations

from airflow_provider_asposeocr.emulator.testing import Emulator
from tests.batch.support import batch, image
from tests.running import run
from tests.storage.stores import Store


def test_remote_storage_at_both_ends(emulator: Emulator, remote: Store) -> None:
    for number in range(6):
        remote.put(f"in/page-{number}.png", image(number))
    operator = batch(
        f"{remote.url}/in/",
        f"{remote.url}/out/",
        source_conn_id=remote.conn_id,
        destination_conn_id=remote.conn_id,
    )
    assert run(operator)["succeeded"] == 6
    files = remote.files()
    assert sum(name.startswith("out/page-") for name in files) == 6
    assert len(files["out/report.jsonl"].splitlines()) == 6
    assert any(name.startswith("out/.asposeocr/") for name in files)
    assert run(operator)["skipped"] == 6
    assert emulator.calls.submit == 6
