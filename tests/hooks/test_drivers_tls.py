"""TLS: whom the drivers trust, how they show who they are, and what they say when it fails."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.x509.oid import NameOID

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrCertificateError,
    AsposeOcrError,
    AsposeOcrSettingsError,
)
from airflow_provider_asposeocr.emulator.testing import Emulator

from .conftest import Connect
from .support import OPERATION, Client, TlsFront, both_ways, serving
from .tls import Pki, issue, server_context


@pytest.fixture
def front(emulator: Emulator, pki: Pki) -> Iterator[TlsFront]:
    """Return the emulator behind TLS; tests may exchange the context."""
    server = TlsFront(server_context(pki.server), emulator.url)
    with serving(server):
        yield server


def _round_trip(hook: Any, way: str) -> None:
    with Client(hook, way) as client:
        assert client.get(client.submit()).status == "Completed"


@both_ways
def test_untrusted_certificate_is_refused_at_once(
    way: str, front: TlsFront, emulator: Emulator, connect: Connect
) -> None:
    with Client(connect(front.url), way) as client, pytest.raises(AsposeOcrCertificateError) as caught:
        client.submit()
    assert not caught.value.retryable
    assert "the certificate is not trusted: unable to get local issuer certificate" in str(caught.value)
    assert (front.connections, emulator.transcript) == (1, [])


@both_ways
@pytest.mark.parametrize(
    ("identity", "message"), [("elsewhere", "IP address mismatch"), ("expired", "certificate has expired")]
)
def test_wrong_certificate_is_refused_at_once(
    way: str, identity: str, message: str, front: TlsFront, emulator: Emulator, pki: Pki, connect: Connect
) -> None:
    front.context = server_context(getattr(pki, identity))
    hook = connect(front.url, verify=pki.ca)
    with Client(hook, way) as client, pytest.raises(AsposeOcrCertificateError, match=message):
        client.submit()
    assert (front.connections, emulator.transcript) == (1, [])


@both_ways
def test_wrong_host_name_is_refused_at_once(
    way: str, front: TlsFront, emulator: Emulator, pki: Pki, connect: Connect
) -> None:
    front.context = server_context(pki.elsewhere)
    hook = connect(f"https://localhost:{front.port}", verify=pki.ca)
    with (
        Client(hook, way) as client,
        pytest.raises(AsposeOcrCertificateError, match=r"(?i)hostname mismatch"),
    ):
        client.submit()
    assert (front.connections, emulator.transcript) == (1, [])


@both_ways
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_own_ca(way: str, host: str, front: TlsFront, pki: Pki, connect: Connect) -> None:
    _round_trip(connect(f"https://{host}:{front.port}", verify=pki.ca), way)


@both_ways
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_own_ca_from_the_environment(
    way: str, variable: str, front: TlsFront, pki: Pki, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, pki.ca)
    _round_trip(connect(front.url), way)


@both_ways
def test_the_connection_has_the_last_word_over_the_environment(
    way: str,
    front: TlsFront,
    pki: Pki,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    other = issue("another CA", None).write(tmp_path / "other")[0]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", other)
    _round_trip(connect(front.url, verify=pki.ca), way)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", pki.ca)
    with (
        Client(connect(front.url, verify=other), way) as client,
        pytest.raises(AsposeOcrCertificateError),
    ):
        client.submit()


@both_ways
def test_folder_of_certificates(
    way: str, front: TlsFront, pki: Pki, connect: Connect, tmp_path: Path
) -> None:
    certificate = x509.load_pem_x509_certificate(Path(pki.ca).read_bytes())
    # OpenSSL looks a CA up by a hash of its name.
    (tmp_path / f"{_name_hash(certificate):08x}.0").write_bytes(Path(pki.ca).read_bytes())
    _round_trip(connect(front.url, verify=str(tmp_path)), way)


def _name_hash(certificate: x509.Certificate) -> int:
    """OpenSSL's X509_NAME_hash, for the plain ASCII name of the test CA."""
    value = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert isinstance(value, str)
    text = value.lower().encode()
    string = bytes([0x0C, len(text)]) + text
    pair = bytes([0x06, 0x03, 0x55, 0x04, 0x03]) + string
    sequence = bytes([0x30, len(pair)]) + pair
    canonical = bytes([0x31, len(sequence)]) + sequence
    return int.from_bytes(hashlib.sha1(canonical, usedforsecurity=False).digest()[:4], "little")


