"""Conversion of images of one page: what is converted, to what, and what is refused with which advice."""

from __future__ import annotations

import gc
import hashlib
import io
import os
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrSourceChangedError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.api.operations import AUTO, get_operation
from airflow_provider_asposeocr.api.submission import fingerprint
from airflow_provider_asposeocr.files import conversion, raster
from airflow_provider_asposeocr.files.body import make_body
from airflow_provider_asposeocr.files.source import Source, open_source
from tests.files.images import CONVERTED, PLAIN, REFUSED, SIZE, animated, encoded, fax, picture
from tests.files.object_store import ObjectStore
from tests.files.sources import content

IMAGE, PDF, DJVU = (get_operation(name) for name in ("RecognizeImage", "RecognizePdf", "DjVu2PDF"))


def converted(data: Any, operation: Any = AUTO) -> Source:
    """Return what is sent of a source that is converted."""
    source = open_source(data, convert_for=operation)
    source.check_format(source.operation_for(operation))
    assert source.convert is not None
    return source.convert(None)


def image_of(source: Source) -> Image.Image:
    """Return the image that a source holds."""
    image = Image.open(io.BytesIO(content(source)))
    image.load()
    return image


def is_close(image: Image.Image, expected: Image.Image, most: float = 8.0) -> bool:
    """Tell whether two images differ by so little, on the average of 255 levels of grey."""
    left, right = (np.asarray(one.convert("L")).astype(float) for one in (image, expected))
    return left.shape == right.shape and float(np.abs(left - right).mean()) < most


def refusal_of(data: Any, operation: Any = AUTO) -> str:
    """Return the message with which a source is refused for good."""
    with pytest.raises(AsposeOcrSourceError) as caught:
        converted(data, operation)
    assert not caught.value.retryable
    return str(caught.value)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG of 16 bits that holds nothing but its size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return start + struct.pack(">I", 100) + b"IDAT"


