"""Files that cannot be sent, in operators and for one item of a batch: nothing is billed for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_asposeocr.api.exceptions import AsposeOcrSourceChangedError, AsposeOcrSourceError
from airflow_provider_asposeocr.batch import item
from airflow_provider_asposeocr.batch.runner import AsposeOcrBatchIncompleteError
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators import base
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrBinarizeImageOperator
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from tests.batch.support import batch, images, lines
from tests.files.containers import MADE
from tests.files.tiffs import CFA, THUMBNAIL, page, tiff
from tests.running import context, run

PAGES = tiff(page(), page())
UNSUITABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "pages.tif": (lambda: PAGES, "is TIFF of several pages"),
    "big.tif": (MADE["BigTIFF"][1], "is BigTIFF"),
    "photo.tif": (lambda: tiff(page(photometric=[CFA])), "is camera RAW"),
    "photo.nef": (lambda: tiff(page()), "is camera RAW (NEF)"),
    "photo.heic": (MADE["HEIC"][1], "is HEIC"),
    "scan.webp": (MADE["WebP"][1], "is WebP"),
    "sheet.png": (MADE["XLSX"][1], "is an Excel workbook (XLSX)"),
    "letter.png": (MADE["DOC, XLS, PPT, MSG"][1], "is an Office or Outlook file"),
    "scans.png": (MADE["ZIP"][1], "is a ZIP archive"),
    "sign-in.png": (MADE["HTML"][1], "is an HTML page"),
    "text.bmp": (MADE["text that begins with BM"][1], "is plain text"),
}


def task(source: Any, **arguments: Any) -> AsposeOcrOperator:
    """Return an operator that waits in this process."""
    return AsposeOcrOperator(
        task_id="t", **{"operation": "RecognizeImage", "source": source, "poll_interval": 0.1, **arguments}
    )


def growing(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Let a file of this name grow when it has been looked at, once."""
    real = module.open_source
    grown: list[Any] = []

    def look(source: Any, *args: Any, **kwargs: Any) -> Any:
        opened = real(source, *args, **kwargs)
        if opened.name == name and not grown:
            grown.append(opened)
            with Path(opened.uri.removeprefix("file://")).open("ab") as stream:
                stream.write(b"more")
        return opened

    monkeypatch.setattr(module, "open_source", look)


