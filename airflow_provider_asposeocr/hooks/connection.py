"""An Airflow connection, read into what the drivers need."""

from __future__ import annotations

import copy
import functools
import hashlib
import logging
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import certifi
import requests.utils
import yarl
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_asposeocr import metrics
from airflow_provider_asposeocr.api import coerce
from airflow_provider_asposeocr.api.exceptions import AsposeOcrAuthError, AsposeOcrSettingsError
from airflow_provider_asposeocr.api.flows import DEFAULT_BASE_URL, DEFAULT_PREFIX, MAX_RESULT_BYTES, OcrApi
from airflow_provider_asposeocr.api.polling import DEFAULT_DELAY_COST
from airflow_provider_asposeocr.api.retry import RetryPolicy
from airflow_provider_asposeocr.files.paths import location
from airflow_provider_asposeocr.get_provider_info import CONN_FIELDS, FIELD_BEHAVIOUR
from airflow_provider_asposeocr.hooks.latency_store import KeptLatencyModels

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

log = logging.getLogger(__name__)

DEFAULT_READ_TIMEOUT = 100.0
MIN_READ_TIMEOUT = 60.0
"""Seconds. The service may hold a GET back until the OCR task is done, so less would cut good answers off."""

LATENCY_MODELS = KeptLatencyModels()
"""Completion times that this process has learned or found: shared by all triggers of a triggerer."""
os.register_at_fork(after_in_child=LATENCY_MODELS.forget)


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """The address of the service, the credentials for it, and the way there.

    :param base_url: scheme, host and port.
    :param prefix: the path before each operation.
    :param token_url: the token endpoint, or None for the default below the base URL.
    :param client_id: the account's Client ID; None allows the trial operations alone.
    :param client_secret: the account's Client secret.
    :param read_timeout: seconds that an answer may take, and may be silent; a large body has more.
    :param delay_cost: billed calls that a second between the end of an OCR task and our knowing it is worth.
    :param max_result_bytes: the most bytes of a reply with its results that are fetched.
    :param verify: True, False, or the path of a CA bundle.
    :param cert: the path of a client certificate with its key, or the paths of both.
    :param proxies: proxy by scheme, as ``requests`` takes them; the environment's fill the gaps.
    :param reuse_path: where operators keep results for later runs, unless they say otherwise.
    """

    base_url: str = DEFAULT_BASE_URL
    prefix: str = DEFAULT_PREFIX
    token_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    read_timeout: float = DEFAULT_READ_TIMEOUT
    delay_cost: float = DEFAULT_DELAY_COST
    max_result_bytes: int = MAX_RESULT_BYTES
    verify: bool | str = True
    cert: str | tuple[str, str] | None = field(default=None, repr=False)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    reuse_path: str | None = None

    @classmethod
    def of(cls, connection: Connection, extra: Any) -> ConnectionConfig:
        """Read an Airflow connection.

        :param connection: of type ``asposeocr``.
        :param extra: its extra, decoded.
        :raises AsposeOcrSettingsError: if a field cannot be what it should.
        """
        try:
            # Airflow reads an extra that is no JSON as if there were none.
            unread = coerce.mapping("extra", extra or connection.extra)
        except AsposeOcrSettingsError:
            # Without the cause, which shows a part of it.
            raise AsposeOcrSettingsError("the connection's extra is not a JSON object") from None
        if coerce.boolean("extra srv_lookup", unread.pop("srv_lookup", None), False):
            raise AsposeOcrSettingsError("extra srv_lookup is not supported: give the service's host")
        most = coerce.integer("extra max_result_bytes", unread.pop("max_result_bytes", None), minimum=1)
        config = cls(
            base_url=_base_url(connection),
            prefix=_prefix(unread.pop("api_prefix", None)),
            token_url=_token_url(unread.pop("token_url", None)),
            client_id=connection.login or None,
            client_secret=connection.password or None,
            read_timeout=_read_timeout(unread.pop("timeout", None)),
            delay_cost=_delay_cost(unread.pop("delay_cost", None)),
            max_result_bytes=most or MAX_RESULT_BYTES,
            verify=_verify(unread.pop("verify", None)),
            cert=_cert(unread.pop("cert", None)),
            proxies=_proxies(unread.pop("proxies", None)),
            reuse_path=location("extra reuse_path", unread.pop("reuse_path", None)),
        )
        if unread:
            names = ", ".join(sorted(unread))
            log.warning("the connection's extra holds what this provider does not read: %s", names)
        return config

    def api(self, retry: RetryPolicy) -> OcrApi:
        """Make the flows for this connection."""
        return OcrApi(
            self.base_url,
            self.prefix,
            self.token_url,
            retry,
            LATENCY_MODELS,
            self.delay_cost,
            self.max_result_bytes,
            metrics.ended,
        )

    @property
    def service(self) -> str:
        """Base URL and prefix: which service it is, whoever asks."""
        return f"{self.base_url}{self.prefix}"

    def credentials(self) -> tuple[str, str]:
        """Return Client ID and secret.

        :raises AsposeOcrAuthError: if the connection has none.
        """
        if not self.client_id or not self.client_secret:
            raise AsposeOcrAuthError(
                "the connection has no Client ID (login) and Client secret (password): without them only "
                "the trial operations work"
            )
        for name, value in (("login", self.client_id), ("password", self.client_secret)):
            if not value.isprintable() or value != value.strip():
                raise AsposeOcrAuthError(
                    f"the connection's {name} holds a line break, another control character, or white space "
                    "at an end: enter it anew"
                )
        return self.client_id, self.client_secret

    def token_key(self) -> str:
        """Name the pair and the place it signs in at, not readable back: tokens are kept under this."""
        parts = (self.token_url or self.base_url, *self.credentials())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def proxy_for(self, url: str) -> str | None:
        """Find a URL's proxy: the connection's, else the environment's, unless NO_PROXY names the host."""
        no_proxy = self.proxies.get("no_proxy")
        if requests.utils.should_bypass_proxies(url, no_proxy=no_proxy):
            return None
        merged = {**requests.utils.get_environ_proxies(url, no_proxy=no_proxy), **self.proxies}
        proxy: str | None = requests.utils.select_proxy(url, merged)
        if proxy is None:
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        try:
            # Both clients must be able to read it; what either says of it may repeat the password.
            parts, address = urlsplit(proxy), yarl.URL(proxy)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname and address.host)
            usable = usable and parts.port == address.explicit_port and "/" not in (parts.password or "")
        except ValueError:
            usable = False
        if not usable:
            raise AsposeOcrSettingsError(
                "the proxy is not an http or https address; odd characters of its password are written as %2F"
            )
        return proxy

    def ca_bundle(self) -> bool | str:
        """Return False, or the CA bundle's path: the connection's, else the environment's, else certifi's."""
        if self.verify is not True:
            return self.verify
        from_environment = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        return from_environment or certifi.where()

    def check_files(self) -> None:
        """Find out that the files of ``verify`` and ``cert`` can be used, before anything is sent.

        :raises AsposeOcrSettingsError: if they cannot.
        """
        if self.cert or self.ca_bundle() not in (False, certifi.where()):
            self.ssl_context()

    def ssl_context(self) -> ssl.SSLContext:
        """Return the meaning of :meth:`ca_bundle` and ``cert`` to a client that takes a context.

        :raises AsposeOcrSettingsError: if their files cannot be used.
        """
        bundle = self.ca_bundle()
        if bundle == certifi.where() and not self.cert:
            return _context_of_certifi()
        bundle = str(bundle or certifi.where())
        is_folder = os.path.isdir(bundle)  # noqa: PTH112 - the bundle is text, as requests takes it
        try:
            context = ssl.create_default_context(
                cafile=None if is_folder else bundle, capath=bundle if is_folder else None
            )
            if self.cert:
                context.load_cert_chain(*((self.cert,) if isinstance(self.cert, str) else self.cert))
        except (OSError, ssl.SSLError) as error:
            raise AsposeOcrSettingsError(
                f"extra verify or cert names a file that cannot be used: {type(error).__name__}"
            ) from None
        if self.verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@functools.cache
