"""A ``.netrc`` that names the service must not change who we are."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from .conftest import Connect
from .support import IMAGE, OPERATION, Client, ForwardProxy, Recorder, both_ways, within

ENTRIES = """\
machine 127.0.0.1 login netrc-user password netrc-secret
machine localhost login netrc-user password netrc-secret
default login netrc-user password netrc-secret
"""


@pytest.fixture(autouse=True, params=["NETRC", "HOME"])
def _hostile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / ".netrc"
    path.write_text(ENTRIES)
    path.chmod(0o600)
    monkeypatch.setenv(request.param, str(path if request.param == "NETRC" else tmp_path))


def _authorizations(recorder: Recorder) -> list[str | None]:
    return [seen.header("authorization") for seen in recorder.requests]


BEARER = f"Bearer {Recorder.TOKEN}"


def test_the_file_is_hostile(recorder: Recorder) -> None:
    """Without this, the other tests could pass for nothing."""
    requests.get(recorder.url, headers={"Authorization": BEARER}, timeout=10)
    assert _authorizations(recorder)[0].startswith("Basic ")  # type: ignore[union-attr]


@both_ways
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_operations(way: str, host: str, recorder: Recorder, connect: Connect) -> None:
    with Client(connect(f"http://{host}:{recorder.server_address[1]}"), way) as client:
        client.submit()
        client.get("an-id")
        client.status("an-id")
        client.cancel("an-id")
    assert _authorizations(recorder) == [None, *[BEARER] * 4]


@both_ways
def test_trial_operations_stay_anonymous(way: str, recorder: Recorder, connect: Connect) -> None:
    with Client(connect(recorder.url, None, None), way) as client:
        client.submit(operation="RecognizeImageTrial")
        client.get("an-id", operation="RecognizeImageTrial")
    assert _authorizations(recorder) == [None, None]


@both_ways
def test_the_proxy_gets_no_credentials_either(
    way: str, recorder: Recorder, proxy: ForwardProxy, connect: Connect
) -> None:
    with Client(connect(recorder.url, proxies=proxy.url), way) as client:
        client.submit()
    assert {seen.header("proxy-authorization") for seen in proxy.requests} == {None}
    assert _authorizations(recorder) == [None, BEARER]


def test_get_conn(recorder: Recorder, connect: Connect) -> None:
    session = connect(recorder.url).get_conn()
    url = f"{recorder.url}/v5.0/ocr/{OPERATION}"
    within(3, lambda: session.get(url, params={"id": "an-id"}, timeout=10))
    within(3, lambda: session.post(url, data=IMAGE, timeout=10))
    assert _authorizations(recorder) == [None, BEARER, BEARER]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_run(method: str, recorder: Recorder, connect: Connect) -> None:
    hook = connect(recorder.url)
    hook.method = method
    hook.run("v5.0/ocr/Utilities/GetTaskStatus", {"id": "an-id"})
    assert _authorizations(recorder) == [None, BEARER]


def test_test_connection(recorder: Recorder, connect: Connect) -> None:
    assert connect(recorder.url).test_connection()[0]
    assert _authorizations(recorder) == [None]
