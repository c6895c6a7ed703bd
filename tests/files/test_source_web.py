"""Sources on web servers."""

from __future__ import annotations

import socket
import time
import traceback
from importlib.metadata import version

import pytest

from airflow_provider_asposeocr.api.exceptions import (
    AsposeOcrSourceChangedError,
    AsposeOcrSourceError,
    AsposeOcrStorageError,
)
from airflow_provider_asposeocr.files import source as source_module
from airflow_provider_asposeocr.files.body import read_exactly
from airflow_provider_asposeocr.files.source import open_source

from .sources import content, refused
from .web import Web, serve


class TestWeb:
    """Sources that another server has."""

    def test_a_file(self, web: Web, png: bytes) -> None:
        web.files["/in/my scan.png"] = png
        source = open_source(f"{web.url}/in/my%20scan.png")
        assert (source.size, source.format) == (len(png), "png")
        assert content(source) == content(source) == png

    def test_a_signature_is_sent_and_not_told(self, web: Web, png: bytes) -> None:
        web.files["/scan.png"] = png
        source = open_source(f"{web.url}/scan.png?signature=s3cret/part")
        assert content(source) == png
        assert all("signature=s3cret/part" in line for line in web.asked)
        assert source.uri == f"{web.url}/scan.png"
        assert "s3cret" not in repr(source)

    @pytest.mark.parametrize("query", ["", "?signature=s3cret", "?signature=s3cret/part"])
    def test_the_name_is_that_of_the_file(self, web: Web, png: bytes, query: str) -> None:
        web.files["/in/scan.png"] = png
        assert open_source(f"{web.url}/in/scan.png{query}").name == "scan.png"

    @pytest.mark.parametrize("status", [403, 404, 500])
    def test_a_signature_is_not_told_in_the_traceback_either(self, web: Web, status: int) -> None:
        web.status = status
        with pytest.raises((AsposeOcrSourceError, AsposeOcrStorageError)) as caught:
            open_source(f"{web.url}/scan.png?signature={'s3c' + 'ret'}")
        assert f"{web.url}/scan.png" in str(caught.value)
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))

    def test_a_signature_that_expires_before_the_file_is_read_is_not_told(self, web: Web, png: bytes) -> None:
        web.files["/scan.png"] = png
        source = open_source(f"{web.url}/scan.png?signature={'s3c' + 'ret'}")
        web.status = 403
        with pytest.raises(AsposeOcrStorageError) as caught:
            list(read_exactly(source))
        shown = "".join(traceback.format_exception(caught.value))
        assert "s3cret" not in f"{shown} {caught.value.__cause__!r}"
        assert caught.value.__suppress_context__

    def test_a_file_that_moved_on_the_same_host_is_read(self, web: Web, png: bytes) -> None:
        web.files["/new.png"] = png
        web.moved = {"/old.png": "/newer.png", "/newer.png": f"{web.url}/new.png"}
        assert content(open_source(f"{web.url}/old.png")) == png

    def test_a_file_that_moved_to_another_host_is_refused(self, web: Web, png: bytes) -> None:
        web.files["/scan.png"] = png
        with serve() as elsewhere:
            elsewhere.moved["/scan.png"] = f"{web.url}/scan.png?signature=s3cret"
            for address in (f"{elsewhere.url}/scan.png", f"{elsewhere.url}/scan.png?a=b"):
                assert "redirects to another host" in refused(address)
                assert "s3cret" not in refused(address)
            assert web.asked == []
            elsewhere.files["/scan.png"] = png
            del elsewhere.moved["/scan.png"]
            source = open_source(f"{elsewhere.url}/scan.png")
            elsewhere.moved["/scan.png"] = f"{web.url}/scan.png"
            with pytest.raises(AsposeOcrSourceError, match="another host"):
                list(read_exactly(source))
            assert web.asked == []

    def test_a_file_may_come_from_anywhere_where_that_is_allowed(self, web: Web, png: bytes) -> None:
        web.files["/scan.png"] = png
        with serve() as elsewhere:
            elsewhere.moved["/scan.png"] = f"{web.url}/scan.png"
            source = open_source(f"{elsewhere.url}/scan.png", allow_redirects=True)
            assert content(source) == png

    @pytest.mark.parametrize("location", ["", "http://", "http://[", "gopher://x/", "//", "\\", "http://a b"])
    def test_a_redirect_to_nowhere_is_an_error_like_any_other(self, web: Web, location: str) -> None:
        web.moved["/scan.png"] = location
        assert f"{web.url}/scan.png" in refused(f"{web.url}/scan.png")

    @pytest.mark.parametrize("pause", [0.05, 30])
    def test_a_server_that_drips_is_not_waited_for(
        self, web: Web, pause: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(source_module, "MAX_LOOK_SECONDS", 0.5)
        web.pause = pause
        begun = time.monotonic()
        assert "cannot be reached" in refused(f"{web.url}/scan.png")
        assert time.monotonic() - begun < 3

    def test_a_server_that_begins_to_drip_is_not_waited_for(
        self, web: Web, png: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        web.files["/scan.png"] = png
        source = open_source(f"{web.url}/scan.png")
        monkeypatch.setattr(source_module, "MAX_LOOK_SECONDS", 0.5)
        web.pause = 0.05
        begun = time.monotonic()
        with pytest.raises(AsposeOcrStorageError):
            list(read_exactly(source))
        assert time.monotonic() - begun < 3

    def test_a_file_that_is_missing(self, web: Web) -> None:
        assert refused(f"{web.url}/gone.png") == f"{web.url}/gone.png does not exist"

    @pytest.mark.parametrize("status", [401, 403, 500, 503])
    def test_a_file_that_is_refused_is_not_called_missing(self, web: Web, status: int) -> None:
        web.status = status
        assert "does not exist" not in refused(f"{web.url}/scan.png")

    def test_a_server_that_is_down_is_not_a_missing_file(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        assert "does not exist" not in refused(f"http://127.0.0.1:{port}/scan.png")

    def test_a_server_that_does_not_tell_the_size(self, web: Web, png: bytes) -> None:
        web.files["/scan.png"] = png
        web.headers["Content-Encoding"] = "unheard-of"
        assert "does not say how large it is; copy the file to a storage first" in refused(
            f"{web.url}/scan.png"
        )

    def test_an_empty_file(self, web: Web) -> None:
        web.files["/scan.png"] = b""
        assert "is empty" in refused(f"{web.url}/scan.png")

    @pytest.mark.parametrize("ranges", [True, False])
    @pytest.mark.parametrize("size", [5_000, 2_500_000, 7_000_000])
    def test_a_large_file(self, web: Web, png: bytes, ranges: bool, size: int) -> None:
        web.files["/scan.png"] = png.ljust(size, b"\0")
        web.ranges = ranges
        source = open_source(f"{web.url}/scan.png")
        assert source.size == size
        assert b"".join(read_exactly(source)) == web.files["/scan.png"]

    @pytest.mark.parametrize("ranges", [True, False])
    def test_a_connection_that_breaks_while_it_is_read(self, web: Web, png: bytes, ranges: bool) -> None:
        web.files["/scan.png"] = png.ljust(3_000_000, b"\0")
        source = open_source(f"{web.url}/scan.png") if ranges else None
        web.ranges, web.cut = ranges, 10
        with pytest.raises((AsposeOcrSourceError, AsposeOcrStorageError)):
            for _ in read_exactly(source or open_source(f"{web.url}/scan.png")):
                pass

    @pytest.mark.parametrize(
        "header",
        [
            "ETag",
            pytest.param(
                "Last-Modified",
                marks=pytest.mark.skipif(
                    version("fsspec") < "2025.9", reason="fsspec tells it from version 2025.9 on"
                ),
            ),
        ],
    )
    def test_the_content_tag_changes_with_what_the_server_says(
        self, web: Web, png: bytes, header: str
    ) -> None:
        web.files["/scan.png"] = png
        seen = []
        for value in ('"one"', '"one"', '"two"'):
            web.headers[header] = value
            seen.append(open_source(f"{web.url}/scan.png").content_tag)
        assert seen[0] == seen[1] != seen[2]


def test_a_web_server_may_not_announce_any_size() -> None:
    with serve() as web:
        web.files["/scan.png"] = b"x" * 100
        web.announced = 10**15
        with pytest.raises(AsposeOcrSourceError, match="set max_source_bytes"):
            open_source(f"{web.url}/scan.png")
        assert [line.split()[0] for line in web.asked] == ["HEAD"]


def test_what_a_web_server_sends_beyond_what_it_announced_is_not_read() -> None:
    with serve() as web:
        web.files["/scan.png"] = b"x" * 100
        source = open_source(f"{web.url}/scan.png")
        web.files["/scan.png"] = b"x" * 64 * 1024 * 1024
        with pytest.raises(AsposeOcrSourceChangedError):
            assert sum(map(len, read_exactly(source))) <= 100
