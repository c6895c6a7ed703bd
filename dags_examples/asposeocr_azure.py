"""Wait for images in an Azure Blob Storage container, recognize them, and store the texts in it.

The sensor waits in the triggerer until there is a blob. If none comes within an hour, it and the tasks
after it are skipped, and the run succeeds.

Needs `airflow-provider-asposeocr[azure]` and the connection `wasb_default`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath, Param, dag, task

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator

CONNECTION = "wasb_default"


@dag(
    schedule=None,
    # Concurrent runs would list, and pay for, the same images.
    max_active_runs=1,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "container": Param("scans", type="string", description="The container of images and texts"),
        "prefix": Param("inbox/", type="string", description="The prefix of their names"),
    },
)
def asposeocr_azure() -> None:
    try:
        from airflow.providers.microsoft.azure.hooks.wasb import WasbHook
        from airflow.providers.microsoft.azure.sensors.wasb import WasbPrefixSensor
    except ImportError as error:
        missing = f"{error}: install airflow-provider-asposeocr[azure]"

        @task
        def install_the_extra() -> None:
            """Fail with the name of the missing extra, which shows better than an import error."""
            raise AirflowFailException(missing)

        install_the_extra()
        return

    wait = WasbPrefixSensor(
        task_id="wait",
        container_name="{{ params.container }}",
        prefix="{{ params.prefix }}",
        wasb_conn_id=CONNECTION,
        deferrable=True,
        timeout=3600,
        soft_fail=True,
    )

    @task
    def images(params: dict[str, Any]) -> list[str]:
        """List the names of the images."""
        blobs = WasbHook(CONNECTION)
        return blobs.get_blobs_list_recursive(params["container"], params["prefix"], endswith=".png")

    names = images()
    recognize = AsposeOcrRecognizeImageOperator.partial(
        task_id="recognize",
        source_prefix="abfs://{{ params.container }}",
        source_conn_id=CONNECTION,
        destination="abfs://{{ params.container }}/text/",
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


asposeocr_azure()
