"""Use each new text as soon as there is one: this DAG is scheduled on the asset of `asposeocr_asset`.

Airflow may run it once for several events; each of them names a text of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, ObjectStoragePath, task

with DAG(
    dag_id="asposeocr_on_asset",
    schedule=[Asset("asposeocr_text")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),  # Airflow 2 refuses a schedule without one
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
):

    @task
    def count_words(**context: Any) -> dict[str, int]:
        """Count the words of each text: a stand-in for loading them."""
        # Airflow 2 calls assets datasets.
        kind = "asset" if "triggering_asset_events" in context else "dataset"
        triggering = context[f"triggering_{kind}_events"].values()
        told = [event.extra["asposeocr"] for events in triggering for event in events]
        return {each["uri"]: len(ObjectStoragePath(each["uri"]).read_text().split()) for each in told}

    count_words()