def _context_of_certifi() -> ssl.SSLContext:
    # To load it takes 40 ms, and an installed package does not change.
    return ssl.create_default_context(cafile=certifi.where())


@contextmanager
def existing(conn_id: str) -> Iterator[None]:
    """Fail for good inside the block where Airflow says that a connection does not exist.

    :param conn_id: the Airflow connection that is looked up.
    :raises AsposeOcrSettingsError: in place of Airflow's own error, which tasks would retry.
    """
    try:
        yield
    except AirflowNotFoundException:
        raise AsposeOcrSettingsError(
            f"there is no Airflow connection {conn_id!r}: create one of type asposeocr, or name another by "
            "asposeocr_conn_id"
        ) from None


def form_text() -> dict[str, Any]:
    """Return what the connection form before Airflow 3.2 hides, how it names fields, and its placeholders."""
    return copy.deepcopy(FIELD_BEHAVIOUR)


def form_fields() -> dict[str, Any]:
    """Make the connection form's fields for extras before Airflow 3.2, where they come from the hook.

    All are text: these releases have no field for fractions or JSON, and ``verify`` may be a path.

    :raises ImportError: where this form is not installed; Airflow then goes without.
    """
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
    from wtforms import StringField

    return {
        name: StringField(field["label"], description=field["description"], widget=BS3TextFieldWidget())
        for name, field in CONN_FIELDS.items()
    }


