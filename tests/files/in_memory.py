"""Sources that are made up, for tests of what reads them."""

from __future__ import annotations

import io
from typing import Any

from airflow_provider_asposeocr.files.source import Source


class ShortReads(io.BytesIO):
    """A stream that hands out fewer bytes than it is asked for, as networks do.

    :param data: what it holds.
    :param most: bytes that one read gives at most.
    """

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self._most = most

    def read(self, size: int | None = -1) -> bytes:
        """Read a little."""
        return super().read(self._most if size is None or size < 0 else min(size, self._most))


def source_of(
    data: bytes, *, size: int | None = None, most: int | None = None, name: str = "scan.png", **more: Any
) -> Source:
    """Make a source.

    :param data: what it turns out to hold.
    :param size: what it announces, if not that.
    :param most: bytes that one read gives at most.
    :param name: its base name.
    :param more: further fields.
    """

    def opened() -> io.BytesIO:
        return io.BytesIO(data) if most is None else ShortReads(data, most)

    fields: dict[str, Any] = {"uri": f"file:///in/{name}", "content_tag": "f", "format": "png", **more}
    return Source(name=name, size=len(data) if size is None else size, open=opened, **fields)
