"""Every rule for paths, URIs and names: showing them, telling them apart, refusing them."""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping, Set, ValuesView
from typing import Any
from urllib.parse import parse_qsl, unquote

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_asposeocr.api.coerce import decoded, is_data, is_unset, one_line, shown_value, storable
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError, AsposeOcrSourceError

_NO_NAME = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.EILSEQ})
_WITH_PORT = frozenset({"http", "https", "ftp", "ftps", "hdfs", "webhdfs", "sftp", "smb", "ssh"})
"""Schemes whose addresses may name a port: elsewhere a colon before the first slash begins a password."""

_HTTP = frozenset({"http", "https"})
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_MANY = (list, tuple, Set, ValuesView, deque)

_SIGNATURES = (
    ({"X-Amz-Signature"}, "X-Amz-.*"),
    ({"X-Goog-Signature"}, "X-Goog-.*"),
    ({"sig", "sv", "se"}, "sig|sv|se|st|sp|sr|ss|srt|spr|sip|si|sdd|ses|scid|s[aku]oid|sktid|sk[tesv]"),
    ({"Signature", "Key-Pair-Id"}, "Signature|Key-Pair-Id|Expires|Policy|Hash-Algorithm"),
)
"""Parameters that make a signature complete, and all that belong to it: AWS, Google, Azure, CloudFront."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://|(https?):[/\\]+", re.IGNORECASE)
_WEB = re.compile(r"https?:[/\\]", re.IGNORECASE)
_HOST = re.compile(r"(\[[^\[\]@]*\]|[^\[\]@:]*)(:\d{0,5})?")
_EXTENSIONS = (
    "avif bmp csv dib djv djvu doc docx emf eps gif heic heif hocr htm html ico j2k jfif jp2 jpe jpeg jpg "
    "json jxl md odt pdf png ppt pptx psd rtf svg svgz tif tiff txt wav webp wmf xls xlsx xml xps zip"
)
_MAX_SHOWN = 1000
_MIN_SECRET = 8


def is_web(uri: str) -> bool:
    """Tell whether a URI is the address of a file on a web server.

    :param uri: a path or URI.
    """
    return _WEB.match(uri.lstrip()) is not None


def display_uri(uri: object) -> str:
    """Return what may be shown of a path or URI: one line, no login, and no query of a web address.

    :param uri: a path, a URI, an object that stands for one, or a text that holds addresses.
    """
    text = str(uri).strip()
    if is_data(text):
        return f"{text[0]}...{_CLOSING[text[0]]}"
    if web := _WEB.search(text):
        # A query often holds a signature. What follows it may be part of it.
        text = text[: web.start()] + re.split(r"[?#]", text[web.start() :], maxsplit=1)[0]
    parts, end = [], 0
    for found in _SCHEME.finditer(text):
        if found.start() >= end:
            login, _ = _login(found, text)
            parts.append(text[end : found.end()])
            end = found.end() + len(login)
    return one_line("".join([*parts, text[end:]]), _MAX_SHOWN)


def identity_of(uri: str) -> str:
    """Return what tells a source from all others: its exact URI without a signature, which changes each time.

    :param uri: a path or URI. A signature is left out only where it is complete: a lone ``key`` or ``token``
        may name the document. For this reason it may hold secrets, and is only ever used as a hash.
    """
    address, mark, rest = uri.partition("?")
    if not mark or not is_web(uri):
        return uri
    query, hash_sign, fragment = rest.partition("#")
    parameters = [(part.partition("="), part) for part in query.split("&")]
    given = {name for (name, _, value), _ in parameters if value}
    signed = [pattern for needed, pattern in _SIGNATURES if needed <= given]
    kept = [part for (name, _, _), part in parameters if not any(re.fullmatch(p, name) for p in signed)]
    return f"{address}{'?' if kept else ''}{'&'.join(kept)}{hash_sign}{fragment}"


def secrets_of(uri: str) -> Iterator[str]:
    """Yield the parts of a URI that nobody may see: a password, and the query of a web address.

    :param uri: as the user gave it; a text that holds URIs will do.
    """
    for found in _SCHEME.finditer(uri):
        if password := _login(found, uri)[1]:
            yield from {password, unquote(password)}
    if web := _WEB.search(uri):
        query = uri[web.start() :].strip().partition("#")[0].partition("?")[2]
        values = [part.partition("=")[2] for part in query.split("&")]
        values += [value for _, value in parse_qsl(query)]
        # A short value, such as the number of a page, would be masked wherever it stands.
        yield from {secret for secret in (query, *values) if len(secret) >= _MIN_SECRET}


def password_of(uri: str) -> str | None:
    """Return the password that a URI holds, or None. A name alone is the id of a connection.

    :param uri: a path or URI.
    """
    found = _SCHEME.match(uri.lstrip())
    return _login(found, uri.lstrip())[1] if found else None


def _login(found: re.Match[str], text: str) -> tuple[str, str | None]:
    """Return the login that follows a scheme, with its @, and the password in it.

    :param found: the scheme.
    :param text: what it was found in.
    """
    scheme = (found[1] or found[2]).casefold()
    rest = text[found.end() :]
    authority = re.split(r"[/?#]" if scheme in _HTTP else "/", rest, maxsplit=1)[0]
    if "@" not in rest:
        return "", None
    if "@" in authority:
        login = authority.rpartition("@")[0]
        if ":" not in unquote(login):
            return f"{login}@", None
        if scheme not in _HTTP:
            # It is refused. The password may hold slashes, so that it ends nobody knows where.
            login = rest.rpartition("@")[0]
    elif ":" not in unquote(authority) or (scheme in _WITH_PORT and _HOST.fullmatch(authority)):
        return "", None
    else:
        # A slash in a password ends what a reader of addresses takes for the login.
        login = rest.rpartition("@")[0]
    _, _, password = re.split("(:|%3a)", login, maxsplit=1, flags=re.IGNORECASE)
    return f"{login}@", password


def check_uri(uri: str) -> None:
    """Refuse a path or URI that cannot be passed on, before it is opened.

    :param uri: a path or URI.
    :raises AsposeOcrSourceError: if it holds a password, U+0000 or bytes that are not UTF-8.
    """
    check_login(uri)
    # Neither U+0000 nor a lone surrogate can be stored.
    if storable(uri) != uri:
        reason = "has a name that is not UTF-8, which can be passed on to nobody: rename it"
        if "\0" in uri:
            reason = "cannot be a file: its name holds U+0000"
        raise AsposeOcrSourceError(f"{display_uri(uri)} {reason}")


def check_login(uri: str) -> None:
    """Refuse a path or URI that may be shown to nobody.

    :param uri: a path or URI.
    :raises AsposeOcrSourceError: if it holds a password that is none of a web address.
    """
    if not is_web(uri):
        for found in _SCHEME.finditer(uri):
            if _login(found, uri)[1] is not None:
                raise AsposeOcrSourceError(
                    f"{display_uri(uri)} is given with a password: keep that in an Airflow connection, and "
                    f"name it by the argument for it or as {found[1] or found[2]}://<connection id>@..."
                )
        return
    # A password is sent to a web server, as browsers do, unless it hides the server's name.
    authority = re.split(r"[/?#]", uri.strip().partition("://")[2], maxsplit=1)[0]
    if password_of(uri) is not None and "@" not in authority:
        raise AsposeOcrSourceError(
            f"{display_uri(uri)} is given with a password that cannot be read: write each slash in it as %2F"
        )


def names_no_file(error: BaseException) -> bool:
    """Tell whether a storage says by this error that a name can never be that of a file.

    Such a name is too long, leads round in a circle of links, or is none in the encoding of the storage.

    :param error: what its client raised.
    """
    return getattr(error, "errno", None) in _NO_NAME


def uri_of(value: Any) -> str | None:
    """Return the path or URI that one source or destination stands for, or None if it is nothing of the kind.

    :param value: a path, a URI, an ObjectStoragePath, an Asset, a manifest, or bucket and key.
    """
    value = decoded(value)
    # An Asset is a path as well, but its text is all that it knows.
    if isinstance(uri := getattr(value, "uri", None), str):
        return uri
    if isinstance(value, str):
        return value.strip() if is_web(value) else value
    if isinstance(value, ObjectStoragePath):
        return _whole(value)
    if isinstance(value, os.PathLike):
        return str(value)
    if isinstance(value, Mapping):
        if not is_unset(value.get("uri")):
            return uri_of(str(value["uri"]))
        if not is_unset(value.get("bucket")) and not is_unset(value.get("key")):
            return f"s3://{value['bucket']}/{str(value['key']).lstrip('/')}"
    return None


def prefixed(source: Any, prefix: str | None) -> Any:
    """Put a prefix before a bare key, as operators that list a bucket return them; all else stays as it is.

    :param source: one of whatever may be a source.
    :param prefix: a URI.
    """
    key = source.strip() if isinstance(source, str) else ""
    is_bare = key and "://" not in key and not key.startswith("/") and not is_data(key)
    return f"{prefix.strip().rstrip('/')}/{key}" if prefix and is_bare else source


def location(name: str, value: Any) -> str | None:
    """Read a field that names a file or a folder.

    :param name: of the field, for the error.
    :param value: as for :func:`uri_of`; None where it is not set.
    :raises AsposeOcrSettingsError: for any other value.
    """
    if is_unset(value):
        return None
    uri = uri_of(value)
    if is_unset(uri) or uri is None or is_data(uri):
        raise AsposeOcrSettingsError(f"{name} must be a path or a URI, not {shown_value(value)}")
    return uri


def _whole(path: ObjectStoragePath) -> str:
    # It keeps the rest of a name with :: or ? in it among its options.
    text, options = str(path), dict(path.storage_options)
    if (query := options.get("url_query")) and not text.endswith(f"?{query}"):
        text += f"?{query}"
    rest = ""
    while isinstance(part := options.get("fo"), str):
        rest += f"::{part}"
        options = options.get("target_options") or {}
    return text if text.endswith(rest) else text + rest


def uris_in(value: Any) -> Iterator[str]:
    """Yield the paths and URIs in the value of a field, without opening any.

    :param value: one of whatever may be a source or a destination, or any number of such.
    """
    value = decoded(value)
    if (uri := uri_of(value)) is not None:
        yield uri
    elif isinstance(value, Mapping) and "uri" not in value:
        yield from uris_in([*value.keys(), *value.values()])
    elif isinstance(value, _MANY):
        for item in value:
            yield from uris_in(item)


def shown(value: Any) -> Any:
    """Return what may be shown of the value of a field: the same object where all of it may.

    :param value: one of whatever may be a source or a destination, or any number of such.
    """
    read = decoded(value)
    if read is not value:
        masked = shown(read)
        return value if masked is read else masked
    uri = uri_of(value)
    if uri is not None and _is_hidden(uri):
        return display_uri(uri)
    if isinstance(value, Mapping):
        # A manifest may hold the text of a document.
        given = dict(value)
        masked = {"uri": given["uri"]} if "uri" in given else {shown(k): shown(v) for k, v in given.items()}
        return value if masked == given else masked
    if isinstance(value, _MANY):
        masked = list(map(shown, value))
        return value if masked == list(value) else masked
    return value


def _is_hidden(uri: str) -> bool:
    hidden = is_data(uri) or _WEB.search(uri) is not None or storable(uri) != uri
    # The id of a connection is no secret, and what is shown is read again.
    return hidden or any(_login(found, uri)[1] is not None for found in _SCHEME.finditer(uri))


def stem_of(name: str) -> str:
    """Return the name of a file without its extension, where that is one: ``invoice v1.2`` has none.

    :param name: the last part of a path or URI.
    """
    stem, _, extension = name.rpartition(".")
    return stem if extension.casefold() in _EXTENSIONS.split() else name


def safe_name(text: str) -> str:
    """Return a text as a part of a file name: letters with their marks, digits, dots and hyphens.

    :param text: such as the name of a source.
    """
    kept = "".join(
        # Vowels of many scripts are marks.
        letter if letter.isalnum() or letter in "_.-" or unicodedata.category(letter)[0] == "M" else " "
        for letter in unicodedata.normalize("NFC", text)
    )
    return shortened(re.sub(" +", "_", kept), 150).strip("._") or "_"


def shortened(name: str, max_bytes: int) -> str:
    """Return the beginning of a name.

    :param name: of a file.
    :param max_bytes: bytes of it, since file systems count them, and not characters.
    """
    return name.encode(errors="replace")[:max_bytes].decode(errors="ignore")


def reason_of(error: BaseException) -> str:
    """Say why a storage failed: in the system's words, or by the class of the error.

    :param error: what the storage's client raised; its own message may hold addresses with secrets.
    """
    number = getattr(error, "errno", None)
    return (
        os.strerror(number) if isinstance(number, int) and number in errno.errorcode else type(error).__name__
    )


def folder_of(destination: str) -> str:
    """Return the part of a destination that is the same for all sources and tries, without its last slash.

    :param destination: a path or URI, which may hold placeholders.
    """
    scheme, separator, rest = destination.partition("{")[0].rpartition("://")
    folder = rest.rpartition("/")[0] or (rest if separator else ".")
    return f"{scheme}{separator}{folder}"
