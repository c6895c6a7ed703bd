"""Recognize every new image in a bucket, and store its text in the same bucket.

The images of one run are recognized in parallel. Those that succeed then move out of the inbox, so that the
next run lists only new ones; one that fails stays there and fails the run at its end. Without new images the
tasks are skipped and the run succeeds. Neither images nor texts go through XCom.

Needs `airflow-provider-asposeocr[s3]` and the connection `aws_default`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    ObjectStoragePath,
    Param,
    dag,
    task,
)

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator

CONNECTION = "aws_default"


@dag(
    schedule=None,
    # Concurrent runs would list, and pay for, the same images.
    max_active_runs=1,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "bucket": Param("scans", type="string", description="The bucket of images and texts"),
        "images": Param("inbox/*.png", type="string", description="Keys to recognize, with wildcards"),
    },
)
def asposeocr_s3() -> None:
    try:
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        from airflow.providers.amazon.aws.operators.s3 import S3ListOperator
    except ImportError as error:
        missing = f"{error}: install airflow-provider-asposeocr[s3]"

        @task
        def install_the_extra() -> None:
            """Fail with the name of the missing extra, which shows better than an import error."""
            raise AirflowFailException(missing)

        install_the_extra()
        return

    images = S3ListOperator(
        task_id="images",
        bucket="{{ params.bucket }}",
        prefix="{{ params.images }}",
        apply_wildcard=True,
        aws_conn_id=CONNECTION,
    )
    recognize = AsposeOcrRecognizeImageOperator.partial(
        task_id="recognize",
        source_prefix="s3://{{ params.bucket }}",
        source_conn_id=CONNECTION,
        destination="s3://{{ params.bucket }}/text/",
        destination_conn_id=CONNECTION,
        language="English",
        deferrable=True,
    ).expand(source=images.output)

    # Runs for the images that succeeded, even if others failed.
    @task(trigger_rule="all_done")
    def use_texts(manifests: Iterable[dict[str, Any]]) -> list[str]:
        """Count the words, a stand-in for your own use of the texts, and return the keys of the images."""
        done: list[str] = []
        for manifest in manifests:
            text = ObjectStoragePath(manifest["uri"]).read_text()
            print(manifest["source"], "has", len(text.split()), "words")
            done.append(ObjectStoragePath(manifest["source"]).key)
        if not done:
            raise AirflowSkipException("no image was recognized")
        return done

    @task
    def clear_inbox(listed: list[str], done: list[str], params: dict[str, Any]) -> None:
        """Move the recognized images, and fail if any is left."""
        s3, bucket = S3Hook(CONNECTION), params["bucket"]
        for key in done:
            s3.copy_object(key, f"read/{key}", bucket, bucket)
        s3.delete_objects(bucket, done)
        if left := sorted(set(listed) - set(done)):
            raise AirflowFailException(f"not recognized: {', '.join(left)}")

    clear_inbox(images.output, use_texts(recognize.output))


asposeocr_s3()