def _base_url(connection: Connection) -> str:
    host = (connection.host or "").strip() or DEFAULT_BASE_URL
    url = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    parts = _address(url, "the connection's host")
    if connection.port and parts.port is None:
        parts = parts._replace(netloc=f"{parts.netloc}:{connection.port}")
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "http" and not loopback:
        log.warning("the connection's host is plain http: credentials and documents travel unencrypted")
    return parts.geturl().rstrip("/")


def _address(url: str, what: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or any(c.isspace() for c in url):
        raise AsposeOcrSettingsError(f"{what} is not an http or https address")
    if parts.username or parts.password:
        raise AsposeOcrSettingsError(f"{what} holds credentials: use login and password")
    return parts


def _prefix(value: Any) -> str:
    prefix = coerce.word("extra api_prefix", value) or DEFAULT_PREFIX
    if any(mark in prefix for mark in ("?", "#", "://")):
        raise AsposeOcrSettingsError("extra api_prefix must be a path, such as /v5.0/ocr")
    inner = prefix.strip("/")
    return f"/{inner}" if inner else ""


def _token_url(value: Any) -> str | None:
    url = coerce.word("extra token_url", value)
    return None if url is None else _address(url, "extra token_url").geturl()


def _read_timeout(value: Any) -> float:
    timeout = coerce.seconds("extra timeout", value) or DEFAULT_READ_TIMEOUT
    if timeout < MIN_READ_TIMEOUT:
        log.warning("extra timeout is raised to %.0f s: the service may hold answers back", MIN_READ_TIMEOUT)
    return max(timeout, MIN_READ_TIMEOUT)


def _delay_cost(value: Any) -> float:
    if coerce.is_unset(value):
        return DEFAULT_DELAY_COST
    what = "a number of calls, more than 0 and at most 100"
    calls = coerce.number("extra delay_cost", value, what)
    if not 0 < calls <= 100:
        raise AsposeOcrSettingsError(f"extra delay_cost must be {what}")
    return calls


def _verify(value: Any) -> bool | str:
    try:
        return coerce.boolean("extra verify", value, True)
    except AsposeOcrSettingsError:
        if isinstance(value, str):
            return value.strip()
        raise


def _cert(value: Any) -> str | tuple[str, str] | None:
    read = coerce.decoded(value)
    if coerce.is_unset(read):
        return None
    if isinstance(read, str) and not coerce.is_data(read) and len(read.strip().splitlines()) == 1:
        return read.strip()
    if isinstance(read, list | tuple) and len(read) == 2 and all(isinstance(path, str) for path in read):
        return read[0], read[1]
    raise AsposeOcrSettingsError("extra cert must be a path, or the paths of certificate and key")


def _proxies(value: Any) -> dict[str, str]:
    read = coerce.decoded(value)
    if isinstance(read, str) and not coerce.is_unset(read) and not coerce.is_data(read):
        read = dict.fromkeys(("http", "https"), read)
    try:
        given = coerce.mapping("extra proxies", read)
        # Names of schemes are the same in any case; that of the list of exceptions is, too.
        proxies = {name.casefold(): coerce.word("extra proxies", proxy) for name, proxy in given.items()}
    except AsposeOcrSettingsError:
        raise AsposeOcrSettingsError(
            'extra proxies must be an address, or like {"https": "http://proxy:3128"}'
        ) from None
    return {name: proxy for name, proxy in proxies.items() if proxy}