class TestDecision:
    """Whether, and to what, a source is converted."""

    @pytest.mark.parametrize("name", PLAIN)
    def test_what_the_service_reads_is_sent_as_it_is(self, name: str) -> None:
        source = open_source(data := PLAIN[name](), convert_for=AUTO)
        assert (source.conversion, source.convert) == (None, None)
        assert content(source) == data
        assert source.content_tag == open_source(data).content_tag

    @pytest.mark.parametrize("operation", [AUTO, IMAGE])
    @pytest.mark.parametrize("name", CONVERTED)
    def test_the_rest_becomes_png_or_jpeg(self, name: str, operation: Any, tmp_path: Path) -> None:
        make, parameters = CONVERTED[name]
        path = tmp_path / name
        path.write_bytes(make())
        before = open_source(path)
        source = open_source(path, convert_for=operation)
        if name == "big.tif" and operation is AUTO:
            # It may have several pages.
            parameters = "pdf-1"
        assert source.conversion == parameters
        assert source.format == parameters.partition("-")[0]
        assert source.name == f"{path.stem}.{source.format}"
        assert (source.uri, source.identity, source.size) == (before.uri, before.identity, before.size)
        assert content(source) == path.read_bytes()

    @pytest.mark.parametrize("name", [*PLAIN, *CONVERTED])
    def test_all_become_pdf_where_nothing_else_is_read(self, name: str) -> None:
        make = PLAIN.get(name) or CONVERTED[name][0]
        assert content(converted(make(), PDF)).startswith(b"%PDF-1.4")

    @pytest.mark.parametrize("name", CONVERTED)
    def test_nothing_is_converted_unasked_or_for_another_operation(self, name: str) -> None:
        data = CONVERTED[name][0]()
        assert open_source(data).conversion is None
        assert open_source(data, convert_for=DJVU).conversion is None
        assert open_source(data, convert_for=get_operation("ConvertTextToSpeech")).conversion is None

    def test_two_conversions_are_two_submissions(self) -> None:
        def print_of(**options: Any) -> str:
            source = open_source(data, **options)
            return fingerprint(IMAGE, None, source.identity_or_uri, source.content_tag)

        data = CONVERTED["deep.png"][0]()
        forms: list[dict[str, Any]] = [{}, {"convert_for": IMAGE}, {"convert_for": PDF}]
        assert len({print_of(**form) for form in forms}) == 3
        assert len({print_of(**form)[:16] for form in forms}) == 1
        assert print_of(convert_for=IMAGE) == print_of(convert_for=IMAGE)

    @pytest.mark.parametrize("name", REFUSED)
    def test_what_nothing_converts_is_refused_as_before(self, name: str) -> None:
        make, label = REFUSED[name]
        source = open_source(make(), convert_for=AUTO)
        with pytest.raises(AsposeOcrSourceError, match=r"convert it to PNG or TIFF first\Z") as caught:
            source.operation_for(AUTO)
        assert f"is {label}" in str(caught.value)

    def test_pillow_is_not_loaded_for_what_is_sent_as_it_is(self, tmp_path: Path) -> None:
        for name, make in PLAIN.items():
            (tmp_path / name).write_bytes(make())
        (tmp_path / "photo.heic").write_bytes(CONVERTED["photo.heic"][0]())
        script = (
            "import sys, pathlib\n"
            "from airflow_provider_asposeocr.api.operations import AUTO\n"
            "from airflow_provider_asposeocr.files.source import open_source\n"
            f"paths = pathlib.Path({str(tmp_path)!r}).iterdir()\n"
            "opened = [open_source(path, convert_for=AUTO) for path in paths]\n"
            "print(len(opened), 'PIL' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.split()[-2:] == ["6", "False"]


class TestPixels:
    """What is sent in place of the original."""

    @pytest.mark.parametrize("name", CONVERTED)
    def test_it_shows_the_same_upright_in_a_format_that_all_read(self, name: str) -> None:
        make, parameters = CONVERTED[name]
        source = converted(make(), IMAGE)
        image = image_of(source)
        assert image.format == {"png-1": "PNG", "jpg-1": "JPEG"}[parameters]
        assert image.mode in ("L", "RGB")
        assert image.size == SIZE
        assert image.getexif().get(274) is None
        assert is_close(image, picture())

    @pytest.mark.parametrize("highest", [255, 4095, 65535])
    def test_of_16_bits_those_are_taken_that_are_used(self, highest: int) -> None:
        values = np.tile(np.linspace(0, highest, 256).astype(np.uint16), (20, 1))
        image = image_of(converted(encoded(Image.fromarray(values), "PNG")))
        expected = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (20, 1)))
        assert is_close(image, expected, 1.5)

    @pytest.mark.parametrize(
        ("ink", "ground"), [((0, 0, 0), (255, 255, 255)), ((255, 255, 255), (0, 0, 0))], ids=["dark", "light"]
    )
    def test_transparent_text_stays_legible(self, ink: Any, ground: Any) -> None:
        clear = Image.new("RGBA", SIZE, (*ink, 0))
        clear.paste((*ink, 255), (100, 100, 200, 150))
        image = image_of(converted(encoded(clear, "WEBP", lossless=True)))
        assert image.getpixel((150, 120)) == ink
        assert image.getpixel((10, 10)) == ground

    def test_the_resolution_is_kept(self) -> None:
        image = image_of(converted(encoded(picture().convert("CMYK"), "TIFF", dpi=(300, 300))))
        assert tuple(map(round, image.info["dpi"])) == (300, 300)

    def test_no_profile_and_no_text_of_the_original_is_sent(self) -> None:
        exif = Image.Exif()
        exif[0x010E] = "a secret description"
        data = encoded(picture(), "WEBP", exif=exif, icc_profile=b"profile" * 20)
        sent = content(converted(data))
        assert b"secret" not in sent
        assert b"profileprofile" not in sent

    @pytest.mark.parametrize("kind", ["GIF", "WEBP"])
    @pytest.mark.parametrize("frames", [2, 12])
    def test_of_an_animation_the_first_frame_is_sent_with_a_warning(
        self, kind: str, frames: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = open_source(animated(kind, frames), convert_for=AUTO)
        assert source.notice == f"the first of {frames} frames was sent"
        assert source.notice in caplog.text

    def test_of_a_large_animation_so_many_frames_are_counted_as_a_look_shows(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(conversion, "MAX_LOOK_BYTES", len(animated("GIF", 12)) // 2)
        notice = open_source(animated("GIF", 12), convert_for=AUTO).notice
        assert notice is not None
        assert notice.endswith(" frames or more was sent")

    def test_the_body_holds_what_was_made(self) -> None:
        source = open_source(CONVERTED["lossy.webp"][0](), convert_for=AUTO)
        body = make_body(IMAGE, source, {})
        first, second = b"".join(body), b"".join(body)
        assert first == second
        assert len(first) == len(body)
        assert first.startswith(b'{"image":"/9j/')


class TestOrigin:
    """Storages that the original comes from."""

    def test_it_may_be_remote(self, bucket: ObjectStore) -> None:
        data = CONVERTED["photo.heic"][0]()
        bucket.objects["scans/a.heic"] = data
        assert is_close(image_of(converted("s3://scans/a.heic")), picture())

    def test_one_that_grows_in_the_meantime_is_left_to_a_retry(self, tmp_path: Path) -> None:
        path = tmp_path / "a.webp"
        path.write_bytes(CONVERTED["lossy.webp"][0]())
        source = open_source(path, convert_for=AUTO)
        with path.open("ab") as stream:
            stream.write(b"more")
        with pytest.raises(AsposeOcrSourceChangedError, match="while it was read"):
            make_body(IMAGE, source, {})

    def test_what_becomes_of_it_later_does_not_matter(self, tmp_path: Path) -> None:
        path = tmp_path / "a.webp"
        path.write_bytes(CONVERTED["lossy.webp"][0]())
        source = converted(path)
        path.unlink()
        assert is_close(image_of(source), picture())

    def test_its_temporary_files_go_with_it(self) -> None:
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a listing of the descriptors that are open
        sources = [converted(CONVERTED["lossy.webp"][0]()) for _ in range(3)]
        assert len(os.listdir("/proc/self/fd")) == before + 3  # noqa: PTH208
        sources.clear()
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


class TestRefusal:
    """What is not converted, and what the message advises."""

    @pytest.mark.parametrize("part", [0.3, 0.7])
    @pytest.mark.parametrize(
        "name", [name for name in CONVERTED if name not in ("animated.gif", "animated.webp")]
    )
    def test_a_broken_file_is_refused(self, name: str, part: float) -> None:
        data = CONVERTED[name][0]()
        said = refusal_of(data[: int(len(data) * part)], IMAGE)
        assert "cannot be converted: it is damaged, incomplete or of a rare kind" in said
        assert said.endswith("Copy it anew from where it came from, or save it as PNG or PDF")

    @pytest.mark.parametrize("name", ["lossy.webp", "photo.heic", "photo.avif", "lossy.jp2", "deep.png"])
    def test_noise_behind_a_header_is_refused(self, name: str) -> None:
        data = CONVERTED[name][0]()
        noise = np.random.default_rng(5).integers(0, 256, len(data), np.uint8).tobytes()
        assert "cannot be converted" in refusal_of(data[:60] + noise, IMAGE)

    @pytest.mark.parametrize("size", [(10_001, 12_000), (1, 120_000_001), (2**31 - 1, 2**31 - 1)])
    def test_too_many_pixels_are_refused_before_they_are_decoded(self, size: tuple[int, int]) -> None:
        said = refusal_of(png_header(*size))
        assert f"is PNG of {size[0]} x {size[1]} pixels" in said
        assert f"no more than {raster.MAX_PIXELS} pixels are converted" in said

    @pytest.mark.parametrize("chunk", ["VP8X", "VP8L", "VP8 "])
    def test_of_webp_before_its_decoder_is_made(self, chunk: str) -> None:
        low = 16_382
        sizes = {
            "VP8X": bytes(4) + 2 * low.to_bytes(3, "little"),
            "VP8L": b"\x2f" + (low | low << 14).to_bytes(4, "little") + bytes(5),
            "VP8 ": b"\0\0\0\x9d\x01\x2a" + 2 * (low + 1).to_bytes(2, "little"),
        }
        data = b"RIFF\0\0\0\0WEBP" + chunk.encode() + bytes(4) + sizes[chunk] + bytes(20)
        assert "is WebP of 16383 x 16383 pixels" in refusal_of(data)

    def test_the_limit_of_pillow_does_not_come_first(
        self, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
    ) -> None:
        data, expected = CONVERTED["photo.avif"][0](), picture()
        with monkeypatch.context() as patch:
            patch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
            source = converted(data)
        assert is_close(image_of(source), expected)
        assert not [warning for warning in recwarn if "bomb" in str(warning.message).lower()]

    def test_too_many_bytes_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conversion, "MAX_BYTES", 100)
        assert "no more than 100 bytes are converted: make it smaller" in refusal_of(
            CONVERTED["lossy.webp"][0]()
        )

    @pytest.mark.parametrize(("name", "module"), [("photo.heic", "pillow_heif"), ("lossy.webp", "PIL")])
    def test_without_the_extra_it_says_what_to_install(
        self, name: str, module: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = CONVERTED[name][0]()
        monkeypatch.setitem(sys.modules, module, None)
        said = refusal_of(data)
        assert {"photo.heic": "is HEIC,", "lossy.webp": "is WebP,"}[name] in said
        assert said.endswith("is not installed: pip install 'airflow-provider-asposeocr[images]'")

    def test_without_convert_it_names_convert_and_the_extra(self) -> None:
        with pytest.raises(AsposeOcrSourceError, match=r"is HEIC: .*set convert=True, .*\[images\]"):
            open_source(CONVERTED["photo.heic"][0]()).check_format(IMAGE)

    def test_a_full_disk_is_left_to_a_retry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        source = open_source(CONVERTED["lossy.webp"][0](), convert_for=AUTO)
        # Without a buffer: nothing is left to be written when it is closed.
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: io.FileIO("/dev/full", "r+"))
        with pytest.raises(AsposeOcrStorageError, match="its temporary file: No space left on device"):
            make_body(IMAGE, source, {})

    def test_pages_are_not_dropped_for_an_image(self) -> None:
        with pytest.raises(AsposeOcrSourceError, match='convert=True with operation="auto"'):
            open_source(fax(), convert_for=IMAGE).check_format(IMAGE)

    def test_several_pages_that_are_allowed_are_sent_as_they_are(self) -> None:
        assert open_source(fax(), allow_multipage=True, convert_for=AUTO).conversion is None


def test_what_is_converted_is_what_was_looked_up(tmp_path: Path) -> None:
    data = encoded(picture(), "WEBP")
    (tmp_path / "scan.webp").write_bytes(data)
    source = open_source(tmp_path / "scan.webp", convert_for=AUTO)
    assert source.convert is not None
    source.convert(hashlib.sha256(data).hexdigest())
    with pytest.raises(AsposeOcrSourceChangedError):
        source.convert(hashlib.sha256(b"of something else").hexdigest())


@pytest.fixture
def room() -> Iterator[Any]:
    """Return room for ten pixels, taken by an image of six."""
    room = raster._Room(10)
    with room.take((3, 2)):
        yield room


class TestRoom:
    """What is decoded at a time."""

    def test_what_fits_beside_others_does_not_wait(self, room: Any) -> None:
        with room.take((2, 2)):
            assert room._free == 0

    def test_what_does_not_fit_waits_for_its_turn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        room, order, waiting = raster._Room(10), [], threading.Event()
        real = room._changed.wait_for

        def wait_for(predicate: Any, timeout: float | None = None) -> Any:
            waiting.set()
            return real(predicate, timeout)

        def later() -> None:
            with room.take((5, 2)):
                order.append("second")

        with room.take((3, 2)):
            monkeypatch.setattr(room._changed, "wait_for", wait_for)
            thread = threading.Thread(target=later)
            thread.start()
            assert waiting.wait(10)
            order.append("first")
        thread.join(10)
        assert order == ["first", "second"]

    def test_an_error_gives_it_back(self, room: Any) -> None:
        with pytest.raises(ValueError, match="oops"), room.take((2, 2)):
            raise ValueError("oops")
        assert room._free == 4
