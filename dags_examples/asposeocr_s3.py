"""Read every image that has come into a bucket, and store its text in the same bucket.

The images of one run are read side by side. Those that have been read then move out of the inbox, so that
the next run lists only new ones; one that could not be read stays there, and fails the run at its end.
Without new images the run ends well, its tasks skipped. Neither images nor texts pass through XCom.

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
    # Two runs at a time would list, and pay for, the same images.
    max_active_runs=1,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "bucket": Param("scans", type="string", description="The bucket of images and texts"),
        "images": Param("inbox/*.png", type="string", description="Keys to read, with wildcards"),
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
            """Say what is missing, in a DAG that can be seen instead of an import error."""
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

    # It runs for those that were read, when others were not.
    @task(trigger_rule="all_done")
    def use_texts(manifests: Iterable[dict[str, Any]]) -> list[str]:
        """Stand for whatever is done with the texts, and return which images they are of."""
        done: list[str] = []
        for manifest in manifests:
            text = ObjectStoragePath(manifest["uri"]).read_text()
            print(manifest["source"], "has", len(text.split()), "words")
            done.append(ObjectStoragePath(manifest["source"]).key)
        if not done:
            raise AirflowSkipException("nothing was read")
        return done

    @task
    def clear_inbox(listed: list[str], done: list[str], params: dict[str, Any]) -> None:
        """Move what has been read, and fail if anything has not."""
        s3, bucket = S3Hook(CONNECTION), params["bucket"]
        for key in done:
            s3.copy_object(key, f"read/{key}", bucket, bucket)
        s3.delete_objects(bucket, done)
        if left := sorted(set(listed) - set(done)):
            raise AirflowFailException(f"could not be read: {', '.join(left)}")

    clear_inbox(images.output, use_texts(recognize.output))


asposeocr_s3()
