"""Texts in PostgreSQL: loaded once by their URI, found by their words, and nowhere else to be read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg
import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.accuracy import word_accuracy
from dags_examples.demo.local_airflow import LocalAirflow
from tests.neighbours.conftest import DEMO, ROOT, SECRET, TRUTH, Start, script, succeeded
from tests.system.hostile.postgres import postgres

pytestmark = pytest.mark.neighbours

DAG_ID = "asposeocr_postgres_search"


@dataclass
class Search:
    """The example on an Airflow beside a database.

    :param airflow: where it runs.
    :param database: the address of the database.
    :param folder: has the images, and takes the texts.
    """

    airflow: LocalAirflow
    database: str
    folder: Path

    def run(self, query: str) -> str:
        """Run the example over all images, and return the run id.

        :param query: what is searched for.
        """
        conf = {"images": f"{self.folder}/in/", "texts": f"{self.folder}/out/", "query": query}
        return succeeded(self.airflow, DAG_ID, conf)

    def script(self, service: Emulator, monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> None:
        """Let the service answer with given texts, by the names of the images."""
        by_content = {(self.folder / "in" / name).read_bytes(): text for name, text in texts.items()}
        script(service, monkeypatch, by_content)

    def xcom(self, run_id: str, task_id: str) -> Any:
        """Return what a task of a run has returned."""
        return self.airflow.xcom(DAG_ID, run_id, task_id)

    def rows(
        self, sql: LiteralString = "SELECT uri, text, loaded_at FROM asposeocr_texts ORDER BY uri"
    ) -> list[Any]:
        """Return the rows of a query, past Airflow."""
        # Of so few rows a scan of the table would always be cheaper than its index.
        options = "-c enable_seqscan=off"
        with psycopg.connect(f"postgresql://{self.database}", options=options) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def search(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    folder = tmp_path_factory.mktemp("search")
    (folder / "in").mkdir()
    shutil.copy(DEMO / "scan.jpg", folder / "in")
    for name in ("invoice.png", "table.png"):
        shutil.copy(ROOT / "dags_examples" / "documents" / name, folder / "in")
    with postgres() as database:
        found = urlsplit(f"postgresql://{database}")
        connection = {
            "conn_type": "postgres",
            "host": found.hostname,
            "port": found.port,
            "login": found.username,
            "password": found.password,
            "schema": found.path.strip("/"),
        }
        with start(DAG_ID, {"postgres_default": connection}) as airflow:
            yield Search(airflow, database, folder)


@pytest.fixture(scope="module")
def first(search: Search) -> str:
    """Run it once with real recognition."""
    return search.run('"brass heron" or bindery')


def test_each_image_has_a_row_with_its_text(search: Search, first: str) -> None:
    rows = {uri.rpartition("/")[2]: text for uri, text, _ in search.rows()}
    assert search.xcom(first, "load") == {"loaded": 3, "changed": 3, "not recognized": 0}
    assert rows.keys() == {"scan.jpg", "invoice.png", "table.png"}
    assert word_accuracy(TRUTH, rows["scan.jpg"]) >= 0.98
    stored = {path.read_bytes().decode() for path in (search.folder / "out").glob("*.txt")}
    assert set(rows.values()) == stored


def test_the_search_finds_the_scan_and_shows_the_words(search: Search, first: str) -> None:
    (hit,) = search.xcom(first, "search")
    assert hit["uri"] == f"file://{search.folder}/in/scan.jpg"
    assert 0 < hit["rank"] < 1
    assert "[brass] [heron]" in hit["headline"]
    assert "[Bindery]" in hit["headline"]
    assert len(hit["headline"]) < 400 < len(TRUTH)


def test_words_are_stemmed_and_the_index_is_used(search: Search, first: str) -> None:
    query = (
        "SELECT uri FROM asposeocr_texts WHERE words @@ websearch_to_tsquery('english', 'colleagues singing')"
    )
    assert search.rows(query) == [(f"file://{search.folder}/in/scan.jpg",)]
    plan = search.rows(f"EXPLAIN {query}")
    assert any("Bitmap Index Scan on asposeocr_texts_words" in line for (line,) in plan), plan


def test_another_run_updates_what_reads_differently_alone(
    search: Search, first: str, service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = search.rows()
    texts = {Path(uri).name: text for uri, text, _ in before} | {"table.png": "A table of nine lanterns."}
    search.script(service, monkeypatch, texts)

    run_id = search.run("lantern")
    assert search.xcom(run_id, "load") == {"loaded": 3, "changed": 1, "not recognized": 0}
    after = search.rows()
    assert [row for row in after if row not in before] == [
        (uri, "A table of nine lanterns.", loaded_at) for uri, _, loaded_at in after if "table" in uri
    ]
    assert {uri for uri, _, _ in after} == {uri for uri, _, _ in before}
    (hit,) = search.xcom(run_id, "search")
    assert hit["headline"] == "table of nine [lanterns]"


ODD = "'); DROP TABLE asposeocr_texts; -- %s %(uri)s {{ params }} \\ nul\0, caf\u00e9 \U0001f3ee walrus"


def test_neither_a_text_nor_a_query_becomes_sql(
    search: Search, first: str, service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More words, none like another, than a tsvector holds.
    long = " ".join(f"w{number:x}" for number in range(400_000))
    texts = {"scan.jpg": ODD, "invoice.png": f"walrus {long}", "table.png": ""}
    search.script(service, monkeypatch, texts)

    run_id = search.run("'); DROP TABLE asposeocr_texts; -- %s")
    assert search.xcom(run_id, "load") == {"loaded": 3, "changed": 3, "not recognized": 0}
    rows = {Path(uri).name: text for uri, text, _ in search.rows()}
    assert rows == texts | {"scan.jpg": ODD.replace("\0", "\ufffd")}
    (hit,) = search.xcom(run_id, "search")
    assert hit["headline"].startswith("[DROP] [TABLE] [asposeocr]_[texts]; -- %s %(uri)s {{ params }}")

    run_id = search.run("walrus -nothing")
    hits = search.xcom(run_id, "search")
    assert [Path(hit["uri"]).name for hit in hits] == ["invoice.png", "scan.jpg"]
    assert all("[walrus]" in hit["headline"] and len(hit["headline"]) <= 400 for hit in hits)


def test_no_log_holds_a_text_a_password_or_a_secret(search: Search, first: str) -> None:
    """Runs last: it reads what all tests above have left."""
    logs = "\n".join(search.airflow.all_logs().values())
    assert "INSERT" not in logs
    assert "Running statement" in logs
    line = max(TRUTH.splitlines(), key=len)
    password = urlsplit(f"postgresql://{search.database}").password
    for hidden in (SECRET, password, line, "nine lanterns", "walrus w0"):
        assert hidden
        assert hidden not in logs
