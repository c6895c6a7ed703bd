"""Results in storage: their places and names."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.exceptions import AsposeOcrDestinationError
from airflow_provider_asposeocr.api.task import OcrResult
from airflow_provider_asposeocr.files.destination import Names, check_destination

from .destinations import ID, PDF, TEXT, files, names, stored_at
from .object_store import ObjectStore


class TestFile:
    """A destination that is one file."""

    @pytest.mark.parametrize("prefix", ["", "file://"])
    def test_is_written(self, prefix: str, tmp_path: Path) -> None:
        (entry,) = stored_at(f"{prefix}{tmp_path}/out/page.md")
        assert files(tmp_path) == {"out/page.md": b"recognized"}
        assert entry == {
            "type": "Text",
            "uri": f"file://{tmp_path}/out/page.md",
            "path": f"{tmp_path}/out/page.md",
            "bytes": 10,
            "sha256": hashlib.sha256(b"recognized").hexdigest(),
        }

    @pytest.mark.parametrize("kind", [Path, lambda path: ObjectStoragePath(f"file://{path}")])
    def test_may_be_a_path(self, kind: Any, tmp_path: Path) -> None:
        stored_at(kind(tmp_path / "page.txt"))
        assert files(tmp_path) == {"page.txt": b"recognized"}

    def test_may_have_no_extension(self, tmp_path: Path) -> None:
        stored_at(tmp_path / "page")
        assert files(tmp_path) == {"page": b"recognized"}

    def test_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "page.txt").write_bytes(b"something longer than the new text")
        stored_at(tmp_path / "page.txt")
        assert files(tmp_path) == {"page.txt": b"recognized"}

    def test_is_not_replaced_without_leave(self, tmp_path: Path) -> None:
        (tmp_path / "page.txt").write_bytes(b"old")
        with pytest.raises(AsposeOcrDestinationError, match=r"page\.txt exists, and overwrite is False"):
            stored_at(tmp_path / "page.txt", overwrite=False)
        assert files(tmp_path) == {"page.txt": b"old"}

    def test_that_is_new_is_written_without_leave(self, tmp_path: Path) -> None:
        stored_at(tmp_path / "page.txt", overwrite=False)
        assert files(tmp_path) == {"page.txt": b"recognized"}

    def test_may_be_empty(self, tmp_path: Path) -> None:
        (entry,) = stored_at(tmp_path / "page.txt", OcrResult("Text", b""))
        assert files(tmp_path) == {"page.txt": b""}
        assert entry["bytes"] == 0

    @pytest.mark.parametrize(
        "name", ["my page.txt", "a#1.txt", "b?.txt", "100%.txt", "\u5b57.txt", "[x].txt"]
    )
    def test_is_called_as_the_user_says(self, name: str, tmp_path: Path) -> None:
        (entry,) = stored_at(tmp_path / name)
        assert files(tmp_path) == {name: b"recognized"}
        assert entry["path"] == str(tmp_path / name)

    @pytest.mark.parametrize("name", ["x" * 251 + ".txt", "\u5b57" * 83 + ".txt"], ids=["ASCII", "CJK"])
    def test_may_have_the_longest_name(self, name: str, tmp_path: Path) -> None:
        stored_at(tmp_path / name)
        assert list(files(tmp_path)) == [name]


class TestDirectory:
    """A destination that is a directory."""

    def test_by_its_slash(self, tmp_path: Path) -> None:
        stored_at(f"{tmp_path}/new/")
        (name,) = files(tmp_path)
        assert name.startswith("new/scan-")
        assert name.endswith(".txt")

    def test_by_its_existence(self, tmp_path: Path) -> None:
        stored_at(tmp_path)
        (name,) = files(tmp_path)
        assert name.startswith("scan-")

    def test_sources_of_one_name_do_not_meet(self, tmp_path: Path) -> None:
        for source in ("file:///a/scan.png", "file:///b/scan.png", "file:///a/scan.jpg", "s3://a/scan.png"):
            stored_at(tmp_path, of=names(source))
        assert len(files(tmp_path)) == 4

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("file:///in/no#1.png", "file:///in/no#2.png"),
            ("file:///in/a?1.png", "file:///in/a?2.png"),
            ("file:///in/a b.png", "file:///in/a_b.png"),
        ],
    )
    def test_sources_of_almost_one_name_do_not_meet_either(
        self, one: str, other: str, tmp_path: Path
    ) -> None:
        stored_at(tmp_path, of=names(one))
        stored_at(tmp_path, of=names(other))
        assert len(files(tmp_path)) == 2

    def test_a_retry_meets_itself(self, tmp_path: Path) -> None:
        first = stored_at(tmp_path, of=names(ocr_task_id="one"))
        again = stored_at(tmp_path, of=names(ocr_task_id="two"))
        assert first == again
        assert len(files(tmp_path)) == 1

    def test_without_a_source_the_task_names_the_result(self, tmp_path: Path) -> None:
        stored_at(tmp_path, of=names(None))
        assert list(files(tmp_path)) == [f"{ID}.txt"]

    @pytest.mark.parametrize("stem", ["x" * 251, "\u5b57" * 83], ids=["ASCII", "CJK"])
    def test_the_longest_name_of_a_source_still_names_a_result(self, stem: str, tmp_path: Path) -> None:
        source = tmp_path / f"{stem}.png"
        source.touch()
        stored_at(f"{tmp_path}/out/", of=names(f"file://{source}"))
        assert len(files(tmp_path / "out")) == 1

    @given(source=st.text(min_size=1, max_size=60), ocr_task_id=st.text(min_size=1, max_size=40))
    def test_no_name_leads_out_of_it(self, source: str, ocr_task_id: str) -> None:
        try:
            source.encode()
        except UnicodeEncodeError:
            return
        for of in (names(source, ocr_task_id=ocr_task_id), names(None, ocr_task_id=ocr_task_id)):
            for name in (of.default_name, of.stem, of.fill("{stem}", "txt"), of.fill("{ocr_task_id}", "txt")):
                assert name
                assert not set(name) & set("/\\\0\n:")
                assert name.strip(".")
                assert not name.startswith(".")


@pytest.mark.parametrize(
    ("template", "of", "expected"),
    [
        ("{stem}.{ext}", names(), "scan.txt"),
        ("{operation}/{stem}.txt", names(), "RecognizeImage/scan.txt"),
        ("{ocr_task_id}.txt", names(), f"{ID}.txt"),
        ("{stem}-{map_index}.txt", names(map_index=3), "scan-3.txt"),
        ("{stem}-{map_index}.txt", names(), "scan--1.txt"),
        ("{stem}{stem}.txt", names(), "scanscan.txt"),
        (
            "{operation}.txt",
            names(operation="TextToSpeech/PostTextToSpeech"),
            "TextToSpeech_PostTextToSpeech.txt",
        ),
        ("{other}-{stem.upper}-{}-{0}.txt", names(), "{other}-{stem.upper}-{}-{0}.txt"),
        ("{{stem}}.txt", names(), "{scan}.txt"),
        ("{stem}.txt", names("/in/a.b.c.png"), "a.b.c.txt"),
        ("{stem}.txt", names("s3://bucket/in/my scan.png"), "my_scan.txt"),
        ("{stem}.txt", names("s3://bucket/in/..png"), "_.txt"),
        ("{stem}.txt", names("file:///in/.hidden"), "hidden.txt"),
        ("{stem}.txt", names("file:///in/{ocr_task_id}.png"), "ocr_task_id.txt"),
        ("{stem}.txt", names("file:///in/caf\u00e9 \u5b57.png"), "caf\u00e9_\u5b57.txt"),
        ("{stem}.txt", names("https://host/in/scan.png"), "scan.txt"),
        ("{stem}.txt", names("file:///in/Invoice #12.png"), "Invoice_12.txt"),
        ("{stem}.txt", names("file:///in/really? yes.png"), "really_yes.txt"),
        ("{stem}.txt", names("/in/no#1.png"), "no_1.txt"),
        ("{stem}.txt", names(None), f"{ID}.txt"),
        ("{stem}.txt", names(None, ocr_task_id="../../etc/passwd"), "etc_passwd.txt"),
        ("{ocr_task_id}.txt", names(ocr_task_id="a/b c"), "a_b_c.txt"),
    ],
)
def test_placeholders(template: str, of: Names, expected: str, tmp_path: Path) -> None:
    stored_at(f"{tmp_path}/out/{template}", of=of)
    assert list(files(tmp_path / "out")) == [expected]


def test_two_files_whose_names_differ_after_a_hash_sign_do_not_meet_at_their_stems(tmp_path: Path) -> None:
    for number in (12, 13):
        stored_at(f"{tmp_path}/{{stem}}.txt", of=names(f"file:///in/Invoice #{number}.png"))
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize(
    ("result_type", "extension"),
    [
        ("Text", "txt"),
        ("TEXT", "txt"),
        ("Pdf", "pdf"),
        ("Hocr", "hocr"),
        ("JSON", "json"),
        ("Csv", "csv"),
        ("Excel", "xlsx"),
        ("ImagePNG", "png"),
        ("Wav", "wav"),
        ("WavFile", "wav"),
        ("Other", "json"),
        ("Novel", "bin"),
        ("../x", "bin"),
    ],
)
def test_an_extension_follows_the_type(result_type: str, extension: str, tmp_path: Path) -> None:
    stored_at(f"{tmp_path}/{{stem}}.{{ext}}", OcrResult(result_type, b"x"))
    assert list(files(tmp_path)) == [f"scan.{extension}"]


@pytest.mark.parametrize(
    ("destination", "types", "expected"),
    [
        ("page.txt", ("Text", "Pdf"), ["page.pdf", "page.txt"]),
        ("page", ("Text", "Pdf", "Hocr"), ["page.hocr", "page.pdf", "page.txt"]),
        ("{stem}.{ext}", ("Csv", "Excel"), ["scan.csv", "scan.xlsx"]),
        ("{ext}/{stem}.{ext}", ("Text", "Pdf"), ["pdf/scan.pdf", "txt/scan.txt"]),
        ("page.txt", ("Text", "Text", "Text"), ["page-2.txt", "page-3.txt", "page.txt"]),
        ("{stem}.{ext}", ("Text", "Text"), ["scan-2.txt", "scan.txt"]),
        ("page.txt", ("Text", "Pdf", "Text"), ["page-2.txt", "page.pdf", "page.txt"]),
        ("page.txt", ("Text", "TEXT"), ["page-2.txt", "page.txt"]),
        ("page", ("Novel", "Newer"), ["page-2.bin", "page.bin"]),
        ("page", ("Wav", "WavFile"), ["page-2.wav", "page.wav"]),
        ("page", ("JSON", "Other"), ["page-2.json", "page.json"]),
    ],
)
@pytest.mark.parametrize("remote", [False, True])
def test_several_results_have_names_of_their_own(
    destination: str,
    types: tuple[str, ...],
    expected: list[str],
    remote: bool,
    tmp_path: Path,
    bucket: ObjectStore,
) -> None:
    results = [OcrResult(kind, f"{number}".encode()) for number, kind in enumerate(types)]
    entries = stored_at(f"{'s3://bucket' if remote else tmp_path}/{destination}", *results)
    found = (
        {key.removeprefix("bucket/"): data for key, data in bucket.objects.items()}
        if remote
        else files(tmp_path)
    )
    assert sorted(found) == expected
    assert [entry["type"] for entry in entries] == list(types)
    assert sorted(found.values()) == sorted(result.data for result in results)


def test_several_results_in_a_directory(tmp_path: Path) -> None:
    entries = stored_at(f"{tmp_path}/", TEXT, PDF, TEXT)
    first, second, third = (Path(entry["path"]).name for entry in entries)
    stem = first.removesuffix(".txt")
    assert (second, third) == (f"{stem}.pdf", f"{stem}-2.txt")


def test_thousands_of_results_are_stored_in_linear_time(bucket: ObjectStore) -> None:
    looked: Counter[str] = Counter()

    class Kind(str):
        def casefold(self) -> str:
            looked["type"] += 1
            return "text"

    results = [OcrResult(Kind("Text"), b"%d" % number) for number in range(2000)]
    entries = stored_at("s3://bucket/out/{stem}.{ext}", *results)
    assert len({entry["key"] for entry in entries}) == 2000
    assert looked["type"] < 20 * 2000


class TestCheck:
    """A destination is refused before anything is paid for."""

    def test_a_local_destination(self, tmp_path: Path) -> None:
        check_destination(f"{tmp_path}/{{stem}}.{{ext}}")
        assert files(tmp_path) == {}

    def test_a_remote_destination(self, bucket: ObjectStore) -> None:
        check_destination("s3://results/{stem}.{ext}")
        assert bucket.objects == {}

    def test_storage_without_its_package(self) -> None:
        with pytest.raises(AsposeOcrDestinationError, match="install apache-airflow-providers-google"):
            check_destination("gs://results/")

    @pytest.mark.parametrize("destination", ["http://host/out/", "https://host/page.txt"])
    def test_the_web_cannot_be_written(self, destination: str) -> None:
        with pytest.raises(AsposeOcrDestinationError, match="cannot be stored at http"):
            check_destination(destination)

    @pytest.mark.parametrize("destination", [5, ["out/"], "  "])
    def test_what_is_no_destination(self, destination: Any) -> None:
        with pytest.raises(AsposeOcrDestinationError, match="destination"):
            check_destination(destination)
