"""Tags by which a storage tells that the content of a file has changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_asposeocr.files.storage import StoragePath

_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "Content-MD5")
_CHANGES = ("mtime", "LastModified", "Last-Modified", "last_modified", "updated")
_VERSIONS = ("VersionId", "generation", "version_id")
_MD5 = re.compile(r"[0-9a-f]{32}")
_S3 = ("s3", "s3a", "s3n")


def content_tag_of(info: Mapping[str, Any]) -> str:
    """Return what changes when the content of a file does: its tag, or its age and size.

    :param info: what fsspec tells of the file.
    """
    tag = next((info[key] for key in _TAGS if info.get(key)), None)
    changed = next((info[key] for key in _CHANGES if key in info), "")
    return f"{tag or changed}:{info.get('size')}"


def strong_tag_of(path: StoragePath, info: Mapping[str, Any]) -> str | None:
    """Name an object and its content in one, so that what has been read once need not be read again.

    :param path: of the object.
    :param info: what fsspec tells of it.
    :return: a digest; None where the store does not tag the content itself, as for files, and for objects of
        S3 that were written in parts.
    """
    etag = str(info.get("ETag") or info.get("etag") or "").strip('"')
    if path.protocol in _S3:
        # That of several parts ends in their number.
        tag = etag if _MD5.fullmatch(etag) else None
    else:
        # Whoever writes to Azure may say anything for the MD5: the ETag of the service goes with it.
        content = info.get("md5Hash") or _azure_md5(info)
        tag = f"{content} {etag}" if content else None
    if tag is None:
        return None
    version = next((str(info[key]) for key in _VERSIONS if info.get(key)), "")
    what = (path.protocol, _endpoint_of(path.fs), path.location, str(info.get("size")), tag, version)
    return hashlib.sha256("\0".join(what).encode(errors="surrogatepass")).hexdigest()


def _azure_md5(info: Mapping[str, Any]) -> str | None:
    settings = info.get("content_settings") or {}
    md5 = settings.get("content_md5") if isinstance(settings, Mapping) else settings["content_md5"]
    return bytes(md5).hex() if md5 else None


def _endpoint_of(fs: Any) -> str:
    """Name the service behind a file system, where it is not the one that its protocol stands for."""
    arguments = getattr(fs, "client_kwargs", None) or {}
    named = (getattr(fs, name, None) for name in ("endpoint_url", "account_url", "account_name", "_endpoint"))
    return str(next(filter(None, (arguments.get("endpoint_url"), *named)), ""))
