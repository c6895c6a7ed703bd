"""Fixtures for batches: the storages of the tests of storage."""

from __future__ import annotations

from tests.storage.conftest import remote, s3, s3_store, sftp, sftp_store

__all__ = ["remote", "s3", "s3_store", "sftp", "sftp_store"]
