"""TIFF: its pages are counted before it is paid for, and a camera's is told from a scanner's."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceError
from airflow_provider_asposeocr.api.operations import IMAGE_FORMATS, OPERATIONS, get_operation
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files import tiff as tiff_module
from airflow_provider_asposeocr.files.source import Source, open_source
from airflow_provider_asposeocr.files.tiff import MAX_DIRECTORIES, TiffLook, look_at_tiff
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook

from .object_store import ObjectStore, attach
from .tiffs import CFA, MASK, PAGE, THUMBNAIL, page, tiff
from .web import Web

RECOGNIZE = get_operation("RecognizeImage")
ONE, SEVERAL = TiffLook(), TiffLook(several=True)
FAR = 300_000
"""Bytes between directories, so that a file is not read at once."""


def looked_at(data: bytes) -> TiffLook:
    return look_at_tiff(lambda at, length: data[at : at + length])


def scanned(pages: int, **options: Any) -> bytes:
    """Return a TIFF as Pillow makes it."""
    images = [Image.effect_noise((700, 500), 80) for _ in range(pages)]
    stream = io.BytesIO()
    images[0].save(stream, "TIFF", save_all=True, append_images=images[1:], **options)
    return stream.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("made", "seen"),
    [
        ({"directories": [page()]}, ONE),
        ({"directories": [page(), page()]}, SEVERAL),
        ({"directories": [page()] * 500}, SEVERAL),
        ({"directories": [page(subfile=[PAGE])]}, ONE),
        ({"directories": [page(subfile=[PAGE]), page(subfile=[PAGE])]}, SEVERAL),
        ({"directories": [page(), page(subfile=[THUMBNAIL])]}, ONE),
        ({"directories": [page(subfile=[THUMBNAIL]), page()]}, ONE),
        ({"directories": [page(subfile=[THUMBNAIL]), page(), page()]}, SEVERAL),
        ({"directories": [page(), *[page(subfile=[THUMBNAIL])] * 12]}, ONE),
        ({"directories": [page(), page(subfile=[MASK])]}, ONE),
        ({"directories": [page(), page(subfile=[MASK | THUMBNAIL])]}, ONE),
        ({"directories": [page(), page(subfile=[THUMBNAIL | PAGE])]}, ONE),
        ({"directories": [page(), page(photometric=[4])]}, ONE),
        ({"directories": [page(), page(old_subfile=[2])]}, ONE),
        ({"directories": [page(old_subfile=[1]), page(old_subfile=[3])]}, SEVERAL),
        ({"directories": [page(), page(subfile=[0])]}, SEVERAL),
        ({"directories": [page(), {271: b"a thumbnail of Exif\0"}]}, ONE),
        ({"directories": [page()], "below": [page(), page()]}, ONE),
        ({"directories": [page(), page()], "below": [page()]}, SEVERAL),
        ({"directories": [page(), page()], "gap": FAR}, SEVERAL),
        ({"directories": [page(make=b"NIKON CORPORATION\0")]}, ONE),
        ({"directories": [page(make=b"Canon\0"), page(make=b"Canon\0")]}, SEVERAL),
        ({"directories": [page(dng=[1, 4, 0, 0])]}, TiffLook(camera="dng")),
        ({"directories": [page(photometric=[CFA])]}, TiffLook(camera="raw")),
        ({"directories": [page(photometric=[CFA], make=b"PENTAX \0")]}, TiffLook(camera="pef")),
        (
            {
                "directories": [page(subfile=[THUMBNAIL], make=b"NIKON CORPORATION\0")],
                "below": [page(subfile=[THUMBNAIL], photometric=[6]), page(photometric=[CFA])],
            },
            TiffLook(camera="nef"),
        ),
        (
            {
                "directories": [page(subfile=[THUMBNAIL], make=b"SONY \0"), page(subfile=[THUMBNAIL])],
                "below": [page(photometric=[CFA])],
            },
            TiffLook(camera="arw"),
        ),
    ],
)
def test_what_a_look_shows(made: dict[str, Any], seen: TiffLook, order: str) -> None:
    directories, more = made["directories"], {name: made[name] for name in made if name != "directories"}
    assert looked_at(tiff(*directories, order=order, **more)) == seen


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (lambda order: tiff(page(), order=order, last=8), "circle"),
        (lambda order: tiff(*[page(subfile=[THUMBNAIL])] * 3, order=order, last=8), "circle"),
        (lambda order: tiff(page(), order=order, last=10**6), "damaged"),
        (lambda order: tiff(page(), order=order, last=3), "damaged"),
        (lambda order: tiff(page(), order=order)[:-2], "damaged"),
        (lambda order: tiff(page(), page(), order=order)[:-20], "damaged"),
        (lambda order: tiff(order=order), "no directory"),
        (lambda order: tiff(page(), order=order)[:7], "damaged"),
        (lambda order: tiff({}, order=order), "damaged"),
        (lambda order: tiff({271: b"Canon\0"}, order=order), "no directory"),
        (lambda order: tiff(*[page(subfile=[THUMBNAIL])] * (MAX_DIRECTORIES + 1), order=order), "too many"),
    ],
)
def test_what_cannot_be_counted(data: Any, why: str, order: str) -> None:
    seen = looked_at(data(order))
    assert not seen.several
    assert why in (seen.unclear or "")


def test_two_pages_are_enough_although_the_rest_is_damaged() -> None:
    assert looked_at(tiff(page(), page(), last=10**6)) == SEVERAL
    assert looked_at(tiff(page(), page(), last=8)) == SEVERAL


def test_a_slow_storage_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_module, "MAX_SECONDS", -1.0)
    assert "too many" in (looked_at(tiff(page(), page())).unclear or "")


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([0, THUMBNAIL, PAGE, MASK, THUMBNAIL | PAGE, MASK | PAGE]), min_size=1, max_size=20
    ),
    st.sampled_from(["<", ">"]),
    st.integers(0, 50),
)
def test_pages_of_full_resolution_count(kinds: list[int], order: str, gap: int) -> None:
    seen = looked_at(tiff(*(page(subfile=[kind]) for kind in kinds), order=order, gap=2 * gap))
    pages = sum(kind in (0, PAGE) for kind in kinds)
    assert seen.several is (pages > 1)
    assert (seen.unclear is None) is (pages > 0)


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(0, 900), st.integers(0, 255), st.sampled_from(["<", ">"]))
def test_damage_does_no_harm(pages: int, place: int, byte: int, order: str) -> None:
    data = bytearray(tiff(*[page()] * pages, order=order))
    data[8 + place % (len(data) - 8)] = byte
    looked_at(bytes(data))
    looked_at(bytes(data[: place % len(data)]))


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_noise_does_no_harm(noise: bytes) -> None:
    looked_at(b"II*\0" + noise)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}])
@pytest.mark.parametrize("pages", [1, 2, 5])
def test_what_pillow_makes(pages: int, options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(scanned(pages, **options))
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert open_source(source).tiff == (ONE if pages == 1 else SEVERAL)


class TestCheck:
    """Refusals and warnings that follow."""

    @staticmethod
    def refused(source: Source) -> str:
        with pytest.raises(AsposeOcrSourceError) as caught:
            source.check_format(RECOGNIZE)
        assert not caught.value.retryable
        return str(caught.value)

    def test_several_pages_are_refused_with_the_way_on(self) -> None:
        said = self.refused(open_source(tiff(page(), page())))
        for part in ("TIFF of several pages", "RecognizePdf", "allow_multipage=True"):
            assert part in said

    def test_every_operation_on_images_refuses_them(self) -> None:
        source = open_source(tiff(page(), page()))
        for operation in OPERATIONS.values():
            if operation.input_formats == IMAGE_FORMATS:
                with pytest.raises(AsposeOcrSourceError, match="TIFF of several pages"):
                    source.check_format(operation)

    def test_they_are_sent_if_that_is_wanted(self) -> None:
        open_source(tiff(page(), page()), allow_multipage=True).check_format(RECOGNIZE)

    def test_a_camera_file_is_none_the_less_refused(self) -> None:
        data = tiff(page(photometric=[CFA]), page())
        assert "is camera RAW" in self.refused(open_source(data, allow_multipage=True))

    def test_what_cannot_be_counted_is_sent_with_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        data = tiff(page(), last=8)
        open_source(data, allow_multipage=True).check_format(RECOGNIZE)
        assert caplog.text == ""
        open_source(data).check_format(RECOGNIZE)
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "could not be counted" in record.getMessage()

    def test_one_page_says_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        open_source(tiff(page(), page(subfile=[THUMBNAIL]))).check_format(RECOGNIZE)
        assert caplog.text == ""

    def test_the_hook_bills_nothing(self, emulator: Emulator) -> None:
        with pytest.raises(AsposeOcrSourceError, match="several pages"):
            AsposeOcrHook().submit("RecognizeImage", scanned(2))
        assert emulator.calls.billed == 0


class TestParts:
    """A large one is read in parts, wherever it lies."""

    DATA = tiff(page(), page(subfile=[THUMBNAIL]), page(), gap=FAR)
    ONE_PAGE = tiff(page(), page(subfile=[THUMBNAIL]), gap=FAR)

    @pytest.mark.parametrize(("data", "seen"), [(DATA, SEVERAL), (ONE_PAGE, ONE)])
    def test_in_a_file(self, data: bytes, seen: TiffLook, tmp_path: Path) -> None:
        path = tmp_path / "scan.tif"
        path.write_bytes(data)
        assert open_source(path).tiff == seen

    @pytest.mark.parametrize(("data", "seen"), [(DATA, SEVERAL), (ONE_PAGE, ONE)])
    def test_in_an_object_store(self, data: bytes, seen: TiffLook, monkeypatch: pytest.MonkeyPatch) -> None:
        storage = ObjectStore()
        attach(monkeypatch, "s3", storage)
        storage.objects["scans/a.tif"] = data
        assert open_source("s3://scans/a.tif").tiff == seen
        assert storage.block_sizes == [4096]
        assert storage.fetched < 40_000

    @pytest.mark.parametrize(("data", "seen"), [(DATA, SEVERAL), (ONE_PAGE, ONE)])
    def test_on_a_web_server(self, data: bytes, seen: TiffLook, web: Web) -> None:
        web.files["/a.tif"] = data
        source = open_source(f"{web.url}/a.tif")
        assert source.tiff == seen
        with source.open() as stream:
            assert stream.read() == data

    def test_on_a_web_server_that_serves_no_parts(self, web: Web) -> None:
        web.files["/a.tif"], web.ranges = self.DATA, False
        seen = open_source(f"{web.url}/a.tif").tiff
        assert seen is not None
        assert seen.unclear == "its parts cannot be read: ValueError"

    @pytest.mark.parametrize("ranges", [True, False])
    def test_a_small_one_needs_no_parts(self, ranges: bool, web: Web) -> None:
        web.files["/a.tif"], web.ranges = tiff(page(), page(), gap=50_000), ranges
        assert open_source(f"{web.url}/a.tif").tiff == SEVERAL
        assert len(web.asked) == 2

    @pytest.mark.parametrize("ranges", [True, False])
    def test_the_first_bytes_are_often_enough(self, ranges: bool, web: Web) -> None:
        web.files["/a.tif"], web.ranges = tiff(page(), gap=2 * FAR), ranges
        assert open_source(f"{web.url}/a.tif").tiff == ONE
        assert len(web.asked) == 2
