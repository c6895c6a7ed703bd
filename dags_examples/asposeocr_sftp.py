"""Wait for images on an SFTP server, recognize them, and store the texts on the same server.

The sensor waits in the triggerer until there is an image. If none comes within an hour, it and the tasks
after it are skipped, and the run succeeds.

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
    # Concurrent runs would list, and pay for, the same images.
    max_active_runs=1,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "inbox": Param("/inbox", type="string", description="The folder of the images"),
        "pattern": Param("*.png", type="string", description="The pattern of their names"),
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
            """Fail with the name of the missing extra, which shows better than an import error."""
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
        """List the names of the images."""
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
        """Count the words: a stand-in for your own use of the texts."""
        return sum(len(ObjectStoragePath(manifest["uri"]).read_text().split()) for manifest in manifests)

    wait >> names
    count_words(recognize.output)


asposeocr_sftp()
