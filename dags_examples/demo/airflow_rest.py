"""Client of Airflow's REST API, for an Airflow in which everyone is an administrator."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import requests

_LOCKED_SECONDS = 10.0


class RestError(RuntimeError):
    """Raised for a response that is not a success.

    :param response: the response
    """

    def __init__(self, response: requests.Response) -> None:
        self.status = response.status_code
        request = response.request
        super().__init__(f"{request.method} {request.url} answered {self.status}: {response.text[:2000]}")


class AirflowRest:
    """Call the REST API of one Airflow: ``/api/v2`` with a token; before Airflow 3, ``/api/v1`` without.

    :param url: address of the API server, without a trailing slash
    :param major: major version of Airflow
    """

    def __init__(self, url: str, major: int) -> None:
        self._url = url
        self._needs_token = major >= 3
        self.prefix = "/api/v2" if major >= 3 else "/api/v1"
        self._http = requests.Session()
        # Ignores proxies and the .netrc of the user.
        self._http.trust_env = False

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the decoded JSON response, None if it is empty.

        :param method: HTTP method
        :param path: path with its query, such as ``/api/v2/dags``
        :param body: value to send as JSON
        :raises RestError: if the response is not a success
        """
        if self._needs_token:
            token = _checked(self._http.get(f"{self._url}/auth/token", timeout=30)).json()["access_token"]
            self._http.headers["Authorization"] = f"Bearer {token}"
            self._needs_token = False
        end = time.monotonic() + _LOCKED_SECONDS
        reply = self._http.request(method, self._url + path, json=body, timeout=60)
        # SQLite lets one process write at a time; a statement that it refuses has changed nothing.
        while reply.status_code == 500 and "Database error" in reply.text and time.monotonic() < end:
            time.sleep(0.2)
            reply = self._http.request(method, self._url + path, json=body, timeout=60)
        _checked(reply)
        return reply.json() if reply.content else None

    def answers(self) -> bool:
        """Return whether the API is up."""
        try:
            return self._http.get(f"{self._url}{self.prefix}/version", timeout=5).ok
        except requests.RequestException:
            return False

    def run_path(self, dag_id: str, run_id: str) -> str:
        """Return the path of a DAG run.

        :param dag_id: the DAG
        :param run_id: the run
        """
        return f"{self.prefix}/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"

    def knows(self, dag_id: str) -> bool:
        """Return whether a DAG has been parsed.

        :param dag_id: the DAG
        """
        try:
            self.call("GET", f"{self.prefix}/dags/{quote(dag_id)}")
        except RestError as error:
            if error.status != requests.codes.not_found:
                raise
            return False
        return True

    def import_errors(self) -> str:
        """Return file and traceback of every DAG file that cannot be imported, or an empty text."""
        errors = self.call("GET", f"{self.prefix}/importErrors")["import_errors"]
        return "\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors)


def _checked(reply: requests.Response) -> requests.Response:
    if not reply.ok:
        raise RestError(reply)
    return reply
