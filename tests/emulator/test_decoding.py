"""Decoding: formats, size limits and damaged images."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from airflow_provider_asposeocr.emulator.decoding import decode, format_of
from airflow_provider_asposeocr.emulator.limits import LimitExceededError, UnreadableImageError
from tests.emulator.odd_file import encoded, grey, page


@pytest.mark.parametrize("size", [(6325, 6325), (40_000_001, 1), (1, 40_000_001)])
def test_the_header_alone_decides_what_is_too_large(size: tuple[int, int]) -> None:
    data = encoded(Image.new("1", (8, 8)), "PNG")
    header = data[:16] + size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big") + data[24:]
    with pytest.raises(LimitExceededError, match="at most 40,000,000"):
        decode(io.BytesIO(header))


def test_a_limit_of_pillow_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(io.BytesIO(encoded(Image.new("1", (6300, 6300)), "PNG"))).pixels.shape == (6300, 6300, 3)


@pytest.mark.parametrize(
    ("head", "name"), [(b"\xff\xd8\xff\xe0", "JPEG"), (b"II+\0", "TIFF"), (b"GIF87a", "GIF"), (b"BM", "BMP")]
)
def test_formats_by_their_first_bytes(head: bytes, name: str) -> None:
    assert format_of(head + bytes(99)) == name


def test_half_of_an_image_is_not_most_of_it() -> None:
    data = encoded(page(), "BMP")
    lost_rows = page().height * 4 // 10
    scan = decode(io.BytesIO(data[: len(data) * 6 // 10]))
    assert (scan.pixels[: lost_rows - 2] == 255).all()  # a BMP begins at its bottom
    assert (scan.pixels[lost_rows + 2 :, :, 0] == grey()[lost_rows + 2 :]).all()
    with pytest.raises(UnreadableImageError, match=r"6\d% of the image cannot be decoded"):
        decode(io.BytesIO(data[: len(data) * 4 // 10]))
