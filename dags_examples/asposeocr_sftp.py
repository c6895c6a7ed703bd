"""Wait for images on an SFTP server, read them, and store the texts on the same server.

The sensor waits in the triggerer until there is an image. If none comes within the hour, it and the tasks
after it are skipped, and the run ends well.

Needs `airflow-provider-asposeocr[sftp]` and the connection `sftp_default`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath, Param, dag, task

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator

CONNECTION = "sftp_default"


@dag(
    schedule=None,
    # Two runs at a time would list, and pay for, the same images.
    max_active_runs=1,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "inbox": Param("/inbox", type="string", description="The folder of the images"),
        "pattern": Param("*.png", type="string", description="Which of its files to read"),
        "texts": Param("/text", type="string", description="The folder for the texts"),
    },
)
def asposeocr_sftp() -> None:
    try:
        from airflow.providers.sftp.hooks.sftp import SFTPHook
        from airflow.providers.sftp.sensors.sftp import SFTPSensor
    except ImportError as error:
        missing = f"{error}: install airflow-provider-asposeocr[sftp]"

        @task
        def install_the_extra() -> None:
            """Say what is missing, in a DAG that can be seen instead of an import error."""
            raise AirflowFailException(missing)

        install_the_extra()
        return

    wait = SFTPSensor(
        task_id="wait",
        sftp_conn_id=CONNECTION,
        path="{{ params.inbox }}",
        file_pattern="{{ params.pattern }}",
        deferrable=True,
        timeout=3600,
        soft_fail=True,
    )

    @task
    def images(params: dict[str, Any]) -> list[str]:
        """List the images by their names."""
        return sorted(SFTPHook(CONNECTION).get_files_by_pattern(params["inbox"], params["pattern"]))

    names = images()
    recognize = AsposeOcrRecognizeImageOperator.partial(
        task_id="recognize",
        source_prefix="sftp://{{ params.inbox }}",
        source_conn_id=CONNECTION,
        destination="sftp://{{ params.texts }}/",
        destination_conn_id=CONNECTION,
        language="English",
        deferrable=True,
    ).expand(source=names)

    @task
    def count_words(manifests: Iterable[dict[str, Any]]) -> int:
        """Stand for whatever is done with the texts."""
        return sum(len(ObjectStoragePath(manifest["uri"]).read_text().split()) for manifest in manifests)

    wait >> names
    count_words(recognize.output)


asposeocr_sftp()
