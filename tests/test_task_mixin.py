"""What operators and sensor share: nothing secret stands in rendered fields."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Asset, ObjectStoragePath

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from airflow_provider_asposeocr.operators.batch import AsposeOcrBatchOperator
from airflow_provider_asposeocr.sensors.asposeocr import AsposeOcrTaskSensor
from tests.files.web import Web, serve
from tests.running import context, run

SIGNATURE = "c1gnature%2Bof%3Dmany"
URI_FIELDS = ("source", "source_prefix", "destination", "durable_path")


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what Airflow was asked to mask."""
    secrets: list[str] = []
    monkeypatch.setattr("airflow_provider_asposeocr.task_mixin.mask_secret", secrets.append)
    return secrets


def rendered(task: Any) -> str:
    """Render a task and return all that Airflow would show of its fields."""
    task.render_template_fields(context())
    return json.dumps({name: getattr(task, name) for name in task.template_fields}, default=str)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "make", [str, lambda uri: {"uri": uri, "ocr_task_id": "x"}, Asset, lambda uri: {"uri": uri}]
)
def test_the_query_of_a_source_is_shown_to_nobody(scheme: str, make: Any, masked: list[str]) -> None:
    uri = f"{scheme}://host.example/in/scan.png?X-Sig={SIGNATURE}&page=2"
    task = AsposeOcrRecognizeImageOperator(task_id="t", source=make(uri))
    shown = rendered(task)
    assert "host.example/in/scan.png" in shown
    assert "gnature" not in shown
    assert SIGNATURE in masked
    assert "c1gnature+of=many" in masked


def test_a_source_is_read_by_the_address_that_is_not_shown(emulator: Emulator, png: bytes) -> None:
    with serve() as web:
        web.files["/scan.png"] = png
        task = AsposeOcrRecognizeImageOperator(task_id="t", source=f"{web.url}/scan.png?sig=0123456789")
        assert "0123456789" not in rendered(task)
        manifest = run(task)
    assert manifest["source"] == f"{web.url}/scan.png"
    assert "0123456789" not in json.dumps(manifest)
    assert all("sig=0123456789" in line for line in web.asked)


def test_a_source_that_is_set_after_rendering_counts(emulator: Emulator, scan: Path) -> None:
    task = AsposeOcrRecognizeImageOperator(task_id="t", source="https://host.example/a.png?sig=0123456789")
    rendered(task)
    task.source = str(scan)
    assert run(task)["source"] == f"file://{scan}"


def test_the_sources_of_a_batch_are_masked_and_read(
    emulator: Emulator, png: bytes, tmp_path: Path, masked: list[str]
) -> None:
    with serve() as web:
        web.files = {f"/{n}.png": png + bytes([n]) for n in range(3)}
        sources = [f"{web.url}/{n}.png?sig=0123456789-{n}" for n in range(3)]
        task = AsposeOcrBatchOperator(task_id="t", sources=sources, destination=f"{tmp_path}/out/")
        shown = rendered(task)
        assert "0123456789" not in shown
        assert f"{web.url}/2.png" in shown
        assert run(task)["succeeded"] == 3
        assert all("?sig=0123456789-" in line for line in web.asked)
    assert "0123456789-2" in masked


def test_thousands_of_addresses_do_not_burden_every_log_line(masked: list[str]) -> None:
    sources = [f"https://host.example/{n}.png?sig=0123456789-{n}" for n in range(5000)]
    shown = rendered(AsposeOcrBatchOperator(task_id="t", sources=sources, destination="/out/"))
    assert "0123456789" not in shown
    assert len(masked) <= 100


@pytest.mark.parametrize("field", URI_FIELDS)
@pytest.mark.parametrize("make", [str, lambda uri: {"uri": uri}, lambda uri: [uri]])
def test_a_password_in_any_address_is_refused_before_it_is_shown(
    field: str, make: Any, masked: list[str]
) -> None:
    given = {"source": "/in/scan.png", field: make("sftp://me:pa55w0rd@host/in/")}
    task = AsposeOcrRecognizeImageOperator(task_id="t", **given)
    with pytest.raises(AirflowFailException, match="Airflow connection") as caught:
        rendered(task)
    assert "pa55w0rd" not in str(caught.value)
    assert "pa55w0rd" in masked


def test_a_password_in_a_bucket_is_refused() -> None:
    for source in (
        {"bucket": "KEY:S3CRET@bucket", "key": "a"},
        ObjectStoragePath("s3://KEY:S3CRET@bucket/a"),
    ):
        with pytest.raises(AirflowFailException, match="Airflow connection") as caught:
            rendered(AsposeOcrRecognizeImageOperator(task_id="t", source=source))
        assert "S3CRET" not in str(caught.value)


def test_a_sensor_and_a_report_are_held_to_it_as_well() -> None:
    sensor = AsposeOcrTaskSensor(
        task_id="t", operation="RecognizeImage", ocr_task_id="x", destination="s3://KEY:S3CRET@bucket/a"
    )
    batch = AsposeOcrBatchOperator(task_id="t", sources="/in/", destination="/out/", report="s3://A:B@c/d")
    for task in (sensor, batch):
        with pytest.raises(AirflowFailException, match="Airflow connection"):
            rendered(task)


