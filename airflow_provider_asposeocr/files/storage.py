"""Places in the storages that Airflow has registered, where a name is never taken for more than a name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import fsspec
from airflow.providers.common.compat.sdk import AirflowNotFoundException, ObjectStoragePath

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError, AsposeOcrStorageError
from airflow_provider_asposeocr.files.paths import display_uri, is_web, reason_of

PACKAGES = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "s3a": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "gcs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
    "abfss": "apache-airflow-providers-microsoft-azure",
    "adl": "apache-airflow-providers-microsoft-azure",
    "sftp": "apache-airflow-providers-sftp[sshfs]",
    "ssh": "apache-airflow-providers-sftp[sshfs]",
}
"""The package that registers each well-known scheme with Airflow."""

LOCAL = ("", "file", "local")
"""Protocols of paths on this machine."""

_REMOTE_FILES = ("sftp", "ssh")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_MAX_KEY_BYTES = 1024
"""Bytes of the longest name of an object: the limit of S3, Google and Azure alike."""

_MAX_NAME_BYTES = 255
"""Bytes of the longest name between two slashes that file systems have."""


@dataclass(frozen=True, slots=True)
class StoragePath:
    """A file or folder in a storage.

    Airflow's ObjectStoragePath is not used for it: it takes ``::`` in a name for a chain of URLs, and cuts
    keys at ``?`` and ``#``.

    :param protocol: the scheme of its URI.
    :param location: what follows ``://``, without the id of a connection.
    :param conn_id: the Airflow connection for the storage.
    :param fs: the file system.
    """

    protocol: str
    location: str
    conn_id: str | None
    fs: Any = field(repr=False, compare=False)

    @property
    def path(self) -> str:
        """What the file system calls it."""
        if self.protocol in LOCAL:
            return self.location
        if self.protocol in _REMOTE_FILES:
            return f"/{self.key}"
        return str(self.fs._strip_protocol(f"{self.protocol}://{self.location}"))

    @property
    def bucket(self) -> str:
        """The first part of the location."""
        return self.location.partition("/")[0]

    @property
    def key(self) -> str:
        """The location without its first part."""
        return self.location.partition("/")[2]

    @property
    def name(self) -> str:
        """The last part of the location."""
        return self.location.rpartition("/")[2]

    def __str__(self) -> str:
        login = f"{self.conn_id}@" if self.conn_id else ""
        return f"{self.protocol}://{login}{self.location}"

    def __truediv__(self, name: str) -> StoragePath:
        return replace(self, location=f"{self.location.rstrip('/')}/{name}")

    def with_name(self, name: str) -> StoragePath:
        """Return the path beside it.

        :param name: of another file in the same folder.
        """
        return replace(self, location=f"{self.location.rpartition('/')[0]}/{name}")


def storage_path(uri: str, conn_id: str | None = None) -> StoragePath:
    """Find the storage of a path or URI.

    :param uri: a path, or a URI that is no web address.
    :param conn_id: the Airflow connection, where the URI names none.
    :raises AsposeOcrSourceError: if its scheme has no package installed, or the login is refused.
    :raises AsposeOcrStorageError: if the storage cannot be reached.
    """
    scheme, _, rest = canonical(uri).partition("://")
    if scheme in LOCAL:
        # To look it up in Airflow's registry would load the clients of all storages that are installed: half
        # a second of a worker.
        return StoragePath(scheme, rest.rstrip("/") or "/", None, fsspec.filesystem("file"))
    authority, _, key = rest.partition("/")
    login, _, place = authority.rpartition("@")
    fs = _filesystem(scheme, login or conn_id, display_uri(uri))
    return StoragePath(scheme, f"{place}/{key.rstrip('/')}", login or conn_id, fs)


def canonical(uri: str) -> str:
    """Return the one spelling of a path or URI: absolute, without slashes and dots that mean nothing.

    :param uri: a path or URI.
    """
    if is_web(uri):
        return uri
    found = _SCHEME.match(uri)
    scheme, rest = (found[1].lower(), uri[found.end() :]) if found else ("file", uri)
    slash = "/" if rest.endswith("/") else ""
    if scheme in LOCAL:
        return f"file://{_plain(Path(rest).absolute())}{slash}"
    if scheme in _REMOTE_FILES:
        host, _, below = rest.partition("/")
        return f"{scheme}://{host}{_plain(PurePosixPath('/', below))}{slash}"
    # A key of an object store is any text at all.
    return f"{scheme}://{rest}"


def _plain(path: PurePath) -> str:
    # Two slashes at the beginning of a path are kept by pathlib.
    return re.sub("^/+", "/", str(path))


def _filesystem(scheme: str, conn_id: str | None, shown: str) -> Any:
    # Airflow before version 3 takes a None for the connection, and overlooks the one in the URI.
    options = {"conn_id": conn_id} if conn_id else {}
    try:
        return ObjectStoragePath(f"{scheme}:///", **options).fs
    except (ValueError, ImportError) as error:
        if isinstance(error, TypeError):
            # Of both kinds is what universal-pathlib 0.3.9 and later raise for every scheme on Airflow 3.0.
            raise AsposeOcrSourceError(
                f"{scheme}:// cannot be opened: ObjectStoragePath of this Airflow does not work with the "
                "universal-pathlib that is installed; on Airflow 3.0 install universal-pathlib<0.3.9"
            ) from None
        package = PACKAGES.get(scheme)
        hint = f"install {package}" if package else "install the provider that registers it"
        raise AsposeOcrSourceError(f"no storage is registered for {scheme}:// ; {hint}") from None
    except AirflowNotFoundException as error:
        raise AsposeOcrSourceError(f"{shown}: {error}") from None
    except Exception as error:
        # Some storages, such as SFTP, sign in here. Causes are left out: their messages hold addresses.
        if is_denied(error):
            raise AsposeOcrSourceError(f"{shown}: the login was refused") from None
        raise AsposeOcrStorageError(f"{shown} cannot be reached: {reason_of(error)}") from None


def is_denied(error: BaseException) -> bool:
    """Tell whether a storage says by this error that something is not allowed.

    :param error: what it raised.
    """
    # sshfs hands on what asyncssh raises, which may not be installed.
    return isinstance(error, PermissionError) or type(error).__name__ == "SFTPPermissionDenied"


def is_too_long(path: StoragePath) -> bool:
    """Tell whether the name of a file is longer than its storage allows, where that is known.

    :param path: of the file.
    """
    # Storages have no common error for it; most say no more than that the request was bad.
    if path.protocol in (*LOCAL, *_REMOTE_FILES):
        return any(len(part.encode()) > _MAX_NAME_BYTES for part in path.path.split("/"))
    return len(path.key.encode()) > _MAX_KEY_BYTES
