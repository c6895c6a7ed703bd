"""The result page in the API server of a real Airflow, with users who may see more and less.

``AIRFLOW_PYTHON`` names the interpreter of another release.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from airflow_provider_asposeocr.emulator.testing import Emulator
from dags_examples.demo.local_airflow import LocalAirflow
from dags_examples.demo.processes import free_port
from tests.plugin.manifests import SCRIPT, manifest, stored
from tests.system.servers import S3Server, s3_server

pytestmark = pytest.mark.result_page

ROOT = Path(__file__).parents[2]
PASSWORDS = {
    "admin": "of-the-admin",
    "viewer": "of-the-viewer",
    "outsider": "of-no-xcoms",
    "newcomer": "of-no-tasks",
}
SECRET = b"nobody may read this"
OPTION = "AIRFLOW__ASPOSEOCR__RESULT_PAGE_ROOTS"
PREFIX = "/flow"


class ApiServer(LocalAirflow):
    """The API server of a local Airflow alone, on a database that is there."""

    def _commands(self) -> dict[str, tuple[str, ...]]:
        return {"api-server": super()._commands()["api-server"]}


@dataclass(frozen=True)
class Done:
    """What a real Airflow has done.

    :param home: its folder, with the database.
    :param python: its interpreter.
    :param data: the folder that may be read.
    :param runs: run ids by DAG.
    :param returned: map indexes by the name of what was returned.
    :param s3: the server of the bucket ``box``.
    """

    home: Path
    python: str
    data: Path
    runs: Mapping[str, str]
    returned: Mapping[str, int]
    s3: S3Server

    def page(self, task: str, map_index: int | str = -1) -> str:
        """Return the path of the page of a task."""
        dag = "returned" if task == "returned" else "result_page"
        return f"/asposeocr/dags/{dag}/runs/{quote(self.runs[dag], safe=':+')}/tasks/{task}/{map_index}"

    def forged(self, name: str) -> str:
        """Return the path of the page of what was returned by a name."""
        return self.page("returned", self.returned[name])


def environment(**more: str) -> dict[str, str]:
    """Return the variables of a local Airflow that finds the package and these tests."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path, "AIRFLOW__CORE__LAZY_DISCOVER_PROVIDERS": "True", **more}