class TestOperator:
    """One source."""

    @pytest.mark.parametrize("deferrable", [False, True])
    @pytest.mark.parametrize("name", UNSUITABLE)
    def test_it_is_refused(self, name: str, deferrable: bool, emulator: Emulator, tmp_path: Path) -> None:
        make, says = UNSUITABLE[name]
        (tmp_path / name).write_bytes(make())
        with pytest.raises(AirflowFailException) as caught:
            run(task(tmp_path / name, deferrable=deferrable))
        assert says in str(caught.value)
        assert (emulator.calls.billed, emulator.calls.token) == (0, 0)

    @pytest.mark.parametrize("allow", [True, "True", "true", "{{ params.allow }}"])
    def test_several_pages_may_be_allowed(self, allow: Any, emulator: Emulator, tmp_path: Path) -> None:
        path = tmp_path / "pages.tif"
        path.write_bytes(PAGES)
        operator = task(path, allow_multipage=allow)
        operator.render_template_fields(context(params={"allow": True}))
        assert run(operator)["status"] == "Completed"
        assert emulator.calls.submit == 1

    @pytest.mark.parametrize("allow", [False, "False", None, ""])
    def test_they_are_not_by_default(self, allow: Any, emulator: Emulator, tmp_path: Path) -> None:
        path = tmp_path / "pages.tif"
        path.write_bytes(PAGES)
        binarize = AsposeOcrBinarizeImageOperator(
            task_id="t", source=path, destination=f"{tmp_path}/out/", allow_multipage=allow
        )
        with pytest.raises(AirflowFailException, match="allow_multipage=True"):
            run(binarize)
        assert emulator.calls.billed == 0

    @pytest.mark.parametrize("name", ["thumbnail.tif", "circle.tif"])
    def test_the_rest_is_sent(
        self, name: str, emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        damaged = name == "circle.tif"
        path = tmp_path / name
        path.write_bytes(tiff(page(), last=8) if damaged else tiff(page(), page(subfile=[THUMBNAIL])))
        run(task(path))
        assert emulator.calls.submit == 1
        assert ("could not be counted" in caplog.text) is damaged

    def test_one_that_grows_is_left_to_a_retry(
        self, emulator: Emulator, scan: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        growing(monkeypatch, base, scan.name)
        operator = task(scan, durable_path=str(scan.parent / "records"))
        with pytest.raises(AsposeOcrSourceChangedError, match="grew"):
            run(operator)
        assert run(operator)["status"] == "Completed"
        assert len(emulator.submissions) == 1

    @pytest.mark.parametrize("name", ["a\0.png", "n" * 300, "circle", "circle/a.png"])
    def test_what_can_be_no_file_is_not_retried(self, name: str, emulator: Emulator, tmp_path: Path) -> None:
        (tmp_path / "circle").symlink_to("circle")
        with pytest.raises(AirflowFailException):
            run(task(f"{tmp_path}/{name}"))
        assert emulator.calls.billed == 0

    @pytest.mark.parametrize("name", ["a\0.txt", "n" * 300, "circle"])
    def test_nor_is_such_a_destination(self, name: str, emulator: Emulator, scan: Path) -> None:
        (scan.parent / "circle").symlink_to("circle")
        with pytest.raises(AirflowFailException):
            run(task(scan, destination=f"{scan.parent}/{name}", durable=False))
        assert emulator.calls.billed == 0

    def test_the_hook_refuses_as_well_in_an_event_loop(self, emulator: Emulator) -> None:
        with pytest.raises(AsposeOcrSourceError, match="several pages"):
            asyncio.run(AsposeOcrHook().asubmit("RecognizeImage", PAGES))
        assert emulator.calls.billed == 0


class TestBatch:
    """One item of many."""

    @pytest.fixture
    def inbox(self, tmp_path: Path) -> Path:
        """Return a folder with three images that are good."""
        images(tmp_path / "in", 3)
        return tmp_path / "in"

    def test_what_is_unsuitable_fails_alone(self, emulator: Emulator, inbox: Path, tmp_path: Path) -> None:
        for name, (make, _) in UNSUITABLE.items():
            (inbox / name).write_bytes(make())
        sources = [str(path) for path in sorted(inbox.iterdir())]
        summary = run(batch(sources, f"{tmp_path}/out/", fail_on="none"))
        assert (summary["succeeded"], summary["failed"]) == (3, len(UNSUITABLE))
        failed = {Path(line["source"]).name: line for line in lines(tmp_path / "out") if line["error"]}
        for name, (_, says) in UNSUITABLE.items():
            assert says in failed[name]["message"]
            assert not failed[name]["retryable"]
        assert emulator.calls.submit == 3

    @pytest.mark.parametrize("allow", [True, "true"])
    def test_several_pages_may_be_allowed(
        self, allow: Any, emulator: Emulator, inbox: Path, tmp_path: Path
    ) -> None:
        (inbox / "pages.tif").write_bytes(PAGES)
        assert run(batch(f"{inbox}/", f"{tmp_path}/out/", allow_multipage=allow))["succeeded"] == 4

    def test_names_of_no_file_fail_alone(self, emulator: Emulator, inbox: Path, tmp_path: Path) -> None:
        (inbox / "circle.png").symlink_to("circle.png")
        names = [
            "page-0000.png",
            "a\0.png",
            "n" * 300 + ".png",
            "circle.png",
            "circle.png/a.png",
            "a\udce9.png",
        ]
        operator = batch([f"{inbox}/{name}" for name in names], f"{tmp_path}/out/", fail_on="none")
        operator.render_template_fields(context())
        shown = json.dumps(operator.sources)
        assert "\\u0000" not in shown
        assert "\\udce9" not in shown
        summary = run(operator)
        assert (summary["succeeded"], summary["failed"]) == (1, 5)
        failed = [line for line in lines(tmp_path / "out") if line["error"]]
        assert {line["error"] for line in failed} == {"AsposeOcrSourceError"}
        assert not any(line["retryable"] for line in failed)

    @pytest.mark.parametrize("bytes_more", [0, 600_000])
    def test_one_that_grows_is_left_to_a_retry(
        self,
        bytes_more: int,
        emulator: Emulator,
        inbox: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path = inbox / "growing.png"
        path.write_bytes(next(inbox.iterdir()).read_bytes() + bytes(bytes_more))
        growing(monkeypatch, item, path.name)
        with pytest.raises(AsposeOcrBatchIncompleteError, match="1 of 4 items failed, 0 of them for good"):
            run(batch(f"{inbox}/", f"{tmp_path}/out/"))
        (line,) = [line for line in lines(tmp_path / "out") if line["error"]]
        assert line["error"] == "AsposeOcrSourceChangedError"
        assert run(batch(f"{inbox}/", f"{tmp_path}/out/"))["succeeded"] == 4
        assert len(emulator.submissions) == 4
