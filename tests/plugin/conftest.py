"""The application of the result page, with what the database would say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

PAGE = "/dags/d/runs/manual__2026-01-02T03:04:05+00:00/tasks/t/-1"


class Site:
    """The application, with what the database would say.

    :param client: asks it.
    :param folder: that may be read.
    :param known: what the database says.
    """

    def __init__(self, client: TestClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.known: Any = None
        self.has_not_ended()

    def has_not_ended(self) -> None:
        """Let the task have returned nothing yet."""
        from airflow_provider_asposeocr.plugin.access import Known

        self.known = Known(False)

    def returns(self, value: Any, **known: Any) -> None:
        """Let the task have returned a value."""
        from airflow_provider_asposeocr.plugin.access import Known

        self.known = Known(True, json.loads(json.dumps(value)), **known)

    def text(self, path: str = "", status: int = 200) -> str:
        """Return a page below that of the task, after a look at its headers."""
        response = self.client.get(PAGE + path)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "private, no-store"
        return response.text


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return the application, whose user may see everything."""
    # Airflow before 3.1 has neither the page nor what it needs.
    from fastapi.testclient import TestClient

    from airflow_provider_asposeocr.plugin import access, app
    from airflow_provider_asposeocr.plugin.roots import read_roots

    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("nobody may read this")
    made = app.result_app(read_roots(str(folder)))
    made.dependency_overrides[access._allowed] = lambda: access.Instance("d", "r", "t", -1, True)
    with TestClient(made, raise_server_exceptions=False) as client:
        site = Site(client, folder)
        # The system tests read a real database.
        monkeypatch.setattr(app, "read_known", lambda instance: site.known)
        yield site
