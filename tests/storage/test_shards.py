"""A batch in shards whose files, records and reports are in a storage, and the merge of their reports."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.batch import AsposeOcrMergeReportsOperator
from tests.batch.support import batch, image
from tests.running import run
from tests.storage.stores import Store


def test_shards_and_their_merged_report(store: Store, emulator: Emulator) -> None:
    for number in range(9):
        store.put(f"in/page-{number}.png", image(number))
    arguments = {"source_conn_id": store.conn_id, "destination_conn_id": store.conn_id}
    tasks = [
        batch(f"{store.url}/in/", f"{store.url}/out/", shards=3, shard=index, **arguments)
        for index in range(3)
    ]
    summaries = [run(task, map_index=index) for index, task in enumerate(tasks)]
    merge = AsposeOcrMergeReportsOperator(
        task_id="merge", reports=summaries, destination_conn_id=store.conn_id
    )
    assert run(merge)["items"] == 9
    assert run(merge)["succeeded"] == 9  # as a retry does

    assert set(Counter(one.sha256 for one in emulator.submissions).values()) == {1}
    files = store.files()
    told = [json.loads(line) for line in files["out/report.jsonl"].splitlines()]
    assert len({line["source"] for line in told}) == len(told) == 9
    assert sum(name.startswith("out/page-") for name in files) == 9
    [kept] = [content for name, content in files.items() if name.endswith("-shards.json")]
    assert json.loads(kept) == {"shards": 3}
    another = batch(f"{store.url}/in/", f"{store.url}/out/", shards=4, shard=3, **arguments)
    with pytest.raises(AirflowFailException, match="begun with shards=3"):
        run(another, map_index=3)