def forgeries(data: Path) -> dict[str, Any]:
    """Return what strangers may write into an XCom, by names."""
    outside = f"{data}-other/secret.txt"
    Path(outside).parent.mkdir()
    Path(outside).write_bytes(SECRET)
    (data / "link.txt").symlink_to(outside)
    (data / "linked").symlink_to(Path(outside).parent)
    addresses = {
        "elsewhere": outside,
        "upwards": f"{data}/../data-other/secret.txt",
        "encoded": f"{data}/%2e%2e/data-other/secret.txt",
        "link": f"file://{data}/link.txt",
        "folder link": f"{data}/linked/secret.txt",
        "configuration": f"{data}/../home/airflow.cfg",
        "environment": "/proc/self/environ",
        "web": "http://127.0.0.1:1/secret.txt",
        "bucket": "s3://box/other/secret.txt",
        "bucket upwards": "s3://box/texts/../other/secret.txt",
    }
    return {
        **{name: stored(("Text", uri), source=uri) for name, uri in addresses.items()},
        "object": stored(("Text", "s3://stranger@box/texts/a.txt")),
        "script": manifest(text=SCRIPT, warnings=[SCRIPT]),
        "signed": manifest(source="https://u:pa55word@web.example/a.png?X-Amz-Signature=5up3r53cr37"),
        "trial": manifest(operation="RecognizeImageTrial"),
        "no manifest": "an id",
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    """Let a real Airflow recognize documents, and return manifests that are forged."""
    base = tmp_path_factory.mktemp("result_page")
    data, samples = base / "data", ROOT / "dags_examples"
    (data / "batch").mkdir(parents=True)
    shutil.copy(samples / "demo" / "scan.jpg", data)
    for name in ("table.png", "invoice.png", "note.pdf"):
        shutil.copy(samples / "documents" / name, data)
    shutil.copy(samples / "documents" / "table.png", data / "batch")
    (data / "batch" / "<script>.png").write_bytes(b"\x89PNG\r\n\x1a\nof no image")
    python = os.environ.get("AIRFLOW_PYTHON") or sys.executable
    values = forgeries(data)
    with s3_server() as s3, Emulator(client_secret="a-secret-of-tests") as service:
        s3.put("box", {"texts/a.txt": b"an object", "other/secret.txt": SECRET})
        connections = {"asposeocr_default": service.connection_json()}
        home = base / "home"
        with LocalAirflow(
            ROOT / "tests" / "plugin" / "dags",
            python=python,
            connections=connections,
            env=environment(),
            home=home,
        ) as airflow:
            if airflow.release < (3, 1):
                pytest.skip("Airflow 3.1 and later have the page")
            airflow.start()
            airflow.wait_until_parsed("result_page", "returned")
            conf: dict[str, dict[str, Any]] = {
                "result_page": {"folder": str(data)},
                "returned": {"values": list(values.values())},
            }
            runs = {dag: airflow.trigger(dag, given) for dag, given in conf.items()}
            states = airflow.wait_all(list(runs.items()), timeout=400)
            assert states == ["success", "success"], airflow.task_logs()
        yield Done(home, python, data, runs, {name: place for place, name in enumerate(values)}, s3)


@dataclass
class Site:
    """An API server, as its users see it.

    :param url: its address, below a prefix as behind a proxy.
    :param tokens: of the users, by name.
    """

    url: str
    tokens: Mapping[str, str]

    def get(self, path: str, user: str | None = "viewer") -> requests.Response:
        """Ask for a path as a browser does, with a cookie."""
        cookies = {"_token": self.tokens[user]} if user else {}
        return requests.get(self.url + path, cookies=cookies, timeout=60, allow_redirects=False)

    def text(self, path: str, user: str | None = "viewer", status: int = 200) -> str:
        """Return a page or a file, of which the status must be this one."""
        response = self.get(path, user)
        assert response.status_code == status, response.text
        assert "Traceback" not in response.text
        return response.text


@pytest.fixture(scope="module")
def site(done: Done) -> Iterator[Site]:
    """Start an API server below a prefix, with an auth manager that tells users apart."""
    passwords = done.home / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    roles = ",".join(f"{name}:{'admin' if name == 'admin' else 'viewer'}" for name in PASSWORDS)
    port = free_port()
    env = environment(
        **{
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}{PREFIX}/",
            OPTION: f"{done.data}, s3://box_conn@box/texts/",
            "AIRFLOW__CORE__AUTH_MANAGER": "tests.plugin.auth_manager.FewerXComs",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": roles,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }
    )
    connections = {"box_conn": done.s3.connection()}
    dags = ROOT / "tests" / "plugin" / "dags"
    with ApiServer(
        dags, python=done.python, connections=connections, env=env, home=done.home, port=port
    ) as server:
        server.start()
        tokens = {
            name: requests.post(
                f"{server.url}{PREFIX}/auth/token", json={"username": name, "password": password}, timeout=30
            ).json()["access_token"]
            for name, password in PASSWORDS.items()
        }
        yield Site(server.url + PREFIX, tokens)


def test_the_words_of_a_scan_are_drawn_over_it(site: Site, done: Done) -> None:
    text = site.text(done.page("scan"))
    assert f'<img id="source" src="{PREFIX}{done.page("scan")}/files/source"' in text
    assert text.count('class="box') > 150
    assert "Quillmere" in text
    image = site.get(f"{done.page('scan')}/files/source")
    assert image.content == (done.data / "scan.jpg").read_bytes()
    assert image.headers["content-type"] == "image/jpeg"
    assert image.headers["content-security-policy"].startswith("sandbox;")
    assert image.headers["x-content-type-options"] == "nosniff"
    assert "<dt>language</dt><dd>English</dd>" in text
    assert "<dt>Task state</dt><dd>success</dd>" in text


def test_a_table_an_invoice_a_pdf_and_a_batch_have_pages(site: Site, done: Done) -> None:
    assert "<td>Hemp rope, tarred</td>" in site.text(done.page("table"))
    assert '<th scope="row">Total amount</th><td>629.28</td>' in site.text(done.page("invoice"))
    assert "storekeeper" in site.text(done.page("pdf"))
    batch = site.text(done.page("batch"))
    assert batch.index("&lt;script&gt;.png") < batch.index(">table.png")
    assert "<script>." not in batch
    assert "Brass" in site.text(f"{done.page('batch')}/items/2")


def test_the_placeholder_of_the_tab_stands_for_a_task_that_is_not_mapped(site: Site, done: Done) -> None:
    assert "Quillmere" in site.text(done.page("scan", "%7BMAP_INDEX%7D"))


def test_who_has_not_signed_in_sees_nothing(site: Site, done: Done) -> None:
    for path in ("", "/files/source", "/files/0", "/items/1"):
        assert "Quillmere" not in site.text(done.page("scan") + path, None, 401)
    response = requests.get(site.url + done.page("scan"), cookies={"_token": "forged"}, timeout=60)
    assert response.status_code in (401, 403)


def test_without_access_to_the_xcoms_of_the_dag_nothing_is_shown(site: Site, done: Done) -> None:
    for path in ("", "/files/source", "/files/0", "/items/1", "/items/1/files/0"):
        assert "Quillmere" not in site.text(done.page("scan") + path, "outsider", 403)
    dags = site.get("/api/v2/dags", "outsider").json()["dags"]
    assert {dag["dag_id"] for dag in dags} >= {"result_page"}, "the DAG itself may be seen"


def test_the_task_itself_is_shown_to_those_who_may_see_it(site: Site, done: Done) -> None:
    text = site.text(done.page("scan"), "newcomer")
    assert "Quillmere" in text
    assert "Task state" not in text
    assert "<dt>language</dt>" not in text


@pytest.mark.parametrize(
    "name",
    [
        *("elsewhere", "upwards", "encoded", "link", "folder link"),
        *("configuration", "environment", "web", "bucket", "bucket upwards"),
    ],
)
def test_a_forged_manifest_opens_nothing_outside_the_roots(site: Site, done: Done, name: str) -> None:
    page = site.text(done.forged(name))
    assert SECRET.decode() not in page
    assert "Not shown" in page
    for which in ("source", "0"):
        assert SECRET.decode() not in site.text(f"{done.forged(name)}/files/{which}", status=404)


def test_an_object_is_read_by_the_connection_of_the_root(site: Site, done: Done) -> None:
    look = [done.python, "-c", "import airflow.providers.amazon"]
    if subprocess.run(look, capture_output=True, check=False).returncode:
        pytest.skip("this Airflow lacks the provider for S3")
    assert "an object" in site.text(done.forged("object"))
    assert site.text(f"{done.forged('object')}/files/0") == "an object"


def test_markup_is_shown_as_text_and_secrets_are_not(site: Site, done: Done) -> None:
    script = site.text(done.forged("script"))
    assert SCRIPT not in script
    assert script.count("&lt;script&gt;") == 2
    signed = site.text(done.forged("signed"))
    assert "5up3r53cr37" not in signed
    assert "pa55word" not in signed
    assert manifest()["ocr_task_id"] not in site.text(done.forged("trial"))
    assert "is no result" in site.text(done.forged("no manifest"))


@pytest.mark.parametrize(
    "path", ["/asposeocr/dags/~/runs/~/tasks/~/-1", "/asposeocr/dags/none/runs/x/tasks/y/-1"]
)
def test_what_there_is_not_has_no_page(site: Site, path: str) -> None:
    response = site.get(path)
    assert response.status_code in (200, 403, 404)
    assert "Quillmere" not in response.text
    assert "returned nothing yet" in response.text or response.status_code != 200


def test_operators_are_linked_to_it_and_the_tab_is_offered(site: Site, done: Done) -> None:
    run = quote(done.runs["result_page"], safe="")
    links = site.get(f"/api/v2/dags/result_page/dagRuns/{run}/taskInstances/scan/links", "admin").json()
    link = links["extra_links"]["Result page"]
    assert link == PREFIX + done.page("scan")
    plugins = site.get("/api/v2/plugins", "admin").json()["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "asposeocr"]
    (view,) = ours["external_views"]
    assert view["destination"] == "task_instance"
    assert view["href"].startswith(f"{PREFIX}/asposeocr/")


def test_no_secret_is_logged(site: Site, done: Done) -> None:
    site.get(f"{done.forged('signed')}/files/source")
    log = (done.home / "api-server.log").read_text(errors="replace")
    assert "5up3r53cr37" not in log
    assert SECRET.decode() not in log


def test_it_is_off_by_default(done: Done) -> None:
    dags = ROOT / "tests" / "plugin" / "dags"
    with ApiServer(dags, python=done.python, env=environment(), home=done.home) as server:
        server.start()
        answer = requests.get(server.url + done.page("scan"), timeout=60)
        assert "Quillmere" not in answer.text
        plugins = server.rest("GET", "/api/v2/plugins")["plugins"]
        (ours,) = [plugin for plugin in plugins if plugin["name"] == "asposeocr"]
        assert not ours["external_views"]
        assert not ours["fastapi_apps"]
        run = quote(done.runs["result_page"], safe="")
        links = server.rest("GET", f"/api/v2/dags/result_page/dagRuns/{run}/taskInstances/scan/links")
        assert links["extra_links"] == {}
