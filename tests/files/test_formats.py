"""Formats: what is read, what is refused and by which name."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError
from airflow_provider_asposeocr.api.operations import IMAGE_FORMATS, OPERATIONS, get_operation
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files.formats import FORMATS, HEAD_BYTES, Group, look, refusal, sniff
from airflow_provider_asposeocr.files.markup import is_unfinished
from airflow_provider_asposeocr.files.source import open_source
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from tests.emulator.odd_files import HONEST_FILES

from .containers import MADE, archive, image
from .in_memory import ShortReads, source_of

READ_BY_SOME = frozenset(name for name, known in FORMATS.items() if known.group is Group.READ)
READERS = [operation for operation in OPERATIONS.values() if operation.submits]


def found_in(data: bytes, name: str = "") -> str | None:
    """Return the format of a file that is read as sources are."""
    kind, _ = look(io.BytesIO(data), len(data), name)
    return kind


@pytest.mark.parametrize(("name", "make"), MADE.values(), ids=MADE.keys())
class TestOthers:
    """Formats that no operation reads."""

    def test_it_is_named(self, name: str, make: Callable[[], bytes], tmp_path: Path) -> None:
        data = make()
        path = tmp_path / "scan.png"
        path.write_bytes(data)
        assert open_source(path).format == open_source(data).format == name
        assert found_in(data) == name

    def test_every_operation_on_files_refuses_it(self, name: str, make: Callable[[], bytes]) -> None:
        for operation in READERS:
            reason = refusal(name, operation)
            if "plain text" in operation.input_formats:
                assert reason is None
                continue
            assert reason is not None
            assert reason.startswith(f"is {FORMATS[name].label}: {operation.name} reads ")


@pytest.mark.parametrize("name", [name for name, _ in MADE.values() if name in ("webp", "text", "html")])
def test_nothing_is_billed(name: str, emulator: Emulator) -> None:
    for made, make in MADE.values():
        if made == name:
            with pytest.raises(AsposeOcrSourceError, match="RecognizeImage reads"):
                AsposeOcrHook().submit("RecognizeImage", make())
    assert emulator.calls.billed == 0


CONVERT = ", or set convert=True, with the extra airflow-provider-asposeocr[images]"


@pytest.mark.parametrize(
    ("found", "operation", "way_on"),
    [
        ("webp", "RecognizeImage", f"convert it to PNG or TIFF first{CONVERT}"),
        ("bigtiff", "BinarizeImage", f"convert it to PNG or TIFF first{CONVERT}"),
        ("webp", "DjVu2PDF", "convert it to PNG or TIFF and use RecognizeImage"),
        ("nef", "RecognizeReceipt", "convert it to PNG or TIFF first"),
        ("heic", "RecognizePdf", f"convert it to PNG or TIFF and use RecognizeImage{CONVERT}"),
        ("docx", "RecognizePdf", "save it as PDF first"),
        ("docx", "RecognizeImage", "save it as PDF and use RecognizePdf"),
        ("html", "RecognizeImage", "save it as PDF and use RecognizePdf"),
        ("zip", "RecognizeImage", "unpack it first"),
        ("email", "RecognizeImage", "take the image out of it first"),
        ("pdf", "RecognizeImage", "use RecognizePdf"),
        ("djvu", "RecognizeImage", "use DjVu2PDF first, then RecognizePdf"),
        ("png", "RecognizePdf", f"use RecognizeImage{CONVERT}"),
        ("pdf", "DjVu2PDF", "use RecognizePdf"),
    ],
)
def test_the_way_on_is_named(found: str, operation: str, way_on: str) -> None:
    reason = refusal(found, get_operation(operation))
    assert reason is not None
    assert reason.endswith(f"; {way_on}")


@pytest.mark.parametrize("found", ["mp4", "text", "sqlite", "zeros", None])
def test_there_is_not_always_a_way_on(found: str | None) -> None:
    operation = get_operation("RecognizeImage")
    reason = refusal(found, operation)
    assert reason is not None
    assert reason.endswith(f"reads {', '.join(operation.input_formats)}")


@pytest.mark.parametrize("name", ["png", "jpg", "gif", "bmp", "tiff", "svg"])
def test_what_images_are_documented_is_read_by_every_operation_on_images(name: str) -> None:
    operations = [operation for operation in READERS if operation.input_formats == IMAGE_FORMATS]
    assert len(operations) > 10
    assert {refusal(name, operation) for operation in operations} == {None}


def test_the_group_of_what_is_read_is_that_of_the_operations() -> None:
    read = {name for operation in OPERATIONS.values() for name in operation.input_formats}
    assert read & FORMATS.keys() == READ_BY_SOME


@pytest.mark.parametrize(
    ("form", "name", "modes"),
    [
        ("PNG", "png", "1 L LA P RGB RGBA I;16"),
        ("JPEG", "jpg", "L RGB CMYK"),
        ("MPO", "jpg", "L RGB"),
        ("GIF", "gif", "1 L P RGB RGBA"),
        ("BMP", "bmp", "1 L P RGB RGBA"),
        ("TIFF", "tiff", "1 L LA P RGB RGBA CMYK I;16"),
        ("PDF", "pdf", "1 L P RGB CMYK"),
    ],
)
def test_images_as_they_are_made(form: str, name: str, modes: str) -> None:
    assert {found_in(image(form, mode)) for mode in modes.split()} == {name}


def test_of_the_odd_images_that_can_be_read_none_is_refused_but_big_and_long_tiff() -> None:
    refused = set()
    for odd in HONEST_FILES:
        try:
            open_source(odd.make()).check_format(get_operation("RecognizeImage"))
        except AsposeOcrSourceError:
            refused.add(odd.name)
    assert refused == {"TIFF: BigTIFF", "TIFF: BigTIFF of 16 bits, Motorola", "TIFF: three pages"}


class TestBitmap:
    """``BM`` alone is no bitmap."""

    @staticmethod
    def header(size: int = 40, width: int = 9, height: int = 9, planes: int = 1, depth: int = 24) -> bytes:
        form = "<IHHHH" if size == 12 else "<IiiHH"
        return b"BM" + bytes(12) + struct.pack(form, size, width, height, planes, depth) + bytes(100)

    @pytest.mark.parametrize("size", [12, 16, 40, 52, 56, 64, 108, 124])
    @pytest.mark.parametrize("depth", [1, 4, 8, 16, 24, 32])
    def test_what_makes_sense(self, size: int, depth: int) -> None:
        assert sniff(self.header(size=size, depth=depth)) == "bmp"
        assert sniff(self.header(size=size, depth=depth, planes=0)) == "bmp"

    def test_rows_from_the_top(self) -> None:
        assert sniff(self.header(height=-9)) == "bmp"

    @pytest.mark.parametrize(
        "wrong", [{"size": 41}, {"width": 0}, {"width": -1}, {"height": 0}, {"planes": 7}, {"depth": 5}]
    )
    def test_what_makes_none(self, wrong: dict[str, int]) -> None:
        assert sniff(self.header(**wrong)) != "bmp"

    @settings(deadline=None)
    @given(st.integers(0, 29))
    def test_what_is_cut_off(self, length: int) -> None:
        assert sniff(self.header()[:length]) != "bmp"

    @settings(deadline=None)
    @given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["1", "L", "P", "RGB", "RGBA"]))
    def test_what_pillow_makes(self, width: int, height: int, mode: str) -> None:
        stream = io.BytesIO()
        Image.new(mode, (width, height)).save(stream, "BMP")
        assert sniff(stream.getvalue()[:HEAD_BYTES]) == "bmp"


IMAGE_STARTS = [
    "BM",
    "GIF87a",
    "GIF89a",
    "II*",
    "MM",
    "AT&TFORM",
    "RIFF",
    "PK",
    "%!PS",
    "\u00ff\u00d8",
    "<",
    "",
]


@settings(deadline=None)
@given(st.sampled_from(IMAGE_STARTS), st.text(st.characters(exclude_categories=["Cs", "Cc"])),
       st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"]))  # fmt: skip
@example("GIF87a", "\xa0\xa0\xa0", "latin-1")
@example("GIF89a", "\u0444\u0430\u0439\u043b", "cp1251")
def test_no_text_is_taken_for_an_image(start: str, text: str, encoding: str) -> None:
    data = (start + text).encode(encoding, "replace")
    # Three letters of Latin-1 are the very mark of JPEG, which counts whatever follows.
    assume(not data.startswith(b"\xff\xd8\xff"))
    assert sniff(data) not in READ_BY_SOME - {"svg", "pdf"}


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_whatever_comes_is_named_or_not(data: bytes) -> None:
    found = sniff(data)
    assert found is None or found in FORMATS
    is_unfinished(data)


@settings(deadline=None)
@given(st.sampled_from([make for _, make in MADE.values()]), st.integers(0, 600))
def test_what_is_cut_off_is_named_or_not(make: Callable[[], bytes], length: int) -> None:
    found = sniff(make()[:length])
    assert found is None or found in FORMATS
    assert found not in READ_BY_SOME - {"pdf"}


@settings(deadline=None)
@given(st.integers(1, 700))
def test_a_source_may_come_in_small_pieces(most: int) -> None:
    data = b"<?xml version='1.0'?><!--" + b" long" * 2000 + b"--><svg/>"
    kind, _ = look(ShortReads(data, most), len(data), "")
    assert kind == "svg"


@pytest.mark.parametrize(
    ("data", "name", "found"),
    [
        (image("TIFF"), "DSC_0001.NEF", "nef"),
        (image("TIFF"), "photo.arw", "arw"),
        (image("TIFF"), "photo.dng", "dng"),
        (image("TIFF"), "photo.cr2", "cr2"),
        (image("TIFF"), "scan.nef.tif", "tiff"),
        (image("JPEG"), "photo.nef", "jpg"),
    ],
)
def test_a_camera_file_is_known_by_its_suffix(data: bytes, name: str, found: str) -> None:
    assert found_in(data, name) == found


def test_an_archive_is_not_read_beyond_its_head() -> None:
    data = archive(*(f"page-{number}.png" for number in range(500)))
    assert found_in(data) == "zip"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x89PNG\r\n\x1a\n....", "png"),
        (b"\xff\xd8\xff\xe0..JFIF", "jpg"),
        (b"\xff\xd8\xff\xe1..Exif", "jpg"),
        (b"GIF87a\x40\0\x30\0", "gif"),
        (b"GIF89a\x40\0\x30\0", "gif"),
        (b"II*\x00\x08\x00", "tiff"),
        (b"MM\x00*\x00\x00", "tiff"),
        (b"AT&TFORM\x00\x00\x00\x00DJVU", "djvu"),
        (b"%PDF-1.7\n", "pdf"),
        (b"\xef\xbb\xbf%PDF-1.4", "pdf"),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4", "pdf"),
        (b"\0junk" * 100 + b"%PDF-1.4", "pdf"),
        (b"\0junk" * 400 + b"%PDF-1.4", None),
        (b"junk" * 100 + b"%PDF-1.4", "text"),
        (b"\x89PN\0", None),
        (b"", None),
    ],
)
def test_a_format_is_known_by_its_first_bytes(head: bytes, name: str | None) -> None:
    assert sniff(head) == name


@pytest.mark.parametrize("data", [b"%PDF-1.7 ...", b"AT&TFORM\0\0\0\0DJVU", b"<svg/>", b"GIF89a\1\0"])
def test_a_name_says_nothing_about_the_format(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(data)
    assert open_source(path).format == sniff(data) != "png"


@pytest.mark.parametrize(
    ("operation", "found", "accepted"),
    [
        ("RecognizeImage", "png", True),
        ("RecognizeImage", "jpg", True),
        ("RecognizeImage", "tiff", True),
        ("RecognizeImage", "svg", True),
        ("RecognizeImage", "pdf", False),
        ("RecognizeImage", "djvu", False),
        ("RecognizeImage", None, False),
        ("RecognizePdf", "pdf", True),
        ("RecognizePdf", "png", False),
        ("DjVu2PDF", "djvu", True),
        ("DjVu2PDF", "pdf", False),
        ("PostBinarizationFile", "bmp", True),
        ("PostBinarizationFile", "pdf", False),
        ("ConvertTextToSpeech", None, True),
        ("ConvertTextToSpeech", "svg", True),
    ],
)
def test_what_an_operation_cannot_read_is_refused(operation: str, found: str | None, accepted: bool) -> None:
    source = source_of(b"abc", format=found)
    if accepted:
        source.check_format(get_operation(operation))
        return
    with pytest.raises(AsposeOcrSourceError) as caught:
        source.check_format(get_operation(operation))
    said = str(caught.value)
    assert said.startswith(source.uri)
    assert get_operation(operation).name in said
    assert (f"is {FORMATS[found].label}" if found else "is of no known format") in said


@pytest.mark.parametrize(("found", "hint"), [("pdf", "use RecognizePdf"), ("djvu", "use DjVu2PDF")])
def test_the_right_operation_is_named(found: str, hint: str) -> None:
    with pytest.raises(AsposeOcrSourceError, match=hint):
        source_of(b"abc", format=found).check_format(get_operation("RecognizeImage"))
