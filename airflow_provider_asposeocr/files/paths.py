"""What may be said and shown of a path or URI, and what none may hold."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError
from airflow_provider_asposeocr.api.text import one_line, storable

_NO_NAME = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.EILSEQ})
_WEB = ("http://", "https://")
_MAX_SHOWN = 1000
_MIN_SECRET = 8


def is_web(uri: str) -> bool:
    """Tell whether a URI is the address of a file on a web server.

    :param uri: a path or URI.
    """
    return uri[:8].lower().startswith(_WEB)


def display_uri(uri: object) -> str:
    """Return what may be shown of a path or URI: one line, no login, and no query of a web address.

    :param uri: a path, a URI, or an object that stands for one.
    """
    text = str(uri)
    scheme, separator, rest = text.partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        text = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
        if is_web(text):
            # A query often holds a signature.
            text = text.partition("?")[0].partition("#")[0]
    return one_line(text, _MAX_SHOWN)


def secrets_of(uri: str) -> Iterator[str]:
    """Yield the parts of a URI that nobody may see: a password, and the query of a web address.

    :param uri: as the user gave it.
    """
    password = password_of(uri)
    if password:
        yield from {password, unquote(password)}
    if is_web(uri):
        query = uri.partition("#")[0].partition("?")[2]
        values = [part.partition("=")[2] for part in query.split("&")]
        values += [value for _, value in parse_qsl(query)]
        # A short value, such as the number of a page, would be masked wherever it stands.
        yield from {secret for secret in (query, *values) if len(secret) >= _MIN_SECRET}


def password_of(uri: str) -> str | None:
    """Return the password that a URI holds, or None. A name alone is the id of a connection.

    :param uri: a path or URI.
    """
    _, separator, rest = uri.partition("://")
    login, at, _ = rest.partition("/")[0].rpartition("@")
    _, colon, password = login.partition(":")
    return password if separator and at and colon else None


def check_uri(uri: str) -> None:
    """Refuse a path or URI that cannot be passed on, before it is opened.

    :param uri: a path or URI.
    :raises AsposeOcrSourceError: if it holds a password, U+0000 or bytes that are not UTF-8.
    """
    check_login(uri)
    if not is_name(uri):
        shown = display_uri(uri)
        if "\0" in uri:
            raise AsposeOcrSourceError(f"{shown} cannot be a file: its name holds U+0000")
        raise AsposeOcrSourceError(
            f"{shown} has a name that is not UTF-8, which can be passed on to nobody: rename it"
        )


def check_login(uri: str) -> None:
    """Refuse a path or URI that may be shown to nobody.

    :param uri: a path or URI.
    :raises AsposeOcrSourceError: if it holds a password.
    """
    if not is_web(uri) and password_of(uri) is not None:
        scheme = urlsplit(uri.partition("://")[0] + "://x").scheme
        raise AsposeOcrSourceError(
            f"{display_uri(uri)} is given with a password: keep that in an Airflow connection, and name it "
            f"by the argument for it or as {scheme}://<connection id>@..."
        )


def is_name(uri: str) -> bool:
    """Tell whether a path or URI can be stored and passed on: it holds neither U+0000 nor lone surrogates.

    :param uri: a path or URI.
    """
    return storable(uri) == uri


def names_no_file(error: BaseException) -> bool:
    """Tell whether a storage says by this error that a name can never be that of a file.

    Such a name is too long, leads round in a circle of links, or is none in the encoding of the storage.

    :param error: what its client raised.
    """
    return getattr(error, "errno", None) in _NO_NAME


def uris_in(value: Any) -> Iterator[str]:
    """Yield the paths and URIs in the value of a field, without opening any.

    :param value: one of whatever may be a source or a destination, or a list of such.
    """
    # An Asset is a path as well, but its text is all that it knows.
    if isinstance(uri := getattr(value, "uri", None), str):
        yield uri
    elif isinstance(value, str | os.PathLike | ObjectStoragePath):
        yield str(value)
    elif isinstance(value, Mapping):
        if value.get("uri"):
            yield str(value["uri"])
        elif "bucket" in value:
            yield f"s3://{value['bucket']}/{value.get('key')}"
    elif isinstance(value, list | tuple):
        for item in value:
            yield from uris_in(item)


def reason_of(error: BaseException) -> str:
    """Say why a storage failed: in the system's words, or by the class of the error.

    :param error: what the storage's client raised; its own message may hold addresses with secrets.
    """
    number = getattr(error, "errno", None)
    return (
        os.strerror(number) if isinstance(number, int) and number in errno.errorcode else type(error).__name__
    )
