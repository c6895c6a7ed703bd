"""Two sources are told apart, and so are the names of their results."""

from __future__ import annotations

import io
import json
import string
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.operations import get_operation
from airflow_provider_asposeocr.api.submission import fingerprint
from airflow_provider_asposeocr.emulator.testing import Emulator
from airflow_provider_asposeocr.files.destination import Names
from airflow_provider_asposeocr.files.paths import identity_of, safe_name, stem_of
from airflow_provider_asposeocr.files.source import Source, open_source, request_url
from airflow_provider_asposeocr.operators.asposeocr import AsposeOcrRecognizeImageOperator
from tests.batch.support import batch, image, lines
from tests.running import run
from tests.states import StateStore

from .in_memory import source_of
from .web import serve

IMAGE = get_operation("RecognizeImage")
AWS = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c%2F1&X-Amz-Date=d&X-Amz-Expires=60&X-Amz-Signature=s"
)
GOOGLE = "X-Goog-Algorithm=a&X-Goog-Date=d&X-Goog-Signature=s"
AZURE = "sv=2024&st=a&se=b&sr=b&sp=r&spr=https&sig=s%3D"
CLOUDFRONT = "Expires=1&Signature=s&Key-Pair-Id=K"


def fingerprint_of(source: Source, operation: str = "RecognizeImage", **settings: str) -> str:
    """Take the fingerprint of a source as an operator does."""
    return fingerprint(get_operation(operation), settings, source.identity_or_uri, source.content_tag)


@pytest.mark.parametrize("signature", [AWS, GOOGLE, AZURE, CLOUDFRONT, "Policy=p&Signature=s&Key-Pair-Id=K"])
def test_a_complete_signature_is_no_part_of_it(signature: str) -> None:
    assert identity_of(f"https://h/a?{signature}") == "https://h/a"
    assert identity_of(f"https://h/a?page=1&{signature}&v=2") == "https://h/a?page=1&v=2"


@pytest.mark.parametrize(
    "query",
    [
        "page=1",
        "key=1",
        "token=1",
        "sig=1",
        "sig=1&se=2",
        "sig=&sv=1&se=2",
        "Signature=1",
        "Signature=1&Expires=2",
        "Key-Pair-Id=1",
        "X-Amz-Date=1",
        "X-Goog-Date=1",
        "X-Amz-Signature=",
        "st=1&sp=2",
        "",
        "a=b?c",
    ],
)
def test_all_else_is(query: str) -> None:
    assert identity_of(f"https://h/a?{query}") == f"https://h/a?{query}"
    assert identity_of(f"s3://b/a?{AWS}") == f"s3://b/a?{AWS}"


def test_it_holds_for_the_web_alone_and_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / f"a?{AZURE}"
    path.write_bytes(image())
    assert open_source(str(path)).identity is None


@given(
    st.text(string.ascii_letters + "=&?%", max_size=20), st.text(string.ascii_letters + "=&?%", max_size=20)
)
def test_different_addresses_are_different_sources(one: str, other: str) -> None:
    assume(one != other)
    prints = {
        fingerprint_of(source_of(b"x", identity=identity_of(f"https://h/{name}")))[:12]
        for name in (one, other)
    }
    assert len(prints) == 2


def test_one_fingerprint_for_one_content_and_one_name_for_all() -> None:
    def printed(language: str = "English", content: str = "f", name: str = "RecognizeImage") -> str:
        return fingerprint_of(source_of(b"x", content_tag=content), name, language=language)

    assert printed() == printed()
    assert printed()[:12] == printed(content="g")[:12]
    others = {printed(), printed("German"), printed(name="RecognizeReceipt")}
    assert len({other[:12] for other in others}) == 3
    assert printed() != printed(content="g")


