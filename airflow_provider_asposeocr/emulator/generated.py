"""Generated results of any size: one pseudo-random block, repeated and never whole in memory."""

from __future__ import annotations

import base64
import functools
import hashlib
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from starlette.responses import StreamingResponse

TEXT_RESULTS = frozenset({"Text", "Hocr", "JSON"})
_BLOCK = 768 * 1024
"""Size of the block in bytes: a multiple of three, so that its Base64 can be repeated as well."""


@dataclass(frozen=True)
class GeneratedData:
    """Bytes of a generated result as they appear in a response.

    :param kind: the type of the result; text types are ASCII, the others contain any byte.
    :param size: the size of the decoded result, in bytes.
    :param is_base64: encode them as Base64.
    :param escaped: write ``+`` and ``/`` as JSON escapes.
    """

    kind: str
    size: int
    is_base64: bool = True
    escaped: bool = False

    def __iter__(self) -> Iterator[bytes]:
        whole, rest = divmod(self.size, _BLOCK)
        if whole:
            block = self._form(_block(self.kind in TEXT_RESULTS))
            for _ in range(whole):
                yield block
        if rest:
            yield self._form(_block(self.kind in TEXT_RESULTS)[:rest])

    def __len__(self) -> int:
        whole, rest = divmod(self.size, _BLOCK)
        block = _block(self.kind in TEXT_RESULTS)
        return whole * len(self._form(block)) + len(self._form(block[:rest]))

    def _form(self, data: bytes) -> bytes:
        if self.is_base64:
            data = base64.b64encode(data)
        return data.replace(b"+", b"\\u002B").replace(b"/", b"\\/") if self.escaped else data


class GeneratedResponse(StreamingResponse):
    """Response that is generated while it is sent; it is never compressed.

    :param pieces: its parts, in order.
    :param media_type: its content type.
    :param size: its length in bytes, if it must end before its last part does.
    """

    def __init__(
        self, pieces: Sequence[bytes | GeneratedData], media_type: str, size: int | None = None
    ) -> None:
        self._pieces = pieces
        self.size = sum(map(len, pieces)) if size is None else size
        headers = {"Content-Length": str(self.size)}
        super().__init__(self._chunks(), headers=headers, media_type=media_type)

    def halved(self) -> GeneratedResponse:
        """Return the first half of this response."""
        return GeneratedResponse(self._pieces, self.media_type or "", self.size // 2)

    async def _chunks(self) -> AsyncIterator[bytes]:
        left = self.size
        for piece in self._pieces:
            for chunk in [piece] if isinstance(piece, bytes) else piece:
                yield chunk[:left]
                left -= len(chunk)
                if left <= 0:
                    return


def generated_sha256(kind: str, size: int) -> str:
    """Return the SHA-256 digest of a generated result once it is decoded, in hexadecimal.

    :param kind: the type of the result, such as ``Pdf``.
    :param size: its size in bytes.
    """
    digest = hashlib.sha256()
    for block in GeneratedData(kind, size, is_base64=False):
        digest.update(block)
    return digest.hexdigest()


@functools.lru_cache(2)
def _block(is_text: bool) -> bytes:
    data = random.Random(0).randbytes(_BLOCK)
    return base64.b64encode(data)[:_BLOCK] if is_text else data
