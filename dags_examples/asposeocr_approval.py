"""Ask a person about an image in which few words were found, before its text is used.

The task `approve` waits without a worker slot until somebody answers in Airflow's UI, under Required Actions;
what is rejected is not used. Needs Airflow 3.1.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowOptionalProviderFeatureException,
    Param,
    task,
)

from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator

ApprovalOperator: Any = None
with suppress(ImportError, AirflowOptionalProviderFeatureException):
    from airflow.providers.standard.operators import hitl

    ApprovalOperator = hitl.ApprovalOperator

with DAG(
    dag_id="asposeocr_approval",
    schedule=None,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "source": Param(
            str(Path(__file__).parent / "demo" / "scan.jpg"), type="string", description="The image to read"
        ),
        "min_words": Param(20, type="integer", description="Words that need no approval"),
    },
):
    recognize = AsposeOcrRecognizeImageOperator(
        task_id="recognize", source="{{ params.source }}", deferrable=True
    )

    @task.branch
    def look(params: dict[str, Any], ti: Any = None) -> str:
        """Decide whether a person has to look at it."""
        words = ti.xcom_pull(task_ids="recognize")["text"].split()
        return "use_text" if len(words) >= params["min_words"] else "approve"

    if ApprovalOperator is None:

        @task(task_id="approve")
        def approve() -> None:
            """Fail with the reason, which shows better than an import error."""
            raise AirflowFailException("approvals need Airflow 3.1 and its standard provider")

        approval: Any = approve()
    else:
        approval = ApprovalOperator(
            task_id="approve",
            subject="Few words were found in {{ ti.xcom_pull(task_ids='recognize')['source'] }}",
            body="The page may be blank or badly scanned. Use its text all the same?",
        )

    @task(trigger_rule="none_failed_min_one_success")
    def use_text(ti: Any = None) -> int:
        """Count the words: a stand-in for your own use of the text."""
        return len(ti.xcom_pull(task_ids="recognize")["text"].split())

    used = use_text()
    recognize >> look() >> [approval, used]
    approval >> used