def test_streams_are_told_apart_by_all_of_their_content() -> None:
    contents = [bytes(100_000) + bytes([last]) for last in (1, 2, 1)]
    prints = [fingerprint_of(open_source(io.BytesIO(content)))[:12] for content in contents]
    assert prints[0] == prints[2] != prints[1]


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_legal_address_goes_out_as_it_is_and_any_other_is_made_legal(name: str) -> None:
    encoded = f"https://h/{quote(name, safe='~/()!*')}?sig=a%2Fb%7E%40c+d%3D"
    assert request_url(encoded) == encoded
    sent = request_url(f"https://h/{name}")
    assert sent.isascii()
    assert sent.isprintable()
    assert " " not in sent
    assert request_url(sent) == sent


def test_pages_of_one_address_are_files_of_their_own(emulator: Emulator, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with serve() as web:
        web.files["/render"] = image()
        sources = [f"{web.url}/render?page={page}&sig=0123456789" for page in range(3)]
        state = StateStore()
        summary = run(batch([*sources, sources[0]], f"{out}/", fail_on="none"), task_state_store=state)
        report = lines(out)
        again = run(batch(sources, f"{out}/"), task_state_store=state)
    assert summary["succeeded"] == again["succeeded"] == 3
    assert len({line["uri"] for line in report}) == 3
    assert {line["source"] for line in report} == {f"{web.url}/render"}
    assert "0123456789" not in json.dumps([report, state.rows])
    assert len(list(out.glob("render-*.txt"))) == 3


def test_pages_of_one_address_are_not_stored_under_one_stem(emulator: Emulator, tmp_path: Path) -> None:
    sources = ["https://h/render?page=1", "https://h/render?page=2"]
    with pytest.raises(Exception, match="under one name"):
        run(batch(sources, f"{tmp_path}/{{stem}}.txt"))


def test_an_address_that_is_signed_anew_is_the_same_file(emulator: Emulator, tmp_path: Path) -> None:
    with serve() as web:
        web.files["/a.png"] = image()
        sources = [f"{web.url}/a.png?{AWS}{number}" for number in range(3)]
        assert run(batch(sources, f"{tmp_path}/out/"))["items"] == 1


def test_one_source_in_two_languages_has_two_names(emulator: Emulator, scan: Path, tmp_path: Path) -> None:
    uris = {
        run(
            AsposeOcrRecognizeImageOperator(
                task_id="t", source=str(scan), language=language, destination=f"{tmp_path}/out/"
            )
        )["uri"]
        for language in ("English", "German", "English")
    }
    assert len(uris) == 2


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("scan.png", "scan"),
        ("scan.PNG", "scan"),
        ("scan.2026-01-01", "scan.2026-01-01"),
        ("invoice v1.2", "invoice v1.2"),
        ("invoice v1.2.pdf", "invoice v1.2"),
        ("a.tar.zip", "a.tar"),
        ("scan", "scan"),
        ("scan.", "scan."),
    ],
)
def test_a_stem(name: str, stem: str) -> None:
    assert stem_of(name) == stem


@pytest.mark.parametrize(
    "name", ["\u0939\u093f\u0928\u094d\u0926\u0940", "\u0e17\u0e35\u0e48", "caf\u00e9", "\u5b57"]
)
def test_letters_keep_their_marks(name: str) -> None:
    assert safe_name(name) == name


def test_a_decomposed_name_is_composed() -> None:
    assert safe_name("Cafe\u0301 Mu\u0308ller") == "Caf\u00e9_M\u00fcller"


@given(st.text(max_size=80))
def test_a_safe_name_stays_what_it_is_and_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert 0 < len(safe.encode()) <= 150
    assert not set(safe) & set("/\\\0\n:?*[]{} ")
    assert not safe.startswith(".")


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_different_sources_have_different_names(one: str, other: str) -> None:
    assume(one != other)
    assert (
        Names(f"file:///{one}", "RecognizeImage", "x").default_name
        != Names(f"file:///{other}", "RecognizeImage", "x").default_name
    )
