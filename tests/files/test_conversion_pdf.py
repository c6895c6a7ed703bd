"""Conversion to PDF: a page for each page of a TIFF, with data that were not decoded where possible."""

from __future__ import annotations

import io
from typing import Any

import pypdfium2
import pytest
from PIL import Image, TiffImagePlugin

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError
from airflow_provider_asposeocr.api.operations import AUTO, get_operation
from airflow_provider_asposeocr.files import raster
from airflow_provider_asposeocr.files.source import open_source
from tests.files.images import (
    FILL_ORDER,
    ORIENTATION,
    PAGES,
    ROWS_PER_STRIP,
    SIZE,
    SUBFILE,
    bilevel,
    encoded,
    fax,
    pages,
    picture,
)
from tests.files.sources import content
from tests.files.test_conversion import converted, is_close, refusal_of

IMAGE, PDF = (get_operation(name) for name in ("RecognizeImage", "RecognizePdf"))
GROUP_4: dict[str, Any] = {"compression": "group4"}
JPEG: dict[str, Any] = {"compression": "jpeg"}
LZW: dict[str, Any] = {"compression": "tiff_lzw"}


def pdf_of(data: bytes, operation: Any = AUTO) -> bytes:
    """Return the PDF that is sent of an image."""
    source = converted(data, operation)
    assert (source.format, source.conversion) == ("pdf", "pdf-1")
    return content(source)


