"""Files of any format through operators and hook, with real recognition of what is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files import conversion
from airflow_provider_asposeocr.hooks.asposeocr import AsposeOcrHook
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizePdfOperator
from airflow_provider_asposeocr.operators.base import AsposeOcrOperator
from tests.batch.support import batch, lines
from tests.files.images import CONVERTED, PAGES, PLAIN, REFUSED, TEXT, fax
from tests.operators.recognizing import both_ways
from tests.running import context, run

BROKEN = ("photo.heic", "lossy.webp", "deep.png", "photo.avif")
ANIMATED = "the first of 3 frames was sent"


@pytest.fixture(scope="module")
def reading() -> Iterator[Emulator]:
    """Start a service that recognizes text."""
    with Emulator(warm_up=True) as running:
        yield running


@pytest.fixture
def connected(reading: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Return that service as default connection."""
    monkeypatch.setenv("AIRFLOW_CONN_ASPOSEOCR_DEFAULT", reading.connection_json())
    return reading


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with all formats, broken files among them."""
    folder = tmp_path / "in"
    folder.mkdir()
    made = {name: make for name, (make, _) in (CONVERTED | REFUSED).items()} | PLAIN | {"fax.tif": fax}
    for name, make in made.items():
        (folder / name).write_bytes(make())
    for name in BROKEN:
        data = made[name]()
        (folder / f"broken-{name}").write_bytes(data[: len(data) // 2])
    return folder


def words(text: str) -> set[str]:
    """Return the words of a text, in small letters."""
    return set(text.casefold().split())


def operator(source: Any, **arguments: Any) -> AsposeOcrOperator:
    """Return an operator that converts."""
    return AsposeOcrOperator(
        task_id="t",
        **{"operation": "auto", "source": source, "convert": True, "poll_interval": 0.1, **arguments},
    )


class TestBatch:
    """Many files."""

    def test_each_is_converted_sent_or_refused(
        self, connected: Emulator, folder: Path, tmp_path: Path
    ) -> None:
        before = connected.calls.submit
        sources = sorted(str(path) for path in folder.iterdir())
        destination = f"{tmp_path}/out/"
        summary = run(batch(sources, destination, operation="auto", convert=True, fail_on="none"))
        report = {Path(line["source"]).name: line for line in lines(tmp_path / "out")}
        failed = {name for name, line in report.items() if line["error"]}
        assert failed == {*REFUSED, *(f"broken-{name}" for name in BROKEN)}
        assert summary["failed"] == len(failed)
        assert summary["succeeded"] == len(report) - len(failed) == connected.calls.submit - before
        for name, line in report.items():
            if name in failed:
                way_on = "convert it to PNG" if name in REFUSED else "save it as PNG or PDF"
                assert way_on in line["message"]
                assert (line["retryable"], line["api_calls"]) == (False, 0)
                continue
            read = words(Path(line["uri"].removeprefix("file://")).read_text())
            expected = " ".join(PAGES) if name == "fax.tif" else TEXT
            assert words(expected) <= read, name
            assert line["operation"] == (
                "RecognizePdf" if name in ("fax.tif", "big.tif") else "RecognizeImage"
            )
            assert line["warnings"][:1] == ([ANIMATED] if name.startswith("animated") else [])

    @pytest.mark.parametrize("convert", [False, "{{ params.convert }}"], ids=["unasked", "asked"])
    def test_a_folder_counts_what_can_be_converted(
        self, convert: Any, emulator: Emulator, folder: Path, tmp_path: Path
    ) -> None:
        task = batch(f"{folder}/", f"{tmp_path}/out/", convert=convert, fail_on="none")
        task.render_template_fields(context(params={"convert": True}))
        run(task)
        names = {Path(line["source"]).suffix for line in lines(tmp_path / "out")}
        assert (".heic" in names) is (convert is not False)
        assert not {".ico", ".psd", ".jxl"} & names

    def test_what_an_earlier_try_has_brought_to_its_end_is_not_converted_again(
        self, emulator: Emulator, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[str] = []
        real = conversion._converted

        def counting(source: Any, *args: Any, **kwargs: Any) -> Any:
            made.append(source.name)
            return real(source, *args, **kwargs)

        monkeypatch.setattr(conversion, "_converted", counting)
        sources = [str(folder / name) for name in ("photo.heic", "animated.gif", "fax.tif")]
        arguments: dict[str, Any] = {"operation": "auto", "convert": True, "durable_path": f"{tmp_path}/kept"}
        for _ in range(2):
            run(batch(sources, f"{tmp_path}/out/", **arguments))
        assert sorted(made) == ["animated.gif", "fax.tif", "photo.heic"]
        assert len(emulator.submissions) == 3
        assert lines(tmp_path / "out")[1]["warnings"][:1] == [ANIMATED]


class TestOperator:
    """One file."""

    @both_ways
    @pytest.mark.parametrize("name", ["photo.heic", "lossless.webp", "animated.gif"])
    def test_its_text_comes_back(
        self, name: str, deferrable: bool, connected: Emulator, folder: Path
    ) -> None:
        manifest = run(operator(folder / name, deferrable=deferrable))
        assert words(TEXT) <= words(manifest["text"])
        assert manifest["source"] == f"file://{folder / name}"
        assert manifest["operation"] == "RecognizeImage"
        assert manifest["warnings"] == ([ANIMATED] if name == "animated.gif" else [])

    def test_that_of_all_pages_does(self, connected: Emulator, folder: Path) -> None:
        task = AsposeOcrRecognizePdfOperator(
            task_id="t", source=folder / "fax.tif", convert="True", poll_interval=0.1
        )
        manifest = run(task)
        assert words(" ".join(PAGES)) <= words(manifest["text"])

    def test_a_retry_resumes_it_with_its_warning(
        self, emulator: Emulator, folder: Path, tmp_path: Path
    ) -> None:
        task = operator(folder / "animated.gif", durable_path=f"{tmp_path}/kept", wait_for_completion=False)
        first = run(task)
        task = operator(folder / "animated.gif", durable_path=f"{tmp_path}/kept")
        manifest = run(task)
        assert manifest["ocr_task_id"] == first
        assert manifest["warnings"][:1] == [ANIMATED]
        assert len(emulator.submissions) == 1


def test_the_hook_converts_as_well(emulator: Emulator) -> None:
    hook = AsposeOcrHook()
    hook.submit("RecognizeImage", CONVERTED["photo.heic"][0](), convert=True)
    hook.submit("RecognizePdf", CONVERTED["lossy.webp"][0](), convert=True)
    assert emulator.calls.submit == 2