@both_ways
@pytest.mark.parametrize("verify", [False, "false", "no"])
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_verify_off(way: str, verify: Any, front: TlsFront, pki: Pki, connect: Connect) -> None:
    front.context = server_context(pki.elsewhere)
    _round_trip(connect(front.url, verify=verify), way)


@both_ways
@pytest.mark.parametrize("in_one_file", [False, True])
def test_client_certificate(way: str, in_one_file: bool, front: TlsFront, pki: Pki, connect: Connect) -> None:
    front.context = server_context(pki.server, client_ca=pki.ca)
    cert = pki.client_in_one_file if in_one_file else list(pki.client)
    _round_trip(connect(front.url, verify=pki.ca, cert=cert), way)


@pytest.mark.usefixtures("brisk")
@both_ways
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_refused_handshake_says_why(
    way: str, version: ssl.TLSVersion, front: TlsFront, emulator: Emulator, pki: Pki, connect: Connect
) -> None:
    front.context = server_context(pki.server, client_ca=pki.ca)
    front.context.maximum_version = version
    hook = connect(front.url, verify=pki.ca)
    with Client(hook, way) as client, pytest.raises(AsposeOcrError) as caught:
        client.submit()
    told = str(caught.value)
    # Numbers of the TLS library are no numbers of the system.
    assert not re.search("not permitted|No such file|Exec format", told)
    # With TLS 1.3 the server's alert may come after asyncio has given the connection up.
    if way == "sync" or version is ssl.TLSVersion.TLSv1_2:
        assert re.search("(?i)certificate.required|handshake.failure", told)
    assert emulator.transcript == []


@pytest.mark.usefixtures("brisk")
@both_ways
@pytest.mark.parametrize(
    "extra",
    [{"verify": "/no/ca.pem"}, {"cert": "/no/client.pem"}, {"cert": ["/no/client.crt", "/no/client.key"]}],
    ids=["verify", "cert", "cert and key"],
)
def test_missing_file_is_an_error_of_the_connection(
    way: str, extra: dict[str, Any], front: TlsFront, connect: Connect
) -> None:
    hook = connect(front.url, **extra)
    with pytest.raises(AsposeOcrSettingsError, match=next(iter(extra))), Client(hook, way) as client:
        client.submit()
    assert front.connections == 0


@pytest.mark.usefixtures("brisk")
@both_ways
def test_unreadable_bundle_is_an_error_of_the_connection(
    way: str, front: TlsFront, connect: Connect, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("not a certificate")
    hook = connect(front.url, verify=str(bundle))
    with pytest.raises(AsposeOcrSettingsError, match="verify"), Client(hook, way) as client:
        client.submit()
    assert front.connections == 0


@pytest.mark.usefixtures("brisk")
@both_ways
def test_https_to_a_plain_port(way: str, emulator: Emulator, connect: Connect) -> None:
    hook = connect(emulator.url.replace("http:", "https:"))
    with Client(hook, way) as client, pytest.raises(AsposeOcrError) as caught:
        client.submit()
    assert type(caught.value).__name__ == "AsposeOcrConnectionError"
    assert emulator.transcript == []


def test_get_conn_and_run_use_the_same_certificates(front: TlsFront, pki: Pki, connect: Connect) -> None:
    front.context = server_context(pki.server, client_ca=pki.ca)
    hook = connect(front.url, verify=pki.ca, cert=list(pki.client))
    hook.method = "GET"
    path = f"v5.0/ocr/{OPERATION}"
    assert hook.run(path, {"id": "x"}).json()["taskStatus"] == "NotExist"
    assert hook.get_conn().get(f"{front.url}/{path}?id=x", timeout=10).json()["taskStatus"] == "NotExist"
    with pytest.raises(requests.exceptions.SSLError):
        connect(front.url).get_conn().get(front.url, timeout=10)


def test_the_test_button_tells_of_the_certificate(front: TlsFront, connect: Connect) -> None:
    accepted, message = connect(front.url).test_connection()
    assert (accepted, "certificate is not trusted" in message) == (False, True)
    assert front.connections == 1


@both_ways
def test_a_hostile_environment_does_not_add_a_ca(
    way: str, front: TlsFront, pki: Pki, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``SSL_CERT_FILE`` is OpenSSL's default, and neither driver uses OpenSSL's default."""
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)
    with Client(connect(front.url), way) as client, pytest.raises(AsposeOcrCertificateError):
        client.submit()