def shown(pdf: bytes) -> list[Image.Image]:
    """Return the pages of a PDF as images, each with as many pixels across as the picture."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=SIZE[0] / page.get_width()).to_pil().resize(SIZE) for page in document]
    finally:
        document.close()


def stored(data: bytes, page: int = 0) -> bytes:
    """Return the strip of a page of a TIFF."""
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    image.seek(page)
    (at,), (length,) = image.tag_v2[273], image.tag_v2[279]
    return data[at : at + length]


def photometric(data: bytes, page: int) -> int:
    """Return what stands for white, or for black, on a page of a TIFF."""
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    image.seek(page)
    return int(image.tag_v2[262])


class TestPages:
    """Pages, in their order."""

    def test_each_page_becomes_a_page(self) -> None:
        found = shown(pdf_of(fax()))
        assert [is_close(page, picture(text)) for page, text in zip(found, PAGES, strict=True)] == [True] * 3

    def test_thumbnails_and_masks_do_not_count(self) -> None:
        small = picture("thumbnail").resize((80, 16)), {**LZW, "tiffinfo": {SUBFILE: 1}}
        data = pages(small, (picture("one"), LZW), small, (picture("two"), LZW))
        found = shown(pdf_of(data))
        assert [is_close(page, picture(text)) for page, text in zip(found, ("one", "two"), strict=True)] == [
            True,
            True,
        ]

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "HEIF", "AVIF"])
    def test_an_image_becomes_one_page_where_pdf_is_read(self, kind: str) -> None:
        (page,) = shown(pdf_of(encoded(picture(), kind), PDF))
        assert is_close(page, picture())

    def test_a_bigtiff_of_several_pages_becomes_pdf_or_is_refused(self) -> None:
        data = encoded(picture("one"), "TIFF", big_tiff=True, save_all=True, append_images=[picture("two")])
        assert len(shown(pdf_of(data))) == 2
        assert 'is BigTIFF of several pages: use operation="auto" or RecognizePdf' in refusal_of(data, IMAGE)

    @pytest.mark.parametrize(
        ("dpi", "points"), [((200, 200), (288, 57.6)), ((204, 98), (282.35, 117.55)), ((3, 3), (842, 168.4))]
    )
    def test_a_page_is_as_large_as_its_resolution_says_if_that_may_be(
        self, dpi: tuple[int, int], points: tuple[float, float]
    ) -> None:
        document = pypdfium2.PdfDocument(pdf_of(pages(*[(bilevel(picture()), {**GROUP_4, "dpi": dpi})] * 2)))
        try:
            assert document[1].get_size() == pytest.approx(points, abs=0.02)
        finally:
            document.close()


class TestTakenOver:
    """Data that are copied as they are."""

    @pytest.mark.parametrize("order", [1, 2])
    def test_group_4_is_not_decoded(self, order: int) -> None:
        page = bilevel(picture()), {**GROUP_4, "tiffinfo": {FILL_ORDER: order}}
        data = pages(page, page)
        pdf, strip = pdf_of(data), stored(data)
        if order == 2:
            strip = bytes(int(f"{byte:08b}"[::-1], 2) for byte in strip)
        assert pdf.count(strip) == 2
        assert all(is_close(found, picture()) for found in shown(pdf))

    def test_whichever_of_black_and_white_is_zero(self) -> None:
        page = bilevel(picture())
        data = pages((page, {**GROUP_4, "tiffinfo": {262: 0}}), (page, {**GROUP_4, "tiffinfo": {262: 1}}))
        assert [photometric(data, number) for number in (0, 1)] == [0, 1]
        pdf = pdf_of(data)
        assert [stored(data, number) in pdf for number in (0, 1)] == [True, True]
        assert [is_close(found, picture()) for found in shown(pdf)] == [True, True]

    @pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr"])
    def test_jpeg_is_not_decoded(self, mode: str) -> None:
        page = picture().convert(mode), {**JPEG, "quality": 90}
        data = pages(page, page)
        pdf = pdf_of(data)
        assert pdf.count(stored(data)[2:]) == 2
        assert b"DCTDecode" in pdf
        assert all(is_close(found, picture()) for found in shown(pdf))

    def test_nor_is_a_file_of_it(self) -> None:
        data = encoded(picture(), "JPEG")
        assert data in pdf_of(data, PDF)

    @pytest.mark.parametrize(
        ("image", "options"),
        [
            (bilevel(picture()), {**GROUP_4, "tiffinfo": {ROWS_PER_STRIP: 32}}),
            (bilevel(picture()), {"compression": "group3"}),
            (picture(), {**JPEG, "tiffinfo": {ROWS_PER_STRIP: 32}}),
            (picture().convert("CMYK"), LZW),
            (picture().quantize(16), LZW),
            (picture(), {"compression": "raw"}),
        ],
        ids=["strips of Group 4", "Group 3", "strips of JPEG", "CMYK", "palette", "uncompressed"],
    )
    def test_all_else_is_decoded_and_shows_the_same(
        self, image: Image.Image, options: dict[str, Any]
    ) -> None:
        found = shown(pdf_of(pages((image, options), (image, options))))
        assert [is_close(page, picture()) for page in found] == [True, True]

    @pytest.mark.parametrize("options", [GROUP_4, JPEG, LZW], ids=["Group 4", "JPEG", "LZW"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_pages_are_upright(self, orientation: int, options: dict[str, Any]) -> None:
        turns = Image.Transpose
        # What undoes the orientation, so that the page is upright when it is applied.
        undo = {
            2: turns.FLIP_LEFT_RIGHT,
            3: turns.ROTATE_180,
            4: turns.FLIP_TOP_BOTTOM,
            5: turns.TRANSPOSE,
            6: turns.ROTATE_90,
            7: turns.TRANSVERSE,
            8: turns.ROTATE_270,
        }
        image = picture().transpose(undo[orientation]) if orientation > 1 else picture()
        image = bilevel(image) if options is GROUP_4 else image
        page = image, {**options, "tiffinfo": {ORIENTATION: orientation}, "dpi": (200, 200)}
        pdf = pdf_of(pages(page, page))
        assert all(is_close(found, picture()) for found in shown(pdf))
        document = pypdfium2.PdfDocument(pdf)
        assert document[0].get_size() == pytest.approx((288, 57.6), abs=0.02)
        document.close()


class TestRefusal:
    """Files that become no PDF."""

    @pytest.mark.parametrize("options", [GROUP_4, JPEG, LZW], ids=["Group 4", "JPEG", "LZW"])
    def test_a_page_that_is_cut_off_is_missed(self, options: dict[str, Any]) -> None:
        image = bilevel(picture()) if options is GROUP_4 else picture()
        data = bytearray(pages((image, options), (image, options)))
        second = TiffImagePlugin.TiffImageFile(io.BytesIO(bytes(data)))
        second.seek(1)
        strip = second.tag_v2[273][0]
        # The directory of the second page stays, and names data behind the end of the file.
        entry = data.index(strip.to_bytes(4, "little"), data.index(strip.to_bytes(4, "little")) - 8)
        data[entry : entry + 4] = (len(data) - 100).to_bytes(4, "little")
        with pytest.raises(AsposeOcrSourceError, match="cannot be converted: it is damaged"):
            converted(bytes(data))

    def test_more_pages_than_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(raster, "MAX_PAGES", 2)
        assert "is TIFF of more than 2 pages: split it" in refusal_of(fax())

    def test_pages_with_more_pixels_than_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = pages(*[(picture(), LZW)] * 3)
        monkeypatch.setattr(raster, "MAX_DECODED_PIXELS", 2 * SIZE[0] * SIZE[1])
        assert "of pages with more than 256000 pixels: split it" in refusal_of(data)

    def test_what_is_not_decoded_does_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = pages(*[(bilevel(picture()), GROUP_4)] * 3)
        monkeypatch.setattr(raster, "MAX_DECODED_PIXELS", 1)
        assert len(shown(pdf_of(data))) == 3

    def test_nothing_but_thumbnails(self) -> None:
        small = picture(), {**LZW, "tiffinfo": {SUBFILE: 1}}
        source = open_source(pages(small, small), convert_for=PDF)
        assert source.convert is not None
        with pytest.raises(AsposeOcrSourceError, match="is TIFF without a page"):
            source.convert(None)
