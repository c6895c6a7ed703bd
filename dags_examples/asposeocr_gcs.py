"""Recognize every image below a prefix in Google Cloud Storage, and store the texts in the same bucket.

Without images the tasks are skipped and the run succeeds.

Needs `airflow-provider-asposeocr[gcs]` and the connection `google_cloud_default`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath, Param, dag, task

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator

CONNECTION = "google_cloud_default"


@dag(
    schedule=None,
    # Concurrent runs would list, and pay for, the same images.
    max_active_runs=1,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "bucket": Param("scans", type="string", description="The bucket of images and texts"),
        "images": Param("inbox/**.png", type="string", description="Objects to recognize, with wildcards"),
    },
)
def asposeocr_gcs() -> None:
    try:
        from airflow.providers.google.cloud.operators.gcs import GCSListObjectsOperator
    except ImportError as error:
        missing = f"{error}: install airflow-provider-asposeocr[gcs]"

        @task
        def install_the_extra() -> None:
            """Fail with the name of the missing extra, which shows better than an import error."""
            raise AirflowFailException(missing)

        install_the_extra()
        return

    images = GCSListObjectsOperator(
        task_id="images",
        bucket="{{ params.bucket }}",
        match_glob="{{ params.images }}",
        gcp_conn_id=CONNECTION,
    )
    recognize = AsposeOcrRecognizeImageOperator.partial(
        task_id="recognize",
        source_prefix="gs://{{ params.bucket }}",
        source_conn_id=CONNECTION,
        destination="gs://{{ params.bucket }}/text/",
        destination_conn_id=CONNECTION,
        language="English",
        deferrable=True,
    ).expand(source=images.output)

    @task
    def count_words(manifests: Iterable[dict[str, Any]]) -> int:
        """Count the words: a stand-in for your own use of the texts."""
        return sum(len(ObjectStoragePath(manifest["uri"]).read_text().split()) for manifest in manifests)

    count_words(recognize.output)


asposeocr_gcs()
