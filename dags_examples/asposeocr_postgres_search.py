"""Recognize all images of a folder, load their texts into PostgreSQL, and search them there.

`images` and `texts` may be in any storage that Airflow has registered. Each text has one row, by the URI of
its image: another run updates those that read differently now, and leaves the others alone. A row stays when
its image is gone. PostgreSQL stems and indexes the words by itself. The search returns the best ten texts,
with the words in brackets; it understands quotes, `or` and a minus sign, as search engines do.

Needs `apache-airflow-providers-postgres` and the connection `postgres_default`.
"""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath, Param, dag, task

from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator

CONNECTION = "postgres_default"

# A tsvector holds 1 MB: of longer texts the first 250,000 characters can be found.
TABLE = """
CREATE TABLE IF NOT EXISTS asposeocr_texts (
    uri text PRIMARY KEY,
    text text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    words tsvector GENERATED ALWAYS AS (to_tsvector('english', left(text, 250000))) STORED
)
"""
INDEX = "CREATE INDEX IF NOT EXISTS asposeocr_texts_words ON asposeocr_texts USING gin (words)"

UPSERT = """
INSERT INTO asposeocr_texts AS loaded (uri, text) VALUES (%(uri)s, %(text)s)
ON CONFLICT (uri) DO UPDATE SET text = excluded.text, loaded_at = now()
WHERE loaded.text <> excluded.text
"""

# Headlines take longer than all the rest: only the texts that are returned get one.
SEARCH = """
SELECT uri, rank, left(ts_headline('english', text, query, 'MaxFragments=2, MinWords=5, MaxWords=15,
                                   StartSel=[, StopSel=]'), 400) AS headline
FROM (
    SELECT uri, left(text, 250000) AS text, query, ts_rank(words, query) AS rank
    FROM asposeocr_texts, websearch_to_tsquery('english', %(query)s) AS query
    WHERE words @@ query
    ORDER BY rank DESC, uri
    LIMIT 10
) AS hits
ORDER BY rank DESC, uri
"""


def rows_as_objects(cursor: Any) -> list[dict[str, Any]]:
    """Return the rows of a query with the names of its columns."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dag(
    schedule=None,
    # Concurrent runs would list, and pay for, the same images.
    max_active_runs=1,
    doc_md=__doc__,
    tags=["asposeocr", "example"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    params={
        "images": Param(
            f"{Path(__file__).parent / 'demo'}/", type="string", description="A folder, or a pattern"
        ),
        "texts": Param("/tmp/asposeocr/search/", type="string", description="The folder for the texts"),
        "query": Param('bindery or "brass heron"', type="string", description="What to search for"),
    },
)
def asposeocr_postgres_search() -> None:
    try:
        from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
        from airflow.providers.postgres.hooks.postgres import PostgresHook
    except ImportError as error:
        missing = f"{error}: install apache-airflow-providers-postgres"

        @task
        def install_the_provider() -> None:
            """Fail with the name of the missing provider, which shows better than an import error."""
            raise AirflowFailException(missing)

        install_the_provider()
        return

    create = SQLExecuteQueryOperator(
        task_id="create", conn_id=CONNECTION, sql=[TABLE, INDEX], do_xcom_push=False
    )

    recognize = AsposeOcrBatchOperator(
        task_id="recognize",
        sources="{{ params.images }}",
        destination="{{ params.texts }}",
        language="English",
        fail_on=0.05,
    )

    @task
    def load(summary: dict[str, Any]) -> dict[str, int]:
        """Load the texts in one transaction, and count them."""
        counts = {"loaded": 0, "changed": 0, "not recognized": 0}
        # The hook's own methods would write the texts into the log.
        with closing(PostgresHook(CONNECTION).get_conn()) as connection, connection.cursor() as cursor:
            for line in ObjectStoragePath(summary["report"]).read_text().splitlines():
                item = json.loads(line)
                if item["status"] != "succeeded":
                    counts["not recognized"] += 1
                    continue
                text = ObjectStoragePath(item["uri"]).read_text(encoding="utf-8", errors="replace")
                # PostgreSQL takes no U+0000.
                cursor.execute(UPSERT, {"uri": item["source"], "text": text.replace("\0", "\ufffd")})
                counts["loaded"] += 1
                counts["changed"] += cursor.rowcount
            connection.commit()
        return counts

    search = SQLExecuteQueryOperator(
        task_id="search",
        conn_id=CONNECTION,
        sql=SEARCH,
        parameters={"query": "{{ params.query }}"},
        handler=rows_as_objects,
    )

    loaded = load(recognize.output)
    create >> loaded >> search


asposeocr_postgres_search()
