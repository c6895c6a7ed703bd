"""Bodies decompressed: whole, in bounded pieces, and refused where they are broken."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_asposeocr.hooks.exchange import MAX_MEMBERS, MAX_PIECE, CompressionError, Decompressor


def _bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


WAYS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "as it is": ("", bytes),
    "identity": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": (" X-GZIP ", gzip.compress),
    "two members": ("gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:])),
    "padded": ("gzip", lambda data: gzip.compress(data) + b"\0" * 9),
    "zlib": ("deflate", zlib.compress),
    "zlib, fast": ("deflate", lambda data: zlib.compress(data, 1)),
    "bare deflate": ("deflate", _bare),
}
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"") * (MAX_MEMBERS + 1),
        gzip.compress(b"x") * (MAX_MEMBERS + 1),
        gzip.compress(b"") * 10_000,
    ],
    ids=["empty parts", "small parts", "very many parts"],
)
def test_too_many_parts_are_refused(data: bytes) -> None:
    with pytest.raises(CompressionError, match="too many parts"):
        decompressed("gzip", data, 65536)


def decompressed(encoding: str, data: bytes, step: int) -> bytes:
    """Decompress what arrives in steps of so many bytes."""
    stream, whole = Decompressor(encoding), bytearray()
    for start in range(0, len(data), step):
        for piece in stream.feed(data[start : start + step]):
            whole += piece
    stream.finish()
    return bytes(whole)


@pytest.mark.no_cover
@every_way
@given(data=st.binary(max_size=300) | st.integers(0, 3 * MAX_PIECE).map(bytes), step=st.integers(1, 4000))
@example(data=bytes(MAX_PIECE), step=1)
@example(data=bytes(2 * MAX_PIECE), step=10_000)
@settings(deadline=None)
def test_a_body_comes_out_as_it_went_in(way: str, data: bytes, step: int) -> None:
    encoding, pack = WAYS[way]
    assert decompressed(encoding, pack(data), step) == data


@pytest.mark.parametrize("way", ["gzip", "zlib", "bare deflate"])
def test_a_bomb_goes_off_a_piece_at_a_time(way: str) -> None:
    encoding, pack = WAYS[way]
    bomb = pack(bytes(200 * 1024 * 1024))
    assert len(bomb) < 300_000
    tracemalloc.start()
    try:
        sizes = [len(piece) for piece in Decompressor(encoding).feed(bomb)]
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert sum(sizes) == 200 * 1024 * 1024
    assert max(sizes) == MAX_PIECE


@every_way
@pytest.mark.parametrize("left", [1, 2, 10])
def test_a_body_that_is_cut_off_is_noticed(way: str, left: int) -> None:
    encoding, pack = WAYS[way]
    if encoding in ("", "identity") or way == "padded":
        return
    with pytest.raises(CompressionError, match="middle"):
        decompressed(encoding, pack(b"some text " * 20)[:-left], 5)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "data", [b"{}", b"<html>no compression at all</html>", b"\x1f\x8b\x08\x00" + b"x" * 99, b"\xff" * 99]
)
def test_what_is_not_compressed_is_refused(encoding: str, data: bytes) -> None:
    with pytest.raises(CompressionError):
        decompressed(encoding, data, 1)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_empty_body_is_empty(encoding: str) -> None:
    assert decompressed(encoding, b"", 1) == b""


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip,deflate", "*", "a b", "\u00e9"]
)
def test_what_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(CompressionError, match="not asked for"):
        Decompressor(encoding)


@given(data=st.binary(max_size=200), encoding=st.sampled_from(["gzip", "deflate"]), step=st.integers(1, 200))
def test_anything_is_decompressed_or_refused(data: bytes, encoding: str, step: int) -> None:
    with contextlib.suppress(CompressionError):
        decompressed(encoding, data, step)