def test_a_mapped_source_is_masked(emulator: Emulator, png: bytes, masked: list[str]) -> None:
    with DAG("mapped", schedule=None):
        mapped = AsposeOcrRecognizeImageOperator.partial(task_id="t").expand(
            source=["https://host.example/a.png?sig=0123456789"]
        )
    task: Any = mapped.unmap({"source": "https://host.example/a.png?sig=0123456789"})
    task._do_render_template_fields(task, task.template_fields, context(), task.get_template_env(), set())
    assert task.source == "https://host.example/a.png"
    assert "0123456789" in "".join(masked)


SECRET = f"https://host.example/a.png?X-Sig={SIGNATURE}"


@pytest.mark.parametrize(
    "sources",
    [
        {SECRET},
        (SECRET,),
        {"a": SECRET}.values(),
        {SECRET: 1}.keys(),
        {"a": SECRET},
        [[SECRET]],
        f"\n{SECRET}\n",
        str([SECRET]),
        str({"uri": SECRET, "text": "gnature"}),
        json.dumps({"uri": SECRET, "text": "gnature"}),
        f"simplecache::{SECRET}",
        f"see {SECRET}",
        [{"uri": None, "text": "gnature"}],
    ],
)
def test_no_form_of_sources_shows_a_secret(sources: Any, tmp_path: Path) -> None:
    task = AsposeOcrBatchOperator(task_id="t", sources=sources, destination=f"{tmp_path}/out/")
    assert "gnature" not in rendered(task)
    try:
        told = str(run(task))
    except Exception as error:
        told = "".join(traceback.format_exception(error))
    assert "gnature" not in told


@pytest.mark.parametrize("text", ["s3://KEY:SEC/R3T@bucket/a", "sftp://me:pw/R3T@host/a", "s3://KEY%3AR3T@b"])
@pytest.mark.parametrize("field", URI_FIELDS)
def test_a_password_that_is_hard_to_see_is_refused_and_not_left_to_be_shown(
    field: str, text: str, masked: list[str]
) -> None:
    task = AsposeOcrRecognizeImageOperator(task_id="t", **{"source": "/in/scan.png", field: text})
    with pytest.raises(AirflowFailException, match="Airflow connection") as caught:
        rendered(task)
    assert "R3T" not in f"{caught.value} {getattr(task, field)}"
    assert any("R3T" in secret for secret in masked)


def test_a_prefix_keeps_its_login_for_the_web_server(emulator: Emulator, png: bytes, web: Web) -> None:
    web.files["/in/scan.png"] = png
    prefix = web.url.replace("://", "://me:pa55w0rd@") + "/in"
    task = AsposeOcrRecognizeImageOperator(task_id="t", source="scan.png", source_prefix=prefix)
    many = AsposeOcrBatchOperator(
        task_id="t", sources=["scan.png"], source_prefix=prefix, destination="/nowhere/", report="/nowhere/r"
    )
    assert "pa55w0rd" not in rendered(task) + rendered(many)
    assert run(task)["source"] == f"{web.url}/in/scan.png"
    assert web.logins == {"me:pa55w0rd"}


def test_a_destination_that_is_refused_is_not_repeated() -> None:
    task = AsposeOcrBatchOperator(task_id="t", sources="/in/", destination=SECRET)
    with pytest.raises(AirflowFailException, match="one file") as caught:
        run(task)
    assert "gnature" not in str(caught.value)


def test_white_space_around_an_address_does_not_count(emulator: Emulator, png: bytes, web: Web) -> None:
    web.files["/scan.png"] = png
    task = AsposeOcrRecognizeImageOperator(task_id="t", source=f"\n  {web.url}/scan.png?sig=0123456789\n")
    assert "0123456789" not in rendered(task)
    assert run(task)["source"] == f"{web.url}/scan.png"


def test_a_manifest_that_a_template_has_put_into_words_is_read(emulator: Emulator, scan: Path) -> None:
    for manifest in (str({"uri": f"file://{scan}", "text": "s3cret"}), json.dumps({"uri": str(scan)})):
        task = AsposeOcrRecognizeImageOperator(task_id="t", source=manifest)
        assert "s3cret" not in rendered(task)
        assert run(task)["source"] == f"file://{scan}"


@pytest.fixture
def web() -> Any:
    """Return a small web server."""
    with serve() as running:
        yield running


def test_an_address_that_expires_before_it_is_read_is_told_to_nobody(
    emulator: Emulator,
    png: bytes,
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    web.files["/scan.png"] = png
    task = AsposeOcrRecognizeImageOperator(
        task_id="t", source=web.url.replace("://", "://me:pa55w0rd@") + "/scan.png?sig=0123456789"
    )
    rendered(task)
    original = task._submit

    def expired(*args: Any) -> Any:
        web.status = 403
        return original(*args)

    monkeypatch.setattr(task, "_submit", expired)
    with pytest.raises(Exception, match=r"scan\.png") as caught:
        run(task)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "0123456789" not in shown
    assert "pa55w0rd" not in shown
    assert emulator.calls.submit <= 1
