"""A DAG that recognizes a folder each day, and pays for what is new or has changed alone."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator

with DAG(dag_id="daily", schedule=None):
    AsposeOcrBatchOperator(
        task_id="recognize",
        sources="{{ dag_run.conf['place'] }}/inbox/",
        destination="{{ dag_run.conf['place'] }}/texts/{{ run_id | replace(':', '') }}/",
        reuse_path="{{ dag_run.conf['place'] }}/kept/",
        language="{{ dag_run.conf['language'] }}",
        source_conn_id="{{ dag_run.conf['conn_id'] }}",
        destination_conn_id="{{ dag_run.conf['conn_id'] }}",
    )
